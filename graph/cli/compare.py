"""`lineage compare A B`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

import typer

from graph.cli._completion import complete_name
from graph.cli._options import Json, Store
from graph.cli._output import print_items, print_note, print_table, time_text
from graph.cli._store import opened
from graph.errors import InvalidQueryError
from graph.queries.comparison import (
    Comparison,
    Difference,
    EdgeDifference,
    FieldDifference,
    Item,
    compare_runs,
    compare_times,
)
from graph.store.base import LineageStore
from graph.store.history import RunSaying

Before = Annotated[
    str | None,
    typer.Argument(metavar="A", help="A time (RFC 3339, or so long ago: 7d), or the id of a run."),
]
After = Annotated[
    str | None,
    typer.Argument(metavar="B", help="Another one.  [default: all events, where A is a time]"),
]
Job = Annotated[
    str | None,
    typer.Option(
        "--job",
        metavar="NAME",
        help="Compare two versions of this job's code: A and B, or the two that were first seen last.",
        autocompletion=complete_name,
    ),
]
FailOnChange = Annotated[bool, typer.Option("--fail-on-change", help="Exit with 1 when anything differs.")]


def compare(
    a: Before = None,
    b: After = None,
    job: Job = None,
    fail_on_change: FailOnChange = False,
    json: Json = False,
    store: Store = None,
) -> None:
    """Show which edges, fields and schemas appeared, vanished or changed between two times or two runs.

    A field with another name is one that vanished and one that appeared; where it may be the same one, that
    is said.
    """
    if a is None and job is None:
        raise typer.BadParameter("give a time or the id of a run, or --job", param_hint="A")
    if job is not None and (a is None) != (b is None):
        raise typer.BadParameter("give two versions of the job's code, or none", param_hint="B")
    with opened(store) as asked:
        query, found = _compared(asked.reader, a, b, job)
        incomplete = asked.incomplete
    if json:
        print_items(query, [item.as_json() for item in found.items])
    else:
        _print(query, found)
    if incomplete:
        print_note("Incomplete: events or SQL wait that could not be read in time; ask again for the rest.")
    if fail_on_change and found.items:
        raise typer.Exit(1)


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
    return query, compare_runs(store, before, after)


def _of_times(store: LineageStore, a: str, b: str | None) -> tuple[dict[str, Any], Comparison]:
    from graph.ingest import as_of
    from graph.queries import since_time

    now = datetime.now(UTC)
    try:
        times = since_time(a, now), None if b is None else since_time(b, now)
    except InvalidQueryError as error:
        raise InvalidQueryError(f"{error}; and there is no run with this id") from error
    before = as_of(store, times[0])
    after = store if times[1] is None else as_of(store, times[1])
    query = {
        "question": "compare",
        "before": {"asOf": time_text(times[0])},
        "after": {"asOf": time_text(times[1])},
    }
    return query, compare_times(before, after)


def _print(query: dict[str, Any], found: Comparison) -> None:
    if not found.items:
        print_note("Nothing differs.")
        return
    print_table(["change", "what", "name", "details"], [_row(item) for item in found.items])


def _row(item: Item) -> list[str]:
    if isinstance(item, EdgeDifference):
        name = f"{item.source.label} -> {item.target.label}"
        return [item.change, f"{item.kind.name.lower()} edge", name, _details(item)]
    if isinstance(item, FieldDifference):
        return [item.change, "field", item.node.label, _field_details(item)]
    return [item.change, "schema", item.node.label, f"{item.fields} fields"]


def _details(item: EdgeDifference) -> str:
    from graph.cli._answers import made_text

    jobs = ", ".join(job.name for job in item.jobs)
    if item.change is not Difference.CHANGED:
        return f"by {jobs}" if jobs else ""
    made = ("; ".join(map(made_text, each)) or "not said" for each in (item.before, item.after))
    return " -> ".join(made) + (f", by {jobs}" if jobs else "")


def _field_details(item: FieldDifference) -> str:
    if item.change is Difference.CHANGED:
        return f"{item.before} -> {item.after}"
    said = item.after if item.change is Difference.APPEARED else item.before
    parts = [said] if said else []
    if item.maybe is not None:
        way = "from" if item.change is Difference.APPEARED else "to"
        parts.append(f"maybe renamed {way} {item.maybe.field}")
    return ", ".join(parts)
