"""`lineage runs [JOB]`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from graph import questions
from graph.cli._options import AsOf, Cursor, Json, Limit, Store
from graph.cli._output import duration_text, print_json, print_note, print_table, time_text
from graph.cli._store import ask
from graph.nodes import Node
from graph.queries.run_list import ListedRun, UsedDataset
from graph.records import RunState

Jobs = Annotated[
    list[str] | None, typer.Argument(metavar="JOB", help="Only runs of this job.", show_default=False)
]
States = Annotated[
    list[RunState] | None,
    typer.Option(
        "--state", case_sensitive=False, help="Only runs in this state; may be given more than once."
    ),
]
Under = Annotated[
    str | None,
    typer.Option(
        "--under", metavar="RUN", help="The runs under this one: of a DAG its tasks, then their queries."
    ),
]
Versions = Annotated[
    bool, typer.Option("--versions", help="Say of which versions each run is: of data, code and parameters.")
]


def runs(
    job: Jobs = None,
    state: States = None,
    under: Under = None,
    versions: Versions = False,
    limit: Limit = 20,
    cursor: Cursor = None,
    json: Json = False,
    as_of: AsOf = None,
    store: Store = None,
) -> None:
    """List runs, the latest start first, with their state, how long they took, and the runs above them."""
    states = [each.value for each in state or ()]
    found = ask(
        store,
        as_of,
        questions.runs,
        job or (),
        states,
        under=under,
        versions=versions,
        limit=limit,
        cursor=cursor,
    )
    if json:
        print_json(found.as_json())
        return
    nested = any(run.above for run in found.items)
    columns = ["run", "job", "state", "started", "took", *["above"] * nested]
    told = [(name, told) for name, told in _TOLD if any(told(run) for run in found.items)]
    print_table(
        [*columns, *["read", "wrote"] * versions, *(name for name, _ in told), "error"],
        [_row(run, nested, [of(run) for _, of in told]) for run in found.items],
    )
    if found.next is not None:
        print_note(f"There is more: --cursor {found.next}")


def _row(listed: ListedRun, nested: bool, told: list[str]) -> list[str]:
    run = listed.run
    row = [
        run.run_id,
        run.job_name,
        run.state.value,
        time_text(run.started_at) or "",
        duration_text(run.duration_ms),
    ]
    if nested:
        row.append(" < ".join(_name(each.job, each.run_id) for each in listed.above))
    row += [_used(each) for each in (listed.inputs, listed.outputs) if each is not None]
    return [*row, *told, (run.error or "").strip().partition("\n")[0]]


def _commit(listed: ListedRun) -> str:
    """Return the commit, with a + where the code that ran had changes besides."""
    code = listed.code or {}
    return str(code.get("commit", ""))[:12] + ("+" if code.get("dirty") else "")


def _parameters(listed: ListedRun) -> str:
    return ", ".join(f"{name}={_value(value)}" for name, value in (listed.parameters or {}).items())


def _value(value: str | None) -> str:
    """Return a value, and of a digest as much as tells two apart."""
    if value is None:
        return "?"
    return f"#{value.rpartition(':')[2][:8]}" if value.startswith("hmac-sha256:") else value


_TOLD = (("commit", _commit), ("parameters", _parameters))
"""Columns that are shown where a run on the page has something in them."""


def _name(job: Node | None, run_id: str) -> str:
    return run_id if job is None else job.name


def _used(used: Iterable[UsedDataset]) -> str:
    versions = ((each.node.label, each.version) for each in used)
    return ", ".join(
        f"{label}@{_version(version.told) or (version.id or '?')[:8]}" for label, version in versions
    )


def _version(told: str | None) -> str:
    """Return what the producer calls a version, and of a content hash as much as tells two apart."""
    kind, is_hash, digits = (told or "").partition("-sha256:")
    return f"{kind}:{digits[:8]}" if is_hash else kind
