"""The targets of statements: their columns, and what a query writes to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from sqlglot import exp

from lineage.sql.plans import Written
from lineage.sql.queries import Queries
from lineage.sql.results import Table
from lineage.sql.scopes import Scope
from lineage.sql.tree import READABLE, Node


def writer(
    node: Node, query: object, target: Table | None, names: Callable[[Queries], Sequence[str]]
) -> Callable[[Queries], Iterable[Written]]:
    """Return the work that finds the columns a query writes to a target under the names it has there."""

    def columns(queries: Queries) -> Iterator[Written]:
        if target is None or not isinstance(query, READABLE):
            return
        if isinstance(query, exp.Values) and query.find(exp.Column, exp.Select) is None:
            return  # constants come from nowhere
        relation = queries.relation(query, queries.with_ctes(node, Scope()))
        wanted = names(queries)
        miscounted = bool(wanted) and not relation.rests and len(wanted) != len(relation.columns)
        counts = f"{len(relation.columns)} columns are written to {len(wanted)} of {target}"
        doubt = counts if miscounted else None
        yield Written(target, relation.renamed(wanted), relation.rows, doubt)

    return columns


def column_names(target: Node) -> list[str]:
    """Return the columns listed after a target: `t (a, b)`."""
    if not isinstance(target, exp.Schema):
        return []
    return [c.name for c in target.expressions if isinstance(c, exp.Identifier | exp.Column | exp.ColumnDef)]


def table_node(target: Node) -> Node:
    """Return a target without the columns listed after it."""
    return target.this if isinstance(target, exp.Schema) else target
