"""`lineage undelete [NAME]`."""

from __future__ import annotations

from typing import Annotated

import typer

from graph.cli._options import Json, Store
from graph.cli._output import print_items
from graph.cli._store import opened
from graph.errors import AmbiguousNameError, UnknownNameError
from graph.ingest import give
from graph.nodes import Node
from graph.store.commands import CommandKind

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
    with opened(store) as asked:
        nodes = asked.reader.deleted()
        if name:
            nodes = [_chosen(nodes, name)]
            give(asked.reader, CommandKind.UNDELETE, nodes[0])
    if json:
        items = [{"id": node.id, "deleted": not name} for node in nodes]
        print_items({"node": nodes[0].id if name else None}, items)
    else:
        for node in nodes:
            typer.echo(f"brought back {node.id}" if name else node.id)


def _chosen(deleted: list[Node], words: list[str]) -> Node:
    found = [node for node in deleted if words in ([node.id], [node.name], [node.namespace, node.name])]
    if not found and len(words) == 1:
        found = [node for node in deleted if node.name.endswith((f".{words[0]}", f"/{words[0]}"))]
    if not found:
        raise UnknownNameError(" ".join(words), [node.id for node in deleted[:3]])
    if len(found) > 1:
        raise AmbiguousNameError(" ".join(words), [node.id for node in found])
    return found[0]
