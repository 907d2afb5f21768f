"""SQLite as a `Database`."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from graph.errors import DamagedStoreError, StoreError
from graph.store._sqlite_full_text import SqliteFullText
from graph.store.database import Dialect, Row, Rows, Statement, Values, translate
from graph.store.full_text import FullText

_DAMAGED = "the file is damaged: restore it, or move it away and ingest the events again"
_REASONS = (
    ("locked", "another process has been writing all the while; try again when it is done"),
    ("disk is full", "the disk is full; nothing of this step was kept: free some space and try again"),
    ("not a database", "the file is not a SQLite database: give another path, or move it away"),
    ("malformed", _DAMAGED),
    ("could not decode", _DAMAGED),
    (
        "disk i/o error",
        "the disk cannot be read or written (a quota, or a limit of the size of files?), or the file was"
        " replaced while it was open; nothing of this step was kept",
    ),
    ("readonly", "the file cannot be written: check its permissions"),
    ("unable to open", "the file cannot be opened: check that its folder exists and its permissions"),
)

_DIALECT = Dialect(
    mark="?",
    name=lambda name: f":{name}",
    table_of=lambda _, values: f"json_each({values})",
    words={"least": "min", "greatest": "max"},
)


@contextmanager
def sqlite_errors(location: str) -> Iterator[None]:
    """Turn SQLite's errors into StoreError with what to do about them."""
    try:
        yield
    except UnicodeDecodeError as error:  # in a text, or in what SQLite says of a damaged schema
        raise DamagedStoreError(location, f"{_DAMAGED} ({error.reason})") from error
    except (sqlite3.Error, sqlite3.Warning) as error:
        text = str(error)
        advice = next((advice for words, advice in _REASONS if words in text.lower()), None)
        kind = DamagedStoreError if advice == _DAMAGED else StoreError
        raise kind(location, f"{advice} (SQLite: {text})" if advice else f"SQLite: {text}") from error


def wait_for_others(connection: sqlite3.Connection, seconds: float) -> None:
    """Have statements of a connection wait so long for other processes."""
    connection.execute(f"PRAGMA busy_timeout = {max(0, round(seconds * 1000))}")


class SqliteDatabase:
    """A `Database` over a connection that leaves transactions to us (`isolation_level=None`)."""

    def __init__(self, connection: sqlite3.Connection, location: str) -> None:
        self.connection = connection
        self.full_text: FullText = SqliteFullText()
        self._location = location
        self._file = Path(connection.execute("PRAGMA database_list").fetchone()[2] or "/")
        self._opened = self._place()

    def execute(self, sql: str, values: Values = ()) -> Rows:
        """See `Database.execute`."""
        statement = _translated(sql)
        if statement.lists:
            values = _as_json(values, statement)
        return self.connection.execute(statement.text, values)

    def executemany(self, sql: str, rows: Iterable[Values]) -> int:
        """See `Database.executemany`."""
        statement = _translated(sql)
        if statement.lists:
            rows = [_as_json(row, statement) for row in rows]
        return max(0, self.connection.executemany(statement.text, rows).rowcount)

    def stream(self, sql: str, values: Values = ()) -> Iterator[Row]:
        """See `Database.stream`."""
        yield from self.execute(sql, values)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """See `Database.transaction`."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            if self._place() != self._opened:
                raise StoreError(
                    self._location,
                    "the file was moved or deleted while it was open: open the store again, which makes a new"
                    " one where there is none; nothing of this step was kept",
                )
            yield
            self.connection.execute("COMMIT")
        except BaseException:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            raise

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """See `Database.snapshot`."""
        self.connection.execute("BEGIN")
        try:
            yield
        finally:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")

    def errors(self) -> AbstractContextManager[None]:
        """See `Database.errors`."""
        return sqlite_errors(self._location)

    def set_patience(self, seconds: float) -> None:
        """See `Database.set_patience`."""
        wait_for_others(self.connection, seconds)

    def _place(self) -> tuple[int, int] | None:
        """Return what tells the file that lies where ours was from others, None where there is none."""
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def size(self) -> int:
        """See `Database.size`: of the file with what its write-ahead log holds."""
        file = self.connection.execute("PRAGMA database_list").fetchone()[2]
        if not file:
            pages = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
            return int(self.connection.execute(pages).fetchone()[0])
        files = (Path(file), Path(f"{file}-wal"))
        return sum(each.stat().st_size for each in files if each.exists())

    def close(self) -> None:
        """See `Database.close`."""
        self.connection.close()


@lru_cache(maxsize=2000)
def _translated(sql: str) -> Statement:
    return translate(sql, _DIALECT)


def _as_json(values: Values, statement: Statement) -> Values:
    """Return the values with their lists as JSON, which is what SQLite makes tables of."""
    with_json: Any = dict(values) if isinstance(values, Mapping) else list(values)
    for place in statement.lists:
        with_json[place] = json.dumps(with_json[place])
    return with_json  # type: ignore[no-any-return]
