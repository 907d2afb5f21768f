"""Queries to relations: each query and common table expression is evaluated once, from the inside out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile

from sqlglot import exp

from lineage.sql.catalog import Catalog
from lineage.sql.expressions import flow_of, output_name, values_without_brackets
from lineage.sql.identifiers import key
from lineage.sql.patterns import recognized
from lineage.sql.pivots import applied
from lineage.sql.reads import reads_itself
from lineage.sql.relations import Flow, Output, Relation, Rest, united
from lineage.sql.results import Subtype
from lineage.sql.scopes import Scope
from lineage.sql.sources import add_joined, add_source
from lineage.sql.stars import all_columns, each_column, is_star, star
from lineage.sql.tree import Node, alias_columns, argument, ctes_of, from_items

# Dialects in which a projection may use the alias of an earlier one.
_LATERAL_ALIASES = frozenset(
    {"snowflake", "redshift", "databricks", "spark", "duckdb", "clickhouse", "teradata"}
)

# How the columns of VALUES are called where nobody names them.
_VALUES_COLUMNS = dict.fromkeys(("snowflake", "postgres", "redshift", "sqlite"), "column{}")

# What CONNECT BY adds to a query.
_HIERARCHY = frozenset({"level", "connect_by_isleaf", "connect_by_iscycle"})


class Queries:
    """Evaluates the queries of one statement."""

    def __init__(
        self, catalog: Catalog, dialect: str | None, variables: frozenset[str] = frozenset()
    ) -> None:
        self.catalog = catalog
        self.dialect = dialect
        self.no_columns = values_without_brackets(dialect) | variables

    def relation(self, node: Node, around: Scope) -> Relation:
        """Return the columns of any query; names not its own are looked up in `around`."""
        if isinstance(node, exp.Subquery):
            return self._parenthesised(node, around)
        if isinstance(node, exp.Select):
            return self._select(node, around)
        if isinstance(node, exp.SetOperation):
            return self._set_operation(node, around)
        if isinstance(node, exp.Table):
            scope, rows = Scope(around, around.ctes), Flow()
            add_source(node, scope, rows, self)
            return Relation(list(all_columns(scope)), rows)
        if isinstance(node, exp.Values):
            return self._values(node, around)
        if isinstance(node, exp.DML):
            return self._returning(node, around)
        if isinstance(node, exp.Pivot):
            scope = self.with_ctes(node, around)
            add_source(node.this, scope, Flow(), self)
            return applied(node, scope.sources[0], self)
        return Relation([Rest(flow=self.flow(node, around, "TRANSFORMATION"))])

    def flow(self, node: Node, scope: Scope, use: Subtype = "IDENTITY") -> Flow:
        """Return the flow of an expression."""
        return flow_of(node, scope, self, use)

    def with_ctes(self, node: Node, around: Scope) -> Scope:
        """Return a scope without sources that sees the common table expressions of a statement or query."""
        scope = Scope(around, around.ctes)
        if isinstance(node, exp.DML) and isinstance(node.parent, exp.CTE):
            scope.ctes = {**self._ctes_before(node.parent), **around.ctes}
        self._add_ctes(ctes_of(node), scope, around)
        return scope

    def _ctes_before(self, cte: exp.CTE) -> Mapping[str, Relation]:
        """Return what a statement inside a WITH clause sees of it."""
        scope = Scope()
        listed: list[exp.CTE] = cte.parent.expressions if isinstance(cte.parent, exp.With) else []
        self._add_ctes(takewhile(lambda each: each is not cte, listed), scope, scope)
        return scope.ctes

    def _add_ctes(self, ctes: Iterable[exp.CTE], scope: Scope, around: Scope) -> None:
        for cte in ctes:
            if cte.args.get("scalar"):  # ClickHouse's WITH value AS name
                continue
            name, names = key(cte.alias), alias_columns(cte)
            inner = Scope(around, scope.ctes)
            if reads_itself(cte, self.dialect):
                # What the recursive arm reads from itself has the first arm's sources.
                first = self.relation(next(iter(_arms(cte.this))), inner).named(names)
                inner.ctes = {**scope.ctes, name: first}
            scope.ctes = {**scope.ctes, name: self.relation(cte.this, inner).named(names)}

    def _values(self, node: exp.Values, around: Scope) -> Relation:
        """Return the columns of VALUES: each made of what stands in its place in all the rows."""
        rows = [row.expressions if isinstance(row, exp.Tuple) else [row] for row in node.expressions]
        names, unnamed = alias_columns(node), _VALUES_COLUMNS.get(self.dialect or "", "col{}")
        columns: list[Output | Rest] = []
        for position in range(max(map(len, rows), default=0)):
            cells = (self.flow(row[position], around) for row in rows if position < len(row))
            name = names[position] if position < len(names) else unnamed.format(position + 1)
            columns.append(Output(name, united(cells)))
        return Relation(columns)

    def _returning(self, node: exp.DML, around: Scope) -> Relation:
        """Return the columns of the RETURNING of an INSERT, UPDATE or DELETE inside a query."""
        returning = node.args.get("returning")
        target = node.this.this if isinstance(node.this, exp.Schema) else node.this
        if returning is None or not isinstance(target, exp.Table):
            return Relation([])
        scope, rows = self.with_ctes(node, around), Flow()
        for item in (target, *from_items(node)):
            add_source(item, scope, rows, self)
        where, query = node.args.get("where"), node.args.get("expression")
        if isinstance(where, exp.Where):  # some parsers say only whether there is one
            rows.add(self.flow(where.this, scope, "FILTER"), "FILTER")
        if isinstance(query, exp.Query):
            rows.add_rows(self.relation(query, self.with_ctes(node, around)).rows)
        return Relation(self.projections(returning.expressions, scope), rows)

    def _parenthesised(self, node: exp.Subquery, around: Scope) -> Relation:
        scope = self.with_ctes(node, around)
        if any(node.args.get(key) for key in ("joins", "alias", "pivots")) or isinstance(
            node.this, exp.Table
        ):
            sources = Scope(around, scope.ctes)
            rows = Flow()
            add_source(node, sources, rows, self)
            return Relation(list(all_columns(sources)), rows)
        return self.relation(node.this, scope)

    def _select(self, node: exp.Select, around: Scope) -> Relation:
        scope, rows = self._from(node, around)
        columns = self.projections(node.expressions, scope)
        if node.args.get("kind") == "VALUE" and len(columns) == 1:
            columns = _unpacked(columns[0])
        for clause in (node.args.get("prewhere"), node.args.get("where")):
            if isinstance(clause, Node):
                rows.add(self.flow(clause.this, scope, "FILTER"), "FILTER")
        scope.aliases_visible = True
        if _groups_by_all(node):
            keys = (column.flow for column in columns if isinstance(column, Output))
            rows.add(united(key for key in keys if not key.aggregates), "GROUP_BY")
        for item, use in _row_clauses(node):
            scope.aliases_first = scope.aliases_first or use == "SORT"
            flow = _by_ordinal(item, columns) or self.flow(item, scope, use)
            rows.add(flow, use)
        return Relation(columns, rows)

    def _from(self, node: exp.Select, around: Scope) -> tuple[Scope, Flow]:
        """Return what the projections of a SELECT see, and what decides about the rows of FROM."""
        scope, rows = self.with_ctes(node, around), Flow()
        from_ = argument(node, "from")
        if isinstance(from_, exp.From):
            add_source(from_.this, scope, rows, self)
        match = node.args.get("match")
        if match is not None and scope.sources:
            scope.sources[-1] = recognized(match, scope.sources[-1], self)
            rows.add_rows(scope.sources[-1].relation.rows)
        add_joined(node, scope, rows, self)
        for cte in ctes_of(node):
            if cte.args.get("scalar"):
                scope.aliases[key(cte.alias)] = self.flow(cte.this, scope)
        if node.args.get("connect") is not None:
            scope.no_columns = _HIERARCHY
        scope.aliases_visible = self.dialect in _LATERAL_ALIASES
        scope.aliases_first = self.dialect == "clickhouse"
        return scope, rows

    def projections(self, nodes: Sequence[Node], scope: Scope) -> list[Output | Rest]:
        """Return the columns that a list of projections makes of a scope."""
        columns: list[Output | Rest] = []
        for node in nodes:
            if is_star(node):
                columns += star(node, scope, self)
                continue
            if self.dialect == "duckdb" and node.find(exp.Columns) is not None:
                columns += each_column(node, scope, self)
                continue
            flow = self.flow(node.this if isinstance(node, exp.Aliases) else node, scope)
            if isinstance(node, exp.Aliases):
                columns += [Output(name.name, flow) for name in node.expressions]
                continue
            name = output_name(node, self.dialect)
            columns.append(Output(name, flow))
            if isinstance(node, exp.Alias) and not scope.has_read(name):
                scope.aliases[key(name)] = flow
        return columns

    def _set_operation(self, node: exp.SetOperation, around: Scope) -> Relation:
        scope = self.with_ctes(node, around)
        rows = Flow()
        arms = [self.relation(arm, scope) for arm in _arms(node)]
        for arm in arms:
            rows.add_rows(arm.rows)
        if isinstance(node, exp.Except):
            # What is taken away gives no value.
            for taken in arms[1:]:
                for column in taken.columns:
                    rows.add(column.flow if isinstance(column, Output) else column.star(), "FILTER")
            return Relation(arms[0].columns, rows)
        return Relation(_by_name(arms) if node.args.get("by_name") else _by_position(arms), rows)


def _arms(node: Node) -> Iterator[Node]:
    """Yield the arms of a set operation, first to last: thousands of the same kind nest to the left."""
    kind, by_name = type(node), node.args.get("by_name")
    right: list[Node] = [node.expression]
    node = node.this
    while type(node) is kind and node.args.get("by_name") == by_name and not ctes_of(node):
        right.append(node.expression)
        node = node.this
    yield node
    yield from reversed(right)


def _by_position(arms: Sequence[Relation]) -> Sequence[Output | Rest]:
    """Return the columns of a UNION: names from the first arm, sources from each."""
    shapes = {tuple(isinstance(column, Rest) for column in arm.columns) for arm in arms}
    if len(shapes) > 1:
        return _by_name(arms)
    merged: list[Output | Rest] = []
    for columns in zip(*(arm.columns for arm in arms), strict=True):
        outputs = [column for column in columns if isinstance(column, Output)]
        rests = [column for column in columns if isinstance(column, Rest)]
        if outputs:
            first = outputs[0]
            merged.append(replace(first, flow=united(column.flow for column in outputs)))
        elif any(rest.flow is not None for rest in rests):
            merged.append(Rest(flow=united(rest.star() for rest in rests)))
        else:
            tables = dict.fromkeys(table for rest in rests for table in rest.tables)
            merged.append(
                Rest(tuple(tables), without=frozenset.intersection(*(rest.without for rest in rests)))
            )
    return merged


def _by_name(arms: Sequence[Relation]) -> Sequence[Output | Rest]:
    """Return the columns of a UNION BY NAME, or of one whose arms cannot be laid side by side."""
    merged: dict[str, Output] = {}
    for arm in arms:
        for column in arm.columns:
            if isinstance(column, Output):
                before = merged.get(column.name.casefold(), replace(column, flow=Flow()))
                merged[column.name.casefold()] = replace(before, flow=united([before.flow, column.flow]))
    return [*merged.values(), *(rest for arm in arms for rest in arm.rests)]


def _unpacked(column: Output | Rest) -> list[Output | Rest]:
    """Return the columns of `SELECT AS VALUE STRUCT(...)`: the fields of its one value."""
    if isinstance(column, Rest) or not column.flow.fields:
        return [column]
    return [Output(name, flow) for name, flow in column.flow.fields.items()]


def _row_clauses(node: exp.Select) -> Iterator[tuple[Node, Subtype]]:
    """Yield the expressions after WHERE that decide about rows."""
    group = node.args.get("group")
    if group is not None:
        for item in group.iter_expressions():
            yield item, "GROUP_BY"
    for clause in ("having", "qualify", "connect"):
        if node.args.get(clause) is not None:
            yield node.args[clause], "FILTER"
    distinct = node.args.get("distinct")
    on = distinct.args.get("on") if isinstance(distinct, exp.Distinct) else None
    if on is not None:
        for item in on.expressions or [on]:
            yield item, "GROUP_BY"
    order = node.args.get("order")
    # The order of a whole result changes no value; it decides which rows are kept.
    if order is not None and (on is not None or any(node.args.get(key) for key in ("limit", "offset"))):
        for item in order.expressions:
            yield item.this if isinstance(item, exp.Ordered) else item, "SORT"


def _groups_by_all(node: exp.Select) -> bool:
    group = node.args.get("group")
    return group is not None and bool(group.args.get("all"))


def _by_ordinal(node: Node, columns: Sequence[Output | Rest]) -> Flow | None:
    """Return the flow of the projection that a number in GROUP BY or ORDER BY means."""
    if not (isinstance(node, exp.Literal) and not node.is_string and node.name.isdigit()):
        return None
    position = int(node.name) - 1
    if not 0 <= position < len(columns) or any(
        isinstance(column, Rest) for column in columns[: position + 1]
    ):
        return None
    column = columns[position]
    return column.flow if isinstance(column, Output) else None
