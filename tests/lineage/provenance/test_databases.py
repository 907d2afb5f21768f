"""Content hashes of SQLite and DuckDB databases."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

from lineage.errors import ContentError, MissingDependencyError
from lineage.provenance import embed, hash_file, hash_folder, read_embedded
from lineage.provenance import sqlite as sqlite_module

ROWS = [(1, "a", b"\0", 0.5), (2, None, None, None), (2, None, None, None)]


def sqlite_file(path: Path, *statements: str, rows: list[Any] = ROWS) -> str:
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE t (n INTEGER, s TEXT, b BLOB, f REAL)")
        connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", rows)
        for statement in statements:
            connection.execute(statement)
        told = hash_file(path)
    assert hash_file(path) == told
    return told


def duckdb_file(path: Path, *statements: str, rows: list[Any] = ROWS) -> str:
    path.unlink(missing_ok=True)
    with closing(duckdb.connect(str(path))) as connection:
        connection.execute("CREATE TABLE t (n BIGINT, s VARCHAR, b BLOB, f DOUBLE)")
        connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", rows)
        for statement in statements:
            connection.execute(statement)
    return hash_file(path)


def test_a_sqlite_database_is_what_its_tables_hold(tmp_path: Path) -> None:
    """PV-08: however it was written, and while it has a log beside it."""
    path = tmp_path / "t.db"
    told = sqlite_file(path)

    assert told.startswith("tree-sha256:")
    assert sqlite_file(path, rows=ROWS[::-1]) == told
    assert sqlite_file(path, "INSERT INTO t VALUES (9, 9, 9, 9)", "DELETE FROM t WHERE n = 9") == told
    assert sqlite_file(path, "PRAGMA journal_mode = wal", "UPDATE t SET n = n", "VACUUM") == told
    assert sqlite_file(path, "CREATE TABLE gone (a)", "DROP TABLE gone", "ANALYZE") == told
    moved = shutil.copy(path, tmp_path / "copy.sqlite3")
    assert hash_file(moved) == told


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE t SET n = 3 WHERE n = 1",
        "UPDATE t SET b = CAST(b AS TEXT) WHERE n = 1",
        "UPDATE t SET s = CAST(x'ff61' AS TEXT) WHERE n = 1",
        "INSERT INTO t VALUES (2, NULL, NULL, NULL)",
        "DELETE FROM t WHERE n = 2",
        "ALTER TABLE t RENAME COLUMN s TO text",
        "ALTER TABLE t RENAME TO u",
        "ALTER TABLE t ADD COLUMN more",
        "CREATE TABLE empty (a)",
        "CREATE VIEW v AS SELECT n FROM t",
        "CREATE INDEX i ON t (n)",
        "PRAGMA user_version = 7",
        "PRAGMA application_id = 7",
        "CREATE TABLE lineage_graph (id TEXT NOT NULL)",
        "CREATE TABLE lineage_graph (hidden BLOB)",
    ],
)
def test_any_change_of_a_sqlite_database_is_another_content(tmp_path: Path, statement: str) -> None:
    """A value, its type, a row, a name, a table, a view; and no table hides as an id."""
    assert sqlite_file(tmp_path / "a.db", statement) != sqlite_file(tmp_path / "b.db")


def test_two_rows_in_the_table_of_the_id_are_no_id(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    told = sqlite_file(path)
    embed(path, run="r")
    assert hash_file(path) == told

    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO lineage_graph VALUES ('hidden')")
    assert hash_file(path) != told
    assert read_embedded(path) is None


def test_reading_a_database_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    told = sqlite_file(path, "PRAGMA journal_mode = wal")

    assert (hash_file(path), read_embedded(path)) == (told, None)
    assert list(tmp_path.iterdir()) == [path]
    folder = hash_folder(tmp_path)
    with closing(sqlite3.connect(path)) as other:
        other.execute("UPDATE t SET n = n")
        other.commit()
        assert len(list(tmp_path.iterdir())) == 3
        assert (hash_file(path), hash_folder(tmp_path)) == (told, folder)
    (tmp_path / "other-wal").write_bytes(b"of no database")
    assert hash_folder(tmp_path) != folder


def test_a_database_written_to_meanwhile_has_no_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.db"
    sqlite_file(path, "PRAGMA journal_mode = wal")
    read = sqlite_module._hash_rows

    def disturbed(connection: sqlite3.Connection, table: str) -> str:
        with closing(sqlite3.connect(path)) as other, other:
            other.execute("DELETE FROM t")
        return read(connection, table)

    monkeypatch.setattr(sqlite_module, "_hash_rows", disturbed)
    with pytest.raises(ContentError, match="was written to while it was read"):
        hash_file(path)


def test_full_text_and_generated_columns_of_sqlite_count(tmp_path: Path) -> None:
    statements = [
        "CREATE TABLE g (a, b AS (a + 1))",
        "INSERT INTO g VALUES (1)",
        "CREATE VIRTUAL TABLE f USING fts5(x)",
    ]
    told = sqlite_file(tmp_path / "a.db", *statements, "INSERT INTO f VALUES ('one')")

    assert sqlite_file(tmp_path / "b.db", *statements, "INSERT INTO f VALUES ('two')") != told
    assert sqlite_file(tmp_path / "b.db", *statements, "INSERT INTO f VALUES ('one')") == told


@pytest.mark.slow
def test_a_duckdb_database_is_what_its_tables_hold(tmp_path: Path) -> None:
    """PV-08, PV-18: however it was written; and any change is another."""
    path = tmp_path / "t.duckdb"
    told = duckdb_file(path)
    changes = [
        "UPDATE t SET n = 3 WHERE n = 1",
        "ALTER TABLE t RENAME TO u",
        "CREATE VIEW v AS SELECT n FROM t",
        "CREATE TABLE lineage_graph (hidden BLOB)",
    ]

    assert told.startswith("tree-sha256:")
    assert duckdb_file(path, "CREATE TABLE gone (a INT)", "DROP TABLE gone", "CHECKPOINT") == told
    others = [duckdb_file(path, change) for change in changes]
    assert len({told, *others, duckdb_file(path, rows=ROWS[::-1])}) == len(changes) + 2


@pytest.mark.parametrize("make", [sqlite_file, pytest.param(duckdb_file, marks=pytest.mark.slow)])
def test_a_database_counts_in_its_folder_by_its_content(tmp_path: Path, make: Callable[..., str]) -> None:
    """With and without an id."""
    make(tmp_path / "t.db")
    told = hash_folder(tmp_path)

    embed(tmp_path / "t.db", run="r")
    assert hash_folder(tmp_path) == told


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (b"SQLite format 3\0\x10\0\1\1\0\x40\x20\x20", "the SQLite database .* cannot be read"),
        (bytes(8) + b"DUCK", "the DuckDB database .* cannot be read"),
    ],
)
def test_a_broken_database_is_told(tmp_path: Path, head: bytes, said: str) -> None:
    path = tmp_path / "broken"
    path.write_bytes(head + bytes(range(200)) * 50)

    with pytest.raises(ContentError, match=said):
        hash_file(path)
    assert path.read_bytes() == head + bytes(range(200)) * 50


@pytest.mark.parametrize("head", [b"SQLite format 3\0", bytes(8) + b"DUCK"])
def test_a_file_that_only_begins_like_a_database_is_its_bytes(tmp_path: Path, head: bytes) -> None:
    path = tmp_path / "note"
    path.write_bytes(head + b" is what such files begin with")

    assert hash_file(path) == "bytes-sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
    assert embed(path, run="r").place == "note.lineage.json"


def test_without_duckdb_the_line_to_install_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    duckdb_file(tmp_path / "t.duckdb")
    monkeypatch.setitem(sys.modules, "duckdb", None)

    with pytest.raises(MissingDependencyError, match=r"pip install 'lineage-graph\[duckdb\]'"):
        hash_file(tmp_path / "t.duckdb")
