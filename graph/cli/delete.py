"""`lineage delete NAME`."""

from __future__ import annotations

import typer

from graph import actions
from graph.cli._options import Json, Name, Store
from graph.cli._output import print_json
from graph.cli._store import act
from graph.exports.labels import one_line


def delete(name: Name, json: Json = False, store: Store = None) -> None:
    """Leave a dataset or job out of all answers until it is heard of again, or `lineage undelete` is called.

    Nothing of the log is removed: see `lineage prune`.
    """
    done = act(store, actions.delete, name)
    if json:
        print_json(done.as_json())
    else:
        for node in done.nodes:
            typer.echo(one_line(f"deleted {node.id}"))
