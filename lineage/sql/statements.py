"""What each kind of statement reads and writes; those that change rows in place are in `changes`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from sqlglot import exp

from lineage.sql.changes import delete_plan, merge_plan, update_plan, upserted
from lineage.sql.names import file_table, table_of
from lineage.sql.plans import Plan, Written, copied
from lineage.sql.queries import Queries
from lineage.sql.reads import tables_read
from lineage.sql.relations import Flow, Relation
from lineage.sql.results import Table
from lineage.sql.scopes import Scope
from lineage.sql.sources import add_source, table_relation
from lineage.sql.tree import READABLE, Node, ctes_of

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
    into = next(node.find_all(exp.Into), None)
    target = table_of(into.this) if into is not None else None

    def columns(queries: Queries) -> Iterator[Written]:
        relation = queries.relation(node, Scope())
        yield Written(target, relation.columns, relation.rows)

    outputs = [target] if target else []
    kind = "SELECT INTO" if target else "SELECT"
    temporary = into is not None and bool(into.args.get("temporary"))
    inputs = tables_read(node, dialect)
    return Plan(kind, inputs, outputs, columns, creates=target is not None, temporary=temporary)


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


def _writer(
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


def _column_names(target: Node) -> list[str]:
    """Return the columns listed after a target: `t (a, b)`."""
    if not isinstance(target, exp.Schema):
        return []
    return [c.name for c in target.expressions if isinstance(c, exp.Identifier | exp.Column | exp.ColumnDef)]


def _table_node(target: Node) -> Node:
    return target.this if isinstance(target, exp.Schema) else target


def _insert(node: exp.Insert, dialect: str | None) -> Plan:
    target = table_of(node.this)
    listed = _column_names(node.this)

    def names(queries: Queries) -> Sequence[str]:
        if listed or node.args.get("by_name") or target is None:
            return listed
        return queries.catalog.columns(target) or ()

    inputs = tables_read(node, dialect, but={id(_table_node(node.this))})
    kind = "INSERT OVERWRITE" if node.args.get("overwrite") else "INSERT"
    write = _writer(node, node.args.get("expression"), target, names)

    def columns(queries: Queries) -> Iterator[Written]:
        for written in write(queries):
            yield written
            yield from upserted(node, written, queries)

    return Plan(kind, inputs, [target] if target else [], columns)


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
            yield Written(table_of(insert.this), relation.renamed(_column_names(insert.this)), decided)

    outputs = [table for insert in inserts if (table := table_of(insert.this))]
    but = {id(_table_node(insert.this)) for insert in inserts}
    return Plan("INSERT ALL", tables_read(node, dialect, but=but), outputs, columns)


def _create(node: exp.Create, dialect: str | None) -> Plan:
    what = (node.args.get("kind") or "").upper()
    if node.find(exp.MaterializedProperty):
        what = f"MATERIALIZED {what}"
    if what not in ("TABLE", "VIEW", "MATERIALIZED VIEW"):
        has_body = what in ("FUNCTION", "PROCEDURE", "TRIGGER", "TASK")
        return Plan(f"CREATE {what}", opaque="its body is not read" if has_body else None)
    to = node.find(exp.ToTableProperty)  # ClickHouse: a view that writes to a table
    named = node.this if to is None else to.this
    target, query = table_of(named), node.args.get("expression")
    if (clone := node.args.get("clone")) is not None:
        query = clone.this
    names = _column_names(named)
    kind = "CREATE TABLE AS" if what == "TABLE" and isinstance(query, READABLE) else f"CREATE {what}"
    inputs = tables_read(node, dialect, but={id(_table_node(node.this)), id(_table_node(named))})
    columns = _writer(node, query, target, lambda _: names)
    temporary = node.find(exp.TemporaryProperty, exp.VolatileProperty) is not None
    outputs = [target] if target else []
    return Plan(kind, inputs, outputs, columns, creates=True, temporary=temporary, defines=names)


def _copy(node: exp.Copy, dialect: str | None) -> Plan:
    """COPY: `this` is written when `kind` is true (FROM, INTO), read otherwise."""
    files = [item for item in node.args.get("files") or () if item.name.upper() not in ("STDIN", "STDOUT")]
    listed, other = _column_names(node.this), _table_node(node.this)
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
    target, path = table_of(node.this), node.args["inpath"]
    file = file_table(path.name)
    return Plan("LOAD DATA", [file], [target] if target else [], copied(file, target))


def _cache(node: exp.Cache, dialect: str | None) -> Plan:
    target, query = table_of(node.this), node.args.get("expression")
    inputs = tables_read(query, dialect) if isinstance(query, exp.Expression) else []
    columns = _writer(node, query, target, lambda _: ())
    outputs = [target] if target else []
    return Plan("CACHE TABLE", inputs, outputs, columns, creates=bool(query), temporary=bool(query))


def _alter(node: exp.Alter, dialect: str | None) -> Plan:
    table = table_of(node.this)
    kind = f"ALTER {(node.args.get('kind') or '').upper()}".strip()
    if table is None or kind not in ("ALTER", "ALTER TABLE", "ALTER VIEW", "ALTER MATERIALIZED VIEW"):
        return Plan(kind)
    for action in node.args.get("actions") or ():
        if isinstance(action, exp.Query):  # a view is redefined
            columns = _writer(node, action, table, lambda _: ())
            return Plan(kind, tables_read(action, dialect), [table], columns, creates=True)
        other = table_of(action.this) if isinstance(action, exp.AlterRename | exp.SwapTable) else None
        if other is not None and isinstance(action, exp.AlterRename):
            if len(other.parts) == 1 and dialect not in _RENAMES_INTO_DEFAULT:
                other = Table((*table.parts[:-1], *other.parts))
            return Plan(f"{kind} RENAME", [table], [other])
        if other is not None:
            return Plan(f"{kind} SWAP", [table, other], [table, other])
    return Plan(kind, [], [table])


def _drop(node: exp.Drop, dialect: str | None) -> Plan:
    what = (node.args.get("kind") or "").upper()
    nodes = node.args.get("tables") or [node.this] if what in ("TABLE", "VIEW", "MATERIALIZED VIEW") else []
    return Plan(f"DROP {what}".strip(), [], [table for each in nodes if (table := table_of(each))])


def _truncate(node: exp.TruncateTable, dialect: str | None) -> Plan:
    return Plan("TRUNCATE", [], [table for each in node.expressions if (table := table_of(each))])


def _declare(node: exp.Declare, dialect: str | None) -> Plan:
    """T-SQL's table variables."""
    for item in node.expressions:
        kind = item.args.get("kind")
        if isinstance(kind, Node) and kind.find(exp.Schema) is not None:
            names = [column.name for column in kind.find_all(exp.ColumnDef)]
            variable = item.this[0] if isinstance(item.this, list) else item.this
            table = Table((f"@{variable.name}",))
            return Plan("DECLARE", [], [table], creates=True, temporary=True, defines=names)
    return Plan("DECLARE")


# Dialects in which a new name without a schema is in the default one, not where the old name is.
_RENAMES_INTO_DEFAULT = frozenset({"doris", "hive", "mysql", "singlestore", "snowflake", "starrocks"})


# Each planner takes the class it stands beside.
_PLANNERS: tuple[tuple[tuple[type[Node], ...], Callable[..., Plan]], ...] = (
    ((exp.Insert,), _insert),
    ((exp.Create,), _create),
    ((exp.Merge,), merge_plan),
    ((exp.Update,), update_plan),
    ((exp.Delete,), delete_plan),
    ((exp.MultitableInserts,), _multiple_inserts),
    ((exp.Copy,), _copy),
    ((exp.LoadData,), _load),
    ((exp.Cache,), _cache),
    ((exp.Alter,), _alter),
    ((exp.Declare,), _declare),
    ((exp.Drop,), _drop),
    ((exp.TruncateTable,), _truncate),
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
