"""Oracle's UPDATE of a query: the update of the table whose columns the query passes on."""

from __future__ import annotations

from sqlglot import exp

from lineage.sql.tree import Node, argument, from_items


def update_of_view(update: exp.Update, query: exp.Select) -> exp.Update | None:
    """Return `UPDATE (query) SET ...` as an UPDATE with the query's FROM, joins and conditions.

    None where what is set is not a column of one of the query's tables.
    """
    made: dict[str, Node] = {item.alias_or_name.casefold(): item.unalias() for item in query.expressions}

    def behind(node: Node) -> Node:
        if isinstance(node, exp.Column) and node.name.casefold() in made:
            return made[node.name.casefold()].copy()
        return node

    assignments = [each.transform(behind) for each in update.expressions]
    first = assignments[0].this if assignments and isinstance(assignments[0], exp.EQ) else None
    target = _owner(first, query) if isinstance(first, exp.Column) else None
    if target is None:
        return None
    name = exp.Table(this=exp.to_identifier(target.alias)) if target.alias else target.copy()
    changed = exp.Update(this=name, expressions=assignments)
    key = "from_" if "from_" in changed.arg_types else "from"
    changed.set(key, argument(query, "from"))
    source = argument(changed, "from")
    if isinstance(source, exp.From):
        source.this.set("joins", query.args.get("joins"))
    conditions = [each.args["where"].this for each in (query, update) if each.args.get("where")]
    if conditions:
        changed.set("where", exp.Where(this=exp.and_(*(each.transform(behind) for each in conditions))))
    return changed


def _owner(column: exp.Column, query: exp.Select) -> exp.Table | None:
    """Return the table of a query that a column is of."""
    tables = [item for item in from_items(query) if isinstance(item, exp.Table)]
    if not column.table:
        return tables[0] if len(tables) == 1 else None
    owners = (table for table in tables if table.alias_or_name.casefold() == column.table.casefold())
    return next(owners, None)
