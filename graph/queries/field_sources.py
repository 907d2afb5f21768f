"""Which fields the fields of a dataset are made from, and how."""

from __future__ import annotations

from collections.abc import Sequence

from graph.nodes import Node, NodeType
from graph.queries.answer import Answer
from graph.queries.draft import Draft
from graph.queries.names import resolve
from graph.queries.walk import check_depth, walk
from graph.records import Direction, EdgeKind
from graph.store.base import LineageReader


def columns(reader: LineageReader, node: Node | str | Sequence[str], *, depth: int | None = 1) -> Answer:
    """Return the fields of a dataset (or one field) at distance 0, and the fields they are made from.

    Every known field is there, also one without lineage. `depth` 1 gives direct sources, more gives theirs,
    None all.

    Raises:
        UnknownNameError, AmbiguousNameError: the name, where one is given, is not that of one dataset or
        field. InvalidQueryError: a depth below 1.
    """
    check_depth(depth)
    asked = resolve(reader, node, (NodeType.DATASET, NodeType.FIELD))
    fields = [asked] if asked.type is NodeType.FIELD else reader.fields(asked)
    draft = Draft()
    walk(reader, draft, [each.key for each in fields], EdgeKind.FIELD, Direction.UPSTREAM, depth)
    return draft.finish(reader, {"question": "columns", "node": asked.id, "depth": depth})
