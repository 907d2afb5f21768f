"""Scripts and bodies of procedures told apart into the statements in them, by tokens alone.

The languages meant are the SQL/PSM family (BigQuery, MySQL, Databricks, Snowflake), PL/SQL, PL/pgSQL and
T-SQL. What only steers them is passed over; a query in a condition or an assignment is a statement of its
own that reads and writes no column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lineage.sql.cursor import QUERY, Cursor, select_of
from lineage.sql.declarations import declare, local
from lineage.sql.definitions import create
from lineage.sql.splitting import Piece, is_string, redelimited, requoted, tokenized, untokenized

_STEERING = frozenset({  # statements that move no rows, but for the queries in them
    "ASSERT", "BREAK", "CLOSE", "CONTINUE", "DEALLOCATE", "EXIT", "FETCH", "GET", "GOTO", "ITERATE", "LEAVE",
    "LET", "NULL", "PRINT", "RAISE", "RAISERROR", "RESIGNAL", "SIGNAL", "THROW", "UNTIL", "WAITFOR",
})  # fmt: skip
_VERBS = frozenset({
    "ALTER", "CALL", "COPY", "CREATE", "DELETE", "DROP", "EXECUTE", "GRANT", "INSERT", "MERGE", "REPLACE",
    "SELECT", "TRUNCATE", "UPDATE", "VALUES", "WITH",
})  # fmt: skip
_ALONE = frozenset({"", "COMMIT", "ROLLBACK"})
# Packages of Oracle that talk and wait.
_HARMLESS = ("DBMS_OUTPUT", "DBMS_LOCK", "DBMS_SESSION", "DBMS_APPLICATION_INFO", "DBMS_STATS", "UTL_FILE")
_MADE_WHILE_IT_RUNS = "the statement it runs is made while it runs"
_ELSEWHERE = "what it runs is not in the text"


def pieces(sql: str, dialect: str | None) -> list[Piece]:
    """Return the statements of a text in order, those in the bodies of its procedures among them."""
    if dialect in ("mysql", "singlestore", None):
        sql = redelimited(sql)
    tokens = tokenized(requoted(sql) if dialect == "oracle" else sql, dialect)
    if tokens is not None:
        return list(_walk(Cursor(tokens, sql, dialect, _walk)))
    found: list[Piece] = []
    for part, cut in untokenized(sql, dialect):
        if cut is None:
            found.append(Piece((), part, problem="the parser cannot read it (TokenError)"))
        else:
            found += _walk(Cursor(cut, part, dialect, _walk))
    return found


def unpunctuated(piece: Piece, dialect: str | None) -> list[Piece]:
    """Return a statement cut where words in it begin others, for one that is not understood as a whole."""
    cursor = Cursor(piece.tokens, piece.sql, dialect, _walk, variables=piece.variables, punctuated=False)
    return list(_walk(cursor))


def _walk(cursor: Cursor) -> Iterator[Piece]:
    while cursor.at < len(cursor.tokens):
        before = cursor.at
        yield from _statement(cursor)
        if cursor.at == before:  # nothing was recognised: never stand still
            cursor.at += 1


def _statement(cursor: Cursor) -> Iterator[Piece]:
    first, second = cursor.word(), cursor.word(1)
    if first in (";", "GO", "/", "$$", ")"):
        cursor.at += 1 + (first == "GO" and second.isdigit())
    elif first == "<" and second == "<":  # <<label>>
        cursor.at += 5
    elif first == "<<":
        cursor.at += 3
    elif second == ":" and cursor.word(2) in ("BEGIN", "LOOP", "WHILE", "REPEAT", "FOR"):
        cursor.at += 2
    elif first in _HANDLERS:
        yield from _HANDLERS[first](cursor)
    elif first in _STEERING or _is_assignment(cursor):
        yield from cursor.queries(cursor.at, cursor.statement_end())
    elif cursor.in_body and first not in _VERBS and (second in (".", "(") or _is_bare_call(cursor)):
        yield from _call(cursor)
    else:
        yield from _simple(cursor)


def _simple(cursor: Cursor) -> Iterator[Piece]:
    start = cursor.at
    end = cursor.statement_end()
    if end > start:
        yield cursor.piece(start, end)


def _is_assignment(cursor: Cursor) -> bool:
    """Whether a statement is `x := ...`, `x.y := ...`, `x(i) := ...` or, in a body, `x = ...`."""
    for at in range(cursor.at + 1, min(cursor.at + 12, len(cursor.words))):
        this = cursor.words[at]
        if this == ":=" or (cursor.in_body and at == cursor.at + 1 and this == "="):
            return True
        if this in _VERBS or this == ";":
            return False
    return False


def _is_bare_call(cursor: Cursor) -> bool:
    """Whether a statement is a name alone, which in Oracle calls a procedure."""
    return cursor.dialect == "oracle" and cursor.word(1) == ";" and cursor.word() not in _ALONE


def _call(cursor: Cursor) -> Iterator[Piece]:
    """A procedure called by its name alone."""
    start = cursor.at
    harmless = cursor.word() in _HARMLESS
    end = cursor.statement_end()
    if not harmless:
        problem = f"CALL was not understood: {_ELSEWHERE}"
        yield Piece(cursor.tokens[start:end], cursor.sql, kind="CALL", problem=problem)


# What steers


def _condition(cursor: Cursor) -> Iterator[Piece]:
    """IF, ELSIF, WHILE, WHEN, CASE: pass the condition; what follows it is a statement."""
    start, then = cursor.at, None
    if cursor.punctuated:  # T-SQL has no word between a condition and its statement
        then = cursor.find("LOOP", "DO") if cursor.word() == "WHILE" else cursor.find("THEN")
    if then is not None:
        cursor.at, end = then + 1, then
    else:
        cursor.at += not cursor.punctuated
        end = cursor.statement_end()
    yield from cursor.queries(start + 1, end)


def _pass_word(cursor: Cursor) -> Iterator[Piece]:
    cursor.at += 1
    yield from ()


def _repeat(cursor: Cursor) -> Iterator[Piece]:
    return _simple(cursor) if cursor.word(1) == "(" else _pass_word(cursor)


def _begin(cursor: Cursor) -> Iterator[Piece]:
    following = cursor.word(1)
    if cursor.word() != "BEGIN" or following in ("", ";", "TRAN", "TRANSACTION", "WORK", "DISTRIBUTED"):
        yield from _simple(cursor)
        return
    cursor.at += 1
    cursor.in_body = True
    if following in ("TRY", "CATCH", "ATOMIC"):
        cursor.at += 1
    elif following == "NOT" and cursor.word(1) == "ATOMIC":
        cursor.at += 2


def _end(cursor: Cursor) -> Iterator[Piece]:
    cursor.at += 1
    cursor.accept("IF", "LOOP", "WHILE", "REPEAT", "CASE", "FOR", "TRY", "CATCH", "TRANSACTION")
    last = cursor.at + 1 == len(cursor.tokens)
    if cursor.word() not in ("", ";", "/", "GO", "END") and (last or cursor.word(1) in (";", "/")):
        cursor.at += 1  # the name of what ends
    yield from ()


def _for(cursor: Cursor) -> Iterator[Piece]:
    """FOR r IN (query) LOOP: r is a row of the query."""
    loop = cursor.find("LOOP", "DO")
    if loop is None:
        yield from _simple(cursor)
        return
    within = cursor.find("IN")
    names = (cursor.at + 1, within if within is not None and within < loop else loop)
    start = names[1] + 1
    cursor.declare(*names)
    found = list(cursor.query_from(start, loop))
    name = cursor.tokens[names[0]].text.casefold()
    if len(found) == 1 and names[1] == names[0] + 1:
        cursor.records[name] = found[0]
    elif cursor.word_at(start).casefold() in cursor.records:  # a cursor by its name
        cursor.records[name] = cursor.records[cursor.word_at(start).casefold()]
    cursor.at = loop + 1
    yield from found


def _forall(cursor: Cursor) -> Iterator[Piece]:
    verb = cursor.find("INSERT", "UPDATE", "DELETE", "MERGE", "EXECUTE")
    cursor.declare(cursor.at + 1, cursor.at + 2)
    cursor.at = verb if verb is not None else cursor.statement_end()
    yield from ()


def _open(cursor: Cursor) -> Iterator[Piece]:
    start, end = cursor.at, cursor.statement_end()
    query = next((at for at in range(start, end) if cursor.words[at] in QUERY), start)
    yield from cursor.query_from(start if cursor.word_at(query - 1) == "(" else query, end)


def _perform(cursor: Cursor) -> Iterator[Piece]:
    start = cursor.at
    yield select_of(cursor.piece(start, cursor.statement_end(), assigning=True))


def _return(cursor: Cursor) -> Iterator[Piece]:
    cursor.at += 1
    if cursor.accept("QUERY") and cursor.word() == "EXECUTE":
        return
    start = cursor.at
    if cursor.word() in QUERY:
        yield cursor.piece(start, cursor.statement_end())
    elif cursor.word() == "(" and cursor.word(1) in QUERY:
        closing = cursor.closing(start)
        yield cursor.piece(start + 1, closing)
        cursor.at = max(cursor.statement_end(), closing)
    else:
        yield from cursor.queries(start, cursor.statement_end())


def _set(cursor: Cursor) -> Iterator[Piece]:
    start, end = cursor.at, cursor.statement_end()
    found = list(cursor.queries(start, end))
    yield from found
    if (not found and not cursor.in_body and cursor.word_at(start + 1) != "@") or cursor.word_at(
        start + 2
    ) == "@":
        yield cursor.piece(start, end)


# Code in strings, and definitions


def _do(cursor: Cursor) -> Iterator[Piece]:
    start = cursor.at
    body = next((at for at in range(start + 1, start + 4) if is_string_at(cursor, at)), None)
    if body is None:
        cursor.at += 1
        return
    cursor.statement_end()
    yield from cursor.code(cursor.tokens[body].text, in_body=True)


def is_string_at(cursor: Cursor, at: int) -> bool:
    """Whether a string stands at a place."""
    return at < len(cursor.tokens) and is_string(cursor.tokens[at])


def _execute(cursor: Cursor) -> Iterator[Piece]:
    """EXECUTE IMMEDIATE, EXEC (...), PREPARE: read a statement that is there as one string."""
    start, head = cursor.at, cursor.word()
    cursor.at += 1
    while cursor.accept("IMMEDIATE", "(", "N", "SYS", ".", "SP_EXECUTESQL"):
        pass
    if cursor.word() == "@" and cursor.word(1) in ("STMT", "STATEMENT"):
        cursor.at += 3
    if head == "PREPARE":
        cursor.at += 1
        cursor.accept("FROM", "AS")
    code = cursor.at
    cursor.at = start
    end = cursor.statement_end()
    following = cursor.word_at(code + 1) if code + 1 < end else ""
    if code < end and is_string_at(cursor, code) and following in ("", ")", ",", "USING", "INTO"):
        yield from cursor.code(cursor.tokens[code].text, in_body=cursor.in_body)
    elif head == "PREPARE" and cursor.word_at(code) in _VERBS:
        yield cursor.piece(code, end)
    elif cursor.word_at(start + 1) == "SP_RENAME":
        yield cursor.piece(start, end)
    else:
        dynamic = head == "PREPARE" or cursor.word_at(start + 1) in ("IMMEDIATE", "(", "SP_EXECUTESQL")
        dynamic = dynamic or (cursor.in_body and cursor.punctuated)
        problem = f"{head} was not understood: {_MADE_WHILE_IT_RUNS if dynamic else _ELSEWHERE}"
        yield Piece(cursor.tokens[start:end], cursor.sql, kind=head, problem=problem)


def _create(cursor: Cursor) -> Iterator[Piece]:
    return create(cursor) or _simple(cursor)


_HANDLERS: dict[str, Callable[[Cursor], Iterator[Piece]]] = {
    "ALTER": _create,
    "BEGIN": _begin,
    "BEGIN TRANSACTION": _begin,
    "CASE": _condition,
    "CREATE": _create,
    "DECLARE": declare,
    "DO": _do,
    "ELSE": _pass_word,
    "ELSEIF": _condition,
    "ELSIF": _condition,
    "END": _end,
    "EXCEPTION": _pass_word,
    "EXEC": _execute,
    "EXECUTE": _execute,
    "FOR": _for,
    "FORALL": _forall,
    "FUNCTION": local,
    "IF": _condition,
    "LOOP": _pass_word,
    "OPEN": _open,
    "PERFORM": _perform,
    "PREPARE": _execute,
    "PROCEDURE": local,
    "REPEAT": _repeat,
    "RETURN": _return,
    "SET": _set,
    "WHEN": _condition,
    "WHILE": _condition,
}
