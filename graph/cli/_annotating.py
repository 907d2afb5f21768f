"""What the commands that annotate share: to resolve a name, give commands, and show what is said."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Annotated, Any

import typer

from graph.cli._options import Name as Name
from graph.cli._output import print_items, print_table
from graph.cli._store import opened
from graph.errors import AmbiguousNameError, UnknownNameError
from graph.ingest import give
from graph.nodes import Node
from graph.queries.names import resolve
from graph.store.base import LineageReader
from graph.store.commands import Annotations, CommandKind, Label

Remove = Annotated[list[str] | None, typer.Option("--remove", metavar="NAME", help="Take it back.")]

Given = tuple[CommandKind, str, str]
"""A command, its name and its value."""


def annotate(name: list[str], given: Iterable[Given], option: str, *, json: bool, store: str | None) -> None:
    """Give commands about what `name` names, and print what is said about it then.

    `option` is how a user would say something: it stands in the error about what was said without it.
    """
    with opened(store) as asked:
        node = _annotated(asked.reader, name, option)
        for kind, about, value in given:
            give(asked.reader, kind, node, about, value)
        said = asked.reader.annotations([node.key])[node.key]
    if json:
        print_items({"node": node.id}, [as_item(node, said)])
    else:
        rows = [("tag", *_columns(one)) for one in said.tags]
        rows += [("owner", *_columns(one)) for one in said.owners]
        if said.description is not None:
            rows.append(("description", said.description, ""))
        print_table([node.id, "", ""], [list(row) for row in rows])


def _annotated(reader: LineageReader, name: list[str], option: str) -> Node:
    try:
        return resolve(reader, name)
    except UnknownNameError:
        if len(name) == 2:
            with suppress(UnknownNameError, AmbiguousNameError):
                alone = resolve(reader, name[:1])
                raise typer.BadParameter(f"to say it of {alone.label}, write {option} {name[1]!r}") from None
        raise


def pair(text: str, hint: str) -> tuple[str, str]:
    """Return the two parts of NAME=VALUE, or NAME and nothing."""
    name, _, value = text.partition("=")
    if not name.strip():
        raise typer.BadParameter(f"{text!r} names nothing", param_hint=hint)
    return name, value


def as_item(node: Node, said: Annotations) -> dict[str, Any]:
    """Return what is said about a node as an item."""
    return {
        "id": node.id,
        "tags": [{"name": one.name, "value": one.value} for one in said.tags],
        "owners": [{"name": one.name, "type": one.value} for one in said.owners],
        "description": said.description,
    }


def _columns(one: Label) -> tuple[str, str]:
    return one.name, one.value
