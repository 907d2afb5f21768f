"""A store that something damaged says so: it never answers with less than it was given."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest
from made_events import FIXTURES, dump, feeds, put, run_event

from graph import open_store
from graph.errors import DamagedStoreError, StoreError
from graph.ingest import IngestCounts, ingest, rebuild
from graph.store import LineageStore

LINES = [
    line for name in ("airflow", "dbt") for line in (FIXTURES / f"{name}.jsonl").read_bytes().splitlines()
]
FAR = 1_000_000_007
EVENT = run_event("r", "COMPLETE", 0, inputs=["a"], outputs=["b"])


def run_sql(store: LineageStore, sql: str, values: Any = ()) -> list[Any]:
    """Run SQL in a transaction on the store's own connection."""
    db = store._db  # type: ignore[attr-defined]
    with db.transaction():
        rows = db.execute(sql, values)
        return rows.fetchall() if sql.startswith("SELECT") else []


@pytest.mark.parametrize(
    ("table", "column", "key", "how"),
    [
        # What a number of an event was, or that there was one, nothing else tells.
        ("event", "rest", "seq", "cut"),
        *(("content_pack", "body", "number", how) for how in ("cut", "changed", "gone")),
        *(("form_text", "body", "number", how) for how in ("cut", "changed", "gone")),
    ],
)
def test_what_is_damaged_in_the_log_is_told_and_nothing_follows_from_it(
    store: LineageStore, table: str, column: str, key: str, how: str
) -> None:
    ingest(store, LINES)
    before, edges = dump(store), feeds(store)
    name, kept = run_sql(store, f"SELECT {key}, {column} FROM {table} ORDER BY length({column}) DESC")[0]
    kept = bytes(kept)
    damaged = kept[: len(kept) // 2] if how == "cut" else bytes(byte ^ 0x5A for byte in kept)
    if how != "gone":
        run_sql(store, f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (damaged, name))
    else:
        run_sql(store, f"UPDATE {table} SET {key} = ? WHERE {key} = ?", (name + FAR, name))

    with closing(open_store(store.location)) as again:
        for reading in (again.bodies, lambda: rebuild(again)):
            with pytest.raises(StoreError, match=r"damaged \(.*\): restore it, or ingest the events again"):
                reading()
        assert feeds(again) == edges

        run_sql(again, f"UPDATE {table} SET {key} = ? WHERE {key} = ?", (name, name + FAR * (how == "gone")))
        run_sql(again, f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (kept, name))
        assert [json.loads(body) for _, body in again.bodies()] == list(map(json.loads, LINES))
        rebuild(again)
        assert dump(again) == before


def test_a_file_of_which_the_schema_is_no_text_is_damaged(file_store: LineageStore) -> None:
    put(file_store, EVENT)
    file_store.close()
    path = Path(file_store.location)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"CREATE TABLE event (", b"CREATE \xe1\xe1\xe1LE event ("))
    assert path.read_bytes() != content
    with pytest.raises(DamagedStoreError, match="the file is damaged"), closing(open_store(path)) as damaged:
        damaged.bodies()


def test_what_is_damaged_in_the_graph_is_made_again_from_the_log(store: LineageStore) -> None:
    put(store, EVENT)
    before = dump(store)
    for table in ("shape", "claims", "edge", "node"):
        run_sql(store, f"DELETE FROM {table}")
    with pytest.raises(StoreError, match=r"damaged \(there is no shape \d+\)"):
        put(store, run_event("r2", "COMPLETE", 1, inputs=["a"], outputs=["c"]))
    rebuild(store)
    assert dump(store) == before


@pytest.fixture
def written(tmp_path: Path) -> bytes:
    """The bytes of a store that was closed."""
    with closing(open_store(tmp_path / "whole.db")) as store:
        ingest(store, LINES)
    return (tmp_path / "whole.db").read_bytes()


def read_all(path: Path) -> tuple[Any, Any]:
    with closing(open_store(path)) as store:
        return [json.loads(body) for _, body in store.bodies()], dump(store)


@pytest.mark.parametrize("seed", range(3))
def test_a_file_with_pages_lost_is_told_or_answers_as_before(
    tmp_path: Path, written: bytes, seed: int
) -> None:
    random, told = Random(seed), list[str]()
    whole = read_all(tmp_path / "whole.db")
    for number in range(10):
        damaged = bytearray(written)
        page = random.randrange(1, len(damaged) // 4096)
        damaged[page * 4096 : (page + 1) * 4096] = random.choice([b"\xff", b"\0"]) * 4096
        path = tmp_path / f"damaged{number}.db"
        path.write_bytes(damaged)
        try:
            assert read_all(path) == whole
        except StoreError as error:
            told.append(str(error))
    assert len(told) > 2
    assert all("damaged" in each for each in told)


@pytest.mark.parametrize("part", [0.001, 0.01, 0.3, 0.5, 0.9])
def test_a_truncated_file_is_told(tmp_path: Path, written: bytes, part: float) -> None:
    path = tmp_path / "short.db"
    path.write_bytes(written[: int(len(written) * part)])
    with pytest.raises(StoreError, match="damaged"):
        read_all(path)
    assert len(path.read_bytes()) == int(len(written) * part), "what is left was left alone"


def test_events_are_had_from_a_file_of_which_the_graph_is_damaged(tmp_path: Path, written: bytes) -> None:
    path = tmp_path / "damaged.db"
    with closing(sqlite3.connect(tmp_path / "whole.db")) as db:
        pages = [page for (page,) in db.execute("SELECT rootpage FROM sqlite_master WHERE tbl_name = 'edge'")]
    damaged = bytearray(written)
    for page in pages:
        damaged[(page - 1) * 4096 : page * 4096] = bytes(4096)
    path.write_bytes(damaged)
    with closing(open_store(path)) as store, closing(open_store(tmp_path / "new.db")) as new:
        with pytest.raises(StoreError, match="damaged"):
            dump(store)
        with pytest.raises(StoreError, match="damaged"):
            rebuild(store)
        assert ingest(new, [body for _, body in store.bodies()]) == IngestCounts(accepted=len(LINES))
        assert dump(new) == read_all(tmp_path / "whole.db")[1]


@pytest.mark.parametrize("how", ["moved", "deleted", "replaced"])
def test_nothing_is_acknowledged_that_goes_into_a_file_nobody_finds(tmp_path: Path, how: str) -> None:
    path = tmp_path / "lineage.db"
    with closing(open_store(path)) as store:
        put(store, EVENT)
        if how == "replaced":
            with closing(open_store(tmp_path / "other.db")):
                pass
            (tmp_path / "other.db").replace(path)
        elif how == "moved":
            path.rename(tmp_path / "elsewhere.db")
        else:
            path.unlink()
        with pytest.raises(StoreError, match="moved or deleted while it was open: open the store again"):
            put(store, run_event("r2", "COMPLETE", 1, inputs=["b"], outputs=["c"]))
        assert store.counts().events == 1
