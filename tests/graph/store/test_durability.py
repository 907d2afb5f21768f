"""A batch is kept whole or not at all: with a fault in its middle, a killed process, a full disk."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from altered_logs import findings_of
from made_events import FIXTURES, dump, dump_of, run_event

from graph import open_store
from graph.errors import StoreError
from graph.ingest import IngestCounts, apply_bodies, derive, ingest
from graph.store import LineageStore

LINES = [
    line for name in ("airflow", "dbt") for line in (FIXTURES / f"{name}.jsonl").read_bytes().splitlines()
]


@pytest.fixture
def store(file_store: LineageStore) -> LineageStore:
    return file_store


def content(store: LineageStore) -> dict[str, list[tuple[object, ...]]]:
    """Return every row of the file but for times of arrival."""
    with closing(sqlite3.connect(store.location)) as db, db:
        names = [
            name
            for (name,) in db.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'search_words%'"
            )
        ]
        return {name: sorted(db.execute(f"SELECT * FROM {name}"), key=repr) for name in names}


@pytest.mark.parametrize("table", ["event", "claims", "run", "job_run", "facet", "edge", "projected"])
def test_a_fault_in_the_middle_of_a_batch_leaves_nothing_of_it(store: LineageStore, table: str) -> None:
    """PV-13: what is half-written would be counted twice or never."""
    ingest(store, LINES[:20])
    before = content(store)
    rows = len(before[table])
    with closing(sqlite3.connect(store.location)) as other, other:
        # The third new row of the table fails, so that some of the batch is written already.
        other.execute(
            f"CREATE TRIGGER broken BEFORE INSERT ON {table} WHEN (SELECT count(*) FROM {table}) > {rows + 1}"
            " BEGIN SELECT RAISE(ABORT, 'injected'); END"
        )
    with pytest.raises(StoreError, match="injected"):
        apply_bodies(store, LINES[20:])
    assert content(store) == before
    with closing(sqlite3.connect(store.location)) as other, other:
        other.execute("DROP TRIGGER broken")
    assert ingest(store, LINES).accepted == len(LINES) - 20
    assert dump(store) == dump_of(LINES)


def test_a_fault_while_sql_is_kept_leaves_the_shape_waiting(store: LineageStore) -> None:
    ingest(store, LINES)
    before = content(store)
    with closing(sqlite3.connect(store.location)) as other, other:
        other.execute(
            "CREATE TRIGGER broken BEFORE INSERT ON derivation BEGIN SELECT RAISE(ABORT, 'injected'); END"
        )
    with pytest.raises(StoreError, match="injected"):
        derive(store)
    assert content(store) == before
    with closing(sqlite3.connect(store.location)) as other, other:
        other.execute("DROP TRIGGER broken")
    assert derive(store).complete


def test_a_full_disk_is_told_and_leaves_nothing_of_the_batch(store: LineageStore) -> None:
    ingest(store, LINES[:5])
    before = content(store)
    store._db.connection.execute("PRAGMA max_page_count = 1")  # type: ignore[attr-defined]
    with pytest.raises(StoreError, match="disk is full"):
        apply_bodies(store, LINES)
    assert content(store) == before
    store._db.connection.execute("PRAGMA max_page_count = 1073741823")  # type: ignore[attr-defined]
    assert ingest(store, LINES) == IngestCounts(accepted=len(LINES) - 5, duplicate=5)


def test_a_store_that_is_busy_for_long_is_told(store: LineageStore) -> None:
    store._db.connection.execute("PRAGMA busy_timeout = 50")  # type: ignore[attr-defined]
    with closing(sqlite3.connect(store.location, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another process has been writing"):
            apply_bodies(store, LINES)
    assert ingest(store, LINES).accepted == len(LINES)


INGESTER = """
import sys
from graph import open_store
from graph.ingest import ingest
lines = open(sys.argv[2], "rb").read().splitlines()
ingest(open_store(sys.argv[1]), lines, batch=20, progress=lambda counts: print(counts.total, flush=True))
"""


def many_events(count: int) -> list[bytes]:
    return [
        json.dumps(
            run_event(
                f"r{number // 2}",
                ("START", "COMPLETE")[number % 2],
                number,
                job=f"job{number % 90 // 2}",
                inputs=[f"in{number % 30}"],
                outputs=[f"out{number % 50}"],
            )
        ).encode()
        for number in range(count)
    ]


def test_two_writers_and_a_reader_at_once_lose_nothing(place: str, tmp_path: Path) -> None:
    """PV-13, PV-14, PV-25: both writers send all events; each is kept once in one chain; no reader waits."""
    lines = many_events(150)
    source = tmp_path / "events.jsonl"
    source.write_bytes(b"\n".join(lines))
    open_store(place).close()
    command = [sys.executable, "-c", INGESTER, place, str(source)]
    writers = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(2)]
    with closing(open_store(place, read_only=True)) as reader:
        seen = []
        while any(writer.poll() is None for writer in writers):
            seen.append(reader.counts().events)
        assert [writer.wait() for writer in writers] == [0, 0]
        assert seen == sorted(seen)
        assert dump(reader) == dump_of(lines)
        assert findings_of(reader) == []
        assert reader.counts().events == len(lines)
