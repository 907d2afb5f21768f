"""The rows an INSERT, UPDATE, DELETE or MERGE gives back: RETURNING, and T-SQL's OUTPUT ... INTO."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from lineage.sql.names import table_of, tables_of
from lineage.sql.plans import Written
from lineage.sql.queries import Queries
from lineage.sql.relations import Flow, Relation
from lineage.sql.results import Table
from lineage.sql.scopes import Scope, Source
from lineage.sql.sources import table_relation
from lineage.sql.tree import Node


def output_table(node: Node) -> Table | None:
    """Return the table that OUTPUT puts the changed rows into, or None."""
    returning = node.args.get("returning")
    into = returning.args.get("into") if isinstance(returning, exp.Returning) else None
    if isinstance(into, exp.Identifier | exp.Parameter):
        return next(iter(tables_of(exp.Table(this=into.copy()))), None)
    return table_of(into) if isinstance(into, Node) else None


def put_out(
    node: Node, target: Table | None, around: Scope, rows: Flow, queries: Queries
) -> Iterator[Written]:
    """Yield what OUTPUT ... INTO writes: the rows of the target as `inserted` and as `deleted`."""
    table = output_table(node)
    if table is None or target is None:
        return
    changed = table_relation([target], queries.catalog)
    scope = Scope(around, sources=[Source(name, changed, target.parts) for name in ("inserted", "deleted")])
    columns = queries.projections(node.args["returning"].expressions, scope)
    yield Written(table, Relation(columns).columns, rows)
