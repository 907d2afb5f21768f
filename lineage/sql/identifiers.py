"""When a dialect takes two identifiers for the same: quotes keep the case of what is folded without them."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from lineage.sql.tree import Node, all_nodes


class Name(str):
    """An identifier's text as written, with a `key` that is equal where two mean the same."""

    __slots__ = ("key",)
    key: str


def key(name: str) -> str:
    """Return what two names of one statement are compared by."""
    return name.key if isinstance(name, Name) else name.casefold()


def same(one: str, other: str) -> bool:
    """Whether two names mean the same; without regard to case where the quotes of one are not known."""
    if isinstance(one, Name) and isinstance(other, Name):
        return one.key == other.key
    return one.casefold() == other.casefold()


def _as_written(text: str) -> str:
    return text


# How unquoted identifiers are folded where quoted ones keep their case; elsewhere case never counts.
_FOLDED: dict[str | None, Callable[[str], str]] = {
    "clickhouse": _as_written,
    "exasol": str.upper,
    "materialize": str.lower,
    "oracle": str.upper,
    "postgres": str.lower,
    "risingwave": str.lower,
    "snowflake": str.upper,
}


# Dialects in which two spellings of a table's name may be two tables.
_CASE_OF_TABLES_COUNTS = frozenset({"bigquery", "clickhouse", "doris", "mysql", "singlestore", "starrocks"})


def mark_names(tree: Node, dialect: str | None) -> set[str]:
    """Make the names of a statement carry the dialect's rule, in place, where the statement needs it.

    A statement without quoted identifiers reads the same without regard to case (ClickHouse excepted).
    A table that is written in several ways is written as the first time. Returns all names in the tree.
    """
    identifiers, tables = [], []
    for node in all_nodes(tree):
        if isinstance(node, exp.Identifier):
            identifiers.append(node)
        elif isinstance(node, exp.Table):
            tables.append(node)
    names = {name for identifier in identifiers if isinstance(name := identifier.args.get("this"), str)}
    fold = _FOLDED.get(dialect)
    if fold is _as_written or (fold is not None and any(identifier.quoted for identifier in identifiers)):
        for identifier in identifiers:
            text = identifier.this
            if isinstance(text, str):
                name = Name(text)
                name.key = text if identifier.quoted else fold(text)
                identifier.set("this", name)
    if dialect not in _CASE_OF_TABLES_COUNTS and len(tables) > 1:
        _unite_spellings(tables)
    return names


def _unite_spellings(tables: list[exp.Table]) -> None:
    first: dict[tuple[str, ...], list[Node]] = {}
    for table in tables:
        parts = [part for part in table.parts if isinstance(part, exp.Identifier)]
        before = first.setdefault(tuple(key(part.name) for part in parts), list(parts))
        if before != parts:
            for part, spelled in zip(parts, before, strict=True):
                part.set("this", spelled.this)
