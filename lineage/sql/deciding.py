"""The operands of an expression that decide about its value and do not enter it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlglot import exp

from lineage.sql.results import Subtype
from lineage.sql.tree import Node

Deciding = Iterator[tuple[Node, Subtype]]

_CONDITIONAL_COMBINATOR = re.compile(r"If(?:OrNull|OrDefault|State|Merge|Distinct|Array)*$")


def deciding(node: Node) -> Deciding:
    """Yield the operands of one node that decide about its value, each with its subtype of INDIRECT."""
    if isinstance(node, exp.Case):
        if node.this is not None:
            yield node.this, "CONDITIONAL"
    elif isinstance(node, exp.If | exp.Nvl2):
        if not _asks_for_nothing(node):
            yield node.this, "CONDITIONAL"
    elif isinstance(node, exp.DecodeCase):
        yield from _decode(node)
    elif isinstance(node, exp.Filter):
        yield node.expression, "CONDITIONAL"
    elif isinstance(node, exp.Window):
        use: Subtype = "SORT" if node.args.get("over") == "KEEP" else "WINDOW"  # Oracle's FIRST and LAST
        for window in (node, *named_windows(node)):
            yield from ((child, use) for child in window.iter_expressions() if child is not window.this)
    elif isinstance(node, exp.CombinedAggFunc):
        yield from _combined(node)
    else:
        yield from _order(node)


def _asks_for_nothing(node: Node) -> bool:
    """Whether an IF asks if its own operands are NULL or zero: NULLIFZERO and DIV0 are read as one."""
    branches = [node.args.get("true"), node.args.get("false")]
    if isinstance(node.parent, exp.Case) or not isinstance(branches[0], exp.Literal | exp.Null):
        return False
    asked = set(node.this.find_all(exp.Column))
    return (
        branches[1] is not None
        and branches[0].name in ("", "0")
        and asked <= set(branches[1].find_all(exp.Column))
        and not any(isinstance(each, exp.Case | exp.If | exp.Query) for each in node.this.walk())
        and all(isinstance(each, _NULL_OR_ZERO) for each in _questions(node.this))
        and all(literal.name == "0" for literal in node.this.find_all(exp.Literal))
    )


_NULL_OR_ZERO = (exp.And, exp.Not, exp.Is, exp.EQ, exp.Paren)


def _questions(node: Node) -> Iterator[Node]:
    """Yield the parts of a condition, down to the comparisons."""
    stack = [node]
    while stack:
        each = stack.pop()
        yield each
        if not isinstance(each, exp.EQ | exp.Is):
            stack += each.iter_expressions()


def _combined(node: exp.CombinedAggFunc) -> Deciding:
    """ClickHouse's sumIf(value, condition) and quantileIf(0.9)(value, condition)."""
    arguments = node.args.get("params") or node.expressions
    if _CONDITIONAL_COMBINATOR.search(node.name) and len(arguments) > 1:
        yield arguments[-1], "CONDITIONAL"


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


def named_windows(node: exp.Window) -> Iterator[Node]:
    """Yield the definition in the WINDOW clause that `OVER w` and `OVER (w ...)` mean."""
    name, select = node.args.get("alias"), node.find_ancestor(exp.Select)
    if name is not None and select is not None:
        for window in select.args.get("windows") or ():
            if window.name.casefold() == name.name.casefold():
                yield window
