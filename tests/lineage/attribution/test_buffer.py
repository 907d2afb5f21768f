"""Queries on their way: threads, forks, exits, and what happens when too many wait."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lineage import capture_query, configure, instrument_function, trace_query
from lineage.attribution import Source, begin_query, buffer, delivery, flush_queries, functions, query
from lineage.attribution.buffer import WINDOW_QUERIES, Buffer
from lineage.attribution.query import Query
from lineage.errors import InstrumentError

Event = dict[str, Any]
Told = Callable[[], list[Event]]

FORKS = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")


def in_child(work: Callable[[], object]) -> int:
    """Return the exit code of a forked child that does the work: 0 when it returned what is true."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if work() else 2
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_sixty_four_threads_lose_no_query_and_tell_none_twice(told: Told) -> None:
    """DC-18, DC-54: with flushes in between."""
    together = threading.Barrier(64)

    def work(thread: int) -> None:
        together.wait()
        for number in range(50):
            with trace_query("select 1", attributes={"key": f"{thread}-{number}"}):
                pass
        if thread % 8 == 0:
            flush_queries(20)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    keys = [event["attributes"]["key"] for event in told()]
    assert len(keys) == 64 * 50
    assert len(set(keys)) == 64 * 50


def test_a_window_is_a_second_or_a_thousand_queries(told: Told) -> None:
    """Nobody needs to flush: what a killed process loses is this window."""
    events = told()
    started = time.monotonic()
    capture_query("select 1")
    while not events and time.monotonic() - started < 10:
        time.sleep(0.01)
    assert time.monotonic() - started < 3
    capture_query("select 1")
    assert flush_queries(10)
    del events[:]
    started = time.monotonic()
    for _ in range(WINDOW_QUERIES + 1):
        capture_query("select 1")
    while not events and time.monotonic() - started < 10:
        time.sleep(0.001)
    assert events


@FORKS
def test_a_forked_child_starts_with_nothing_waiting_and_a_thread_of_its_own(told: Told) -> None:
    """Fault 3-12: the parent's queries are told by the parent, once."""
    for _ in range(10):
        capture_query("select parent")

    def work() -> bool:
        nothing = delivery.buffer._thread is None and not delivery.buffer._fresh
        events: list[Event] = []
        configure(sink=events.append)
        capture_query("select child")
        deadline = time.monotonic() + 10
        while not events and time.monotonic() < deadline:
            time.sleep(0.01)
        return nothing and [event["query_text"] for event in events] == ["select child"]

    assert in_child(work) == 0
    assert [event["query_text"] for event in told()] == ["select parent"] * 10


@FORKS
def test_no_lock_is_inherited_that_nobody_would_release(told: Told) -> None:
    """A fork while another thread stands in the middle of everything."""
    stop = threading.Event()

    def busy() -> None:
        while not stop.is_set():
            capture_query("select 1")
            flush_queries(1)

    threads = [threading.Thread(target=busy) for _ in range(3)]
    for thread in threads:
        thread.start()

    def work() -> bool:
        signal.alarm(20)
        events: list[Event] = []
        configure(sink=[events.append, "lineage"])
        capture_query("select child")
        return flush_queries(10) and len(events) == 1

    try:
        assert [in_child(work) for _ in range(20)] == [0] * 20
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@FORKS
def test_locks_held_at_the_fork_are_free_in_the_child(told: Told) -> None:
    capture_query("select 1")
    assert flush_queries(10)

    def work() -> bool:
        signal.alarm(20)
        capture_query("select child")
        with pytest.raises(InstrumentError):
            instrument_function("no_such_module.here")
        return flush_queries(10)

    hold, held = threading.Event(), threading.Event()

    def holding() -> None:
        with delivery.buffer._lock, delivery.buffer._told, functions._lock:
            held.set()
            hold.wait(30)

    thread = threading.Thread(target=holding)
    thread.start()
    held.wait(10)
    try:
        assert in_child(work) == 0
    finally:
        hold.set()
        thread.join()


def test_a_signal_handler_may_run_queries_wherever_it_strikes(told: Told) -> None:
    """Nothing that a handler interrupts waits for the handler."""
    struck = []

    def handler(number: int, frame: object) -> None:
        capture_query("select 1")
        delivery.buffer.attribute()
        struck.append(number)

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        deadline = time.monotonic() + 1
        while time.monotonic() < deadline:
            capture_query("select 2")
            delivery.buffer.attribute()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert struck
    assert len([event for event in told() if event["query_text"] == "select ?"]) >= len(struck)


def finished(text: str) -> Query:
    made = begin_query(text, Source())
    made.end()
    return made


def test_too_many_waiting_queries_are_dropped_and_counted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A sink that hangs does not fill the host's memory; told once."""
    configure(sink=lambda event: None)
    monkeypatch.setattr(query, "take", lambda ended: None)
    monkeypatch.setattr(buffer, "LIMIT_QUERIES", 10)
    monkeypatch.setattr(buffer, "LIMIT_CHARACTERS", 1000)
    waits = threading.Event()
    seen: list[Query] = []

    def tell(queries: list[Query]) -> None:
        waits.wait(30)
        seen.extend(queries)

    mine = Buffer(lambda queries: None, tell)
    for _ in range(100):
        mine.put(finished("q"))
    assert 90 - WINDOW_QUERIES <= mine.dropped["queries"] <= 90
    assert mine.dropped["queries"] >= 80
    waits.set()
    assert mine.flush(10)
    kept = len(seen)
    assert kept == 100 - mine.dropped["queries"]
    mine.put(finished("x" * 2000))
    mine.put(finished("x" * 200))
    assert mine.flush(10)
    assert [len(one.text or "") for one in seen[kept:]] == [200]
    assert len([record for record in caplog.records if "faster" in record.message]) == 1


def test_a_flush_that_takes_too_long_says_so() -> None:
    waits = threading.Event()
    configure(sink=lambda event: waits.wait(30))
    capture_query("q")
    started = time.monotonic()
    assert not flush_queries(0.2)
    assert time.monotonic() - started < 5
    waits.set()
    assert flush_queries(10)


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )


START = "import os, sys, threading, time\nfrom lineage import configure, trace_query, capture_query\n"


def test_at_the_exit_the_last_queries_are_told_and_it_does_not_hang(tmp_path: Path) -> None:
    """With a query that still runs in another thread: what has not ended is not told."""
    path = tmp_path / "q.jsonl"
    code = f"""{START}
configure(sink="file:{path}")
def forever():
    with trace_query("select forever"): time.sleep(1000)
threading.Thread(target=forever, daemon=True).start()
with trace_query("select 1"): pass
"""
    started = time.monotonic()
    done = run(code)
    assert (done.returncode, done.stderr) == (0, "")
    assert time.monotonic() - started < 10
    assert path.read_text().count("\n") == 1


def test_a_query_at_the_exit_itself_hurts_nobody(tmp_path: Path) -> None:
    code = f"""{START}
import atexit
atexit.register(lambda: capture_query("select 2"))
configure(sink="file:{tmp_path / "q.jsonl"}")
class Late:
    def __del__(self):
        with trace_query("select 3"): pass
late = Late()
capture_query("select 1")
atexit.register(lambda: capture_query("select 4"))
"""
    done = run(code)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "q.jsonl").read_text().count("\n") >= 2


def test_a_process_that_exits_at_once_or_is_killed_loses_the_window_only(tmp_path: Path) -> None:
    """The stated exception to nothing being lost: what ended in the last second before."""
    path = tmp_path / "q.jsonl"
    code = f"""{START}
from lineage.attribution import flush_queries
configure(sink="file:{path}")
capture_query("select 1")
flush_queries(10)
capture_query("select 2")
os._exit(0)
"""
    assert run(code).returncode == 0
    assert path.read_text().count("\n") == 1
