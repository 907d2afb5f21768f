"""What the value of an expression is made of, and what decides about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqlglot import exp

from lineage.sql.relations import DIRECT, Flow, Output, Relation, Scope
from lineage.sql.results import Subtype
from lineage.sql.tree import Node, column_parts

Evaluate = Callable[[Node, Scope], Relation]

# Window functions that pass on one row's value: sqlglot counts them among the aggregates.
_ONE_ROW = (exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue, exp.NthValue)
_SAME_VALUE = (exp.Alias, exp.Aliases, exp.Paren, exp.Ordered)
# `name => value` and `name := value`: the left side is no column.
_NAMED_ARGUMENTS = (exp.Kwarg, exp.PropertyEQ)


def flow_of(node: Node, scope: Scope, evaluate: Evaluate, use: Subtype = "IDENTITY") -> Flow:
    """Return the flow of an expression, used as `use` says.

    Walks with a stack of its own: expressions may be thousands of terms deep. `evaluate` gives the
    relation of a query inside the expression, which sees `scope` as the one around it.
    """
    value = node.unalias()
    flow = Flow(value)
    if use == "IDENTITY" and isinstance(copied := value.unnest(), exp.Column) and not copied.is_star:
        found = scope.resolve(column_parts(copied))
        if found.defined_by is not None or found.is_copy:
            return found
    stack: list[tuple[Node, Subtype]] = [(node, use)]
    while stack:
        node, use = stack.pop()
        if isinstance(node, exp.Column):
            if not node.is_star:
                flow.add(scope.resolve(column_parts(node)), use)
        elif isinstance(node, exp.Parameter) and scope.reads_stage:
            flow.add(scope.resolve([f"${node.name}"]), use)
        elif isinstance(node, exp.Query):
            relation = evaluate(node, scope)
            if not isinstance(node.parent, exp.Exists):  # which asks for rows, whatever their columns
                for column in relation.columns:
                    flow.add(column.flow if isinstance(column, Output) else column.star(), use)
            flow.add_rows(relation.rows)
        else:
            stack += reversed(list(_parts(node, use)))
    return flow


def output_name(node: Node, dialect: str | None) -> str:
    """Return the name a projection gives its column, "" where the database would make one up."""
    while isinstance(node, exp.Paren) or (isinstance(node, exp.Cast) and dialect in _NAMED_BY_CAST):
        node = node.this
    if isinstance(node, exp.Dot):
        return str(node.expression.name)
    if isinstance(node, exp.Alias | exp.Column | exp.Identifier | exp.Subquery):
        return node.alias_or_name
    return ""


_NAMED_BY_CAST = frozenset({"postgres", "redshift", "materialize", "risingwave"})


def _parts(node: Node, use: Subtype) -> Iterator[tuple[Node, Subtype]]:
    """Yield the operands of a node, each with its use."""
    if isinstance(node, _NAMED_ARGUMENTS):
        yield node.expression, use
        return
    if use not in DIRECT:
        yield from ((child, use) for child in node.iter_expressions())
        return
    below = use
    if _aggregates(node):
        below = "AGGREGATION"
    elif use == "IDENTITY" and not isinstance(node, _SAME_VALUE):
        below = "TRANSFORMATION"
    deciding = list(_deciding(node))
    apart = {id(child) for child, _ in deciding}
    yield from ((child, below) for child in node.iter_expressions() if id(child) not in apart)
    yield from deciding


def _aggregates(node: Node) -> bool:
    if isinstance(node, exp.Anonymous):  # jsonb_agg and what else a dialect has
        return node.name.lower().endswith("_agg")
    return isinstance(node, exp.AggFunc) and not isinstance(node, _ONE_ROW)


def _deciding(node: Node) -> Iterator[tuple[Node, Subtype]]:
    """Yield the operands that decide about a value and do not enter it."""
    if isinstance(node, exp.Case):
        if node.this is not None:
            yield node.this, "CONDITIONAL"
    elif isinstance(node, exp.If):
        yield node.this, "CONDITIONAL"
    elif isinstance(node, exp.Filter):
        yield node.expression, "CONDITIONAL"
    elif isinstance(node, exp.Window):
        for window in (node, *_named_windows(node)):
            yield from ((child, "WINDOW") for child in window.iter_expressions() if child is not window.this)
    elif isinstance(node, exp.Order) and node.this is not None:
        for child in node.expressions:
            yield child, "SORT"


def _named_windows(node: exp.Window) -> Iterator[Node]:
    """Yield the definition in the WINDOW clause that `OVER w` and `OVER (w ...)` mean."""
    name, select = node.args.get("alias"), node.find_ancestor(exp.Select)
    if name is not None and select is not None:
        for window in select.args.get("windows") or ():
            if window.name.casefold() == name.name.casefold():
                yield window
