"""PIVOT and UNPIVOT, after a source and as DuckDB's statement of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sqlglot import exp

from lineage.sql.identifiers import key
from lineage.sql.relations import Flow, Output, Relation, Rest, united
from lineage.sql.scopes import Evaluator, Scope, Source
from lineage.sql.tree import Node, alias_columns, argument

Columns = list[Output | Rest]


def pivoted(node: Node, source: Source, evaluator: Evaluator) -> Source:
    """Return a source with the PIVOT and UNPIVOT clauses of its FROM item applied."""
    for pivot in node.args.get("pivots") or ():
        relation = applied(pivot, source, evaluator).named(alias_columns(pivot))
        source = Source(pivot.alias or source.alias, relation, source.parts)
    return source


def applied(pivot: exp.Pivot, source: Source, evaluator: Evaluator) -> Relation:
    """Return what one PIVOT or UNPIVOT makes of a source."""
    scope = Scope(sources=[source])
    make = _unpivot if pivot.args.get("unpivot") else _pivot
    made, used = make(pivot, scope, evaluator)
    rows, group = Flow(), pivot.args.get("group")
    rows.add_rows(source.relation.rows)
    for node in group.expressions if group is not None else ():
        rows.add(evaluator.flow(node, scope), "GROUP_BY")
    return Relation([*_kept(pivot, source.relation, used), *made], rows)


def _kept(pivot: exp.Pivot, relation: Relation, used: frozenset[str]) -> Iterator[Output | Rest]:
    """Yield the columns that stay: those grouped by where that is said, else all that are not used up."""
    group = pivot.args.get("group")
    if group is not None:
        for node in group.expressions:
            flow = relation.known(node.name) or relation.possible(node.name)
            yield Output(node.name, flow or Flow())
        return
    for column in relation.columns:
        if isinstance(column, Rest):
            yield replace(column, without=column.without | used)
        elif column.name.casefold() not in used:
            yield column


def _pivot(pivot: exp.Pivot, scope: Scope, evaluator: Evaluator) -> tuple[Columns, frozenset[str]]:
    """Return the columns a PIVOT makes and the names of those it uses up.

    The parser names a column for each value and, within it, each aggregate; values that only the data knows
    (ANY, a subquery, no list) make columns that nobody can name.
    """
    using = pivot.args.get("using") or []
    fields = list(pivot.expressions) if using else list(_fields(pivot))
    aggregates = using or pivot.expressions
    keys = [field.this if isinstance(field, exp.In) else field for field in fields]
    decided = united(evaluator.flow(item, scope) for item in keys)
    flows = []
    for aggregate in aggregates:
        flow = Flow(aggregate.unalias())
        flow.add(evaluator.flow(aggregate, scope), "AGGREGATION")
        flow.add(decided, "CONDITIONAL")
        flows.append(flow)
    used = _used(*aggregates, *keys)
    if not flows or not all(_is_listed(field) for field in fields):
        return [Rest(flow=united(flows))], used
    names = _column_names(fields, aggregates) if using else pivot.args.get("columns") or []
    return [Output(str(name), flows[i % len(flows)]) for i, name in enumerate(map(_text, names))], used


def _text(name: Node | str) -> str:
    return name if isinstance(name, str) else name.name


def _column_names(fields: Sequence[Node], aggregates: Sequence[Node]) -> list[str]:
    """Return the names DuckDB gives: the values joined by "_", then the aggregate's where it has one."""
    values = [""]
    for field in fields:
        listed = [item.alias_or_name for item in field.expressions]
        values = [f"{value}_{item}".lstrip("_") for value in values for item in listed]
    if len(aggregates) == 1 and not aggregates[0].alias:
        return values
    return [f"{value}_{item.alias or item.sql('duckdb').lower()}" for value in values for item in aggregates]


def _is_listed(field: Node) -> bool:
    return (
        isinstance(field, exp.In)
        and bool(field.expressions)
        and not any(isinstance(item, exp.Query | exp.PivotAny) for item in field.expressions)
    )


def _unpivot(pivot: exp.Pivot, scope: Scope, evaluator: Evaluator) -> tuple[Columns, frozenset[str]]:
    """Return the columns an UNPIVOT makes and the names of those it uses up."""
    into = pivot.args.get("into")
    if into is not None:
        named, values, items = [into.this], into.expressions, pivot.expressions
    else:
        fields = list(_fields(pivot))
        named, items = [field.this for field in fields], [i for field in fields for i in field.expressions]
        values = [value for node in pivot.expressions for value in node.expressions or [node]]
    flows = [Flow() for _ in values]
    used: set[str] = set()
    for item in items:
        columns = list(_unpivoted(item, scope))
        used.update(name.casefold() for name, _ in columns)
        for position, (_, flow) in enumerate(columns):
            # (a, b) gives a value to each column; a star or a list in its place gives all to one.
            flows[position % len(flows)].add(flow, "TRANSFORMATION")
    made: Columns = [Output(name.name, Flow()) for name in named]
    made += [Output(value.name, flow) for value, flow in zip(values, flows, strict=True)]
    return made, frozenset(used)


def _unpivoted(item: Node, scope: Scope) -> Iterator[tuple[str, Flow]]:
    """Yield the columns that an item of an UNPIVOT's list names."""
    star = item.find(exp.Star)
    if star is None:
        for column in item.find_all(exp.Column, bfs=False):
            yield column.name, scope.resolve([column.name])
        return
    excepted = argument(star, "except")
    without = {key(node.name) for node in excepted} if isinstance(excepted, list) else set()
    for each in scope.sources[0].relation.columns:
        if isinstance(each, Rest):
            yield "*", each.star()
        elif key(each.name) not in without:
            yield each.name, each.flow


def _fields(pivot: exp.Pivot) -> Iterator[exp.In]:
    return (field for field in pivot.args.get("fields") or () if isinstance(field, exp.In))


def _used(*nodes: Node) -> frozenset[str]:
    return frozenset(column.name.casefold() for node in nodes for column in node.find_all(exp.Column))
