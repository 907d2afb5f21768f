"""The outbox to the store."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from made_events import FIXTURES, feeds, run_event

from graph import open_store
from graph.errors import StoreError
from graph.ingest import IngestCounts, drain
from graph.store import LineageStore
from lineage.config import current_config
from lineage.destination import store_destination
from lineage.outbox import Outbox, open_outbox, outbox_files


def outbox_of(store: LineageStore) -> Outbox:
    return open_outbox(current_config().outbox, store_destination(store.location))


def fill(store: LineageStore) -> Outbox:
    outbox = outbox_of(store)
    for line in (FIXTURES / "airflow.jsonl").read_bytes().splitlines():
        outbox.append(line)
    return outbox


def test_what_waits_is_ingested_and_leaves_the_outbox(store: LineageStore) -> None:
    outbox = fill(store)
    drained = drain(store)
    assert drained.counts == IngestCounts(accepted=39)
    assert drained.complete
    assert outbox.is_empty()
    assert store.counts().events == 39
    assert drain(store).counts == IngestCounts()


def test_without_an_outbox_there_is_nothing_to_do(store: LineageStore) -> None:
    assert drain(store).complete


def test_only_the_outbox_of_this_store_is_drained(store: LineageStore, tmp_path: Path) -> None:
    with_other = open_outbox(current_config().outbox, store_destination(tmp_path / "other.db"))
    with_other.append(json.dumps(run_event("r", "START", 0)).encode())
    assert drain(store).counts == IngestCounts()
    assert not with_other.is_empty()


def test_own_files_of_processes_that_could_not_use_the_outbox_are_drained_too(store: LineageStore) -> None:
    event = json.dumps(run_event("r", "COMPLETE", 0, inputs=["a"], outputs=["b"])).encode()
    outbox_of(store).append_aside(event)
    assert drain(store).counts == IngestCounts(accepted=1)
    assert feeds(store) == {"a -> b"}


def test_events_found_again_after_a_kill_are_duplicates(
    store: LineageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PV-13: the process died between the commit of the store and the removal from the outbox."""
    outbox = fill(store)

    class Killed(BaseException):
        pass

    def killed(self: Outbox, seqs: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Outbox, "remove", killed)
        with pytest.raises(Killed):
            drain(store)
    assert not outbox.is_empty()
    assert drain(store).counts == IngestCounts(duplicate=39)
    assert outbox.is_empty()


def test_bytes_that_are_no_event_go_to_the_dead_letters(store: LineageStore) -> None:
    outbox = outbox_of(store)
    outbox.append(b"{}")
    assert drain(store).counts == IngestCounts(rejected=1)
    assert outbox.is_empty()
    assert [letter.body for letter in store.dead_letters()] == [b"{}"]


def test_no_time_takes_nothing_and_says_so(store: LineageStore) -> None:
    outbox = fill(store)
    drained = drain(store, seconds=0)
    assert (drained.counts.total, drained.complete) == (0, False)
    assert not outbox.is_empty()
    assert drain(store).counts.accepted == 39


def test_an_outbox_that_another_process_empties_is_left_to_it(store: LineageStore) -> None:
    outbox = fill(store)
    code = f"""
import sys
from pathlib import Path
from lineage.outbox import open_existing
print(open_existing(Path({str(outbox.path)!r})).lease("other", 60), flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        drained = drain(store)
        assert (drained.counts.total, drained.complete) == (0, False)
        other.communicate()
    assert drain(store).counts.accepted == 39


def test_a_read_only_store_takes_nothing_and_says_so(store: LineageStore) -> None:
    outbox = fill(store)
    with closing(open_store(store.location, read_only=True)) as reader:
        drained = drain(reader)
    assert (drained.counts.total, drained.complete) == (0, False)
    assert not outbox.is_empty()


def test_events_wait_on_when_the_store_cannot_be_written(file_store: LineageStore) -> None:
    outbox = fill(file_store)
    with closing(sqlite3.connect(file_store.location)) as other, other:
        other.execute("CREATE TRIGGER broken BEFORE INSERT ON run BEGIN SELECT RAISE(ABORT, 'injected'); END")
    with pytest.raises(StoreError, match="injected"):
        drain(file_store)
    assert outbox.stats().waiting == 39
    assert outbox.stats().lease is None
    assert file_store.counts().events == 0


def test_a_damaged_outbox_does_not_keep_the_others_from_being_drained(store: LineageStore) -> None:
    outbox = fill(store)
    bad = outbox.path.with_name(f"{outbox.path.stem}-1-0123abcd.db")
    bad.write_bytes(b"no database at all, and long enough to be looked at" * 50)
    assert bad in outbox_files(current_config().outbox, store_destination(store.location))
    drained = drain(store)
    assert (drained.counts.accepted, drained.complete) == (39, False)
