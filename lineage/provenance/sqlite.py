"""The content of a SQLite database, and the id in it: a table of one row.

SQLite writes the same content in many ways (pages move, a log stands beside the file), so the hash is not
of the bytes: it is a tree of the rows of every table as a bag, of the statements that made tables, views,
indexes and triggers, and of `user_version` and `application_id`. The table of the id is left out.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from lineage.errors import ContentError
from lineage.provenance.canonical import content_text, encode, hasher
from lineage.provenance.embedded import is_id
from lineage.provenance.rows import hash_rows

TABLE = "lineage_graph"
LOGS = ("-wal", "-shm", "-journal")
"""What SQLite puts behind a database's name for files beside it, whose content is the database's."""

_CREATE = f"CREATE TABLE {TABLE} (id TEXT NOT NULL)"
_SECONDS = 5.0
_VIRTUAL = re.compile(r"\s*CREATE\s+VIRTUAL\s", re.IGNORECASE).match


def hash_database(path: Path) -> str:
    """Return `tree-sha256:HEX` of what the database holds; ContentError when it cannot be read."""
    with _open(path, "ro") as connection:
        connection.execute("BEGIN")  # one moment of it, whoever writes meanwhile
        objects = connection.execute(
            "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        ).fetchall()
        if _slot(connection) is not None:
            objects = [found for found in objects if found[1] != TABLE]
        parts: list[object] = [("object", *found) for found in objects]
        tables = [(name, sql) for kind, name, _, sql in objects if kind == "table"]
        parts += [("rows", name, _hash_rows(connection, name)) for name, sql in tables if not _VIRTUAL(sql)]
        for pragma in ("user_version", "application_id"):
            parts.append((pragma, connection.execute(f"PRAGMA {pragma}").fetchone()[0]))
    digest = hasher("sqlite")
    digest.update(encode(sorted(parts, key=encode)))
    return content_text("tree", digest)


def read_text(path: Path) -> str | None:
    """Return the text of the id, or None."""
    with _open(path, "ro") as connection:
        return _slot(connection)


def write_text(path: Path, text: str) -> None:
    """Put an id in, in one transaction; OSError when it cannot be, and nothing is changed then."""
    try:
        with _open(path, "rw") as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            if _slot(connection) is None:
                connection.execute(_CREATE)
            connection.execute(f"DELETE FROM {TABLE}")
            connection.execute(f"INSERT INTO {TABLE} VALUES (?)", (text,))
    except (sqlite3.Error, ContentError) as error:
        raise OSError(str(error)) from error


def _slot(connection: sqlite3.Connection) -> str | None:
    """Return the text of our table when it is ours: made by our statement, with one row, an id."""
    made = connection.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (TABLE,)).fetchall()
    if made != [(_CREATE,)]:
        return None
    rows = connection.execute(f"SELECT id FROM {TABLE} LIMIT 2").fetchall()
    return rows[0][0] if len(rows) == 1 and isinstance(rows[0][0], str) and is_id(rows[0][0]) else None


def _hash_rows(connection: sqlite3.Connection, table: str) -> str:
    quoted = table.replace('"', '""')
    rows = connection.execute(f'SELECT * FROM "{quoted}"')
    return hash_rows([column[0] for column in rows.description], rows, ordered=False)


@contextmanager
def _open(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    place, resting = f"{path.resolve().as_uri()}?mode={mode}", None
    if mode == "ro" and _is_at_rest(path):
        # One that writes to a log would else get an empty one beside it, which a reader may not remove.
        place, resting = f"{place}&immutable=1", path.stat()
    try:
        with closing(sqlite3.connect(place, uri=True, timeout=_SECONDS, isolation_level=None)) as connection:
            # SQLite keeps any bytes as text; those that are none keep their own code points.
            connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
            yield connection
    except sqlite3.Error as error:
        raise ContentError(f"the SQLite database {path} cannot be read: {error}") from error
    if resting is not None and path.stat().st_mtime_ns != resting.st_mtime_ns:
        raise ContentError(f"the SQLite database {path} was written to while it was read")


def _is_at_rest(path: Path) -> bool:
    """Whether nobody has a database open that keeps a log, so that nothing stands in one."""
    with path.open("rb") as file:
        keeps_log = file.read(20)[18:] == b"\2\2"
    return keeps_log and not path.with_name(f"{path.name}-wal").exists()
