"""A backup made while the store is written holds what was there, and what came since is sent again."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from altered_logs import findings_of
from made_events import FIXTURES, dataset_event, dump, dump_of, put
from postgres_server import PostgresServer, programs

from graph import open_store
from graph.ingest import IngestCounts, give, ingest
from graph.nodes import dataset
from graph.store import LineageStore
from graph.store.commands import CommandKind, Label

LINES = [
    line for name in ("airflow", "dbt") for line in (FIXTURES / f"{name}.jsonl").read_bytes().splitlines()
]


def check(restored: str, before: Any) -> None:
    with closing(open_store(restored)) as store:
        assert dump(store) == before
        assert ingest(store, LINES) == IngestCounts(accepted=len(LINES) - 30, duplicate=30)
        assert dump(store) == dump_of(LINES)
        assert findings_of(store) == []


@pytest.mark.parametrize("how", ["VACUUM INTO", ".backup"])
def test_a_file_is_copied_while_it_is_open_and_written(
    file_store: LineageStore, tmp_path: Path, how: str
) -> None:
    ingest(file_store, LINES[:30])
    before, copy = dump(file_store), tmp_path / "copy.db"
    with closing(sqlite3.connect(file_store.location)) as db:
        if how == "VACUUM INTO":
            db.execute("VACUUM INTO ?", [str(copy)])
        else:
            with closing(sqlite3.connect(copy)) as target:
                db.backup(target)
    ingest(file_store, LINES)
    check(str(copy), before)


@pytest.mark.parametrize("command", ["VACUUM INTO '{copy}'", ".backup {copy}"])
def test_the_documented_commands_copy_also_what_no_event_says(
    file_store: LineageStore, tmp_path: Path, command: str
) -> None:
    sqlite = shutil.which("sqlite3")
    if sqlite is None:
        pytest.skip("the program sqlite3 is not installed")
    orders = dataset("ns", "orders")
    ingest(file_store, [*LINES[:30], b"no event"])
    put(file_store, dataset_event(0, "orders"))
    give(file_store, CommandKind.TAG, orders, "gold")
    copy = tmp_path / "copy.db"
    subprocess.run([sqlite, file_store.location, command.format(copy=copy)], check=True)
    with closing(open_store(copy)) as store:
        assert dump(store) == dump(file_store)
        assert store.annotations([orders.key])[orders.key].tags == (Label("gold"),)
        assert [letter.body for letter in store.dead_letters()] == [b"no event"]


@pytest.fixture
def other_database(postgresql_server: PostgresServer) -> Iterator[str]:
    """The URL of an empty database."""
    with psycopg.connect(postgresql_server.dsn(), autocommit=True) as admin:
        admin.execute("CREATE DATABASE restored")
        yield postgresql_server.dsn("restored")
        admin.execute("DROP DATABASE restored WITH (FORCE)")


def test_a_schema_is_dumped_while_it_is_written_and_restored_elsewhere(
    fresh_postgresql: Callable[[], str],
    postgresql_server: PostgresServer,
    other_database: str,
    tmp_path: Path,
) -> None:
    url = fresh_postgresql()
    schema, file, folder = url.rpartition("%3D")[2], tmp_path / "lineage.dump", programs()
    assert folder is not None

    def run(program: str, *arguments: str) -> None:
        subprocess.run([str(folder / program), *arguments], check=True, capture_output=True)

    with closing(open_store(url)) as store:
        ingest(store, LINES[:30])
        before = dump(store)
        run("pg_dump", "--format=custom", f"--schema={schema}", f"--file={file}", postgresql_server.dsn())
        ingest(store, LINES)
    run("pg_restore", "--exit-on-error", f"--dbname={other_database}", str(file))
    check(f"{other_database}?options=-csearch_path%3D{schema}", before)
