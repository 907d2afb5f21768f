"""What the value of an expression is made of, and what decides about it."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from lineage.sql.deciding import deciding, named_windows
from lineage.sql.masking import hides
from lineage.sql.relations import DIRECT, Flow, Output, Relation, united
from lineage.sql.results import Subtype
from lineage.sql.scopes import Evaluator, Scope
from lineage.sql.tree import Node, column_parts

# Window functions that pass on one row's value: sqlglot counts them among the aggregates.
_ONE_ROW = (exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue, exp.NthValue)
_SAME_VALUE = (exp.Alias, exp.Aliases, exp.Paren, exp.Ordered)
# `name => value` and `name := value`: the left side is no column.
_NAMED_ARGUMENTS = (exp.Kwarg, exp.PropertyEQ)
# fmt: off
# Aggregates that the parser does not know as such in every version.
_AGGREGATES = frozenset({
    "any_value", "arg_max", "arg_min", "bool_and", "bool_or", "checksum_agg", "collect_list", "collect_set",
    "corr", "count_big", "every", "first", "group_concat", "hash_agg", "json_group_array",
    "json_group_object", "kurtosis", "last", "list", "listagg", "max_by", "median", "min_by", "mode",
    "ratio_to_report", "regr_slope", "skewness", "stdev", "stdevp", "string_agg", "sumif", "topk", "uniq",
    "uniqexact", "var", "varp", "wm_concat", "xmlagg",
})
# fmt: on
_XML_METHODS = frozenset({"exist", "nodes", "query", "value"})
_SEQUENCE_VALUES = frozenset({"nextval", "currval"})

# Dialects in which the name of a source is its row as one value: to_json(orders).
_ROWS_ARE_VALUES = frozenset({"bigquery", "duckdb", "materialize", "postgres", "risingwave"})

# Functions called without brackets that the parser takes for columns.
_EVERYWHERE = frozenset({"current_date", "current_time", "current_timestamp", "current_user", "default"})
# fmt: off
_BY_DIALECT = {
    "oracle": frozenset({
        "sysdate", "systimestamp", "user", "uid", "rownum", "level", "connect_by_isleaf",
        "connect_by_iscycle", "sessiontimezone", "dbtimezone", "localtimestamp", "sqlcode", "sqlerrm",
    }),
    "mysql": frozenset({"localtime", "localtimestamp", "utc_date", "utc_time", "utc_timestamp"}),
    "postgres": frozenset({
        "user", "session_user", "current_role", "current_catalog", "current_schema", "localtime",
        "localtimestamp",
    }),
    "redshift": frozenset({"user", "session_user", "sysdate", "current_schema"}),
    "snowflake": frozenset({"localtime", "localtimestamp", "connect_by_isleaf", "connect_by_root"}),
    "teradata": frozenset({"date", "time", "user", "session", "account", "database"}),
    "tsql": frozenset({"$action", "user", "session_user", "system_user"}),
}
# fmt: on


def values_without_brackets(dialect: str | None) -> frozenset[str]:
    """Return the names, in lower case, that look like columns and are functions or pseudo-columns."""
    return _EVERYWHERE | _BY_DIALECT.get(dialect or "", frozenset())


def flow_of(node: Node, scope: Scope, evaluator: Evaluator, use: Subtype = "IDENTITY") -> Flow:
    """Return the flow of an expression, used as `use` says.

    Walks with a stack of its own: expressions may be thousands of terms deep. A query inside the
    expression sees `scope` as the one around it.
    """
    value = node.unalias()
    flow = Flow(value)
    if use == "IDENTITY" and isinstance(value, exp.Struct):
        return _struct(flow, value, scope, evaluator)
    if use == "IDENTITY" and isinstance(copied := value.unnest(), exp.Column):
        found = _column(copied, scope, evaluator)
        if found.defined_by is not None or found.is_copy:
            return found
    stack: list[tuple[Node, Subtype, bool]] = [(node, use, False)]
    while stack:
        node, use, hidden = stack.pop()
        if isinstance(node, exp.Column):
            flow.add(_column(node, scope, evaluator), use, hidden)
        elif isinstance(node, exp.Star):
            flow.add(_every_column(node, scope), use, hidden)
        elif isinstance(node, exp.Dot) and (parts := _field_parts(node, scope, evaluator)) is not None:
            flow.add(scope.resolve(parts), use if use != "IDENTITY" else "TRANSFORMATION", hidden)
        elif isinstance(node, exp.Parameter) and evaluator.dialect == "snowflake" and node.name.isdigit():
            flow.add(scope.resolve([f"${node.name}"]), use, hidden)
        elif isinstance(node, exp.Query):
            _add_query(flow, node, evaluator.relation(node, scope), use, hidden)
        else:
            hidden = hidden or hides(node)
            stack += [(child, below, hidden) for child, below in reversed(list(_parts(node, use)))]
    return flow


def _struct(flow: Flow, value: exp.Struct, scope: Scope, evaluator: Evaluator) -> Flow:
    """Return the flow of a STRUCT, which remembers those of its fields."""
    flow.fields = {}
    for item in value.expressions:
        named = isinstance(item, _NAMED_ARGUMENTS)
        part = flow_of(item.expression if named else item, scope, evaluator)
        name = item.name if named else output_name(item, evaluator.dialect)
        flow.fields[name or f"_{len(flow.fields)}"] = part
        flow.add(part, "TRANSFORMATION")
    return flow


def _add_query(flow: Flow, node: Node, relation: Relation, use: Subtype, hidden: bool) -> None:
    """Take over what a query inside an expression gives; EXISTS asks for rows, whatever their columns."""
    if not isinstance(node.parent, exp.Exists):
        for column in relation.columns:
            flow.add(column.flow if isinstance(column, Output) else column.star(), use, hidden)
    flow.add_rows(relation.rows)


def output_name(node: Node, dialect: str | None) -> str:
    """Return the name a projection gives its column, "" where the database would make one up."""
    while isinstance(node, exp.Paren) or (isinstance(node, exp.Cast) and _keeps_name(node, dialect)):
        node = node.this
    if isinstance(node, exp.Dot):
        return str(node.expression.name)
    if isinstance(node, exp.Alias | exp.Column | exp.Identifier | exp.Subquery):
        return node.alias_or_name
    return ""


_NAMED_BY_CAST = frozenset(
    {"databricks", "materialize", "postgres", "redshift", "risingwave", "spark", "spark2"}
)


def _keeps_name(cast: exp.Cast, dialect: str | None) -> bool:
    """Whether the value of a cast has the name of what is cast; in generic SQL `a::int` is Postgres'."""
    return dialect in _NAMED_BY_CAST or (dialect is None and "action" not in cast.args)


def _column(node: exp.Column, scope: Scope, evaluator: Evaluator) -> Flow:
    """Return the flow of a column reference, an empty one where it only looks like one."""
    if node.is_star:
        return _every_column(node, scope)
    parts = column_parts(node)
    last = parts[-1].casefold()
    if len(parts) == 1:
        quoted = isinstance(node.this, exp.Identifier) and node.this.quoted
        silent = last in evaluator.no_columns or last in scope.no_columns
        if silent and not quoted and not scope.knows(last):
            return Flow()
        row = scope.row(parts[0]) if evaluator.dialect in _ROWS_ARE_VALUES else None
        if row is not None:
            return row
    elif last in _SEQUENCE_VALUES and scope.source(parts[:-1]) is None:
        return Flow()
    return scope.resolve(parts)


def _every_column(node: Node, scope: Scope) -> Flow:
    """Return the flow of a star that is an argument: HASH(*), OBJECT_CONSTRUCT(t.*); COUNT takes no value."""
    if isinstance(node.find_ancestor(exp.Count, exp.Select), exp.Count):
        return Flow()
    if isinstance(node, exp.Column):
        source = scope.source(column_parts(node)[:-1])
        return source.row() if source is not None else Flow()
    return united(source.row() for source in scope.sources)


def _field_parts(node: exp.Dot, scope: Scope, evaluator: Evaluator) -> list[str] | None:
    """Return the parts of a field's path where it is longer than a column reference: `t.a.b.c.d`.

    What a method is called on is a path of plain names, as the schema of a function is: a source tells.
    """
    names: list[str] = []
    called = node.expression if isinstance(node.expression, exp.Anonymous) else None
    if called is not None and called.name.lower() in _XML_METHODS and isinstance(node.this, exp.Identifier):
        return (
            [node.this.name] if evaluator.dialect == "tsql" else None
        )  # body.value('(/order/id)[1]', 'int')
    below: Node = node
    while isinstance(below, exp.Dot):
        if not isinstance(below.expression, exp.Identifier):
            return None
        names.append(below.expression.name)
        below = below.this
    parts = [below.name, *reversed(names)]
    if isinstance(below, exp.Identifier) and scope.source(parts[:-1]) is not None:
        return parts
    return [*column_parts(below), *parts[1:]] if isinstance(below, exp.Column) else None


def _parts(node: Node, use: Subtype) -> Iterator[tuple[Node, Subtype]]:
    """Yield the operands of a node, each with its use."""
    if isinstance(node, _NAMED_ARGUMENTS):
        yield node.expression, use
        return
    if isinstance(node, exp.Comprehension):
        node = _without_variable(node)
    if use not in DIRECT:
        yield from ((child, use) for child in node.iter_expressions())
        if isinstance(node, exp.Window):
            yield from ((window, use) for window in named_windows(node))
        return
    below = use
    if _aggregates(node):
        below = "AGGREGATION"
    elif use == "IDENTITY" and not isinstance(node, _SAME_VALUE):
        below = "TRANSFORMATION"
    decided_by = list(deciding(node))
    apart = {id(child) for child, _ in decided_by}
    yield from ((child, below) for child in node.iter_expressions() if id(child) not in apart)
    yield from decided_by


def _without_variable(node: exp.Comprehension) -> Node:
    """Return a list comprehension whose variable no longer looks like a column."""
    variable, copied = node.expression.name, node.copy()
    for column in list(copied.find_all(exp.Column)):
        if column.parts[0].name == variable and column is not copied.args["iterator"]:
            column.replace(exp.to_identifier(variable))
    return copied


def _aggregates(node: Node) -> bool:
    if isinstance(node, exp.First | exp.Last):  # in a pattern's measures they pick one row
        around = node.find_ancestor(exp.MatchRecognizeMeasure, exp.Select)
        return not isinstance(around, exp.MatchRecognizeMeasure)
    if isinstance(node, exp.Anonymous):  # jsonb_agg, json_arrayagg and what else a dialect has
        name = node.name.lower()
        return name.endswith("agg") or name in _AGGREGATES
    return isinstance(node, exp.AggFunc | exp.WithinGroup) and not isinstance(node, _ONE_ROW)
