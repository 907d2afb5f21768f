"""What each kind of statement reads and writes; those that change rows in place are in `changes`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from sqlglot import exp

from lineage.sql.changes import delete_plan, merge_plan, update_plan, upserted
from lineage.sql.names import file_table, table_of
from lineage.sql.plans import Plan, Written, copied
from lineage.sql.queries import Queries
from lineage.sql.reads import tables_read
from lineage.sql.relations import Flow, Output, Relation
from lineage.sql.results import Table
from lineage.sql.returning import output_table, put_out
from lineage.sql.scopes import Scope
from lineage.sql.sources import add_source, table_relation
from lineage.sql.structure import (
    alter_plan,
    cache_plan,
    create_plan,
    declare_plan,
    drop_plan,
    truncate_plan,
)
from lineage.sql.targets import column_names, table_node, writer
from lineage.sql.tree import READABLE, Node, alias_columns, ctes_of

_QUERIES = (exp.Select, exp.SetOperation, exp.Subquery, exp.Values, exp.Pivot)


def plan(node: Node, dialect: str | None) -> Plan:
    """Return the plan of a parsed statement."""
    for types, planner in _PLANNERS:
        if isinstance(node, types):
            return _with_nested(node, planner(node, dialect), dialect)
    if isinstance(node, exp.Command):
        return Plan(node.name.upper(), opaque="the parser does not know this form of it")
    return Plan(
        node.key.upper(), opaque=None if node.key in _WITHOUT_LINEAGE else "its kind is not supported"
    )


def _with_nested(node: Node, found: Plan, dialect: str | None) -> Plan:
    """Add what the INSERT, UPDATE, DELETE and MERGE statements in a WITH clause write."""
    nested = [plan(cte.this, dialect) for cte in ctes_of(node) if isinstance(cte.this, exp.DML)]
    outer = found.columns

    def columns(queries: Queries) -> Iterator[Written]:
        for each in nested:
            yield from each.columns(queries)
        yield from outer(queries)

    if nested:
        found.outputs = [*(table for each in nested for table in each.outputs), *found.outputs]
        found.columns = columns
    return found


def _query(node: Node, dialect: str | None) -> Plan:
    if (moved := _moved_by_function(node)) is not None:
        return moved
    into = _into(node)
    target = table_of(into.this) if into is not None else None

    def columns(queries: Queries) -> Iterator[Written]:
        relation = queries.relation(node, Scope())
        yield Written(target, relation.columns, relation.rows)

    outputs = [target] if target else []
    kind = "SELECT INTO" if target else "SELECT"
    temporary = into is not None and bool(into.args.get("temporary"))
    inputs = tables_read(node, dialect)
    return Plan(kind, inputs, outputs, columns, creates=target is not None, temporary=temporary)


def _into(node: Node) -> exp.Into | None:
    """Return the INTO of a query, which stands in the first arm of a union."""
    while isinstance(node, exp.SetOperation | exp.Subquery):
        node = node.this
    into = node.args.get("into")
    return into if isinstance(into, exp.Into) else None


# Vertica's functions that move rows, with the places of the table read and the table written.
_MOVING = {
    "copy_partitions_to_table": (0, 3),
    "copy_table": (0, 1),
    "move_partitions_to_table": (0, 3),
    "swap_partitions_between_tables": (0, 3),
}


def _moved_by_function(node: Node) -> Plan | None:
    called = node.expressions[0] if isinstance(node, exp.Select) and len(node.expressions) == 1 else None
    places = _MOVING.get(called.name.lower()) if isinstance(called, exp.Anonymous) else None
    if called is None or places is None or len(called.expressions) <= places[1]:
        return None
    read, written = (Table(tuple(called.expressions[place].name.split("."))) for place in places)
    return Plan("SELECT", [read], [written])


def _insert(node: exp.Insert, dialect: str | None) -> Plan:
    target = table_of(node.this)
    listed = column_names(node.this) or alias_columns(node.this)  # older parsers: INSERT INTO t AS x (a, b)

    def names(queries: Queries) -> Sequence[str]:
        if listed or node.args.get("by_name") or target is None:
            return listed
        return queries.catalog.columns(target) or ()

    inputs = tables_read(node, dialect, but={id(table_node(node.this))})
    kind = "INSERT OVERWRITE" if node.args.get("overwrite") else "INSERT"
    write = writer(node, node.args.get("expression"), target, names)

    put_into = output_table(node)

    def columns(queries: Queries) -> Iterator[Written]:
        constants = Written(target, [Output(name, Flow()) for name in names(queries)], Flow())
        found = list(write(queries))
        yield from found
        for written in found or [constants]:
            yield from upserted(node, written, queries)
            yield from put_out(node, target, Scope(), written.rows, queries)

    outputs = [table for table in (target, put_into) if table is not None]
    return Plan(kind, [*inputs, *outputs[:1]] if put_into else inputs, outputs, columns)


def _multiple_inserts(node: exp.MultitableInserts, dialect: str | None) -> Plan:
    """INSERT ALL and Hive's FROM ... INSERT: one query, several targets, each with columns of its result."""
    source, inserts = node.args["source"], list(node.find_all(exp.Insert))
    first = (node.args.get("kind") or "").upper() == "FIRST"

    def columns(queries: Queries) -> Iterator[Written]:
        scope, rows, before = Scope(), Flow(), Flow()
        add_source(source, scope, rows, queries)
        for insert in inserts:
            condition = insert.parent if isinstance(insert.parent, exp.ConditionalInsert) else None
            when = Flow()
            if condition is not None and condition.expression is not None:
                when.add(queries.flow(condition.expression, scope, "FILTER"), "FILTER")
                before.add_rows(when)
            if first or (condition is not None and condition.args.get("else_")):
                when.add_rows(before)
            values = insert.args.get("expression")
            if isinstance(values, READABLE):
                relation = queries.relation(values, scope)
            else:
                relation = Relation(scope.sources[0].relation.columns)
            decided = Flow()
            decided.add_rows(rows)
            decided.add_rows(relation.rows)
            decided.add_rows(when)
            yield Written(table_of(insert.this), relation.renamed(column_names(insert.this)), decided)

    outputs = [table for insert in inserts if (table := table_of(insert.this))]
    but = {id(table_node(insert.this)) for insert in inserts}
    return Plan("INSERT ALL", tables_read(node, dialect, but=but), outputs, columns)


def _copy(node: exp.Copy, dialect: str | None) -> Plan:
    """COPY: `this` is written when `kind` is true (FROM, INTO), read otherwise."""
    files = [item for item in node.args.get("files") or () if item.name.upper() not in ("STDIN", "STDOUT")]
    listed, other = column_names(node.this), table_node(node.this)
    if node.args.get("kind"):
        sources, target, names = files, table_of(other), listed
    else:
        sources, target, names = [other], table_of(files[0]) if files else None, []
    inputs = [table for source in sources for table in _sources(source, dialect)]

    def columns(queries: Queries) -> Iterator[Written]:
        if target is None:
            return
        for source in sources:
            if isinstance(source, exp.Literal):
                relation = table_relation([file_table(source.name)], queries.catalog)
            elif listed and source is other:
                selected = exp.select(*(exp.column(exp.to_identifier(name)) for name in listed))
                relation = queries.relation(selected.from_(source.copy()), Scope())
            else:
                relation = queries.relation(source, Scope())
            yield Written(target, relation.renamed(names), relation.rows)

    return Plan("COPY", inputs, [target] if target else [], columns)


def _sources(node: Node, dialect: str | None) -> list[Table]:
    return [file_table(node.name)] if isinstance(node, exp.Literal) else tables_read(node, dialect)


def _load(node: exp.LoadData, dialect: str | None) -> Plan:
    target, path = table_of(node.this), node.args.get("inpath")
    if path is None:
        return Plan("LOAD DATA", opaque="it names no file")
    file = file_table(path.name)
    return Plan("LOAD DATA", [file], [target] if target else [], copied(file, target))


# Each planner takes the class it stands beside.
_PLANNERS: tuple[tuple[tuple[type[Node], ...], Callable[..., Plan]], ...] = (
    ((exp.Insert,), _insert),
    ((exp.Create,), create_plan),
    ((exp.Merge,), merge_plan),
    ((exp.Update,), update_plan),
    ((exp.Delete,), delete_plan),
    ((exp.MultitableInserts,), _multiple_inserts),
    ((exp.Copy,), _copy),
    ((exp.LoadData,), _load),
    ((exp.Cache,), cache_plan),
    ((exp.Alter,), alter_plan),
    ((exp.Declare,), declare_plan),
    ((exp.Drop,), drop_plan),
    ((exp.TruncateTable,), truncate_plan),
    (_QUERIES, _query),
)

# Statements that read and write no rows.
# fmt: off
_WITHOUT_LINEAGE = frozenset({
    "analyze", "attach", "comment", "commit", "declare", "describe", "detach", "endstatement", "grant",
    "install", "kill", "pragma", "refresh", "revoke", "rollback", "set", "show", "transaction", "uncache",
    "use",
})
# fmt: on
