"""What was appended survives kill -9; what cannot be stored is counted and never raised into the host."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from lineage.destination import store_destination
from lineage.outbox import fallback_folder, open_existing, open_outbox, outbox_files

STORE = store_destination("/data/lineage.db")

EMIT = """
import os, sys
from lineage.config import configure
from lineage.transport import enqueue
configure(outbox=sys.argv[1], store="/data/lineage.db")
name = sys.argv[2]
for number in range(int(sys.argv[3])):
    body = ("%s %06d " % (name, number)).encode() + bytes(1500)
    enqueue(body, name)
    os.write(1, b"%06d\\n" % number)
os._exit(0)
"""

FULL = """
import json, logging, os, resource, sys, time
from lineage.config import configure, current_config
from lineage.outbox import open_outbox
from lineage.transport import enqueue
logging.basicConfig(stream=sys.stderr, format="%(message)s")
configure(outbox=sys.argv[1], store="/data/lineage.db")
enqueue(b"first", None)
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, hard))
slowest = 0.0
for number in range(500):
    start = time.perf_counter()
    enqueue(b"%06d " % number + bytes(1500), None)
    slowest = max(slowest, time.perf_counter() - start)
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
time.sleep(1.1)
enqueue(b"room again", None)
stats = open_outbox(current_config().outbox, current_config().destination).stats()
print(json.dumps([slowest, stats.waiting, stats.dropped]))
"""


def emitter(folder: Path, name: str, number: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", EMIT, str(folder), name, str(number)], stdout=subprocess.PIPE
    )


def read_to_the_end(process: subprocess.Popen[bytes]) -> bytes:
    with process:
        return process.communicate()[0]


def stored(folder: Path) -> Counter[str]:
    found: Counter[str] = Counter()
    for path in outbox_files(folder, STORE):
        found.update(event.body[:13].decode().strip() for event in everything(path))
    return found


def everything(path: Path) -> list:
    outbox, events = open_existing(path), []
    while taken := outbox.waiting(1000):
        events += taken
        outbox.remove([event.seq for event in taken])
    return events


@pytest.mark.parametrize("after", [1, 137, 500])
def test_every_emit_that_returned_before_kill_9_is_in_the_outbox_once(tmp_path: Path, after: int) -> None:
    """PV-38: the audit trail survives a crash, here of four processes that would emit without end."""
    processes = {name: emitter(tmp_path, name, 1_000_000) for name in ("aaaaa", "bbbbb", "ccccc", "ddddd")}
    for process in processes.values():
        assert process.stdout is not None
        for _ in range(after):
            process.stdout.readline()
        process.kill()
    returned = {}
    for name, process in processes.items():
        rest = read_to_the_end(process).splitlines()
        returned[name] = after + len(rest)
        assert process.returncode == -signal.SIGKILL

    found = stored(tmp_path)

    for name, count in returned.items():
        # The emit that was under way may have been stored without having returned.
        names = [f"{name} {number:06}" for number in range(count)]
        assert [(one, found[one]) for one in names if found[one] != 1] == []
        assert sum(one.startswith(name) for one in found) <= count + 1


def test_reading_while_processes_write_misses_nothing(tmp_path: Path) -> None:
    processes = [emitter(tmp_path, name, 300) for name in ("aaaaa", "bbbbb", "ccccc")]
    found: Counter[str] = Counter()
    while any(process.poll() is None for process in processes):
        found.update(stored(tmp_path))
        time.sleep(0.01)
    found.update(stored(tmp_path))

    expected = {f"{name} {number:06}" for name in ("aaaaa", "bbbbb", "ccccc") for number in range(300)}
    assert found == Counter(expected)
    for process in processes:
        read_to_the_end(process)


def test_a_folder_that_cannot_be_made_is_replaced_by_the_temp_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "outbox"

    open_outbox(folder, STORE).append(b"one")
    outbox = open_outbox(folder, STORE)
    outbox.append(b"two")

    assert outbox.path.parent == fallback_folder(folder)
    assert fallback_folder(folder).parent == tmp_path / "tmp"
    assert len([record for record in caplog.records if "cannot be written" in record.getMessage()]) == 1
    assert outbox_files(folder, STORE) == [outbox.path]
    assert len(outbox.waiting(10)) == 2


@pytest.mark.skipif(os.getuid() != 0, reason="drops root's privileges, which only root can")
def test_a_read_only_folder_is_replaced_by_the_temp_directory(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents):
        if not folder.stat().st_mode & 0o001:
            folder.chmod(0o711)
    folder = tmp_path / "outbox"
    folder.mkdir(mode=0o555)
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp").chmod(0o1777)
    script = EMIT.replace("configure(", "os.setgroups([]); os.setgid(65534); os.setuid(65534)\nconfigure(", 1)

    result = subprocess.run(
        [sys.executable, "-c", script, str(folder), "aaaaa", "3"],
        capture_output=True,
        env={**os.environ, "TMPDIR": str(tmp_path / "tmp"), "HOME": str(tmp_path / "tmp")},
        check=False,
    )

    assert result.stdout.splitlines() == [b"000000", b"000001", b"000002"], result.stderr
    assert list(folder.iterdir()) == []
    (place,) = (tmp_path / "tmp").iterdir()
    (found,) = [path for path in place.iterdir() if path.suffix == ".db"]
    assert len(everything(found)) == 3


def test_a_folder_of_somebody_else_in_the_temp_directory_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "outbox"
    fallback_folder(folder).mkdir(mode=0o777)
    fallback_folder(folder).chmod(0o777)

    with pytest.raises(OSError, match="cannot be written"):
        open_outbox(folder, STORE)
    assert list(fallback_folder(folder).iterdir()) == []


def test_a_full_disk_keeps_the_host_running_and_every_drop_is_counted(tmp_path: Path) -> None:
    """PV-34: main processing is not interrupted when nothing more can be stored."""
    result = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stderr
    assert len(result.stderr.splitlines()) == 1, "told once"
    assert "full" in result.stderr
    slowest, waiting, dropped = json.loads(result.stdout)
    assert slowest < 2
    assert waiting + dropped == 502
    assert waiting > 50
    assert dropped > 100
    (path,) = outbox_files(tmp_path, STORE)
    assert everything(path)[-1].body == b"room again"


def test_a_file_that_may_not_grow_drops_the_oldest_and_counts_them(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path, STORE)
    outbox.append(b"first")
    with outbox._main.reading() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 100}")

    for number in range(300):
        outbox.append(b"%06d " % number + bytes(3000))

    kept = [event.body[:6] for event in outbox.waiting(1000)]
    assert kept[-1] == b"000299"
    assert b"first" not in kept
    assert len(kept) + outbox.stats().dropped == 301
    assert len(kept) > 60
    assert outbox_files(tmp_path, STORE) == [outbox.path]


@pytest.mark.slow
def test_a_disk_that_fills_up_and_is_cleared_again(tmp_path: Path) -> None:
    place = tmp_path / "small"
    place.mkdir()
    options = ["-t", "tmpfs", "-o", "size=4m", "tmpfs"]
    if subprocess.run(["mount", *options, str(place)], capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a small file system to fill")
    try:
        (place / "of somebody else").write_bytes(bytes(2 << 20))
        outbox = open_outbox(place, STORE)
        lost = 0
        for number in range(1000):
            try:
                outbox.append(b"%06d " % number + bytes(3000))
            except OSError:
                lost += 1
        assert 0 < lost <= outbox.stats().dropped
        assert outbox.stats().waiting + outbox.stats().dropped == 1000
        assert outbox.stats().waiting > 100

        (place / "of somebody else").unlink()
        outbox.append(b"room again")

        assert everything(outbox.path)[-1].body == b"room again"
        outbox.close()
    finally:
        subprocess.run(["umount", str(place)], check=True)
