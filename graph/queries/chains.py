"""What feeds a node, and what a node feeds."""

from __future__ import annotations

from collections.abc import Sequence

from graph.nodes import Node, NodeType
from graph.queries.answer import Answer
from graph.queries.draft import Draft
from graph.queries.names import resolve
from graph.queries.walk import check_depth, walk, walk_datasets
from graph.records import Direction, EdgeKind
from graph.store.base import LineageReader


def upstream(reader: LineageReader, node: Node | str | Sequence[str], *, depth: int | None = None) -> Answer:
    """Return everything the node is made from, each once, with its distance in hops away from the node.

    Of a dataset: datasets, and the jobs that write what was found. Of a job: the same from what it reads,
    which stands at 0 with the job. Of a field: fields. `depth` bounds the hops (None: no bound). The node
    itself has distance 0, also on a cycle.

    Raises:
        UnknownNameError, AmbiguousNameError: the name, where one is given, is not that of one node.
        InvalidQueryError: a depth below 1.
    """
    return _chain(reader, node, Direction.UPSTREAM, depth)


def downstream(
    reader: LineageReader, node: Node | str | Sequence[str], *, depth: int | None = None
) -> Answer:
    """Return everything that is made from the node, each once, with its distance in hops away from the node.

    Of a dataset: datasets, and the jobs that read what was found. Of a job: the same from what it writes,
    which stands at 0 with the job. Of a field: fields. `depth` bounds the hops (None: no bound). The node
    itself has distance 0, also on a cycle.

    Raises:
        UnknownNameError, AmbiguousNameError: the name, where one is given, is not that of one node.
        InvalidQueryError: a depth below 1.
    """
    return _chain(reader, node, Direction.DOWNSTREAM, depth)


def _chain(
    reader: LineageReader, name: Node | str | Sequence[str], direction: Direction, depth: int | None
) -> Answer:
    """Return what a node reaches in one direction: fields from a field, else datasets and jobs."""
    check_depth(depth)
    node = resolve(reader, name)
    draft = Draft()
    if node.type is NodeType.FIELD:
        walk(reader, draft, [node.key], EdgeKind.FIELD, direction, depth)
    else:
        walk_datasets(reader, draft, node, direction, depth)
    return draft.finish(reader, {"question": direction.value, "node": node.id, "depth": depth})
