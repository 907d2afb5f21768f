"""What drivers after the DB-API (PEP 249) have in common."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from lineage._guard import guard
from lineage.attribution import UNRECORDED, KnownTable, Query, Transactions

_ENDING = guard("ending a query")
_SETTLING = guard("finding the transaction of a query")

_UNKNOWN = 1 << 63
"""Drivers say -1 for what they do not know; those of MySQL say this or more."""

Standing = Callable[[Any], tuple[Transactions, bool | None]]
"""Gives the transactions of a cursor's connection, and whether it is in one now; None is for not known."""

Begin = Callable[[Any, tuple[Any, ...], dict[str, Any]], Query]
"""Begins the query of a call of a cursor's method, open while its caller runs."""


def finish(
    query: Query,
    cursor: Any,
    error: BaseException | None = None,
    standing: Standing | None = None,
    result: Any = None,
) -> None:
    """End a query that a cursor has run, with the rows that the cursor knows of. Never raises.

    `result` is what the call returned, where it knows its columns better than the cursor.
    """
    if query is UNRECORDED:
        return
    if standing is not None:
        settle(query, standing, cursor, error)
    with _ENDING:
        if error is None:
            rows = getattr(cursor, "rowcount", None)
            if isinstance(rows, int) and 0 <= rows < _UNKNOWN:
                query.rows = rows
            text = query.text
            if text is not None and "*" in text[:32]:
                _note_columns(query, cursor if result is None else result)
        query.end(error)
        return
    with _ENDING:  # one part failed: the others are done all the same
        query.leave()
    with _ENDING:
        query.end(error)


_STARRED = re.compile(
    r"""\s*select\s+\*\s+from\s+((?:[\w$-]+|"[^"]+"|`[^`]+`)(?:\.(?:[\w$-]+|"[^"]+"|`[^`]+`))*)
    \s*(?:;?\s*$|where\b|limit\b|order\s+by\b)""",
    re.IGNORECASE | re.VERBOSE,
)
"""A SELECT of all columns of one table."""


def starred(query: Query, columns: Iterable[object]) -> tuple[KnownTable, ...]:
    """Return the table whose columns are those of a query's result, where it is one of all its columns."""
    found = _STARRED.match(query.text or "")
    named = tuple(name for name in columns if isinstance(name, str))
    if found is None or not named:
        return ()
    return (KnownTable(re.sub(r'["`]', "", found[1]), named),)


def _note_columns(query: Query, described: Any) -> None:
    columns = getattr(described, "description", None)
    if columns:
        query.tables = (*query.tables, *starred(query, [column[0] for column in columns]))


def settle(query: Query, standing: Standing, subject: Any, error: BaseException | None = None) -> None:
    """Have what a query wrote stand or fall with its transaction; before its end is told. Never raises."""
    with _SETTLING:
        transactions, inside = standing(subject)
        failed = error is not None and not isinstance(error, GeneratorExit)
        transactions.ran(query, inside=inside, failed=failed)


def captured(
    method: Callable[..., Any], begin: Begin, standing: Standing | None = None
) -> Callable[..., Any]:
    """Return a cursor's method with a query around each of its calls."""

    @wraps(method)
    def call(cursor: Any, /, *args: Any, **kwargs: Any) -> Any:
        query = begin(cursor, args, kwargs)
        try:
            result = method(cursor, *args, **kwargs)
        except BaseException as error:
            finish(query, cursor, error, standing)
            raise
        finish(query, cursor, None, standing, result if hasattr(result, "description") else None)
        return result

    return call


def ending(method: Callable[..., Any], ended: Callable[[Any, bool], None]) -> Callable[..., Any]:
    """Return a method that ends transactions, with `ended(connection, has returned)` called after it."""

    @wraps(method)
    def call(connection: Any, /, *args: Any, **kwargs: Any) -> Any:
        try:
            result = method(connection, *args, **kwargs)
        except BaseException:
            with _SETTLING:
                ended(connection, False)
            raise
        with _SETTLING:
            ended(connection, True)
        return result

    return call


def endings(transactions_of: Callable[[Any], Transactions | None]) -> dict[str, Callable[[Any, bool], None]]:
    """Return for `ending` what the methods of a connection mean for its transactions, by their names."""

    def begun(connection: Any, done: bool) -> None:
        transactions = transactions_of(connection)
        if transactions is not None and done:
            transactions.begin()

    def committed(connection: Any, done: bool) -> None:
        transactions = transactions_of(connection)
        if transactions is not None:
            transactions.commit() if done else transactions.rollback()

    def rolled_back(connection: Any, done: bool) -> None:
        transactions = transactions_of(connection)
        if transactions is not None:
            transactions.rollback()

    return {"begin": begun, "commit": committed, "rollback": rolled_back, "close": rolled_back}
