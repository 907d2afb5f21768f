"""Which columns a column is made from, as Marquez shows it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from graph.nodes import Node, NodeType
from graph.records import Edge, Transformation

_OLD_WORDS = {"IDENTITY", "MASKED"}


def by_target(edges: Iterable[Edge]) -> dict[int, dict[int, list[Transformation]]]:
    """Return by key of each column those that it is made from, with every way in which it is."""
    found: dict[int, dict[int, list[Transformation]]] = defaultdict(dict)
    for edge in edges:
        ways = found[edge.target].setdefault(edge.source, [])
        if edge.transformation is not None and edge.transformation not in ways:
            ways.append(edge.transformation)
    return dict(found)


def input_fields(
    sources: Mapping[int, Sequence[Transformation]], names: Mapping[int, Node]
) -> list[dict[str, Any]]:
    """Return the sources of a column, by their names; each with all its transformations.

    `transformationType` is what Marquez has: the old word IDENTITY or MASKED, where a producer wrote it.
    """
    ordered = sorted((names[key], key) for key in sources if key in names)
    return [_input_field(node, sources[key]) for node, key in ordered if node.type is NodeType.FIELD]


def _input_field(node: Node, ways: Sequence[Transformation]) -> dict[str, Any]:
    text, word = described(ways)
    shown: dict[str, Any] = {
        "namespace": node.namespace,
        "dataset": node.name,
        "field": node.field,
        "transformationDescription": text,
        "transformationType": word,
    }
    if ways:
        shown["transformations"] = [
            {
                "type": way.type or None,
                "subtype": way.subtype or None,
                "description": way.description or None,
                "masking": way.masking,
            }
            for way in sorted(ways)
        ]
    return shown


def described(ways: Iterable[Transformation]) -> tuple[str | None, str | None]:
    """Return the description and the old word of the first of these transformations that has them."""
    ordered = sorted(ways)
    text = next((way.description for way in ordered if way.description), None)
    return text, next((way.subtype for way in ordered if way.subtype in _OLD_WORDS), None)
