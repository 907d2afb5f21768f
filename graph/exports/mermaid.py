"""Mermaid flowcharts, which Markdown viewers draw."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from graph.exports.labels import edge_label, node_label, one_line, only_decides
from graph.nodes import Node, NodeType, dataset
from graph.queries.answer import AnswerEdge, AnswerNode

_SHAPES = {NodeType.DATASET: '[("{}")]', NodeType.JOB: '["{}"]', NodeType.FIELD: '("{}")'}
_MEANINGFUL = '"#&<>`\\[]{}()|;$'


def mermaid(nodes: Iterable[Node | AnswerNode], edges: Iterable[AnswerEdge]) -> Iterator[str]:
    """Yield a flowchart from left to right: datasets are cylinders, jobs boxes and edge labels.

    Fields stand in a frame of their dataset; a dataset that is there itself stands in it too. Dotted is what
    is INDIRECT alone.
    """
    yield "flowchart LR"
    labels = {(each.node if isinstance(each, AnswerNode) else each): node_label(each) for each in nodes}
    plain = list(labels)
    numbers = {node: f"n{number}" for number, node in enumerate(plain)}
    fields: dict[Node, list[Node]] = {}
    for node in plain:
        if node.type is NodeType.FIELD:
            fields.setdefault(dataset(node.namespace, node.name), []).append(node)
    for node in plain:
        if node.type is not NodeType.FIELD and node not in fields:
            yield f"  {_box(node, numbers[node], labels[node])}"
    for number, (owner, framed) in enumerate(fields.items()):
        yield f'  subgraph d{number}["{_escaped(owner.label)}"]'
        if owner in numbers:
            yield f"    {_box(owner, numbers[owner], labels[owner])}"
        for node in framed:
            yield f"    {_box(node, numbers[node], node.field or '')}"
        yield "  end"
    for edge in edges:
        label = edge_label(edge)
        line = "-.->" if only_decides(edge) else "-->"
        arrow = f'{line}|"{_escaped(label)}"|' if label else line
        yield f"  {numbers[edge.source]} {arrow} {numbers[edge.target]}"


def _box(node: Node, number: str, text: str) -> str:
    return number + _SHAPES[node.type].format(_escaped(text))


def _escaped(text: str) -> str:
    """Return text for within quotes, with what Mermaid or HTML reads as markup written as entity codes."""
    return "".join(f"#{ord(char)};" if char in _MEANINGFUL else char for char in one_line(text)) or " "
