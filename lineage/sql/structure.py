"""CREATE, ALTER, DROP and the like: statements that make tables and change what they are."""

from __future__ import annotations

from sqlglot import exp

from lineage.sql.names import table_of
from lineage.sql.plans import Plan
from lineage.sql.reads import tables_read
from lineage.sql.results import Table
from lineage.sql.targets import column_names, table_node, writer
from lineage.sql.tree import READABLE, Node


def create_plan(node: exp.Create, dialect: str | None) -> Plan:
    """Return the plan of a CREATE: the table or view it makes, and the query it is made of."""
    what = (node.args.get("kind") or "").upper()
    properties = list(node.args["properties"].expressions) if node.args.get("properties") else []
    if any(isinstance(each, exp.MaterializedProperty) for each in properties):
        what = f"MATERIALIZED {what}"
    if what not in ("TABLE", "VIEW", "MATERIALIZED VIEW"):
        has_body = what in ("FUNCTION", "PROCEDURE", "TRIGGER", "TASK")
        return Plan(f"CREATE {what}", opaque="its body is not read" if has_body else None)
    to = next(
        (each for each in properties if isinstance(each, exp.ToTableProperty)), None
    )  # ClickHouse: a view that writes to a table
    named = node.this if to is None else to.this
    target, query = table_of(named), node.args.get("expression")
    if (clone := node.args.get("clone")) is not None:
        query = clone.this
    names = column_names(named)
    kind = "CREATE TABLE AS" if what == "TABLE" and isinstance(query, READABLE) else f"CREATE {what}"
    inputs = tables_read(node, dialect, but={id(table_node(node.this)), id(table_node(named))})
    columns = writer(node, query, target, lambda _: names)
    temporary = any(isinstance(each, exp.TemporaryProperty | exp.VolatileProperty) for each in properties)
    outputs = [target] if target else []
    return Plan(kind, inputs, outputs, columns, creates=True, temporary=temporary, defines=names)


def cache_plan(node: exp.Cache, dialect: str | None) -> Plan:
    """Return the plan of Spark's CACHE TABLE, a temporary view where it has a query."""
    target, query = table_of(node.this), node.args.get("expression")
    inputs = tables_read(query, dialect) if isinstance(query, exp.Expression) else []
    columns = writer(node, query, target, lambda _: ())
    outputs = [target] if target else []
    return Plan("CACHE TABLE", inputs, outputs, columns, creates=bool(query), temporary=bool(query))


def alter_plan(node: exp.Alter, dialect: str | None) -> Plan:
    """Return the plan of an ALTER: RENAME and SWAP read the old name, all name their table as output."""
    table = table_of(node.this)
    kind = f"ALTER {(node.args.get('kind') or '').upper()}".strip()
    if table is None or kind not in ("ALTER", "ALTER TABLE", "ALTER VIEW", "ALTER MATERIALIZED VIEW"):
        return Plan(kind)
    for action in node.args.get("actions") or ():
        if isinstance(action, exp.Query):  # a view is redefined
            columns = writer(node, action, table, lambda _: ())
            return Plan(kind, tables_read(action, dialect), [table], columns, creates=True)
        other = table_of(action.this) if isinstance(action, exp.AlterRename | exp.SwapTable) else None
        if other is not None and isinstance(action, exp.AlterRename):
            if len(other.parts) == 1 and dialect not in _RENAMES_INTO_DEFAULT:
                other = Table((*table.parts[:-1], *other.parts))
            return Plan(f"{kind} RENAME", [table], [other])
        if other is not None:
            return Plan(f"{kind} SWAP", [table, other], [table, other])
    return Plan(kind, [], [table])


def drop_plan(node: exp.Drop, dialect: str | None) -> Plan:
    """Return the plan of a DROP, its tables as outputs."""
    what = (node.args.get("kind") or "").upper()
    nodes = node.args.get("tables") or [node.this] if what in ("TABLE", "VIEW", "MATERIALIZED VIEW") else []
    return Plan(f"DROP {what}".strip(), [], [table for each in nodes if (table := table_of(each))])


def truncate_plan(node: exp.TruncateTable, dialect: str | None) -> Plan:
    """Return the plan of a TRUNCATE, its tables as outputs."""
    return Plan("TRUNCATE", [], [table for each in node.expressions if (table := table_of(each))])


def declare_plan(node: exp.Declare, dialect: str | None) -> Plan:
    """Return the plan of a DECLARE, which makes a table where T-SQL declares a variable of that type."""
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
