"""DOT, the language of Graphviz."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from graph.exports.labels import edge_label, node_label, one_line
from graph.nodes import Node, NodeType
from graph.queries.answer import AnswerEdge, AnswerNode

_SHAPES = {NodeType.DATASET: "cylinder", NodeType.JOB: "box", NodeType.FIELD: "plaintext"}


def dot(nodes: Iterable[Node | AnswerNode], edges: Iterable[AnswerEdge]) -> Iterator[str]:
    """Yield a digraph from left to right: datasets are cylinders, jobs boxes and edge labels."""
    yield "digraph lineage {"
    yield "  rankdir=LR;"
    for each in nodes:
        node = each.node if isinstance(each, AnswerNode) else each
        yield f"  {_quoted(node.id)} [label={_quoted(node_label(each))}, shape={_SHAPES[node.type]}];"
    for edge in edges:
        label = edge_label(edge)
        attributes = f" [label={_quoted(label)}]" if label else ""
        yield f"  {_quoted(edge.source.id)} -> {_quoted(edge.target.id)}{attributes};"
    yield "}"


def _quoted(text: str) -> str:
    """Return a string of DOT, in which a backslash and a quote begin and end what they should not."""
    return '"' + one_line(text).replace("\\", "\\\\").replace('"', '\\"') + '"'
