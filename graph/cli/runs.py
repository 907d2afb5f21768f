"""`lineage runs [JOB]`."""

from __future__ import annotations

from typing import Annotated

import typer

from graph import questions
from graph.cli._options import AsOf, Cursor, Json, Limit, Store
from graph.cli._output import duration_text, print_json, print_note, print_table, time_text
from graph.cli._store import ask
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
    states = [each.value for each in state or ()]
    found = ask(store, as_of, questions.runs, job or (), states, limit=limit, cursor=cursor)
    if json:
        print_json(found.as_json())
        return
    print_table(["run", "job", "state", "started", "took", "error"], [_row(run) for run in found.items])
    if found.next is not None:
        print_note(f"There is more: --cursor {found.next}")


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
