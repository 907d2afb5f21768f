"""Rows of a query that a procedure goes through, as the source they are in the statements that use them."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from lineage.sql.tree import Node, argument


def with_records(tree: Node, records: Mapping[str, exp.Query]) -> Node:
    """Return a statement that reads the queries whose rows `r` it uses as `r.a`.

    Of `INSERT ... VALUES (r.a)` becomes `INSERT ... SELECT r.a FROM (query) AS r`; a query or an UPDATE that
    uses a row gets its query as one more source.
    """
    if isinstance(tree, exp.Insert) and isinstance(values := tree.args.get("expression"), exp.Values):
        rows = values.expressions
        if len(rows) == 1 and isinstance(rows[0], exp.Tuple) and _used(rows[0], records):
            tree.set("expression", exp.select(*rows[0].expressions))
    for select in list(tree.find_all(exp.Select)):
        for name in _used(select, records):
            _add(select, name, records[name])
    if isinstance(tree, exp.Update):
        for name in _used(tree, records):
            _add(tree, name, records[name])
    return tree


def _used(node: Node, records: Mapping[str, exp.Query]) -> list[str]:
    """Return the rows whose columns a node uses itself, not in a query inside it."""
    used: dict[str, None] = {}
    for column in node.find_all(exp.Column):
        name = column.table.casefold()
        if name in records and column.find_ancestor(exp.Select) in (node, None):
            used[name] = None
    return list(used)


def _add(node: Node, name: str, query: exp.Query) -> None:
    source = exp.Subquery(this=query.copy(), alias=exp.TableAlias(this=exp.to_identifier(name)))
    key = "from_" if "from_" in node.arg_types else "from"
    if argument(node, "from") is None:
        node.set(key, exp.From(this=source))
    else:
        node.append("joins", exp.Join(this=source, kind="CROSS"))
