"""Open a SQLite file as a store: create, check, migrate; a StoreError says what failed and what to do."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from urllib.parse import quote

from graph.errors import StoreError
from graph.store._sqlite_database import SqliteDatabase, sqlite_errors

_APPLICATION_ID = 0x4C4E4752  # "LNGR", in the header of every store


def connect(location: str, *, read_only: bool, patience: float) -> tuple[SqliteDatabase, bool, int]:
    """Return the database of the store, whether it is read-only, and the number of its format.

    The store is made and migrated where that is due. A file that may not be written is opened for reading; a
    store of a newer release is refused. `patience` is how many seconds to wait for other writers.
    """
    path = Path(location).expanduser()
    if location != ":memory:":
        _check_place(location, path, read_only)
        read_only = read_only or (path.exists() and not os.access(path, os.W_OK))
    with sqlite_errors(location):
        db = _open(location, path, read_only)
        database = SqliteDatabase(db, location)
        try:
            database.set_patience(patience)
            db.execute("PRAGMA cache_size = -65536")
            _check_identity(db, location)
            if read_only:
                _require_current(db, location)
            else:
                _prepare(db, location)
            version = _version(db)
        except BaseException:
            db.close()
            raise
    return database, read_only, version


def _check_place(location: str, path: Path, read_only: bool) -> None:
    if path.is_dir():
        raise StoreError(location, "is a folder: give the path of a file in it, such as lineage.db")
    if read_only and not path.exists():
        raise StoreError(location, "there is no such file to read from: ingest something first")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(location, f"its folder cannot be made: {error.strerror}") from error


def _open(location: str, path: Path, read_only: bool) -> sqlite3.Connection:
    if location == ":memory:":
        return sqlite3.connect(":memory:", isolation_level=None)
    if read_only:
        return _open_for_reading(path)
    return sqlite3.connect(path, isolation_level=None)


def _open_for_reading(path: Path) -> sqlite3.Connection:
    uri = f"file:{quote(str(path.absolute()))}?mode=ro"
    db = sqlite3.connect(uri, uri=True, isolation_level=None)
    try:
        db.execute("SELECT 1 FROM sqlite_master").fetchall()
    except sqlite3.OperationalError:
        # WAL needs a writable folder even to read; without a log beside it the file is whole by itself.
        db.close()
        if path.with_name(path.name + "-wal").exists():
            raise
        return sqlite3.connect(uri + "&immutable=1", uri=True, isolation_level=None)
    except BaseException:
        db.close()
        raise
    return db


def _check_identity(db: sqlite3.Connection, location: str) -> None:
    """Refuse databases of others: an empty file may become a store, a filled one must be one."""
    application = db.execute("PRAGMA application_id").fetchone()[0]
    if application == _APPLICATION_ID:
        return
    if application or db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise StoreError(location, "is a SQLite database of something else: give another path")


def _require_current(db: sqlite3.Connection, location: str) -> None:
    version = _version(db)
    if version > len(_migrations()):
        raise _too_new(location, version)
    if version < len(_migrations()):
        raise StoreError(
            location,
            f"has format {version}, this release reads {len(_migrations())}: open it once with write access"
            " so that it is brought up to date",
        )


def _prepare(db: sqlite3.Connection, location: str) -> None:
    migrations = _migrations()
    if _version(db) > len(migrations):
        raise _too_new(location, _version(db))
    if location != ":memory:":
        db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    if _version(db) < len(migrations):
        _migrate(db, location, migrations)


def _migrate(db: sqlite3.Connection, location: str, migrations: list[str]) -> None:
    """Run the migrations that are due as one transaction; another process may have run them meanwhile."""
    db.execute("BEGIN IMMEDIATE")
    try:
        version = _version(db)
        if version > len(migrations):
            raise _too_new(location, version)
        for script in migrations[version:]:
            for statement in _statements(script):
                db.execute(statement)
        db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {len(migrations)}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _too_new(location: str, version: int) -> StoreError:
    return StoreError(
        location,
        f"was written by a newer release (format {version}, this one knows {len(_migrations())}):"
        " upgrade lineage-graph, or give another path",
    )


def _migrations() -> list[str]:
    """Return the scripts of graph/store/schema in their order; the position is the format's number."""
    folder = resources.files("graph.store") / "schema"
    scripts = sorted(
        (entry for entry in folder.iterdir() if entry.name.endswith(".sql")), key=lambda e: e.name
    )
    return [script.read_text(encoding="utf-8") for script in scripts]


def _statements(script: str) -> Iterator[str]:
    """Yield the statements of a script: `executescript` would commit the transaction around it."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
