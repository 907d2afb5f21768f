"""`lineage undelete [NAME]`."""

from __future__ import annotations

from typing import Annotated

import typer

from graph import actions, questions
from graph.cli._options import Json, Store
from graph.cli._output import print_json
from graph.cli._store import act, ask
from graph.exports.labels import one_line

Deleted = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="NAME",
        help="What was deleted: its id, its name or the end of it, or NAMESPACE and NAME as two words."
        " Without it what is deleted is listed.",
        show_default=False,
    ),
]


def undelete(name: Deleted = None, json: Json = False, store: Store = None) -> None:
    """Bring a deleted dataset or job back, or list what is deleted."""
    found = act(store, actions.undelete, name) if name else ask(store, None, questions.deleted)
    if json:
        print_json(found.as_json())
    else:
        for node in found.nodes:
            typer.echo(one_line(f"brought back {node.id}" if name else node.id))
