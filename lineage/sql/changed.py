"""Which table the target of an UPDATE or DELETE means: FROM may call it otherwise."""

from __future__ import annotations

from sqlglot import exp

from lineage.sql.tree import Node

_OWNERS = ("db", "catalog")


def own_tables(node: Node) -> list[exp.Table]:
    """Return the tables of the statement itself, without those of its subqueries."""
    stack: list[Node] = [node]
    tables = []
    while stack:
        each = stack.pop()
        if isinstance(each, exp.Table):
            tables.append(each)
        if not isinstance(each, exp.Query):
            stack += reversed(list(each.iter_expressions()))
    return tables


def is_alias(target: Node, tables: list[exp.Table]) -> bool:
    """Whether the target is another's alias or name."""
    return aliased(target, tables) is not target


def aliased(target: Node, tables: list[exp.Table]) -> Node:
    """Return the table in FROM that the target means (`UPDATE o SET ... FROM orders o`), else the target."""
    if not isinstance(target, exp.Table) or target.alias:
        return target
    wanted = _folded(target)
    for table in tables:
        meant = [table.alias.casefold()] if table.alias else _folded(table)
        if table is not target and meant == wanted:
            return table
    return target


def name_as_in_from(node: exp.Update | exp.Delete) -> None:
    """Call the target as FROM does where that has the same table: T-SQL's `UPDATE t ... FROM dbo.t AS x`."""
    tables = own_tables(node)
    for target in node.args.get("tables") or [node.this]:
        if not isinstance(target, exp.Table) or target.alias or is_alias(target, tables):
            continue
        wanted = _folded(target)
        alike = [
            table
            for table in tables
            if table is not target and wanted[-len(table.parts) :] == _folded(table)[-len(wanted) :]
        ]
        if len(alike) == 1:
            _name_as(target, alike[0])


def _name_as(target: exp.Table, table: exp.Table) -> None:
    if len(target.parts) > len(table.parts):
        for part in _OWNERS:
            table.set(part, target.args.get(part))
    alias = table.args.get("alias")
    target.set("this", (table if alias is None else alias).this.copy())
    for part in _OWNERS:
        owner = table.args.get(part) if alias is None else None
        target.set(part, owner.copy() if isinstance(owner, Node) else None)


def _folded(table: exp.Table) -> list[str]:
    return [part.name.casefold() for part in table.parts]
