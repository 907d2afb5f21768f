"""`lineage tag NAME`."""

from __future__ import annotations

from typing import Annotated

import typer

from graph.cli._annotating import Name, Remove, annotate, pair
from graph.cli._options import Json, Store
from graph.store.commands import CommandKind

Add = Annotated[
    list[str] | None,
    typer.Option("--add", metavar="TAG[=VALUE]", help="Tag it; may be given more than once."),
]


def tag(name: Name, add: Add = None, remove: Remove = None, json: Json = False, store: Store = None) -> None:
    """Tag a dataset, field or job, and show what is said about it."""
    given = [(CommandKind.UNTAG, each, "") for each in remove or ()]
    given += [(CommandKind.TAG, *pair(each, "--add")) for each in add or ()]
    annotate(name, given, "--add", json=json, store=store)
