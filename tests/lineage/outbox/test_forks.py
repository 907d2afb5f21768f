"""Forks: a child's events are never lost and never written through what it inherited."""

from __future__ import annotations

import ctypes
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lineage.destination import store_destination
from lineage.outbox import Outbox, open_existing, open_outbox, outbox_files

STORE = store_destination("/data/lineage.db")


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return open_outbox(tmp_path / "outbox", STORE)


def stored(outbox: Outbox) -> list[str]:
    found = []
    for path in outbox_files(outbox.path.parent, STORE):
        found += [event.body.decode() for event in open_existing(path).waiting(10_000_000)]
    return sorted(found)


def forked(work: Callable[[], None]) -> int:
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return child


def ended_well(child: int) -> bool:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_child_that_leaves_by_os_exit_has_emitted(outbox: Outbox) -> None:
    outbox.append(b"parent")

    assert ended_well(forked(lambda: outbox.append(b"child")))

    outbox.append(b"parent again")
    assert stored(outbox) == ["child", "parent", "parent again"]
    assert outbox_files(outbox.path.parent, STORE) == [outbox.path]


def test_parent_and_children_emit_at_the_same_time(outbox: Outbox) -> None:
    outbox.append(b"before")

    def emit(name: str) -> None:
        for number in range(100):
            outbox.append(f"{name} {number:03}".encode())

    children = [forked(lambda name=name: emit(name)) for name in ("a", "b", "c")]  # type: ignore[misc]
    emit("parent")

    assert all([ended_well(child) for child in children])
    assert len(stored(outbox)) == 401
    assert len(set(stored(outbox))) == 401


def test_a_child_outlives_its_parent_while_the_file_is_drained_in_between(tmp_path: Path) -> None:
    """A child that inherited an open connection would lose its rows with the parent's write-ahead log."""
    outbox = open_outbox(tmp_path / "outbox", STORE)
    go_on, child_lives = os.pipe(), os.pipe()

    def parent() -> None:
        outbox.append(b"parent")
        child = os.fork()
        if child == 0:
            outbox.append(b"child, early")
            os.read(go_on[0], 1)
            outbox.append(b"child, late")
            os._exit(0)
        outbox.append(b"parent, last")
        outbox.close()

    assert ended_well(forked(parent))
    os.close(child_lives[1])
    while "child, early" not in (early := stored(outbox)):
        time.sleep(0.01)
    outbox.remove([event.seq for event in outbox.waiting(10)])
    outbox.close()
    os.write(go_on[1], b"x")
    assert os.read(child_lives[0], 1) == b"", "the child has ended"

    assert {"parent", "parent, last"} <= set(early)
    assert sorted(early + stored(outbox)) == ["child, early", "child, late", "parent", "parent, last"]


# From 3.12 on Python warns of what is tried here.
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.parametrize(
    ("workers", "forks"),
    [(2, 20), pytest.param(4, 200, marks=pytest.mark.slow), pytest.param(4, 800, marks=pytest.mark.long)],
)
def test_a_fork_while_threads_append_loses_and_blocks_nothing(
    outbox: Outbox, workers: int, forks: int
) -> None:
    """A child that inherits one of SQLite's mutexes locked would hang in its first append."""
    stop = threading.Event()
    counts = [0] * workers

    def emit(worker: int) -> None:
        while not stop.is_set():
            outbox.append(f"thread {worker} {counts[worker]:06}".encode())
            counts[worker] += 1

    threads = [threading.Thread(target=emit, args=(worker,)) for worker in range(workers)]
    for thread in threads:
        thread.start()
    children = []
    try:
        for number in range(forks):
            children.append(forked(lambda number=number: outbox.append(b"child %d" % number)))  # type: ignore[misc]
            time.sleep(0.005)
    finally:
        stop.set()
        for thread in threads:
            thread.join()

    assert all([ended_well(child) for child in children])
    expected = [
        f"thread {worker} {number:06}" for worker in range(workers) for number in range(counts[worker])
    ]
    assert stored(outbox) == sorted(expected + [f"child {number}" for number in range(forks)])


def test_a_fork_made_in_c_writes_a_file_of_its_own(outbox: Outbox) -> None:
    """Python's fork hooks do not run when a C library forks; the process id gives it away."""
    outbox.append(b"parent")
    child = ctypes.PyDLL(None).fork()
    if child == 0:
        status = 1
        try:
            outbox.append(b"child")
            outbox.append(b"child again")
            status = 0
        finally:
            os._exit(status)
    assert ended_well(child)
    outbox.append(b"parent again")

    assert stored(outbox) == ["child", "child again", "parent", "parent again"]
    main, own = outbox_files(outbox.path.parent, STORE)
    assert main == outbox.path
    assert f"-{child}-" in own.name


@pytest.fixture
def interrupted() -> Iterator[Callable[[Callable[[int], None], Callable[[int], None]], tuple[int, int]]]:
    """Run `work` again and again until a signal handler has interrupted it 30 times."""
    previous = signal.getsignal(signal.SIGALRM)

    def run(work: Callable[[int], None], handle: Callable[[int], None]) -> tuple[int, int]:
        done, handled = 0, 0

        def handler(number: int, frame: object) -> None:
            nonlocal handled
            handle(handled)
            handled += 1

        signal.signal(signal.SIGALRM, handler)
        while handled < 30:
            signal.setitimer(signal.ITIMER_REAL, random.uniform(0.00001, 0.0002))
            for _ in range(5):
                work(done)
                done += 1
            signal.setitimer(signal.ITIMER_REAL, 0)
        return done, handled

    yield run
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, previous)


def test_a_signal_handler_may_append_aside_whatever_it_interrupts(
    outbox: Outbox, interrupted: Callable[..., tuple[int, int]]
) -> None:
    done, handled = interrupted(
        lambda number: outbox.append(b"main %06d" % number),
        lambda number: outbox.append_aside(b"handler %d" % number),
    )

    expected = [f"main {n:06}" for n in range(done)] + [f"handler {n}" for n in range(handled)]
    assert stored(outbox) == sorted(expected)


def test_appending_in_a_signal_handler_that_interrupts_an_append_loses_nothing(
    outbox: Outbox, interrupted: Callable[..., tuple[int, int]]
) -> None:
    done, handled = interrupted(
        lambda number: outbox.append(b"main %06d" % number),
        lambda number: outbox.append(b"handler %d" % number),
    )

    expected = [f"main {n:06}" for n in range(done)] + [f"handler {n}" for n in range(handled)]
    assert stored(outbox) == sorted(expected)
