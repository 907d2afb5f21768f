"""One worker at a time empties an outbox file."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lineage.destination import store_destination
from lineage.outbox import Outbox, open_outbox

STORE = store_destination("/data/lineage.db")

TAKE = """
import os, sys
from pathlib import Path
from lineage.outbox import open_existing
print(open_existing(Path(sys.argv[1])).lease("other", 600), flush=True)
if sys.argv[2] == "stay":
    sys.stdin.read()
os._exit(0)
"""


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    outbox = open_outbox(tmp_path, STORE)
    outbox.append(b"event")
    return outbox


def other_process(outbox: Outbox, how: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", TAKE, str(outbox.path), how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "True"
    return process


def test_a_lease_has_one_holder_who_may_prolong_it(outbox: Outbox) -> None:
    assert outbox.lease("first", 60)
    assert outbox.lease("first", 60)
    assert not outbox.lease("second", 60)
    assert outbox.stats().lease == "first"


def test_a_released_lease_is_free_and_only_its_holder_releases_it(outbox: Outbox) -> None:
    outbox.lease("first", 60)
    outbox.release("second")
    assert not outbox.lease("second", 60)

    outbox.release("first")

    assert outbox.stats().lease is None
    assert outbox.lease("second", 60)


def test_a_lease_ends_with_its_time(outbox: Outbox) -> None:
    assert outbox.lease("first", 0.05)
    time.sleep(0.06)
    assert outbox.lease("second", 60)


def test_the_lease_of_a_living_process_is_respected(outbox: Outbox) -> None:
    process = other_process(outbox, "stay")
    try:
        assert not outbox.lease("ours", 60)
    finally:
        process.communicate("")
    assert outbox.lease("ours", 60)


def test_the_lease_of_a_dead_process_is_taken_over_at_once(outbox: Outbox) -> None:
    other_process(outbox, "leave").communicate("")
    assert outbox.lease("ours", 60)


def test_a_lease_from_another_host_is_kept_until_its_time(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    other_process(outbox, "leave").communicate("")
    monkeypatch.setattr("lineage.outbox.lease.this_host", lambda: "another machine")
    assert not outbox.lease(f"ours {os.getpid()}", 60)
