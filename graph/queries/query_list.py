"""Which code, for whom, ran which queries, how often and at what cost."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from graph.errors import InvalidQueryError
from graph.nodes import Node, NodeType, dataset
from graph.queries.cursors import packed, unpacked
from graph.queries.names import resolve
from graph.queries.query_items import QueryItem, query_item
from graph.store.base import LineageReader
from graph.store.queries import QueryFilter
from lineage.event_id import parse_time

Name = Node | str | Sequence[str]

_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def queries(
    reader: LineageReader,
    *,
    of_dataset: Name | None = None,
    of_field: Name | None = None,
    actor: str | None = None,
    agent: str | None = None,
    operation: str | None = None,
    service: str | None = None,
    fingerprint: str | None = None,
    since: datetime | None = None,
    limit: int = 100,
    cursor: str | None = None,
) -> tuple[list[QueryItem], str | None]:
    """Return up to `limit` kinds of query, the longest time in all first, and the cursor of the next page.

    All that is given must be true of them. `of_dataset`: their statement reads or writes it. `of_field`: it
    uses the field, or reads its dataset and nobody can tell which fields. `actor` and `agent` are of a run's
    sample: the counts are those of the runs, and hold what the same runs did for others. `since` takes the
    runs of which the last query of the kind ended then or later.

    Raises:
        UnknownNameError, AmbiguousNameError: a name, where one is given, is not that of one dataset or field.
        InvalidQueryError: a limit below 1, or what is no cursor.
    """
    if limit < 1:
        raise InvalidQueryError(f"limit is {limit}; it must be at least 1")
    entities, unknown_of = _used(reader, of_dataset, of_field)
    asked = QueryFilter(entities, unknown_of, actor, agent, operation, service, fingerprint, since)
    after = None if cursor is None else unpacked(cursor, int, int)
    found = reader.queries(asked, after=after, limit=limit + 1)
    latest = reader.latest_event_time()
    items = [query_item(record, latest=latest, since=since) for record in found[:limit]]
    last = items[-1].record if len(found) > limit else None
    return items, None if last is None else packed((last.counts.total_us, last.key))


def since_time(text: str, now: datetime) -> datetime:
    """Return the time that a text means: RFC 3339, or a time ago such as `7d`, `12h`, `30m`.

    Raises InvalidQueryError where it means neither.
    """
    ago = re.fullmatch(r"(\d{1,6})([smhdw])", text.strip().lower())
    if ago is not None:
        return now - int(ago[1]) * _UNITS[ago[2]]
    found = parse_time(text.strip())
    if found is None:
        raise InvalidQueryError(
            f"{text!r} is no time: give 2026-01-31T12:00:00Z, or a time ago such as 7d or 12h"
        )
    return _EPOCH + timedelta(microseconds=found // 1000)


def _used(
    reader: LineageReader, of_dataset: Name | None, of_field: Name | None
) -> tuple[frozenset[int], frozenset[int]]:
    if of_dataset is not None and of_field is not None:
        raise InvalidQueryError("give a dataset or a field, not both: a field says its dataset")
    if of_field is not None:
        asked = resolve(reader, of_field, (NodeType.FIELD,))
        return frozenset([asked.key]), frozenset([dataset(asked.namespace, asked.name).key])
    if of_dataset is not None:
        return frozenset([resolve(reader, of_dataset, (NodeType.DATASET,)).key]), frozenset()
    return frozenset(), frozenset()
