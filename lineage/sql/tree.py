"""The parser's tree, read alike for every accepted version of sqlglot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqlglot import exp

if TYPE_CHECKING:
    Node = exp.Expr  # the base of all nodes, which older versions call Expression
else:
    Node = exp.Expression

READABLE = (exp.Query, exp.Table, exp.Values, exp.Pivot)
"""What stands where a query may stand."""


def all_nodes(root: Node) -> list[Node]:
    """Return a tree's nodes, each before those below it: faster than the parser's own walk."""
    found: list[Node] = []
    stack = [root]
    while stack:
        node = stack.pop()
        found.append(node)
        below: list[Node] = []
        for value in node.args.values():
            if isinstance(value, Node):
                below.append(value)
            elif isinstance(value, list):
                below += [item for item in value if isinstance(item, Node)]
        stack += reversed(below)
    return found


def argument(node: Node, key: str) -> object:
    """Return an argument whose key is a word of Python, which is spelled `from` or `from_` by version."""
    found = node.args.get(f"{key}_")
    return node.args.get(key) if found is None else found


def ctes_of(node: Node) -> list[exp.CTE]:
    """Return the common table expressions a statement or query begins with."""
    args = node.args
    with_ = args.get("with_") or args.get("with")
    return list(with_.expressions) if isinstance(with_, exp.With) else []


def from_items(node: Node) -> Iterator[Node]:
    """Yield what stands in FROM, USING, joins and lateral views of a query, UPDATE or DELETE, in order."""
    from_ = argument(node, "from")
    if isinstance(from_, exp.From):
        yield from_.this
    if isinstance(node, exp.Delete):
        yield from node.args.get("using") or ()
    for join in node.args.get("joins") or ():
        yield join.this
    yield from node.args.get("laterals") or ()


def alias_columns(node: Node) -> list[str]:
    """Return the column names in a FROM item's alias: `AS t (a, b)`."""
    alias = node.args.get("alias")
    return [name.name for name in alias.columns] if isinstance(alias, exp.TableAlias) else []


def column_parts(node: exp.Column) -> list[str]:
    """Return the dotted parts of a column reference."""
    return [f"${part.name}" if isinstance(part, exp.Parameter) else part.name for part in node.parts]
