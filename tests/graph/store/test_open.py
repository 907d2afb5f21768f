"""Opening a store: what is made, what is refused, and what the message says."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import zlib
from contextlib import closing
from importlib import resources
from pathlib import Path

import pytest
from made_events import dump, feeds, put, run_event

from graph import open_store
from graph.errors import StoreError
from graph.ingest import IngestCounts, ingest, take_in_early
from graph.store import LineageStore, default_location

EVENT = run_event("r", "COMPLETE", 0, inputs=["a"], outputs=["b"])


def test_a_store_is_made_with_its_folder_and_keeps_what_it_was_given(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "lineage.db"
    with closing(open_store(path)) as first:
        put(first, EVENT)
        before = dump(first)
    with closing(open_store(str(path))) as again:
        assert dump(again) == before
        assert again.location == str(path)


def test_without_a_location_the_setting_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(open_store()) as store:
        assert store.location == default_location() == os.environ["LINEAGE_STORE"]


def test_a_store_in_memory_is_for_one_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with closing(open_store(":memory:")) as store:
        put(store, EVENT)
        assert feeds(store) == {"a -> b"}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"this is a text file, and it is long enough for a header" * 40, "not a SQLite database"),
        (b"SQLite format 3\x00" + b"\x07" * 4080, "SQLite"),
    ],
)
def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    path = tmp_path / "lineage.db"
    path.write_bytes(content)
    for read_only in (False, True):
        with pytest.raises(StoreError, match=reason) as raised:
            open_store(path, read_only=read_only)
        assert str(path) in str(raised.value)
        assert raised.value.location == str(path)
    assert path.read_bytes() == content


def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    path = tmp_path / "lineage.db"
    path.touch()
    with closing(open_store(path)) as store:
        put(store, EVENT)


def test_a_database_of_something_else_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("CREATE TABLE customers (id)")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="something else: give another path"):
        open_store(path)
    assert path.read_bytes() == before


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is a folder: give the path of a file in it"):
        open_store(tmp_path)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="its folder cannot be made: File exists"):
        open_store(tmp_path / "file" / "lineage.db")


def test_a_location_we_have_no_store_for_is_refused() -> None:
    with pytest.raises(StoreError, match="in files and in PostgreSQL"):
        open_store("mysql://db/lineage")


def test_reading_what_is_not_there_is_refused_and_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no such file"):
        open_store(tmp_path / "sub" / "lineage.db", read_only=True)
    assert list(tmp_path.iterdir()) == []


def test_a_store_of_a_newer_release_is_refused_and_left_as_it_is(file_store: LineageStore) -> None:
    put(file_store, EVENT)
    file_store.close()
    with closing(sqlite3.connect(file_store.location)) as other, other:
        other.execute("PRAGMA user_version = 999")
    for read_only in (False, True):
        with pytest.raises(StoreError, match=r"newer release \(format 999.*upgrade lineage-graph"):
            open_store(file_store.location, read_only=read_only)
    with closing(sqlite3.connect(file_store.location)) as other, other:
        assert other.execute("SELECT count(*) FROM event").fetchone() == (1,)


def test_a_store_of_the_first_format_is_brought_up_to_date_with_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "lineage.db"
    with closing(sqlite3.connect(path)) as old:
        old.executescript(
            resources.files("graph.store").joinpath("schema/0001_initial.sqlite.sql").read_text()
        )
        old.execute("INSERT INTO dead_letter VALUES (x'01', 5, '[\"no JSON\"]', ?)", [zlib.compress(b"{")])
        event = zlib.compress(json.dumps(EVENT).encode())
        old.execute("INSERT INTO event VALUES (1, x'02', 0, 0, 1, 7, NULL, ?)", [event])
        old.execute(f"PRAGMA application_id = {0x4C4E4752}")
        old.execute("PRAGMA user_version = 1")
        old.commit()

    with pytest.raises(StoreError, match=r"has format 1.*open it once with write access"):
        open_store(path, read_only=True)
    with closing(open_store(path)) as store:
        assert take_in_early(store) == IngestCounts(accepted=1)
        assert take_in_early(store) == IngestCounts()
    with closing(open_store(path, read_only=True)) as store:
        assert feeds(store) == {"a -> b"}
        assert [each.reasons for each in store.dead_letters()] == [("no JSON",)]


def test_a_store_opened_for_reading_answers_and_refuses_to_be_written(store: LineageStore) -> None:
    put(store, EVENT)
    with closing(open_store(store.location, read_only=True)) as reader:
        assert reader.read_only
        assert feeds(reader) == {"a -> b"}
        with pytest.raises(StoreError, match="opened read-only"):
            ingest(reader, [b"{}"])
        put(store, run_event("r2", "COMPLETE", 1, inputs=["b"], outputs=["c"]))
        assert feeds(reader) == {"a -> b", "b -> c"}


UNPRIVILEGED = """
import os, sys
from graph import open_store
from graph.records import EdgeKind
open_store(":memory:")  # loads all modules, which another user may not be able to read
if os.getuid() == 0:
    os.setgid(65534); os.setuid(65534)
store = open_store(sys.argv[1])
print(store.read_only, len(list(store.edges(EdgeKind.FEEDS))))
"""


@pytest.mark.parametrize("folder_mode", [0o555, 0o777])
def test_a_file_that_may_not_be_written_is_opened_for_reading(
    folder_mode: int,
) -> None:
    # Not in tmp_path, whose parents another user may not pass.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lineage.db"
        store = open_store(path)
        put(store, EVENT)
        store.close()
        path.chmod(0o444)
        path.parent.chmod(folder_mode)
        command = [sys.executable, "-c", UNPRIVILEGED, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.stdout == "True 1\n", done.stderr


def test_a_damaged_store_gives_an_error_that_says_so(file_store: LineageStore) -> None:
    for number in range(50):
        put(file_store, run_event(f"r{number}", "COMPLETE", number, inputs=["a"], outputs=[f"b{number}"]))
    file_store.close()
    path = Path(file_store.location)
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(StoreError, match="damaged"), closing(open_store(path)) as damaged:
        feeds(damaged)


def test_many_processes_may_make_the_same_store_at_once(tmp_path: Path) -> None:
    path = tmp_path / "lineage.db"
    code = f"""
import json
from graph import open_store
from graph.ingest import IngestCounts, ingest, take_in_early
store = open_store({str(path)!r})
print(ingest(store, [{str(EVENT)!r}.replace("'", '"').replace("None", "null").encode()]).total)
"""
    running = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    assert [process.communicate()[0] for process in running] == ["1\n"] * 4
    with closing(open_store(path)) as store:
        assert store.counts().events == 1
        assert feeds(store) == {"a -> b"}
