"""Projections that stand for several columns: stars, and DuckDB's COLUMNS."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from sqlglot import exp

from lineage.sql.relations import Flow, Output, Rest, united
from lineage.sql.results import Subtype
from lineage.sql.scopes import Evaluator, Scope
from lineage.sql.tree import Node, argument, column_parts

Columns = Iterator[Output | Rest]


def is_star(node: Node) -> bool:
    """Whether a projection is `*`, `t.*`, or `expression.*`."""
    return isinstance(node, exp.Star) or (isinstance(node, exp.Column | exp.Dot) and node.is_star)


def star(node: Node, scope: Scope, evaluator: Evaluator) -> Columns:
    """Yield the columns of a star, with EXCEPT, REPLACE and RENAME applied."""
    modified = next(node.find_all(exp.Star))
    without = frozenset(name.casefold() for name in _names_in(argument(modified, "except")))
    renamed = {item.this.name.casefold(): item.alias for item in modified.args.get("rename") or ()}
    replaced = {item.alias.casefold(): item for item in modified.args.get("replace") or ()}
    for column in _starred(node, scope, evaluator):
        if isinstance(column, Rest):
            yield replace(column, without=column.without.union(without, renamed, replaced))
            if column.tables:  # a renamed column may be one of the unknown ones
                for name, alias in renamed.items():
                    yield Output(alias, column.column(name) or Flow())
        elif (name := column.name.casefold()) in replaced:
            yield Output(column.name, evaluator.flow(replaced.pop(name), scope))
        elif name not in without:
            yield replace(column, name=renamed.get(name, column.name))
    # What replaces a column that is not known is known itself.
    for item in replaced.values():
        yield Output(item.alias, evaluator.flow(item, scope))


def all_columns(scope: Scope) -> Columns:
    """Yield the columns of all the sources; those of USING once."""
    seen: set[str] = set()
    for source in scope.sources:
        for column in source.relation.columns:
            if isinstance(column, Rest):
                yield replace(column, without=column.without.union(seen)) if seen else column
            elif (name := column.name.casefold()) not in scope.merged:
                yield column
            elif name not in seen:
                seen.add(name)
                yield replace(column, flow=scope.resolve([column.name]))


def each_column(node: Node, scope: Scope, evaluator: Evaluator) -> Columns:
    """Yield what an expression over COLUMNS(...) makes: it stands once for each column that is meant."""
    chosen = node.find(exp.Columns)
    if chosen is None:
        return
    inside = node is not chosen
    use: Subtype = "TRANSFORMATION" if inside else "IDENTITY"
    if inside and node.find(exp.AggFunc) is not None:
        use = "AGGREGATION"
    meant = chosen.this
    columns = star(meant, scope, evaluator) if is_star(meant) else all_columns(scope)
    pattern = _pattern(meant)
    for column in columns:
        flow = united([column.flow if isinstance(column, Output) else column.star()], use)
        if isinstance(column, Rest):
            yield Rest(flow=flow) if inside else column
        elif pattern is None or pattern.search(column.name):
            yield Output(column.name, flow)


def _pattern(meant: Node) -> re.Pattern[str] | None:
    if not (isinstance(meant, exp.Literal) and meant.is_string):
        return None
    try:
        return re.compile(meant.name)
    except re.error:
        return None


def _starred(node: Node, scope: Scope, evaluator: Evaluator) -> Sequence[Output | Rest]:
    if isinstance(node, exp.Star):
        return list(all_columns(scope))
    if isinstance(node, exp.Dot):  # the fields of a value: ARRAY_AGG(t)[0].*
        return _fields(evaluator.flow(node.this, scope))
    qualifier = column_parts(node)[:-1] if isinstance(node, exp.Column) else []
    source = scope.source(qualifier)
    if source is not None:
        return source.relation.columns
    flow = scope.resolve(qualifier)  # the fields of a column
    if flow.doubts and not flow.direct:
        flow = Flow.doubtful(f"{'.'.join(qualifier)}, the owner of a star, is not known")
    return _fields(flow)


def _fields(flow: Flow) -> Sequence[Output | Rest]:
    if flow.fields:
        return [Output(name, field) for name, field in flow.fields.items()]
    return [Rest(flow=united([flow], "TRANSFORMATION"))]


def _names_in(nodes: object) -> list[str]:
    return [node.name for node in nodes if isinstance(node, Node)] if isinstance(nodes, list) else []
