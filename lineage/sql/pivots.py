"""PIVOT and UNPIVOT of a source."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from sqlglot import exp

from lineage.sql.relations import Flow, Output, Relation, Rest, united
from lineage.sql.scopes import Scope, Source
from lineage.sql.tree import Node, alias_columns

FlowOf = Callable[[Node, Scope], Flow]


def pivoted(node: Node, source: Source, flow_of: FlowOf) -> Source:
    """Return a source with the PIVOT and UNPIVOT clauses of its FROM item applied."""
    for pivot in node.args.get("pivots") or ():
        scope = Scope(sources=[source])
        made, used = (_unpivot if pivot.args.get("unpivot") else _pivot)(pivot, scope, flow_of)
        kept = [
            replace(column, without=column.without | used) if isinstance(column, Rest) else column
            for column in source.relation.columns
            if isinstance(column, Rest) or column.name.casefold() not in used
        ]
        relation = Relation([*kept, *made], source.relation.rows).named(alias_columns(pivot))
        source = Source(pivot.alias or source.alias, relation, source.parts)
    return source


def _pivot(pivot: exp.Pivot, scope: Scope, flow_of: FlowOf) -> tuple[list[Output], frozenset[str]]:
    """Return the columns a PIVOT makes and the names of those it uses up."""
    keys = [field.this for field in _fields(pivot)]
    flow = united((flow_of(node, scope) for node in pivot.expressions), "AGGREGATION")
    for key in keys:
        flow.add(flow_of(key, scope), "CONDITIONAL")
    return [Output(name.name, flow) for name in pivot.args.get("columns") or ()], _used(
        *pivot.expressions, *keys
    )


def _unpivot(pivot: exp.Pivot, scope: Scope, flow_of: FlowOf) -> tuple[list[Output], frozenset[str]]:
    """Return the columns an UNPIVOT makes and the names of those it uses up."""
    columns = [
        column
        for field in _fields(pivot)
        for node in field.expressions
        for column in node.find_all(exp.Column)
    ]
    flow = united((flow_of(column, scope) for column in columns), "TRANSFORMATION")
    made = [Output(field.this.name, Flow()) for field in _fields(pivot)]
    made += [Output(name.name, flow) for node in pivot.expressions for name in node.expressions or [node]]
    return made, _used(*columns)


def _fields(pivot: exp.Pivot) -> Iterator[exp.In]:
    return (field for field in pivot.args.get("fields") or () if isinstance(field, exp.In))


def _used(*nodes: Node) -> frozenset[str]:
    return frozenset(column.name.casefold() for node in nodes for column in node.find_all(exp.Column))
