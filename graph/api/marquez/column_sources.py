"""Which columns a column is made from, as Marquez shows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from graph.nodes import Node, NodeType
from graph.records import Link, Transformation

Sources = dict[int, dict[int, list[Transformation]]]
"""By key of a column those that it is made from, with every way in which it is."""


def add(sources: Sources, links: Iterable[Link]) -> None:
    """Add links to what is known of them."""
    for source, target, way in links:
        of = sources.get(target)
        if of is None:
            of = sources[target] = {}
        ways = of.get(source)
        if ways is None:
            of[source] = [] if way is None else [way]
        elif way is not None and way not in ways:
            ways.append(way)


def input_fields(
    sources: Mapping[int, Sequence[Transformation]], names: Mapping[int, Node]
) -> list[dict[str, Any]]:
    """Return the sources of a column, by their names; each with all its transformations.

    `transformationType` is what Marquez has: the old word IDENTITY or MASKED, where a producer wrote it.
    """
    return [
        {
            "namespace": names[key].namespace,
            "dataset": names[key].name,
            "field": names[key].field,
            **told(tuple(sources[key])),
        }
        for key in in_order(sources, names)
    ]


def in_order(sources: Iterable[int], names: Mapping[int, Node]) -> list[int]:
    """Return those of the sources that are columns, by their names."""
    known = [key for key in sources if key in names and names[key].type is NodeType.FIELD]
    return sorted(known, key=lambda key: (names[key], key)) if len(known) > 1 else known


@lru_cache(maxsize=10_000)
def told(ways: tuple[Transformation, ...]) -> Mapping[str, Any]:
    """Return what an answer tells of the ways in which a column is made from another."""
    ordered = sorted(ways)
    shown: dict[str, Any] = {
        "transformationDescription": next((way.description for way in ordered if way.description), None),
        "transformationType": next((way.subtype for way in ordered if way.subtype in _OLD_WORDS), None),
    }
    if ways:
        shown["transformations"] = [
            {
                "type": way.type or None,
                "subtype": way.subtype or None,
                "description": way.description or None,
                "masking": way.masking,
            }
            for way in ordered
        ]
    return shown


_OLD_WORDS = {"IDENTITY", "MASKED"}
