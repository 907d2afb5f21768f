"""`lineage owner NAME`."""

from __future__ import annotations

from typing import Annotated

import typer

from graph.cli._annotating import Name, Remove, annotate, pair
from graph.cli._options import Json, Store
from graph.store.commands import CommandKind

Add = Annotated[
    list[str] | None,
    typer.Option("--add", metavar="OWNER[=TYPE]", help="Name an owner, such as team:sales=MAINTAINER."),
]


def owner(
    name: Name, add: Add = None, remove: Remove = None, json: Json = False, store: Store = None
) -> None:
    """Say who owns a dataset, field or job, and show what is said about it."""
    given = [(CommandKind.DISOWN, each, "") for each in remove or ()]
    given += [(CommandKind.OWN, *pair(each, "--add")) for each in add or ()]
    annotate(name, given, "--add", json=json, store=store)
