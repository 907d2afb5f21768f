"""`lineage delete NAME`."""

from __future__ import annotations

import typer

from graph.cli._options import Json, Name, Store
from graph.cli._output import print_items
from graph.cli._store import opened
from graph.ingest import give
from graph.nodes import NodeType
from graph.queries.names import resolve
from graph.store.commands import CommandKind


def delete(name: Name, json: Json = False, store: Store = None) -> None:
    """Leave a dataset or job out of all answers until it is heard of again, or `lineage undelete` is called.

    Nothing of the log is removed: see `lineage prune`.
    """
    with opened(store) as asked:
        node = resolve(asked.reader, name, {NodeType.DATASET, NodeType.JOB})
        give(asked.reader, CommandKind.DELETE, node)
    if json:
        print_items({"node": node.id}, [{"id": node.id, "deleted": True}])
    else:
        typer.echo(f"deleted {node.id}")
