"""`lineage compare A B`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from graph import questions
from graph.cli._answers import PAGE
from graph.cli._completion import complete_name
from graph.cli._options import Cursor, Json, Limit, Store
from graph.cli._output import note_incomplete, print_json, print_note, print_table
from graph.cli._store import ask
from graph.queries.comparison import Difference, EdgeDifference, FieldDifference, Item

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
    limit: Limit = PAGE,
    cursor: Cursor = None,
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
    found = ask(store, None, questions.compare, a, b, job, limit=limit, cursor=cursor)
    if json:
        print_json(found.as_json())
    else:
        _print(found.items)
        if found.next is not None:
            print_note(f"There is more ({found.total} in all): --cursor {found.next}")
    note_incomplete(found.incomplete)
    if fail_on_change and found.total:
        raise typer.Exit(1)


def _print(items: Sequence[Item]) -> None:
    if not items:
        print_note("Nothing differs.")
        return
    print_table(["change", "what", "name", "details"], [_row(item) for item in items])


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
