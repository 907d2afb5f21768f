"""UPDATE, DELETE and MERGE: statements that change rows of a table in place.

The table they change is an input only where it stands in a FROM clause or subquery; a value made of its own
old one (`SET n = n + 1`) is a column's edge to itself and no input.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from lineage.sql.changed import aliased, is_alias, name_as_in_from, own_tables
from lineage.sql.expressions import output_name
from lineage.sql.names import table_of
from lineage.sql.plans import Plan, Written
from lineage.sql.queries import Queries
from lineage.sql.reads import tables_read
from lineage.sql.relations import Flow, Output, Relation, Rest
from lineage.sql.results import Table
from lineage.sql.returning import output_table, put_out
from lineage.sql.scopes import Scope, Source
from lineage.sql.sources import add_source
from lineage.sql.splitting import UNPUNCTUATED
from lineage.sql.tree import Node, alias_columns, ctes_of, from_items


def update_plan(node: exp.Update, dialect: str | None) -> Plan:
    """Return the plan of an UPDATE, also with FROM, joins or an alias as its target."""
    if dialect in UNPUNCTUATED:
        name_as_in_from(node)
    tables = own_tables(node)
    changed = _changed(node, [node.this])
    targets = [table for each in changed if (table := table_of(each))]

    def columns(queries: Queries) -> Iterator[Written]:
        scope, rows = _scope(node, queries)
        by_table: dict[Table, list[Output | Rest]] = {}
        for assignment in node.expressions:
            for name, value in _assigned(assignment):
                owner = table_of(_owner(name, tables)) or (targets[0] if targets else None)
                if owner is not None:
                    output = Output(_column_set(name, tables), queries.flow(value, scope))
                    by_table.setdefault(owner, []).append(output)
        for table, outputs in by_table.items():
            yield Written(table, outputs, rows)
        yield from put_out(node, targets[0] if targets else None, scope, rows, queries)

    # Several tables that are changed at once are read for each other.
    but = _written_nodes(node, changed) if len(set(targets)) < 2 else set()
    return _with_output(node, Plan("UPDATE", tables_read(node, dialect, but=but), targets, columns))


def delete_plan(node: exp.Delete, dialect: str | None) -> Plan:
    """Return the plan of a DELETE, also with USING or joins; no column is written."""
    if dialect in UNPUNCTUATED:
        name_as_in_from(node)
    changed = _changed(node, node.args.get("tables") or [node.this])
    outputs = [table for each in changed if (table := table_of(each))]

    def columns(queries: Queries) -> Iterator[Written]:
        if output_table(node) is None:
            return
        scope, rows = _scope(node, queries)
        yield from put_out(node, outputs[0] if outputs else None, scope, rows, queries)

    inputs = tables_read(node, dialect, but=_written_nodes(node, changed))
    return _with_output(node, Plan("DELETE", inputs, outputs, columns))


def _with_output(node: Node, plan: Plan) -> Plan:
    """Add the table that OUTPUT ... INTO fills with rows of the one that is changed."""
    table = output_table(node)
    if table is not None:
        plan.inputs = list(dict.fromkeys([*plan.inputs, *plan.outputs[:1]]))
        plan.outputs = [*plan.outputs, table]
    return plan


def merge_plan(node: exp.Merge, dialect: str | None) -> Plan:
    """Return the plan of a MERGE: the columns of all its branches."""
    target = table_of(node.this)

    def columns(queries: Queries) -> Iterator[Written]:
        scope = queries.with_ctes(node, Scope())
        rows = Flow()
        add_source(node.args["using"], scope, rows, queries)
        source = Scope(scope.parent, scope.ctes, list(scope.sources))
        add_source(node.this, scope, Flow(), queries)
        if isinstance(node.args.get("on"), Node):
            rows.add(queries.flow(node.args["on"], scope, "JOIN"), "JOIN")
        for when in node.args["whens"].expressions:
            then = when.args.get("then")
            for condition in (when.args.get("condition"), _where(then)):
                if condition is not None:
                    rows.add(queries.flow(condition, scope, "FILTER"), "FILTER")
            if isinstance(then, exp.Update):
                yield Written(target, list(_merge_update(then, scope, source, queries)), rows)
            elif isinstance(then, exp.Insert):
                yield Written(target, list(_merge_insert(then, target, source, queries)), rows)

        yield from put_out(node, target, scope, rows, queries)

    inputs = tables_read(node, dialect, but={id(node.this)})
    return _with_output(node, Plan("MERGE", inputs, [target] if target else [], columns))


def _where(node: object) -> Node | None:
    """Return the condition of Oracle's UPDATE ... WHERE and INSERT ... WHERE in a MERGE's branch."""
    where = node.args.get("where") if isinstance(node, exp.Update | exp.Insert) else None
    return where.this if isinstance(where, exp.Where) else None


def upserted(node: exp.Insert, written: Written, queries: Queries) -> Iterator[Written]:
    """Yield what an INSERT's ON CONFLICT DO UPDATE or ON DUPLICATE KEY UPDATE sets in rows that are there."""
    conflict = node.args.get("conflict")
    table = node.this.this if isinstance(node.this, exp.Schema) else node.this
    if conflict is None or not conflict.expressions:
        return
    incoming = Scope(sources=_incoming_sources(node, written, queries))
    scope, rows = Scope(incoming), Flow()
    if alias_columns(table):  # older parsers take the list of columns for the alias'
        table = table.copy()
        table.args["alias"].set("columns", None)
    add_source(table, scope, rows, queries)
    rows.add_rows(written.rows)
    where = conflict.args.get("where")
    if isinstance(where, exp.Where):
        rows.add(queries.flow(where.this, scope, "FILTER"), "FILTER")
    pairs = [pair for item in conflict.expressions for pair in _assigned(item.transform(_incoming))]
    outputs = [Output(name.name, queries.flow(value, scope)) for name, value in pairs]
    yield Written(written.table, outputs, rows)


def _incoming_sources(node: exp.Insert, written: Written, queries: Queries) -> list[Source]:
    """Return what an upsert may take values from beside the row that is there.

    The row that comes in is called excluded, in MySQL also by an alias after VALUES; MySQL sees the tables
    of the query, too.
    """
    incoming, query = Relation(written.columns), node.args.get("expression")
    sources = [Source("excluded", incoming)]
    if isinstance(query, exp.Values) and query.alias:
        sources.append(Source(query.alias, incoming.named(alias_columns(query))))
    if isinstance(query, exp.Select) and node.args["conflict"].args.get("duplicate"):
        scope = queries.with_ctes(query, queries.with_ctes(node, Scope()))
        for item in from_items(query):
            add_source(item, scope, Flow(), queries)
        sources += scope.sources
    return sources


def _incoming(node: Node) -> Node:
    """Write MySQL's VALUES(a) as the standard's excluded.a."""
    if isinstance(node, exp.Anonymous) and node.name.upper() == "VALUES" and len(node.expressions) == 1:
        return exp.column(node.expressions[0].name, table="excluded")
    return node


def _merge_update(then: exp.Update, scope: Scope, source: Scope, queries: Queries) -> Iterator[Output | Rest]:
    if any(isinstance(item, exp.Star) for item in then.expressions):
        yield from source.sources[0].relation.columns
    for assignment in then.expressions:
        for name, value in _assigned(assignment):
            yield Output(name.name, queries.flow(value, scope))


def _merge_insert(
    then: exp.Insert, target: Table | None, source: Scope, queries: Queries
) -> Iterator[Output | Rest]:
    """Yield the columns of an INSERT branch: its values see the source alone."""
    values = then.args.get("expression")
    if not isinstance(values, exp.Tuple):  # INSERT *, INSERT ROW
        yield from source.sources[0].relation.columns
        return
    names = [name.name for name in then.this.expressions] if isinstance(then.this, exp.Tuple) else []
    names = names or list((queries.catalog.columns(target) if target else None) or ())
    outputs = [
        Output(output_name(value, queries.dialect), queries.flow(value, source))
        for value in values.expressions
    ]
    yield from Relation(outputs).renamed(names)


def _scope(node: exp.Update | exp.Delete, queries: Queries) -> tuple[Scope, Flow]:
    """Return the scope an UPDATE's values see and what decides about its rows."""
    scope, rows = queries.with_ctes(node, Scope()), Flow()
    sources = list(from_items(node))
    if not is_alias(node.this, own_tables(node)):
        add_source(node.this, scope, rows, queries)
    for item in sources:
        add_source(item, scope, rows, queries)
    where = node.args.get("where")
    if isinstance(where, exp.Where):
        rows.add(queries.flow(where.this, scope, "FILTER"), "FILTER")
    return scope, rows


def _assigned(node: Node) -> Iterator[tuple[Node, Node]]:
    """Yield the columns and values of `a = x` and `(a, b) = (x, y)`."""
    if not isinstance(node, exp.EQ):
        return
    value = node.expression
    if isinstance(node.this, exp.Column):
        yield node.this, value
    elif isinstance(node.this, exp.Tuple):
        values = _values(value.unnest())
        for position, name in enumerate(node.this.expressions):
            yield name, values[position] if position < len(values) else value


def _column_set(name: Node, tables: list[exp.Table]) -> str:
    """Return the column that is set, also where it is set by a field of it: `SET address.city = ...`."""
    parts = [part.name for part in name.parts] if isinstance(name, exp.Column) else [name.name]
    owned = len(parts) == 1 or _owner(name, tables) is not None
    return parts[-1] if owned or len(parts) > 2 else parts[0]


def _values(node: Node) -> list[Node]:
    """Return the values of a row, or of a query that makes one: a query of one column for each."""
    if isinstance(node, exp.Tuple) or (isinstance(node, exp.Anonymous) and node.name.upper() == "ROW"):
        return list(node.expressions)
    if not isinstance(node, exp.Select):
        return []
    if any(item.is_star for item in node.expressions):
        return []
    single = [node.copy() for _ in node.expressions]
    for query, item in zip(single, node.expressions, strict=True):
        query.set("expressions", [item.copy()])
    return list(single)


def _changed(node: Node, named: list[Node]) -> list[Node]:
    """Return the table nodes a statement changes."""
    tables = own_tables(node)
    if isinstance(node, exp.Update) and node.this.args.get("joins"):
        # MySQL joins before SET: the columns set say which of the tables is changed.
        names = [name for item in node.expressions for name, _ in _assigned(item)]
        owners = [owner for name in names if (owner := _owner(name, tables)) is not None]
        return list(owners) or named
    return [_behind_cte(aliased(each, tables), node) for each in named]


def _behind_cte(target: Node, node: Node) -> Node:
    """Return the table a common table expression is made of where that is what the statement changes."""
    for cte in ctes_of(node):
        if cte.alias.casefold() == target.name.casefold() and isinstance(target, exp.Table) and not target.db:
            return next((item for item in from_items(cte.this) if isinstance(item, exp.Table)), target)
    return target


def _written_nodes(node: Node, changed: list[Node]) -> set[int]:
    """Return the ids of table nodes that only say what is changed."""
    naming = [node.this, *(node.args.get("tables") or ())]
    aliases = [each for each in naming if each is not None and is_alias(each, own_tables(node))]
    return {id(each) for each in [*changed, *(node.args.get("tables") or ()), *aliases]}


def _owner(name: Node, tables: list[exp.Table]) -> Node | None:
    """Return the table node whose alias or name qualifies a column that is set."""
    qualifier = name.args.get("table")
    if qualifier is None:
        return None
    owners = (table for table in tables if table.alias_or_name.casefold() == qualifier.name.casefold())
    return next((aliased(owner, tables) for owner in owners), None)
