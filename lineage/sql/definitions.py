"""Procedures, functions, triggers, tasks and packages: their heads, and the code in their bodies."""

from __future__ import annotations

from collections.abc import Iterator

from lineage.sql.cursor import QUERY, Cursor
from lineage.sql.declarations import parameters, section
from lineage.sql.splitting import UNPUNCTUATED, Piece, is_string
from lineage.sql.triggers import ROWS, row_of, table_of_trigger

_BEFORE_KIND = frozenset({
    "OR", "REPLACE", "ALTER", "EDITIONABLE", "NONEDITIONABLE", "TEMP", "TEMPORARY", "SECURE", "AGGREGATE",
    "CONSTRAINT", "DEFINER", "=", "@",
})  # fmt: skip
_DEFINED = frozenset({"FUNCTION", "PACKAGE", "PROC", "PROCEDURE", "TRIGGER"})
_RUN_LATER = {"PIPE": "AS", "TASK": "AS", "EVENT": "DO"}
_SQL = frozenset({"PLPGSQL", "SQL"})
_NOT_A_BODY = frozenset({"EXECUTE", "EXEC", "NEW", "OLD", "TABLE"})  # before AS
_VERBS = frozenset({"CALL", "DELETE", "INSERT", "MERGE", "SELECT", "UPDATE"})


def create(cursor: Cursor) -> Iterator[Piece] | None:
    """Return the statements of a definition that begins here, None where none does."""
    at = cursor.at + 1
    while cursor.word_at(at) in _BEFORE_KIND or (
        cursor.word_at(at - 1) in ("=", "@") and at < cursor.at + 12
    ):
        at += 1
    kind = cursor.word_at(at)
    if kind == "TABLE" and cursor.word_at(at + 1) == "FUNCTION":
        at, kind = at + 1, "FUNCTION"
    if kind == "PACKAGE" and cursor.word_at(at + 1) == "BODY":
        at += 1
    if kind in _DEFINED:
        return _definition(cursor, at, "PROCEDURE" if kind == "PROC" else kind)
    if kind in _RUN_LATER:
        body = cursor.find(_RUN_LATER[kind])
        return _head(cursor, body + 1, f"CREATE {kind}") if body is not None else None
    return None


def _head(cursor: Cursor, body: int, kind: str) -> Iterator[Piece]:
    yield Piece(cursor.tokens[cursor.at : body], cursor.sql, kind=kind)
    cursor.at = body


def _definition(cursor: Cursor, at: int, kind: str) -> Iterator[Piece]:
    start, outer = cursor.at, cursor.variables
    cursor.at = at + 1
    body = _body(cursor, kind)
    if body is None:
        yield Piece(cursor.tokens[start : cursor.statement_end()], cursor.sql, kind=f"CREATE {kind}")
        return
    if body < len(cursor.tokens) and is_string(cursor.tokens[body]):
        cursor.at = body
        yield from _string_body(cursor, start, body, kind)
        cursor.variables = outer
        return
    cursor.at = start
    cursor.changed = table_of_trigger(cursor.tokens[start:body]) if kind == "TRIGGER" else ()
    if cursor.changed and cursor.dialect not in UNPUNCTUATED:
        cursor.records.update(dict.fromkeys(ROWS, row_of(cursor.changed, cursor.sql)))
    yield from _head(cursor, body, f"CREATE {kind}")
    if cursor.word() == "(":
        yield from cursor.queries(body, cursor.statement_end())
        cursor.variables = outer
    elif cursor.word() not in QUERY and cursor.dialect not in UNPUNCTUATED:
        yield from section(cursor)


def _string_body(cursor: Cursor, start: int, string: int, kind: str) -> Iterator[Piece]:
    """Yield a definition whose body is a string, and the statements in it where it is SQL."""
    end = cursor.statement_end()
    marked = (at + 1 for at in range(start, end - 1) if cursor.words[at] == "LANGUAGE")
    language = next((cursor.tokens[at].text.upper() for at in marked), "SQL")
    problem = None
    if language not in _SQL:
        problem = f"CREATE {kind} was not understood: its body is {language.title()}"
    yield Piece(cursor.tokens[start:end], cursor.sql, kind=f"CREATE {kind}", problem=problem)
    if problem is None:
        procedural = language == "PLPGSQL" or cursor.dialect == "snowflake"
        yield from cursor.code(cursor.tokens[string].text, in_body=procedural)


def _body(cursor: Cursor, kind: str) -> int | None:
    """Return where the body of a definition begins, its parameters taken as variables on the way."""
    at, listed = cursor.at, False
    while at < len(cursor.tokens):
        this, last = cursor.words[at], cursor.word_at(at - 1)
        calls = kind == "TRIGGER" and this == "EXECUTE" and cursor.dialect not in UNPUNCTUATED
        if calls or this in (";", "CREATE"):
            return None
        if kind == "TRIGGER" and this == "DECLARE":
            return at + 1
        if this == "(":
            closing = cursor.closing(at)
            if not listed:
                parameters(cursor, at, closing)
            at, listed = closing, True
        elif this in ("AS", "IS"):
            if last not in _NOT_A_BODY and cursor.word_at(at - 2) != "@":
                return at + 1
        elif (
            this == "BEGIN"
            or (this == "RETURN" and cursor.word_at(at + 1) in (*QUERY, "("))
            or (kind == "PROCEDURE" and this in _VERBS and at > cursor.at and listed)
            or (kind == "TRIGGER" and this in _VERBS and last == "ROW")
        ):
            return at
        at += 1
    return None
