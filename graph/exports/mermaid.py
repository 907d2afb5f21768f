"""Mermaid flowcharts, which Markdown viewers draw."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from graph.exports.labels import edge_label, one_line
from graph.nodes import Node, NodeType
from graph.queries.answer import AnswerEdge, AnswerNode

_SHAPES = {NodeType.DATASET: '[("{}")]', NodeType.JOB: '["{}"]', NodeType.FIELD: '("{}")'}
_MEANINGFUL = '"#&<>`\\[]{}()|;'


def mermaid(nodes: Iterable[Node | AnswerNode], edges: Iterable[AnswerEdge]) -> Iterator[str]:
    """Yield a flowchart from left to right: datasets are cylinders, jobs boxes and edge labels."""
    yield "flowchart LR"
    numbers: dict[Node, str] = {}
    for each in nodes:
        node = each.node if isinstance(each, AnswerNode) else each
        numbers[node] = f"n{len(numbers)}"
        yield f"  {numbers[node]}{_SHAPES[node.type].format(_escaped(node.label))}"
    for edge in edges:
        label = edge_label(edge)
        arrow = f'-->|"{_escaped(label)}"|' if label else "-->"
        yield f"  {numbers[edge.source]} {arrow} {numbers[edge.target]}"


def _escaped(text: str) -> str:
    """Return text for within quotes, with what Mermaid or HTML reads as markup written as entity codes."""
    return "".join(f"#{ord(char)};" if char in _MEANINGFUL else char for char in one_line(text)) or " "
