"""One outbox file: what is appended, read, put off, buried and removed."""

from __future__ import annotations

import logging
import os
import sqlite3
import stat
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lineage.destination import Destination, store_destination
from lineage.errors import OutboxError
from lineage.outbox import Outbox, open_existing, open_outbox, outbox_files, outbox_path
from lineage.outbox.files import file_system_of, is_network

STORE = store_destination("/data/lineage.db")


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return open_outbox(tmp_path / "outbox", STORE)


def bodies(outbox: Outbox) -> list[bytes]:
    return [event.body for event in outbox.waiting(1000)]


def test_events_come_back_as_they_were_in_the_order_they_were_appended(outbox: Outbox) -> None:
    for number in range(5):
        outbox.append(b"event %d \x00\xff" % number, f"run-{number}")

    events = outbox.waiting(3)

    assert [event.body for event in events] == [b"event %d \x00\xff" % number for number in range(3)]
    assert [event.run_id for event in events] == ["run-0", "run-1", "run-2"]
    assert events[0].seq < events[1].seq < events[2].seq
    assert {event.attempts for event in events} == {0}


def test_a_clock_set_back_does_not_change_the_order(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    outbox.append(b"first")
    monkeypatch.setattr(time, "time_ns", lambda: 1_000)
    outbox.append(b"second")
    outbox.append(b"third")

    assert bodies(outbox) == [b"first", b"second", b"third"]


def test_removed_events_are_gone_and_unknown_ones_are_no_error(outbox: Outbox) -> None:
    for body in (b"a", b"b", b"c"):
        outbox.append(body)
    first, _, third = outbox.waiting(10)

    outbox.remove([first.seq, third.seq, 12345])

    assert bodies(outbox) == [b"b"]


def test_a_postponed_event_holds_back_the_later_events_of_its_run_alone(outbox: Outbox) -> None:
    for body, run in ((b"a1", "a"), (b"b1", "b"), (b"none", None), (b"a2", "a"), (b"b2", "b")):
        outbox.append(body, run)
    a1 = outbox.waiting(1)[0]

    outbox.postpone([a1.seq], time.time() + 60, "503 from somewhere")

    assert bodies(outbox) == [b"b1", b"none", b"b2"]
    later = outbox.waiting(10, now=time.time() + 61)
    assert [event.body for event in later] == [b"a1", b"b1", b"none", b"a2", b"b2"]
    assert [event.attempts for event in later] == [1, 0, 0, 0, 0]
    assert outbox.stats().last_error == "503 from somewhere"


def test_an_event_postponed_in_the_middle_lets_the_earlier_ones_of_its_run_go(outbox: Outbox) -> None:
    for body in (b"a1", b"a2", b"a3"):
        outbox.append(body, "a")
    outbox.postpone([outbox.waiting(3)[1].seq], time.time() + 60, "no")

    assert bodies(outbox) == [b"a1"]


def test_a_dead_letter_holds_back_nothing_and_keeps_its_reason(outbox: Outbox) -> None:
    outbox.append(b"bad", "a")
    outbox.append(b"good", "a")

    outbox.bury(outbox.waiting(1)[0].seq, "400: eventTime is missing")

    assert bodies(outbox) == [b"good"]
    stats = outbox.stats()
    assert (stats.waiting, stats.dead_letters, stats.last_error) == (1, 1, "400: eventTime is missing")


def test_a_clock_set_back_by_days_does_not_hold_events_for_days(outbox: Outbox) -> None:
    outbox.append(b"event", "a")
    outbox.postpone([outbox.waiting(1)[0].seq], time.time() + 30, "no")

    assert outbox.waiting(1) == []
    assert [event.body for event in outbox.waiting(1, now=time.time() - 3 * 86400)] == [b"event"]


def test_stats_tell_how_much_waits_and_since_when(outbox: Outbox) -> None:
    before = datetime.now(UTC)
    outbox.append(b"one")
    outbox.append(b"two")

    stats = outbox.stats()

    assert stats.destination == STORE.identity
    assert (stats.waiting, stats.dropped, stats.dead_letters, stats.lease) == (2, 0, 0, None)
    assert stats.oldest is not None
    assert before <= stats.oldest <= datetime.now(UTC)


def test_reading_takes_a_bounded_piece_of_large_events(outbox: Outbox) -> None:
    for _ in range(12):
        outbox.append(b"x" * (1 << 20))

    assert 8 <= len(outbox.waiting(100)) < 12


def test_every_file_is_for_its_owner_alone(outbox: Outbox) -> None:
    outbox.append(b"event")
    outbox.append_aside(b"aside")
    folder = outbox.path.parent

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert len(modes) >= 3
    assert set(modes.values()) == {0o600}


def test_a_destination_has_one_file_and_its_credentials_are_not_in_it(tmp_path: Path) -> None:
    plain = Destination("http", "https://host/api/v1/lineage", {"url": "https://host"})
    keyed = Destination(
        "http", "https://host/api/v1/lineage", {"auth": {"type": "api_key", "apiKey": "TOP-SECRET"}}
    )
    other = Destination("http", "https://elsewhere/api/v1/lineage", {})

    assert outbox_path(tmp_path, plain) == outbox_path(tmp_path, keyed) != outbox_path(tmp_path, other)
    outbox = open_outbox(tmp_path, keyed)
    outbox.append(b"event")
    outbox.postpone([outbox.waiting(1)[0].seq], time.time(), "failed")
    outbox.close()
    assert all(b"TOP-SECRET" not in path.read_bytes() for path in tmp_path.iterdir())


def test_one_process_has_one_object_per_file(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path, STORE)
    outbox.append(b"event")

    assert open_outbox(tmp_path, STORE) is outbox
    assert open_existing(outbox.path) is outbox


def test_a_closed_outbox_opens_again_on_the_next_use(outbox: Outbox) -> None:
    outbox.append(b"one")
    outbox.close()
    assert not outbox.path.with_name(f"{outbox.path.name}-wal").exists()

    outbox.append(b"two")

    assert bodies(outbox) == [b"one", b"two"]


def test_a_file_removed_under_our_hands_is_made_anew(outbox: Outbox) -> None:
    outbox.append(b"one")
    for path in outbox.path.parent.iterdir():
        path.unlink()

    outbox.append(b"two")
    outbox.close()

    assert bodies(open_existing(outbox.path)) == [b"two"]


def test_a_missing_file_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(OutboxError, match=r"no-such\.db: there is no such file"):
        open_existing(tmp_path / "no-such.db")


def test_the_bound_drops_the_oldest_counts_them_and_tells_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """PV-35: a backlog stays within its bound, and drops are counted."""
    outbox = open_outbox(tmp_path, STORE, limit=1 << 20)
    with caplog.at_level(logging.WARNING, logger="lineage"):
        for number in range(600):
            outbox.append(b"%06d" % number + bytes(5000))

    kept = [int(event.body[:6]) for event in outbox.waiting(1000)]
    stats = outbox.stats()
    assert kept == list(range(600 - len(kept), 600))
    assert 150 < len(kept) < 210
    assert stats.dropped == 600 - len(kept)
    assert len([record for record in caplog.records if "is full:" in record.getMessage()]) == 1
    outbox.close()
    assert outbox.path.stat().st_size < 1.3 * (1 << 20)


def test_dead_letters_go_before_events_that_wait(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path, STORE, limit=1 << 20)
    outbox.append(b"waits")
    for _ in range(100):
        outbox.append(bytes(5000))
    for event in outbox.waiting(101)[1:]:
        outbox.bury(event.seq, "refused")
    for _ in range(150):
        outbox.append(bytes(5000))

    assert outbox.waiting(1)[0].body == b"waits"
    assert 0 < outbox.stats().dead_letters < 100


def test_an_event_larger_than_the_bound_is_refused_and_counted(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path, STORE, limit=1 << 20)
    outbox.append(b"small")

    with pytest.raises(OutboxError, match="larger than the outbox may be"):
        outbox.append(bytes(2 << 20))

    assert bodies(outbox) == [b"small"]
    assert outbox.stats().dropped == 1


def test_an_append_beside_a_lock_does_not_wait_for_it(outbox: Outbox) -> None:
    outbox.append(b"before")
    blocker = sqlite3.connect(outbox.path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    try:
        start = time.perf_counter()
        for number in range(20):
            outbox.append(b"meanwhile %d" % number, "run")
        assert time.perf_counter() - start < 2
    finally:
        blocker.execute("ROLLBACK")
        blocker.close()

    files = outbox_files(outbox.path.parent, STORE)
    assert files[0] == outbox.path
    assert len(files) == 2
    assert bodies(open_existing(files[1])) == [b"meanwhile %d" % number for number in range(20)]


def damage(path: Path) -> None:
    path.write_bytes(b"this is not a database" * 1000)


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("break_it", [damage, replace_by_folder])
def test_a_damaged_file_is_avoided(outbox: Outbox, break_it: Callable[[Path], None]) -> None:
    outbox.append(b"before")
    outbox.close()
    break_it(outbox.path)

    outbox.append(b"after")

    (own,) = [path for path in outbox_files(outbox.path.parent, STORE) if path != outbox.path]
    assert bodies(open_existing(own)) == [b"after"]


def test_files_of_other_destinations_and_formats_are_not_listed(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path, STORE)
    outbox.append(b"event")
    outbox.append_aside(b"aside")
    other = open_outbox(tmp_path, store_destination("/other.db"))
    other.append(b"event")
    (tmp_path / outbox.path.name.replace("-v1", "-v2")).touch()
    (tmp_path / "notes.db").touch()

    assert [path == outbox.path for path in outbox_files(tmp_path, STORE)] == [True, False]
    assert len(outbox_files(tmp_path)) == 3
    assert outbox_files(tmp_path / "missing", STORE) == []


def test_an_own_file_is_deleted_when_it_is_empty_and_its_process_is_gone(outbox: Outbox) -> None:
    outbox.append(b"main")
    child = os.fork()
    if child == 0:
        outbox.append_aside(b"from the child")
        os._exit(0)
    os.waitpid(child, 0)
    own = outbox_files(outbox.path.parent, STORE)[1]

    box = open_existing(own)
    box.close()
    assert own.exists(), "an event waits in it"
    box.remove([event.seq for event in box.waiting(10)])
    box.close()

    assert outbox_files(outbox.path.parent, STORE) == [outbox.path]


def test_an_own_file_of_a_living_process_stays(outbox: Outbox) -> None:
    outbox.append_aside(b"aside")
    (own,) = outbox_files(outbox.path.parent, STORE)
    box = open_existing(own)
    box.remove([event.seq for event in box.waiting(10)])

    box.close()

    assert own.exists()


def test_network_file_systems_are_recognised() -> None:
    mounts = (
        "/dev/sda1 / ext4 rw 0 0\n"
        "server:/export /mnt/team\\040share nfs4 rw 0 0\n"
        "tmpfs /mnt/team\\040share/fast tmpfs rw 0 0\n"
        "host:/ /mnt/ssh fuse.sshfs rw 0 0\n"
    )

    assert file_system_of(Path("/mnt/team share/outbox"), mounts) == "nfs4"
    assert file_system_of(Path("/mnt/team share/fast/outbox"), mounts) == "tmpfs"
    assert file_system_of(Path("/mnt/sshd"), mounts) == "ext4"
    assert [is_network(kind) for kind in ("nfs4", "cifs", "fuse.sshfs", "ext4", "tmpfs", "overlay")] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]


def test_a_network_file_system_is_told_of_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("lineage.outbox.files.file_system_of", lambda folder: "nfs4")
    with caplog.at_level(logging.WARNING, logger="lineage"):
        open_outbox(tmp_path / "a", STORE).append(b"one")
        open_outbox(tmp_path / "a", STORE).append(b"two")

    assert [record.getMessage().count("network file system") for record in caplog.records] == [1]
