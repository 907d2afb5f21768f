"""Questions that are answered by a list, page by page: what is found by words, runs, captured queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from graph import queries as ask
from graph.errors import InvalidQueryError
from graph.nodes import Node, NodeType
from graph.queries.answer import node_as_json, time_as_json
from graph.queries.run_list import ListedRun, runs_under, with_hierarchy
from graph.questions.asked import Asked, time_text
from graph.records import RunState
from graph.store.search import SearchHit

if TYPE_CHECKING:
    from graph.queries import QueryItem
    from graph.queries.histories import Step

K = TypeVar("K", NodeType, RunState)


@dataclass(frozen=True, slots=True)
class Found:
    """A page of what was found, the best first; `next` is the cursor of the next page."""

    query: Mapping[str, Any]
    items: tuple[SearchHit, ...]
    next: str | None
    incomplete: bool

    def as_json(self) -> dict[str, Any]:
        """Return it as it is published."""
        return _as_json(self.query, [_hit_as_json(hit) for hit in self.items], self.next)


def search(
    asked: Asked,
    text: str = "",
    types: Sequence[str] = (),
    namespaces: Sequence[str] = (),
    tags: Sequence[str] = (),
    owners: Sequence[str] = (),
    limit: int = 20,
    cursor: str | None = None,
) -> Found:
    """Return datasets, jobs and fields by words; `types` are `dataset`, `job`, `field`."""
    query = {"text": text, "types": list(types), "namespaces": list(namespaces)}
    query |= {"tags": list(tags), "owners": list(owners)}
    found, more = ask.search(
        asked.reader,
        text,
        types=[_named(NodeType, kind) for kind in types],
        namespaces=namespaces,
        tags=tags,
        owners=owners,
        limit=limit,
        cursor=cursor,
    )
    return Found(query, tuple(found), more, asked.incomplete)


@dataclass(frozen=True, slots=True)
class Runs:
    """A page of runs, the latest start first."""

    query: Mapping[str, Any]
    items: tuple[ListedRun, ...]
    next: str | None
    incomplete: bool

    def as_json(self) -> dict[str, Any]:
        """Return it as it is published."""
        return _as_json(self.query, [run.as_json() for run in self.items], self.next)


def runs(
    asked: Asked,
    job: Sequence[str] = (),
    states: Sequence[str] = (),
    under: str | None = None,
    versions: bool = False,
    limit: int = 20,
    cursor: str | None = None,
) -> Runs:
    """Return runs, of one job where it is named; `states` are those of `RunState`.

    With `under` they are the runs under that one, level by level. `versions` has them tell which versions of
    datasets they used.
    """
    wanted = [_named(RunState, state) for state in states]
    query: dict[str, Any] = {"job": " ".join(job) if job else None}
    query["states"] = [state.value for state in wanted]
    if under is None:
        found, more = ask.runs(asked.reader, list(job) or None, states=wanted, limit=limit, cursor=cursor)
    elif job or states:
        raise InvalidQueryError("the runs under one run are listed by themselves: give no job and no state")
    else:
        query["under"] = under
        below, more = runs_under(asked.reader, under, limit=limit, cursor=cursor)
        found = [each.run for each in below]
    items = with_hierarchy(asked.reader, found, versions=versions)
    return Runs({**query, **asked.query}, tuple(items), more, asked.incomplete)


@dataclass(frozen=True, slots=True)
class History:
    """A page of the versions of a dataset or job, the latest first."""

    query: Mapping[str, Any]
    node: Node
    items: tuple[Step, ...]
    next: str | None
    incomplete: bool

    def as_json(self) -> dict[str, Any]:
        """Return it as it is published."""
        return _as_json(self.query, [step.as_json() for step in self.items], self.next)


def history(asked: Asked, name: Sequence[str], limit: int = 20, cursor: str | None = None) -> History:
    """Return the versions of a dataset or job, and what changed from one to the next."""
    from graph.queries.histories import history as history_of

    node, steps, more = history_of(asked.reader, name, limit=limit, cursor=cursor)
    return History({"node": node.id, **asked.query}, node, tuple(steps), more, asked.incomplete)


@dataclass(frozen=True, slots=True)
class Queries:
    """A page of the queries that programs ran, by kind: the longest time in all first."""

    query: Mapping[str, Any]
    items: tuple[QueryItem, ...]
    next: str | None
    incomplete: bool

    def as_json(self) -> dict[str, Any]:
        """Return it as it is published."""
        return _as_json(self.query, [item.as_json() for item in self.items], self.next)


def queries(
    asked: Asked,
    dataset: str | None = None,
    field: str | None = None,
    actor: str | None = None,
    agent: str | None = None,
    operation: str | None = None,
    service: str | None = None,
    fingerprint: str | None = None,
    since: str | None = None,
    limit: int = 20,
    cursor: str | None = None,
) -> Queries:
    """Return the queries that programs ran: which code, for whom, how often, how long and at what cost."""
    began = None if since is None else ask.since_time(since, datetime.now(UTC))
    found, more = ask.queries(
        asked.reader,
        of_dataset=dataset,
        of_field=field,
        actor=actor,
        agent=agent,
        operation=operation,
        service=service,
        fingerprint=fingerprint,
        since=began,
        limit=limit,
        cursor=cursor,
    )
    query = {"dataset": dataset, "field": field, "actor": actor, "agent": agent, "operation": operation}
    query |= {"service": service, "fingerprint": fingerprint, "since": time_text(began)}
    return Queries({**query, **asked.query}, tuple(found), more, asked.incomplete)


def _named(kinds: type[K], word: str) -> K:
    try:
        return kinds[word.upper()]
    except KeyError:
        known = ", ".join(kind.name.lower() for kind in kinds)
        raise InvalidQueryError(f"{word!r} is none of {known}") from None


def _as_json(query: Mapping[str, Any], items: list[dict[str, Any]], more: str | None) -> dict[str, Any]:
    return {"query": dict(query), "items": items, "next": more}


def _hit_as_json(hit: SearchHit) -> dict[str, Any]:
    told = {"grade": hit.grade.name.lower(), "matched": hit.matched.value, "excerpt": hit.excerpt}
    if hit.dropped_at is not None:
        told["droppedAt"] = time_as_json(hit.dropped_at)
    return {**node_as_json(hit.node), **told}
