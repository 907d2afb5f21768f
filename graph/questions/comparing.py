"""What differs between two times, two runs, or two versions of a job's code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from graph import queries
from graph.errors import InvalidQueryError
from graph.questions.asked import Asked, time_text
from graph.store.base import LineageStore
from graph.store.history import RunSaying

if TYPE_CHECKING:
    from graph.queries.comparison import Comparison, Item


@dataclass(frozen=True, slots=True)
class Compared:
    """A page of what differs, `total` in all, and what was compared with what."""

    query: Mapping[str, Any]
    items: tuple[Item, ...]
    next: str | None
    total: int
    incomplete: bool

    def as_json(self) -> dict[str, Any]:
        """Return it as it is published."""
        items = [item.as_json() for item in self.items]
        return {"query": dict(self.query), "items": items, "next": self.next}


def compare(
    asked: Asked,
    a: str | None = None,
    b: str | None = None,
    job: str | None = None,
    limit: int = 1000,
    cursor: str | None = None,
) -> Compared:
    """Return what differs between `a` and `b`: two times, or the ids of two runs.

    `b` None is now. With `job` they are two versions of its code, None for the two that were first seen last.
    """
    if a is None and job is None:
        raise InvalidQueryError("give a time or the id of a run to compare, or a job")
    if job is not None and (a is None) != (b is None):
        raise InvalidQueryError("give two versions of the job's code, or none")
    query, found = _compared(asked.store, a, b, job)
    items, more = found.page(limit=limit, cursor=cursor)
    return Compared(query, items, more, len(found.items), asked.incomplete)


def _compared(
    store: LineageStore, a: str | None, b: str | None, job: str | None
) -> tuple[dict[str, Any], Comparison]:
    from graph.ingest.batch import understand

    saying: Callable[[str], RunSaying | None] = partial(store.run_saying, understand=understand)
    if job is not None:
        from graph.queries.code_versions import runs_of_versions

        versions = [] if a is None or b is None else [a, b]
        return _of_runs(store, *runs_of_versions(store, saying, job, versions))
    assert a is not None
    runs = saying(a), None if b is None else saying(b)
    if runs[0] is not None and runs[1] is not None:
        return _of_runs(store, runs[0], runs[1])
    if runs[0] is not None or runs[1] is not None:
        raise InvalidQueryError(f"a run is compared with a run: {b if runs[0] else a!r} is the id of none")
    return _of_times(store, a, b)


def _of_runs(store: LineageStore, before: RunSaying, after: RunSaying) -> tuple[dict[str, Any], Comparison]:
    query: dict[str, Any] = {"question": "compare"}
    for name, said in (("before", before), ("after", after)):
        query[name] = {"run": said.run_id, "codeVersion": said.code_version}
    return query, queries.compare_runs(store, before, after)


def _of_times(store: LineageStore, a: str, b: str | None) -> tuple[dict[str, Any], Comparison]:
    from graph.ingest import as_of

    now = datetime.now(UTC)
    try:
        times = queries.since_time(a, now), None if b is None else queries.since_time(b, now)
    except InvalidQueryError as error:
        raise InvalidQueryError(f"{error}; and there is no run with this id") from error
    before = as_of(store, times[0])
    after = store if times[1] is None else as_of(store, times[1])
    query = {
        "question": "compare",
        "before": {"asOf": time_text(times[0])},
        "after": {"asOf": time_text(times[1])},
    }
    return query, queries.compare_times(before, after)
