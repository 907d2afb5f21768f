"""`lineage runs [JOB]`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from graph.cli._options import AsOf, Cursor, Json, Limit, Store
from graph.cli._output import duration_text, print_items, print_note, print_table, time_text
from graph.cli._store import asking
from graph.nodes import job as job_node
from graph.queries.run_list import runs as list_runs
from graph.records import RunRecord, RunState

Jobs = Annotated[
    list[str] | None, typer.Argument(metavar="JOB", help="Only runs of this job.", show_default=False)
]
States = Annotated[
    list[RunState] | None,
    typer.Option(
        "--state", case_sensitive=False, help="Only runs in this state; may be given more than once."
    ),
]


def runs(
    job: Jobs = None,
    state: States = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    json: Json = False,
    as_of: AsOf = None,
    store: Store = None,
) -> None:
    """List runs, the latest start first, with their state and how long they took."""
    with asking(store, as_of) as asked:
        found, more = list_runs(asked.reader, job or None, states=state or (), limit=limit, cursor=cursor)
    if json:
        query = {"job": " ".join(job) if job else None, "states": [each.value for each in state or ()]}
        print_items({**query, **asked.query}, [_as_json(run) for run in found], more)
        return
    print_table(["run", "job", "state", "started", "took", "error"], [_row(run) for run in found])
    if more is not None:
        print_note(f"There is more: --cursor {more}")


def _as_json(run: RunRecord) -> dict[str, Any]:
    return {
        "runId": run.run_id,
        "job": job_node(run.job_namespace, run.job_name).id,
        "state": run.state.value,
        "startedAt": time_text(run.started_at),
        "endedAt": time_text(run.ended_at),
        "durationMs": run.duration_ms,
        "parentRunId": run.parent_run_id,
        "error": run.error,
    }


def _row(run: RunRecord) -> list[str]:
    first_line = (run.error or "").strip().partition("\n")[0]
    return [
        run.run_id,
        run.job_name,
        run.state.value,
        time_text(run.started_at) or "",
        duration_text(run.duration_ms),
        first_line,
    ]
