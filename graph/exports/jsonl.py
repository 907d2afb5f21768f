"""JSON Lines: a node or an edge a line, nodes first."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from graph.nodes import Node
from graph.queries.answer import AnswerEdge, AnswerNode, node_as_json


def jsonl(nodes: Iterable[Node | AnswerNode], edges: Iterable[AnswerEdge]) -> Iterator[str]:
    """Yield `{"node": {...}}` for each node, then `{"edge": {...}}` for each edge, shaped as in an answer.

    A plain Node has no distance.
    """
    for node in nodes:
        shown = node.as_json() if isinstance(node, AnswerNode) else node_as_json(node)
        yield json.dumps({"node": shown}, ensure_ascii=False)
    for edge in edges:
        yield json.dumps({"edge": edge.as_json()}, ensure_ascii=False)
