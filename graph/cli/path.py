"""`lineage path FROM TO`."""

from __future__ import annotations

from typing import Annotated

import typer

from graph import questions
from graph.cli._answers import Format, FormatOption, name_text, print_answer
from graph.cli._completion import complete_name
from graph.cli._options import AsOf, Json, Store
from graph.cli._output import print_note
from graph.cli._store import ask
from graph.exports.labels import one_line
from graph.queries.answer import Answer

From = Annotated[
    str, typer.Argument(metavar="FROM", help="Where the data comes from.", autocompletion=complete_name)
]
To = Annotated[str, typer.Argument(metavar="TO", help="Where it goes.", autocompletion=complete_name)]


def path(
    source: From,
    target: To,
    json: Json = False,
    format_: FormatOption = Format.TABLE,
    as_of: AsOf = None,
    store: Store = None,
) -> None:
    """Show a shortest path from one dataset, field or job to another; exit with 1 when there is none."""
    found = ask(store, as_of, questions.path, source, target)
    answer = found.answer
    print_answer(answer, json=json, format_=format_, limit=max(1, len(answer.nodes)), table=_print_steps)
    if not answer.nodes:
        hint = f" There is one the other way: lineage path {target} {source}" if found.back else ""
        print_note(f"There is no path from {source} to {target}.{hint}")
        raise typer.Exit(1)


def _print_steps(answer: Answer) -> None:
    jobs = {(edge.source, edge.target): edge.jobs for edge in answer.edges}
    before = None
    for each in answer.nodes:
        if before is not None:
            by = ", ".join(job.name for job in jobs[before, each.node] if job not in (before, each.node))
            typer.echo(one_line(f"  | {by}" if by else "  |"))
        home = answer.nodes[0].node.namespace
        typer.echo(one_line(name_text(each.node, home)))
        before = each.node
