"""Where events go: files, functions, streams; and what a sink does to nobody."""

from __future__ import annotations

import asyncio
import json
import logging
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lineage import _guard, capture_query, configure, trace_query
from lineage.attribution import CallbackSink, FileJsonlSink, flush_queries
from lineage.attribution.sinks import json_line

Event = dict[str, Any]
Told = Callable[[], list[Event]]


def flushed() -> None:
    assert flush_queries(20)


def lines(path: Path) -> list[Event]:
    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no JSON")

    return [json.loads(line, parse_constant=refuse) for line in path.read_text(encoding="utf-8").splitlines()]


def run(code: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False, **options
    )


def test_nothing_is_printed_unless_it_was_asked_for() -> None:
    """DC-53: fault 3-7: standard output belongs to the program; `stdout` and `stderr` are a choice."""
    code = (
        "from lineage import configure, trace_query\n{}\n"
        "with trace_query('select 1'): print('data')\n"
        "with trace_query('select a, b'): pass"
    )
    default = run(code.format(""))
    assert (default.stdout, default.stderr, default.returncode) == ("data\n", "", 0)
    stdout = run(code.format("configure(sink='stdout')")).stdout.splitlines()
    assert stdout[0] == "data"
    assert [json.loads(line)["query_text"] for line in stdout[1:]] == ["select ?", "select a, b"]
    stderr = run(code.format("configure(sink='stderr')"))
    assert stderr.stdout == "data\n"
    assert [json.loads(line)["status"] for line in stderr.stderr.splitlines()] == ["ok", "ok"]


def test_a_stream_of_few_letters_takes_every_event() -> None:
    code = (
        "from lineage import configure, capture_query\n"
        "configure(sink='stdout', include_raw_query_text=True)\n"
        "capture_query('select \u00e9\\ud800')"
    )
    done = run(code, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert json.loads(done.stdout)["raw_query_text"] == "select \u00e9\ud800", done.stderr


def test_a_callback_gets_each_event_once() -> None:
    """DC-55: a function, and a sink object of one's own."""
    events: list[Event] = []
    batches: list[int] = []

    class Mine:
        def write(self, some: list[Event]) -> None:
            batches.append(len(some))

    configure(sink=[CallbackSink(events.append), Mine()])
    for number in range(5):
        capture_query("q", rows=number)
    flushed()
    assert [event["rows"] for event in events] == [0, 1, 2, 3, 4]
    assert sum(batches) == 5


def test_none_means_that_nobody_is_told_and_nothing_is_captured() -> None:
    """DC-57: the sink `none`."""
    configure(sink="none")
    with trace_query("q") as query:
        query.set(rows=1)
    assert query.ended
    assert query.rows is None


def test_a_sink_that_cannot_be_told_apart_or_hashed_is_a_sink() -> None:
    class Odd:
        __hash__ = None  # type: ignore[assignment]

        def __init__(self) -> None:
            self.events: list[Event] = []

        def __eq__(self, other: object) -> bool:
            raise ValueError("ambiguous")

        def write(self, events: list[Event]) -> None:
            self.events += events

    odd = Odd()
    configure(sink=[odd])
    capture_query("q")
    flushed()
    assert len(odd.events) == 1


def test_a_file_gets_a_line_of_json_for_each_event(tmp_path: Path) -> None:
    """DC-54: appended, in a folder that is made, readable by its owner alone; the path is that of now."""
    path = tmp_path / "logs" / "queries.jsonl"
    path.parent.mkdir()
    path.write_text('{"before": 1}\n')
    path.chmod(0o600)
    configure(sink=f"file:{path}")
    capture_query("select 1", rows=1)
    flushed()
    before, event = lines(path)
    assert before == {"before": 1}
    assert (event["rows"], event["query_text"]) == (1, "select ?")
    other = tmp_path / "new" / "queries.jsonl"
    FileJsonlSink(other).write([event])
    assert lines(other) == [event]
    assert other.stat().st_mode & 0o777 == 0o600


def test_a_file_given_by_a_relative_path_stays_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    configure(sink="file:queries.jsonl")
    with trace_query("q"):
        monkeypatch.chdir("/")
    flushed()
    assert len(lines(tmp_path / "queries.jsonl")) == 1


@pytest.mark.parametrize(
    "attributes",
    [
        {1: "a", "b": 2, None: 3, (1, 2): 4},
        {"nan": float("nan"), "inf": float("-inf"), "x": 1.5},
        {b"key": b"value"},
        {"huge": 10**400, "set": {1}, "at": time.gmtime()},
        {"half": "\ud800", "line": "a\nb\u2028c", "zero": "\x00"},
    ],
)
def test_every_line_is_strict_json_whatever_the_attributes(
    tmp_path: Path, attributes: dict[Any, Any]
) -> None:
    """DC-22, DC-54: fault 2.1.3-11: mixed and bytes keys, NaN, odd values."""
    configure(sink=f"file:{tmp_path / 'q.jsonl'}")
    with trace_query("select 1", attributes=attributes) as query:
        query.set(rows=1)
    flushed()
    (event,) = lines(tmp_path / "q.jsonl")
    assert event["rows"] == 1


def test_values_that_hold_themselves_are_told_as_text(tmp_path: Path) -> None:
    """Fault 2.1.3-11: circular values."""
    configure(sink=f"file:{tmp_path / 'q.jsonl'}")
    circle: dict[str, Any] = {}
    circle["self"] = circle
    capture_query("q", attributes=circle)
    flushed()
    (event,) = lines(tmp_path / "q.jsonl")
    assert event["attributes"]["self"].startswith("{'self': {")


def _write_many(path: str, process: int) -> None:
    configure(sink=f"file:{path}", include_raw_query_text=True)

    def work(thread: int) -> None:
        for number in range(40):
            big = "x" * (20_000 if number % 10 == 0 else 10)
            capture_query(f"select '{big}'", attributes={"key": f"{process}-{thread}-{number}"})
            if number % 7 == 0:
                flush_queries(20)

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    flush_queries(20)


def _assert_all_there(path: Path) -> None:
    found = [event["attributes"]["key"] for event in lines(path)]
    assert len(found) == 3 * 4 * 40
    assert set(found) == {f"{p}-{t}-{n}" for p in range(3) for t in range(4) for n in range(40)}


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_threads_and_forked_processes_write_whole_lines_into_one_file(tmp_path: Path) -> None:
    """DC-54: fault 2.1.3-11: none lost, none torn, none twice; lines of 20 kB among them."""
    path = tmp_path / "q.jsonl"
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_write_many, args=(str(path), number)) for number in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    _assert_all_there(path)


def test_threads_and_other_processes_write_whole_lines_into_one_file(tmp_path: Path) -> None:
    """DC-54: fault 2.1.3-11: as above, with processes that share nothing but the file."""
    path = tmp_path / "q.jsonl"
    code = "import sys, runpy\nrunpy.run_path(sys.argv[1])['_write_many'](sys.argv[2], int(sys.argv[3]))"
    processes = [
        subprocess.Popen([sys.executable, "-c", code, __file__, str(path), str(number)])
        for number in range(3)
    ]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    _assert_all_there(path)


@pytest.mark.parametrize("target", ["/dev/full", "/proc/nothing/here.jsonl", "{tmp}/a-file/below.jsonl"])
def test_a_file_that_cannot_be_written_is_told_once_and_hurts_nobody(
    tmp_path: Path, target: str, caplog: pytest.LogCaptureFixture
) -> None:
    """DC-54, DC-57: a full disk, an unwritable path."""
    (tmp_path / "a-file").write_text("")
    events: list[Event] = []
    configure(sink=["file:" + target.format(tmp=tmp_path), events.append])
    for _ in range(100):
        capture_query("q")
        flushed()
    assert len(events) == 100
    assert len(caplog.records) == 1
    assert "writing queries to FileJsonlSink" in caplog.text


def test_a_disk_that_is_full_in_the_middle_leaves_no_torn_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DC-54: what was written of a batch is taken back."""
    path = tmp_path / "q.jsonl"
    sink = FileJsonlSink(path)
    sink.write([{"a": 1}])
    real, written = os.write, []

    def short(file: int, content: bytes) -> int:
        if written:
            raise OSError(28, "No space left on device")
        written.append(real(file, content[:3]))
        return written[0]

    monkeypatch.setattr(os, "write", short)
    with pytest.raises(OSError, match="No space"):
        sink.write([{"a": 2}])
    monkeypatch.undo()
    sink.write([{"a": 3}])
    assert lines(path) == [{"a": 1}, {"a": 3}]


@pytest.mark.parametrize(
    "fault", [ValueError("x"), asyncio.CancelledError(), SystemExit(3), KeyboardInterrupt(), GeneratorExit()]
)
def test_what_a_sink_raises_ends_in_our_thread(
    fault: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    """DC-57: fault 2.1.3-9: the call's result stays, the other sinks are told, and later events as well."""
    events: list[Event] = []

    def broken(event: Event) -> None:
        raise fault

    class Broken:
        def write(self, events: list[Event]) -> None:
            raise fault

    configure(sink=[broken, Broken(), events.append])

    def work() -> str:
        with trace_query("q"):
            return "result"

    for number in range(100):
        assert work() == "result"
        if number % 10 == 0:
            flushed()
    flushed()
    assert len(events) == 100
    assert len(caplog.records) == 2
    assert sum(_guard.faults.values()) >= 100


def test_a_hundred_failures_are_one_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """DC-57: fault 2.1.3-9: told once with its name, counted after, and without the data."""

    def broken(event: Event) -> None:
        raise ValueError(f"cannot take {event['raw_query_text']}")

    configure(sink=broken, include_raw_query_text=True)
    with caplog.at_level(logging.INFO):
        for _ in range(100):
            capture_query("select 'hunter2'")
            flushed()
    (record,) = caplog.records
    assert "calling the query sink" in record.getMessage()
    assert "broken" in record.getMessage()
    assert "hunter2" not in caplog.text
    assert max(_guard.faults.values()) == 100


def test_a_slow_sink_does_not_slow_the_call() -> None:
    """DC-57: fault 2.1.3-9, fault 3-5: 50 ms a sink, under 3 ms a call at the median, and not one of 50."""
    told = []

    def slow(event: Event) -> None:
        time.sleep(0.05)
        told.append(event)

    configure(sink=slow)
    times = []
    for _ in range(40):
        start = time.perf_counter()
        with trace_query("select 1"):
            pass
        times.append(time.perf_counter() - start)
        time.sleep(0.001)
    assert sorted(times)[20] < 0.003
    assert sum(times) < 0.5
    flushed()
    assert len(told) == 40


def test_a_sink_that_runs_queries_itself_is_told_of_none_of_them() -> None:
    """DC-57: fault 2.1.3-9: no recursion, also when it flushes."""
    events: list[Event] = []

    def curious(event: Event) -> None:
        events.append(event)
        with trace_query("insert into audit values (1)"):
            capture_query("select 2")
        assert not flush_queries(5)

    configure(sink=curious)
    started = time.monotonic()
    capture_query("select 1")
    flushed()
    flushed()
    assert [event["query_text"] for event in events] == ["select ?"]
    assert time.monotonic() - started < 4


def test_a_sink_that_hangs_holds_up_neither_calls_nor_the_exit() -> None:
    """DC-57: the end of the process waits one second for it, not longer."""
    code = """
import threading, time
from lineage import configure, trace_query
configure(sink=lambda event: threading.Event().wait())
start = time.monotonic()
for _ in range(2000):
    with trace_query("select 1"): pass
assert time.monotonic() - start < 3, time.monotonic() - start
"""
    started = time.monotonic()
    done = run(code)
    assert (done.returncode, done.stderr) == (0, "")
    assert time.monotonic() - started < 10


def test_a_line_says_what_json_cannot_as_text() -> None:
    assert json.loads(json_line({"at": Path("/x")})) == {"at": "/x"}
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_line({"x": float("nan")})
