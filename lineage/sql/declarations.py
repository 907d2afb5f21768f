"""What bodies of procedures declare: variables, parameters, cursors, and the procedures inside them."""

from __future__ import annotations

from collections.abc import Iterator

from lineage.sql.cursor import QUERY, Cursor
from lineage.sql.splitting import UNPUNCTUATED, Piece

# Dialects in which DECLARE is a statement, not the head of a section that ends with BEGIN.
_ONE_BY_ONE = frozenset({"bigquery", "databricks", "mysql", "singlestore", "spark"}) | UNPUNCTUATED
_STARTING = frozenset({
    "ALTER", "BEGIN", "CALL", "COPY", "CREATE", "DECLARE", "DELETE", "DROP", "END", "EXEC", "EXECUTE", "FOR",
    "GO", "GRANT", "IF", "INSERT", "LET", "LOOP", "MERGE", "REPLACE", "RETURN", "SELECT", "SET", "TRUNCATE",
    "UPDATE", "WHILE", "WITH", ";", "/",
})  # fmt: skip
_MODES = frozenset({"IN", "OUT", "INOUT", "VARIADIC", "@"})


def declare(cursor: Cursor) -> Iterator[Piece]:
    """DECLARE: one declaration, or all up to BEGIN."""
    cursor.at += 1
    if cursor.dialect in UNPUNCTUATED or cursor.word() == "@":
        yield from _tsql(cursor)
    elif cursor.dialect in _ONE_BY_ONE:
        yield from _declaration(cursor)
    else:
        yield from section(cursor)


def section(cursor: Cursor) -> Iterator[Piece]:
    """Pass the declarations in front of a BEGIN."""
    while cursor.at < len(cursor.tokens) and cursor.word() not in _STARTING:
        yield from _declaration(cursor)
        cursor.accept(";")


def _declaration(cursor: Cursor) -> Iterator[Piece]:
    """Pass one declaration: a variable, cursor, type, handler or local procedure."""
    start = cursor.at
    if cursor.word() in ("PROCEDURE", "FUNCTION"):
        yield from local(cursor)
        return
    if (handler := cursor.find("HANDLER")) is not None:
        cursor.at = cursor.find(
            "BEGIN", "SET", "INSERT", "UPDATE", "DELETE", "CALL", "SELECT", "ROLLBACK"
        ) or (handler + 1)
        return
    query = cursor.find(*QUERY) if cursor.find("CURSOR", "RESULTSET") is not None else None
    named = start + (cursor.word() == "CURSOR")
    if query is not None and "(" in cursor.words[named + 1 : named + 3]:
        opening = named + 1 + cursor.words[named + 1 : named + 3].index("(")
        parameters(cursor, opening, cursor.closing(opening))
    end = cursor.statement_end()
    names = named + 1
    while cursor.word_at(names) == "," and names + 1 < end:
        names += 2
    cursor.declare(named, min(names, end))
    if query is not None and query < end:
        declared = cursor.piece(query, end, assigning=True)
        cursor.records[cursor.tokens[named].text.casefold()] = declared
        yield declared
    else:
        yield from cursor.queries(start, end)


def _tsql(cursor: Cursor) -> Iterator[Piece]:
    """T-SQL: variables, one that holds a table, or a cursor."""
    start = cursor.at - 1
    if "CURSOR" in cursor.words[start : start + 6]:
        end = cursor.statement_end()
        query = next((at for at in range(start, end) if cursor.words[at] in QUERY), end)
        if query < end:
            yield cursor.piece(query, end, assigning=True)
        return
    end = cursor.statement_end()
    if "TABLE" in cursor.words[start : start + 5]:
        yield cursor.piece(start, end)
    else:
        yield from cursor.queries(start, end)


def local(cursor: Cursor) -> Iterator[Piece]:
    """A procedure declared in another or in a package: pass its head and what it declares."""
    cursor.at += 2
    if cursor.word() == "(":
        closing = cursor.closing(cursor.at)
        parameters(cursor, cursor.at, closing)
        cursor.at = closing + 1
    body = cursor.find("IS", "AS")
    if body is None:
        cursor.statement_end()
    else:
        cursor.at = body + 1
        yield from section(cursor)


def parameters(cursor: Cursor, opening: int, closing: int) -> None:
    """Take the names in a list of parameters for variables."""
    brackets, expected = 0, True
    for at in range(opening, closing):
        this = cursor.words[at]
        brackets += (this == "(") - (this == ")")
        if brackets == 1 and this in ("(", ","):
            expected = True
        elif expected and this not in _MODES:
            cursor.declare(at, at + 1)
            expected = False
