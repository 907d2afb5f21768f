"""A file that gets an id is whole at every moment, whatever breaks and whoever reads or writes it."""

from __future__ import annotations

import errno
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet
import pytest
from made_artifacts import TABLE, make

from lineage import track_run
from lineage.errors import EmbedError
from lineage.provenance import embed, embedding, hash_file, read_embedded
from lineage.provenance.embedded import Embedded

REPLACED = ["pyarrow.parquet", "plain.arrow", "image.png", "rows.csv"]


def failing(error: BaseException) -> Callable[..., Any]:
    def fail(*_args: object, **_kwargs: object) -> Any:
        raise error

    return fail


FAULTS = {
    "a read-only folder": (tempfile, "mkstemp", PermissionError(errno.EACCES, "Permission denied")),
    "a full disk at the end": (os, "fsync", OSError(errno.ENOSPC, "No space left on device")),
    "a file that may not be replaced": (
        os,
        "replace",
        PermissionError(errno.EPERM, "Operation not permitted"),
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", REPLACED)
def test_a_file_that_cannot_be_written_is_what_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, fault: str
) -> None:
    """PV-32: the error names the file and the reason, and nothing is left behind."""
    path = make(tmp_path, name)
    before = path.read_bytes()
    module, function, error = FAULTS[fault]
    monkeypatch.setattr(module, function, failing(error))

    with pytest.raises(EmbedError, match=rf"{name} got no id, and is what it was: {error.strerror}") as told:
        embed(path, run="r")
    assert told.value.path == path
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_run_whose_file_cannot_be_written_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of it is raised into the host."""
    path = make(tmp_path, "pyarrow.parquet")
    before = path.read_bytes()
    monkeypatch.setattr(os, "replace", failing(PermissionError(errno.EPERM, "Operation not permitted")))

    with track_run("revenue") as run:
        run.embed(path)
        run.embed(tmp_path / "absent")
        run.embed(None)  # type: ignore[arg-type]
    run.embed(path)
    assert path.read_bytes() == before


FULL = """
import resource, signal, sys
from lineage.provenance import embed
from lineage.errors import EmbedError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
for path in sys.argv[3:]:
    try:
        embed(path, run="r")
    except EmbedError as error:
        print(error)
"""
KILLED = """
import os, signal, sys
from lineage.provenance import embed
os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
embed(sys.argv[1], run="r")
"""


def test_a_disk_that_is_full_half_way_leaves_every_file_whole(tmp_path: Path) -> None:
    """PV-32: with a real limit, in every format that is replaced and in SQLite."""
    paths = [make(tmp_path, name) for name in [*REPLACED, "rows.sqlite"] if name != "rows.csv"]
    before, hashes = [path.read_bytes() for path in paths], [hash_file(path) for path in paths]

    ran = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path), "100", *map(str, paths)], capture_output=True, text=True
    )
    assert [line.split(" got no id")[0] for line in ran.stdout.splitlines()] == list(map(str, paths)), (
        ran.stderr
    )
    assert [path.read_bytes() for path in paths] == before
    assert [hash_file(path) for path in paths] == hashes


def test_a_process_killed_half_way_leaves_the_file_whole(tmp_path: Path) -> None:
    path = make(tmp_path, "pyarrow.parquet")
    before = path.read_bytes()

    ran = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert ran.returncode == -signal.SIGKILL
    assert path.read_bytes() == before
    assert [left.name[-12:] for left in tmp_path.iterdir() if left != path] == [".lineage-tmp"]
    assert embed(path, run="r").intact


def test_a_file_that_somebody_writes_to_meanwhile_keeps_what_they_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An id is given up rather than data."""
    path = make(tmp_path, "pyarrow.parquet")
    fsync = os.fsync

    def disturbed(handle: int) -> None:
        pyarrow.parquet.write_table(TABLE.slice(7), path)
        fsync(handle)

    monkeypatch.setattr(os, "fsync", disturbed)
    with pytest.raises(EmbedError, match="somebody else has written to the file meanwhile"):
        embed(path, run="r")
    assert pyarrow.parquet.read_table(path).equals(TABLE.slice(7))
    assert list(tmp_path.iterdir()) == [path]


def test_readers_at_the_same_time_read_a_whole_file(tmp_path: Path) -> None:
    """PV-32: the one before or the one after, and who has it open reads on."""
    path = make(tmp_path, "pyarrow.parquet")
    stop, read, faults = threading.Event(), [0], []

    def reading() -> None:
        while not stop.is_set():
            try:
                assert pyarrow.parquet.read_table(path).equals(TABLE)
                read_embedded(path)
                read[0] += 1
            except BaseException as error:
                faults.append(error)

    reader = threading.Thread(target=reading)
    with pyarrow.parquet.ParquetFile(path) as opened:
        reader.start()
        for number in range(25):
            embed(path, run=f"run {number}")
        stop.set()
        reader.join()
        assert opened.read().equals(TABLE)
    assert (faults, read[0] > 0) == ([], True)


def test_mode_and_link_of_a_file_stay(tmp_path: Path) -> None:
    path = make(tmp_path, "pyarrow.parquet")
    path.chmod(0o640)
    link = tmp_path / "link.parquet"
    link.symlink_to(path.name)
    beside = make(tmp_path, "rows.csv")
    beside.chmod(0o604)

    told = embed(link, run="r")
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    assert read_embedded(link) == read_embedded(path) == told
    embed(beside, run="r")
    assert beside.with_name("rows.csv.lineage.json").stat().st_mode & 0o777 == 0o604


def test_a_database_that_others_have_open_gets_its_id(tmp_path: Path) -> None:
    path = make(tmp_path, "rows.sqlite")
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA journal_mode = wal")
        other.execute("INSERT INTO rows VALUES (51, 'more')")
        other.commit()
        told = embed(path, run="r")
        assert read_embedded(path) == told
        assert other.execute("SELECT count(*) FROM rows").fetchone() == (51,)
    assert read_embedded(path) == told


@pytest.mark.slow
def test_a_database_of_duckdb_that_this_process_has_open_gets_its_id(tmp_path: Path) -> None:
    path = make(tmp_path, "rows.duckdb")
    with closing(duckdb.connect(str(path))) as mine:
        mine.execute("INSERT INTO rows VALUES (51, 'more')")
        told = embed(path, run="r")
        assert mine.execute("SELECT count(*) FROM rows").fetchone() == (51,)
    assert read_embedded(path) == told


def test_a_locked_database_is_what_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lineage.provenance.sqlite._SECONDS", 0.05)
    path = make(tmp_path, "rows.sqlite")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(EmbedError, match=r"is what it was: .*locked"):
            embed(path, run="r")
    assert read_embedded(path) is None


def test_no_moment_of_a_half_written_id_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault while the text is put in leaves the database without it."""
    path = make(tmp_path, "rows.sqlite")
    content = hash_file(path)
    monkeypatch.setattr(embedding, "to_text", lambda _id: 5 + 5j)

    with pytest.raises((EmbedError, sqlite3.Error)):
        embed(path, run="r")
    monkeypatch.undo()
    assert read_embedded(path) is None
    assert hash_file(path) == content
    assert isinstance(embed(path, run="r"), Embedded)
