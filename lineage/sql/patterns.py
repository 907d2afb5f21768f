"""MATCH_RECOGNIZE: rows that match a pattern."""

from __future__ import annotations

from sqlglot import exp

from lineage.sql.relations import Flow, Output, Relation, Rest
from lineage.sql.scopes import Evaluator, Scope, Source
from lineage.sql.tree import Node


def recognized(match: Node, source: Source, evaluator: Evaluator) -> Source:
    """Return the matches in a source: their keys, or all columns where all rows stay, and the measures.

    A variable of the pattern stands for rows of the source: `FIRST(down.price)`.
    """
    variables = {column.table for column in match.find_all(exp.Column) if column.table}
    named = [Source(name, source.relation, source.parts) for name in variables]
    scope = Scope(Scope(sources=named), sources=[source])
    rows = Flow()
    rows.add_rows(source.relation.rows)
    order = match.args.get("order")
    keys = match.args.get("partition_by") or []
    for key in (*keys, *(order.expressions if order is not None else ())):
        rows.add(evaluator.flow(key, scope, "WINDOW"), "WINDOW")
    for definition in match.args.get("define") or ():
        rows.add(evaluator.flow(definition.this, scope, "FILTER"), "FILTER")
    columns: list[Output | Rest] = []
    if "ALL ROWS" in str(match.args.get("rows") or "").upper():
        columns += source.relation.columns
    else:
        columns += [Output(key.name, evaluator.flow(key, scope)) for key in keys]
    for measure in match.args.get("measures") or ():
        columns.append(Output(measure.this.alias_or_name, evaluator.flow(measure.this, scope)))
    return Source(match.alias or source.alias, Relation(columns, rows))
