"""What stands in a FROM clause: tables, files, queries, functions, joined and pivoted."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from lineage.sql.catalog import Catalog
from lineage.sql.identifiers import key
from lineage.sql.names import tables_of
from lineage.sql.pivots import pivoted
from lineage.sql.reads import ARRAYS_IN_FROM, explicit_aliases, is_array, is_cte
from lineage.sql.relations import Flow, Output, Relation, Rest, united
from lineage.sql.results import Table
from lineage.sql.scopes import Evaluator, Scope, Source
from lineage.sql.tree import Node, alias_columns


def add_source(node: Node, scope: Scope, rows: Flow, evaluator: Evaluator) -> None:
    """Add what a FROM item offers and what is joined to it to `scope`, what decides about rows to `rows`."""
    if _is_bracket(node):
        add_source(node.this, scope, rows, evaluator)
    else:
        source = _source(node, scope, evaluator)
        scope.sources.append(source)
        rows.add_rows(source.relation.rows)
    add_joined(node, scope, rows, evaluator)


def add_joined(node: Node, scope: Scope, rows: Flow, evaluator: Evaluator) -> None:
    """Add the joins and lateral views that hang on a query, a table or a pair of brackets."""
    for join in node.args.get("joins") or ():
        _add_join(join, scope, rows, evaluator)
    for lateral in node.args.get("laterals") or ():
        add_source(lateral, scope, rows, evaluator)


def table_relation(tables: Sequence[Table], catalog: Catalog) -> Relation:
    """Return the columns of a table, or of files read as one, as far as they are known."""
    known = catalog.columns(tables[0]) if len(tables) == 1 else None
    if known is None:
        return Relation([Rest(tuple(table.name for table in tables))])
    return Relation([Output(name, Flow.of(tables[0].name, name)) for name in known])


def _is_bracket(node: Node) -> bool:
    """Whether a node only brackets joins: `FROM (a JOIN b ON ...)`."""
    inner = node.this
    return (
        isinstance(node, exp.Subquery)
        and not node.alias
        and (isinstance(inner, exp.Table) or _is_bracket(inner))
    )


def _add_join(join: exp.Join, scope: Scope, rows: Flow, evaluator: Evaluator) -> None:
    before = list(scope.sources)
    add_source(join.this, scope, rows, evaluator)
    added = scope.sources[len(before) :]
    for condition in (join.args.get("on"), join.args.get("match_condition")):
        if condition is not None:
            rows.add(evaluator.flow(condition, scope, "JOIN"), "JOIN")
    names = [identifier.name for identifier in join.args.get("using") or ()]
    if join.method == "NATURAL":
        names += _shared_names(before, added)
    for name in names:
        # The column that USING leaves is that of both sides; several USING of one name go on with it.
        merged, sides = scope.merged.setdefault(name.casefold(), []), added[:1]
        if not merged:
            sides = [*[source for source in before if source.relation.has(name)][:1], *sides]
        merged += sides
        for source in sides:
            rows.add(source.column(name) or Flow(), "JOIN")
    if join.kind in ("SEMI", "ANTI"):  # they only decide which rows are kept
        scope.sources = before


def _source(node: Node, scope: Scope, evaluator: Evaluator) -> Source:
    names = alias_columns(node)
    if isinstance(node, exp.Final) or type(node).__name__ == "Stream":
        return _source(node.this, scope, evaluator)
    if isinstance(node, exp.Pivot) and isinstance(node.this, exp.AtIndex | exp.Alias):
        node = node.this  # Redshift's UNPIVOT of an object in FROM
    if isinstance(node, exp.Table):
        return _table(node, scope, names, evaluator)
    if isinstance(node, exp.Subquery):
        # Joins inside the brackets are the query's own: evaluated with it.
        relation = evaluator.relation(node.this, evaluator.with_ctes(node, Scope(scope.parent, scope.ctes)))
    elif isinstance(node, exp.Lateral) and isinstance(node.this, exp.Subquery):
        relation = evaluator.relation(node.this, Scope(scope, scope.ctes))
    elif isinstance(node, exp.Values | exp.Query | exp.Pivot):
        relation = evaluator.relation(node, Scope(scope.parent, scope.ctes))
    else:
        return _unnested(node, scope, names, evaluator)
    return pivoted(node, Source(node.alias_or_name, relation.named(names)), evaluator)


def _table(node: exp.Table, scope: Scope, names: Sequence[str], evaluator: Evaluator) -> Source:
    if is_cte(node, scope.ctes):
        relation = scope.ctes[key(node.name)]
        return pivoted(node, Source(node.alias_or_name, relation.named(names)), evaluator)
    if _is_array_column(node, scope, evaluator.dialect):
        flow = united([scope.resolve([part.name for part in node.parts])], "TRANSFORMATION")
        return _function(node.alias, names, flow)
    tables = tables_of(node)
    if not tables:
        return _call(node, scope, names, evaluator)
    relation = table_relation(tables, evaluator.catalog).named(names)
    return pivoted(node, Source(node.alias_or_name, relation, tables[0].parts), evaluator)


def _call(node: exp.Table, scope: Scope, names: Sequence[str], evaluator: Evaluator) -> Source:
    """Return a table function as a source: it may add columns to those of a table or query it is given."""
    call = node.this
    given = [value for value in call.args.values() if isinstance(value, exp.Table | exp.Query)]
    if not isinstance(call, exp.Func) or isinstance(call, exp.Anonymous) or not given:
        flow = evaluator.flow(call, scope, "TRANSFORMATION")
        return _function(node.alias or call.name, names, flow)
    relation = evaluator.relation(given[-1], Scope(scope.parent, scope.ctes))
    columns = list(relation.columns)
    if not relation.rests:
        columns.append(Rest(flow=Source("", relation).row()))
    return Source(node.alias, Relation(columns, relation.rows).named(names))


def _is_array_column(node: exp.Table, scope: Scope, dialect: str | None) -> bool:
    if dialect not in ARRAYS_IN_FROM or len(node.parts) == 1:
        return False
    select = node.find_ancestor(exp.Select)
    if select is None:
        return False
    return is_array(node, {source.alias.casefold() for source in scope.sources} & explicit_aliases(select))


def _unnested(node: Node, scope: Scope, names: Sequence[str], evaluator: Evaluator) -> Source:
    """Return an array or a function's rows as a source, with the column that numbers them."""
    position = node.args.get("offset")
    if isinstance(node, exp.AtIndex):  # FROM orders AS o, o.items AS item AT place
        position, node = node.expression, node.this
    call = node.this if isinstance(node, exp.Lateral | exp.Alias) else node
    flow = evaluator.flow(call, scope, "TRANSFORMATION")
    source = _function(node.alias_or_name, names, flow)
    if not isinstance(position, exp.Identifier):
        return source
    relation = Relation([*source.relation.columns, Output(position.name, flow)])
    return Source(source.alias, relation, loose=source.loose)


def _function(alias: str, names: Sequence[str], flow: Flow) -> Source:
    """Return a table function or array as a source: each of its columns comes from its arguments."""
    if names:
        return Source(alias, Relation([Output(name, flow) for name in names]))
    return Source(alias, Relation([Output(alias, flow), Rest(flow=flow)]), loose=True)


def _shared_names(left: Sequence[Source], right: Sequence[Source]) -> list[str]:
    """Return the columns known on both sides of a NATURAL JOIN."""
    names = [c.name for source in left for c in source.relation.columns if isinstance(c, Output)]
    return [name for name in names if any(source.relation.known(name) is not None for source in right)]
