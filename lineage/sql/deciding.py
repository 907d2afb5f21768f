"""The operands of an expression that decide about its value and do not enter it."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from lineage.sql.results import Subtype
from lineage.sql.tree import Node

Deciding = Iterator[tuple[Node, Subtype]]


def deciding(node: Node) -> Deciding:
    """Yield the operands of one node that decide about its value, each with its subtype of INDIRECT."""
    if isinstance(node, exp.Case):
        if node.this is not None:
            yield node.this, "CONDITIONAL"
    elif isinstance(node, exp.If | exp.Nvl2):
        yield node.this, "CONDITIONAL"
    elif isinstance(node, exp.DecodeCase):
        yield from _decode(node)
    elif isinstance(node, exp.Filter):
        yield node.expression, "CONDITIONAL"
    elif isinstance(node, exp.Window):
        for window in (node, *_named_windows(node)):
            yield from ((child, "WINDOW") for child in window.iter_expressions() if child is not window.this)
    else:
        yield from _order(node)


def _decode(node: exp.DecodeCase) -> Deciding:
    """DECODE(value, search, result, search, result, ..., otherwise): the value and what it is compared to."""
    value, *pairs = node.expressions
    yield value, "CONDITIONAL"
    for search in pairs[: len(pairs) // 2 * 2 : 2]:
        yield search, "CONDITIONAL"


def _order(node: Node) -> Deciding:
    """The order in which an aggregate takes its values: STRING_AGG(a ORDER BY b), LISTAGG(a) WITHIN GROUP."""
    if isinstance(node, exp.Order) and node.this is not None:
        for child in node.expressions:
            yield child, "SORT"
    elif isinstance(node, exp.WithinGroup) and node.this.find(exp.Column) is not None:
        yield node.expression, "SORT"


def _named_windows(node: exp.Window) -> Iterator[Node]:
    """Yield the definition in the WINDOW clause that `OVER w` and `OVER (w ...)` mean."""
    name, select = node.args.get("alias"), node.find_ancestor(exp.Select)
    if name is not None and select is not None:
        for window in select.args.get("windows") or ():
            if window.name.casefold() == name.name.casefold():
                yield window
