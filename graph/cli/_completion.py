"""What a shell is offered when a name of the graph is half typed."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from graph.store import LineageReader

_SECONDS = 0.3
_NAMES = 50_000
_PAGE = 5_000
_OFFERED = 100


def complete_name(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return names of datasets and jobs, or ends of them, that begin so; behind a dataset its fields.

    Looks for about a third of a second at the 50,000 first names and never fails: nobody wants an error
    between two keys. What waits in the outbox is not taken in.
    """
    from lineage._guard import guard

    found: list[str] = []
    with guard("completing a name"):
        found = _offers(ctx.params.get("store"), incomplete)
    return found


def _offers(given: str | None, incomplete: str) -> list[str]:
    from contextlib import closing

    from graph.cli._store import location_of
    from graph.store import may_exist, open_store
    from lineage.destination import is_server

    location = location_of(given)
    if is_server(location) or not may_exist(location):
        return []
    with closing(open_store(location, read_only=True, patience=0)) as store:
        return _names(store, incomplete) or _fields(store, incomplete)


def _names(store: LineageReader, incomplete: str) -> list[str]:
    from graph.nodes import NodeType

    deadline = time.monotonic() + _SECONDS
    found: set[str] = set()
    after = -1
    for _ in range(_NAMES // _PAGE):
        page = store.all_nodes((NodeType.DATASET, NodeType.JOB), after=after, limit=_PAGE)
        found.update(end for _, node in page for end in _ends(node.name) if end.startswith(incomplete))
        if len(page) < _PAGE or time.monotonic() > deadline:
            break
        after = page[-1][0]
    return sorted(found, key=lambda name: (name.count("."), name))[:_OFFERED]


def _ends(name: str) -> list[str]:
    """Return a name and what stands behind each dot and slash of it, as questions take it."""
    return [name, *(name[match.end() :] for match in re.finditer(r"[./](?=.)", name))]


def _fields(store: LineageReader, incomplete: str) -> list[str]:
    from graph.nodes import NodeType

    dataset, dot, _ = incomplete.rpartition(".")
    nodes = store.named(dataset, (NodeType.DATASET,)) if dot else []
    names = [f"{dataset}.{field.field}" for node in nodes[:_OFFERED] for field in store.fields(node)]
    return [name for name in dict.fromkeys(names) if name.startswith(incomplete)][:_OFFERED]
