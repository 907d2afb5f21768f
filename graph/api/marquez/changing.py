"""What requests have done to a dataset or a job, and how it is shown to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graph.ingest import give
from graph.nodes import Node
from graph.store.base import LineageStore
from graph.store.commands import CommandKind

Shown = Callable[[LineageStore, Sequence[tuple[int, Node]]], list[dict[str, Any]]]
"""How nodes of a type are shown, by keys."""


def hide(store: LineageStore, node: Node, shown: Shown) -> dict[str, Any]:
    """Delete a node and return it as it was."""
    (before,) = shown(store, [(node.key, node)])
    give(store, CommandKind.DELETE, node)
    return before


def tag(store: LineageStore, kind: CommandKind, node: Node, tag: str, shown: Shown) -> dict[str, Any]:
    """Give a node a tag, or take it, and return the node."""
    give(store, kind, node, tag)
    (after,) = shown(store, [(node.key, node)])
    return after
