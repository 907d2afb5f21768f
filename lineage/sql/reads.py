"""The tables a statement reads, found without resolving any column."""

from __future__ import annotations

from collections.abc import Container, Mapping

from sqlglot import exp

from lineage.sql.identifiers import key
from lineage.sql.names import tables_of
from lineage.sql.results import Table
from lineage.sql.tree import Node, ctes_of, from_items

ARRAYS_IN_FROM = frozenset({"bigquery", "redshift"})
"""Dialects in which a table expression may be an array of an earlier one: `FROM orders AS o, o.items`."""

# Dialects in which a common table expression may read itself without the word RECURSIVE.
_RECURSIVE_UNSAID = frozenset({"oracle", "snowflake", "teradata", "tsql"})

# BigQuery's functions whose first argument is a model.
_WITH_MODEL = frozenset({"generateembedding", "generatetext", "mlforecast", "mltranslate", "predict"})

# Tables below these are named, not read.
_NOT_READ = (exp.Hint, exp.Into, exp.Lock, exp.Reference)

# What is walked on its own, and leaves.
_WITHOUT_TABLES = (exp.With, exp.Column, exp.Identifier, exp.Literal)

# The common table expressions a node sees: their bodies, None for one that reads itself.
_Seen = Mapping[str, "tuple[Node, _Seen] | None"]


def tables_read(root: Node, dialect: str | None, *, but: Container[int] = ()) -> list[Table]:
    """Return the tables below `root` in the order of the text, each once.

    A common table expression stands for the tables it reads, one that nothing uses for none. `but` holds
    the `id` of table nodes that are targets: they are left out, what hangs on them is not.
    """
    found: dict[Table, None] = {}
    followed: set[int] = set()
    stack: list[tuple[Node, _Seen, frozenset[str]]] = [(root, {}, frozenset())]
    while stack:
        node, seen, aliases = stack.pop()
        if isinstance(node, _NOT_READ):
            continue
        if isinstance(node, exp.Table) and id(node) not in but and not _is_model(node):
            if is_cte(node, seen):
                cte = seen[key(node.name)]
                if cte is not None and id(cte[0]) not in followed:
                    followed.add(id(cte[0]))
                    stack.append((*cte, frozenset()))
            elif not is_array(node, aliases):
                found.update(dict.fromkeys(tables_of(node)))
        if isinstance(node, exp.Select) and dialect in ARRAYS_IN_FROM:
            aliases = aliases | explicit_aliases(node)
        for cte_node in ctes_of(node):
            seen, at_once = _seen_with(cte_node, seen, dialect)
            if at_once is not None:
                stack.append((cte_node.this, at_once, frozenset()))
        children = [child for child in node.iter_expressions() if not isinstance(child, _WITHOUT_TABLES)]
        stack += [(child, seen, aliases) for child in reversed(children)]
    return list(found)


def _seen_with(cte: exp.CTE, seen: _Seen, dialect: str | None) -> tuple[_Seen, _Seen | None]:
    """Return what is seen behind a common table expression, and in it where it counts used or not."""
    if cte.args.get("scalar"):  # ClickHouse's WITH (SELECT ...) AS name: a value, no table
        return seen, seen
    name = key(cte.alias)
    inside = {**seen, name: None} if reads_itself(cte, dialect) else seen
    return {**seen, name: (cte.this, inside)}, inside if isinstance(cte.this, exp.DML) else None


def _is_model(node: exp.Table) -> bool:
    """Whether a name is that of a model: ML.PREDICT(MODEL m, TABLE t)."""
    return node.parent is not None and node.parent.key in _WITH_MODEL and node.arg_key == "this"


def is_cte(node: exp.Table, names: Container[str]) -> bool:
    """Whether a table expression is one of these common table expressions."""
    return len(node.parts) == 1 and isinstance(node.this, exp.Identifier) and key(node.name) in names


def reads_itself(cte: exp.CTE, dialect: str | None) -> bool:
    """Whether the name of a common table expression means itself inside it, rather than a table."""
    recursive = isinstance(cte.parent, exp.With) and cte.parent.recursive
    return isinstance(cte.this, exp.SetOperation) and (recursive or dialect in _RECURSIVE_UNSAID)


def is_array(node: exp.Table, aliases: Container[str]) -> bool:
    """Whether a table expression is an array column of a source with one of these aliases."""
    return len(node.parts) > 1 and node.parts[0].name.casefold() in aliases


def explicit_aliases(select: exp.Select) -> frozenset[str]:
    """Return the aliases written in a SELECT's FROM and joins."""
    items = (item.this if isinstance(item, exp.AtIndex) else item for item in from_items(select))
    return frozenset(item.alias.casefold() for item in items if item.alias)
