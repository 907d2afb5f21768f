"""The runs of jobs, latest first."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from graph.errors import InvalidQueryError
from graph.nodes import Node, NodeType
from graph.queries.names import resolve
from graph.records import RunRecord, RunState
from graph.store.base import LineageReader


def runs(
    reader: LineageReader,
    job: Node | str | Sequence[str] | None = None,
    *,
    states: Collection[RunState] = (),
    limit: int = 100,
    cursor: str | None = None,
) -> tuple[list[RunRecord], str | None]:
    """Return up to `limit` runs, latest start first, and the cursor of the next page (None on the last).

    `job` and `states` restrict them where given.

    Raises:
        UnknownNameError, AmbiguousNameError: the name, where one is given, is not that of one job.
        InvalidQueryError: a limit below 1.
    """
    if limit < 1:
        raise InvalidQueryError(f"limit is {limit}; it must be at least 1")
    jobs = () if job is None else (resolve(reader, job, (NodeType.JOB,)).key,)
    found = reader.runs(jobs=jobs, states=states, after=cursor, limit=limit + 1)
    shown = found[:limit]
    return shown, shown[-1].run_id if len(found) > limit else None
