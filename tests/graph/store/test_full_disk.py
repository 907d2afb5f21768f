"""A disk that fills up while events are ingested: a small file system, or a limit of the size of files."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from made_events import dump, dump_of, run_event
from postgres_server import PostgresServer

from graph import open_store
from graph.errors import StoreError
from graph.ingest import IngestCounts, drain, ingest
from lineage.config import current_config
from lineage.destination import store_destination
from lineage.outbox import open_outbox

LINES = [
    json.dumps(
        run_event(f"r{n}", "COMPLETE", n, job=f"job{n % 90}", inputs=[f"in{n}"], outputs=[f"out{n}"])
    ).encode()
    for n in range(1200)
]


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A folder on a file system of 24 MB that the server of the tests may use, too."""
    # Not in tmp_path, whose parents another user may not pass.
    with tempfile.TemporaryDirectory() as folder:
        options = ["-t", "tmpfs", "-o", "size=24m,mode=777", "tmpfs"]
        if subprocess.run(["mount", *options, folder], capture_output=True, check=False).returncode:
            pytest.skip("this user may not mount a small file system to fill")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def tablespace(server: PostgresServer, folder: Path) -> Iterator[str]:
    """Give the URL of a schema of which the tables are on a small disk, and the rest of the server is not."""
    space = folder / "space"
    space.mkdir()
    account = pwd.getpwnam("nobody")  # as whom the server runs when we are root
    os.chown(space, account.pw_uid, account.pw_gid)
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        admin.execute(f"CREATE TABLESPACE small LOCATION '{space}'")  # type: ignore[arg-type]
        try:
            yield f"{server.dsn()}?options=-csearch_path%3Dsmall%20-cdefault_tablespace%3Dsmall"
        finally:
            admin.execute("DROP SCHEMA IF EXISTS small CASCADE")
            admin.execute("DROP TABLESPACE small")


@pytest.fixture(params=["sqlite", "postgresql"])
def small_place(request: pytest.FixtureRequest, small_disk: Path) -> Iterator[str]:
    """Where a store is on the small disk, on each of the engines."""
    if request.param == "sqlite":
        yield str(small_disk / "lineage.db")
        return
    with tablespace(request.getfixturevalue("postgresql_server"), small_disk) as url:
        yield url


def fill(disk: Path, left: int) -> Path:
    """Fill a disk but for so many bytes with a file; return it."""
    ballast = disk / "of somebody else"
    ballast.write_bytes(bytes(shutil.disk_usage(disk).free - left))
    return ballast


@pytest.mark.slow
def test_what_was_acknowledged_before_the_disk_was_full_is_there_and_the_rest_can_follow(
    small_place: str, small_disk: Path
) -> None:
    with closing(open_store(small_place)) as store:
        outbox = open_outbox(current_config().outbox, store_destination(small_place))
        ballast = fill(small_disk, 1_500_000 if "://" in small_place else 300_000)
        kept = 0

        def note(counts: IngestCounts) -> None:
            nonlocal kept
            kept = counts.total

        with pytest.raises(StoreError, match="disk is full; nothing of this step was kept: free some space"):
            ingest(store, LINES, batch=100, progress=note)
        assert 0 < kept < len(LINES)
        assert store.counts().events == kept
        assert dump(store) == dump_of(LINES[:kept])

        for line in LINES:
            outbox.append(line)
        with pytest.raises(StoreError, match="disk is full"):
            drain(store)
        ballast.unlink()
        drained = drain(store)
        assert drained.complete
        assert store.counts().events == len(LINES)
        assert dump(store) == dump_of(LINES)


LIMITED = """
import resource, sys
from graph import open_store
from graph.errors import StoreError
from graph.ingest import ingest
lines = sys.stdin.buffer.read().splitlines()
store = open_store(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
kept = 0
def note(counts):
    global kept
    kept = counts.total
try:
    ingest(store, lines, batch=100, progress=note)
except StoreError as error:
    print(kept, store.counts().events, error)
"""


@pytest.mark.slow
def test_a_limit_of_the_size_of_files_is_told_and_loses_nothing(tmp_path: Path) -> None:
    """As a quota does: SQLite tells neither from a disk that fails."""
    place = tmp_path / "lineage.db"
    command = [sys.executable, "-c", LIMITED, str(place)]
    done = subprocess.run(command, input=b"\n".join(LINES), capture_output=True, check=True)
    acknowledged, kept, said = done.stdout.decode().split(maxsplit=2)
    assert 0 < int(acknowledged) == int(kept) < len(LINES)
    assert "the disk cannot be read or written (a quota, or a limit of the size of files?)" in said
    assert str(place) in said
    with closing(open_store(place)) as store:
        assert ingest(store, LINES) == IngestCounts(accepted=len(LINES) - int(kept), duplicate=int(kept))
        assert dump(store) == dump_of(LINES)
