"""PostgreSQL as a `Database`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from itertools import count
from typing import Any, TypeVar

import psycopg
from psycopg.adapt import Dumper
from psycopg.types.numeric import Int8BinaryDumper

from graph.errors import StoreError
from graph.store._migrations import require_known
from graph.store._postgresql_errors import postgresql_errors
from graph.store._postgresql_full_text import PostgresqlFullText
from graph.store.database import Dialect, Row, Rows, Values, translate
from graph.store.full_text import FullText

Connection = psycopg.Connection[Row]
_T = TypeVar("_T")

_ARRAYS = {"key": "bigint[]", "text": "text[]"}
_STREAMED = 10_000
"""How many rows of a long answer are fetched at once."""

_DIALECT = Dialect(
    mark="%s",
    name=lambda name: f"%({name})s",
    # A subquery hides how long the list is: the planner would read whole tables for long ones.
    table_of=lambda of, values: f"(SELECT unnest((SELECT {values}::{_ARRAYS[of]})) AS value)",
    words={"%": "%%"},
    # OFFSET 0 keeps the planner from joining in another way than by looking up.
    lookup=lambda table, alias, condition: (
        f"CROSS JOIN LATERAL (SELECT * FROM {table} AS {alias} WHERE {condition} OFFSET 0) AS {alias}"
    ),
)


class PostgresqlDatabase:
    """A `Database` over a connection that `connect` makes, and makes again when it was lost.

    The connection leaves transactions to us (`autocommit`). `format` is the format of store that this release
    knows.
    """

    def __init__(self, connect: Callable[[], Connection], location: str, format: int) -> None:
        self.full_text: FullText = PostgresqlFullText()
        self._connect = connect
        self._location = location
        self._format = format
        self._patience = 0
        self._in_transaction = False
        self._types: dict[str, dict[str, str]] = {}
        self._given_back = False
        self._cursors = count(1)
        self.connection = self._connected()

    def execute(self, sql: str, values: Values = ()) -> Rows:
        """See `Database.execute`."""
        text = _translated(sql)
        return self._reading(lambda: self.connection.execute(text, values, binary=True))

    def executemany(self, sql: str, rows: Iterable[Values]) -> int:
        """See `Database.executemany`."""
        rows = list(rows)
        if not rows:
            return 0
        if len(rows) > 1 and (together := self._together(sql, rows)) is not None:
            return max(0, self.connection.execute(*together, binary=True).rowcount)
        cursor = self.connection.cursor(binary=True)
        cursor.executemany(_translated(sql), rows)
        return max(0, cursor.rowcount)

    def _together(self, sql: str, rows: Sequence[Values]) -> tuple[bytes, list[list[Any]]] | None:
        """Return one statement for all rows, and its values; None where it takes one for each."""
        if any(isinstance(value, list) for value in rows[0]):
            return None
        found = _INSERT.fullmatch(sql)
        if found is not None:
            types = self._types_of(found["table"], found["columns"])
        elif (found := _UPDATE.fullmatch(sql)) is not None:
            types = tuple(_TYPES.get(type(value), "bigint") for value in rows[0])
        else:
            return None
        return _for_all(sql, types), [list(column) for column in zip(*rows, strict=True)]

    def _types_of(self, table: str, columns: str | None) -> tuple[str, ...]:
        """Return the types of columns of a table: of all, or of those that are listed."""
        if table not in self._types:
            rows = self.connection.execute(
                "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute"
                " WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
                (table,),
            )
            self._types[table] = dict(rows.fetchall())
        types = self._types[table]
        names = types if columns is None else [name.strip() for name in columns.split(",")]
        return tuple(types[name] for name in names)

    def stream(self, sql: str, values: Values = ()) -> Iterator[Row]:
        """See `Database.stream`."""
        with self._for_long() as connection, connection.cursor(self._cursor(), binary=True) as cursor:
            cursor.itersize = _STREAMED
            yield from cursor.execute(_translated(sql), values)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """See `Database.transaction`."""
        self._reading(self._begin)
        self._in_transaction = True
        try:
            yield
            self.connection.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise
        finally:
            self._in_transaction = False

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """See `Database.snapshot`."""
        self._reading(lambda: self.connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"))
        self._in_transaction = True
        try:
            yield
        finally:
            self._in_transaction = False
            self._roll_back()

    def errors(self) -> AbstractContextManager[None]:
        """See `Database.errors`."""
        return postgresql_errors(self._location)

    def set_patience(self, seconds: float) -> None:
        """See `Database.set_patience`."""
        self._patience = max(1, round(seconds * 1000))  # 0 would wait without end

    def size(self) -> int:
        """See `Database.size`."""
        rows = self.execute(
            "SELECT CAST(sum(pg_total_relation_size(oid)) AS BIGINT) FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = to_regnamespace(quote_ident(current_schema()))"
        )
        return int(rows.fetchone()[0])

    def close(self) -> None:
        """See `Database.close`."""
        self._given_back = True
        self.connection.close()

    def _begin(self) -> None:
        """Begin a transaction and wait for our turn to write, in one round trip."""
        try:
            cursor = self.connection.execute(
                "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;"
                f" SET LOCAL lock_timeout = {self._patience};"
                " SELECT format FROM store_state FOR UPDATE",
                prepare=False,
            )
            while cursor.nextset():
                pass
            row = cursor.fetchone()
            if row is None:
                raise StoreError(self._location, "its table store_state is empty: restore it from a backup")
            require_known(self._location, row[0], self._format)
        except BaseException:
            self._roll_back()
            raise

    def _reading(self, run: Callable[[], _T]) -> _T:
        """Run what changes nothing, once more with a new connection when the old one turns out to be lost."""
        try:
            return run()
        except psycopg.OperationalError:
            if self._in_transaction or self._given_back or not self.connection.closed:
                raise
        self.connection = self._connected()
        return run()

    def _cursor(self) -> str:
        return f"lineage{next(self._cursors)}"

    @contextmanager
    def _for_long(self) -> Iterator[Connection]:
        """Give a connection within a transaction that lasts as long as an answer is being read."""
        if self._in_transaction:
            yield self.connection
        else:
            with self._connected() as connection, connection.transaction():
                yield connection

    def _roll_back(self) -> None:
        if not self.connection.closed:
            try:
                self.connection.execute("ROLLBACK")
            except psycopg.Error:
                self.connection.close()

    def _connected(self) -> Connection:
        connection = self._connect()
        # Compiling takes longer than any of our statements, and recursive ones are estimated far too high.
        # A writer whose machine is gone without a word keeps its turn until the server looks for it.
        connection.execute(
            "SELECT set_config('jit', 'off', false), set_config('tcp_keepalives_idle', '30', false),"
            " set_config('tcp_keepalives_interval', '10', false),"
            " set_config('tcp_keepalives_count', '3', false)"
        )
        for type_ in (int, bool):  # one type for all numbers: one prepared statement for all rows
            connection.adapters.register_dumper(type_, Int8BinaryDumper)
        connection.adapters.register_dumper(list, _ListDumper)
        return connection


class _ListDumper(Dumper):
    """Writes lists without a type, which a cast gives: psycopg would take that of the first list."""

    def dump(self, obj: list[Any]) -> bytes:
        """Return the text of an array of integers, texts and bytes, some of which may be None."""
        return f"{{{','.join([_in_array(each) for each in obj])}}}".encode()


def _in_array(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, bytes):
        return f'"\\\\x{value.hex()}"'
    return _quoted(value)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@lru_cache(maxsize=2000)
def _translated(sql: str) -> bytes:
    return translate(sql, _DIALECT).text.encode()


_TYPES: dict[type, str] = {bytes: "bytea", str: "text"}
_INSERT = re.compile(
    r"""\s* INSERT\ INTO\ (?P<table>\w+) \s* (?:\((?P<columns>[\w,\s]+)\))? \s*
    VALUES\ \((?:\?,\ )*\?\) (?P<rest>\s[^?:]*)?""",
    re.VERBOSE,
)
_UPDATE = re.compile(r"UPDATE (?P<table>\w+) SET (?P<set>[^:]+?) WHERE (?P<where>[^:]+)")


@lru_cache(maxsize=500)
def _for_all(sql: str, types: tuple[str, ...]) -> bytes:
    """Return an INSERT or UPDATE that takes the values of all rows at once, as a list for each column."""
    lists = ", ".join(f"%s::{type_}[]" for type_ in types)
    insert = _INSERT.fullmatch(sql)
    if insert is not None:
        columns = f"({insert['columns']})" if insert["columns"] else ""
        rest = _translated(insert["rest"] or "").decode()
        return f"INSERT INTO {insert['table']} {columns} SELECT * FROM unnest({lists}) {rest}".encode()
    update = _UPDATE.fullmatch(sql)
    assert update is not None
    places = count(1)
    changed, where = (
        re.sub(r"\?", lambda _: f"each_row.v{next(places)}", update[part]) for part in ("set", "where")
    )
    names = ", ".join(f"v{place}" for place in range(1, len(types) + 1))
    return (
        f"UPDATE {update['table']} SET {changed} FROM unnest({lists}) AS each_row ({names}) WHERE {where}"
    ).encode()
