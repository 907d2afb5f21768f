"""`lineage describe NAME`."""

from __future__ import annotations

from typing import Annotated

import typer

from graph.cli._annotating import Name, annotate
from graph.cli._options import Json, Store
from graph.store.commands import CommandKind

Text = Annotated[
    str | None, typer.Option("--text", metavar="TEXT", help="The description; an empty one takes it back.")
]


def describe(name: Name, text: Text = None, json: Json = False, store: Store = None) -> None:
    """Describe a dataset, field or job, and show what is said about it."""
    given = [] if text is None else [(CommandKind.DESCRIBE, "", text.strip())]
    annotate(name, given, "--text", json=json, store=store)
