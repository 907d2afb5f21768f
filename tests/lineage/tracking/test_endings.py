"""How runs end: one terminal event whatever happens, and the host's own ending unchanged."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lineage import track_lineage, track_run
from lineage.config import current_config
from lineage.outbox import open_existing, outbox_files
from lineage.testing import CapturedEvents


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (ValueError("x"), "FAIL"),
        (SystemExit(0), "COMPLETE"),
        (SystemExit(None), "COMPLETE"),
        (SystemExit(3), "FAIL"),
        (SystemExit("message"), "FAIL"),
        (KeyboardInterrupt(), "ABORT"),
        (asyncio.CancelledError(), "ABORT"),
        (ExceptionGroup("several", [ValueError("a"), KeyError("b")]), "FAIL"),
    ],
    ids=lambda value: value if isinstance(value, str) else repr(value)[:30],
)
def test_each_exception_has_its_ending(
    lineage_events: CapturedEvents, error: BaseException, state: str
) -> None:
    """DD-01: each run has exactly one terminal event, and FAIL has the error's details."""

    @track_lineage(outputs=["orders"])
    def work() -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        work()

    assert raised.value is error
    assert lineage_events.types == ["START", state]
    assert bool(lineage_events[1]["outputs"]) is (state == "COMPLETE")
    assert ("errorMessage" in lineage_events[1]["run"]["facets"]) is (state != "COMPLETE")


def test_a_cancelled_task_aborts_its_run(lineage_events: CapturedEvents) -> None:
    @track_lineage
    async def work() -> None:
        await asyncio.sleep(60)

    async def main() -> None:
        task = asyncio.create_task(work())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())

    assert lineage_events.types == ["START", "ABORT"]


def test_an_error_whose_text_cannot_be_had_still_fails_the_run(lineage_events: CapturedEvents) -> None:
    class OddError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    with pytest.raises(OddError), track_run("work"):
        raise OddError

    assert lineage_events[1]["run"]["facets"]["errorMessage"]["message"].endswith("OddError")


def test_durations_follow_the_monotonic_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import UTC, datetime

    from lineage import events
    from lineage.testing import capture

    stepped = iter([datetime(2026, 1, 1, 12, tzinfo=UTC), datetime(2026, 1, 1, 11, tzinfo=UTC)])
    monkeypatch.setattr(events, "current_time", lambda: next(stepped))
    monkeypatch.setattr(events.sources, "now", events.current_time)
    with capture(fixed=False) as captured, track_run("work"):
        time.sleep(0.01)

    assert captured[0]["eventTime"] == "2026-01-01T12:00:00.000Z"
    assert "2026-01-01T12:00:00.010Z" <= captured[1]["eventTime"] < "2026-01-01T12:00:10.000Z"


def waiting_events() -> list[dict[str, Any]]:
    config = current_config()
    found = []
    for path in outbox_files(config.outbox, config.destination):
        outbox = open_existing(path)
        found += [json.loads(row.body) for row in outbox.waiting(1000)]
        outbox.close()
    return found


SCRIPT = """
import os, signal, sys, time
from lineage import track_run
{before}
with track_run("outer"):
    with track_run("inner", outputs="orders"):
        print("ready", flush=True)
        {inside}
"""


def start(tmp_path: Path, *, before: str = "", inside: str = "time.sleep(60)") -> subprocess.Popen[str]:
    script = tmp_path / "job.py"
    script.write_text(SCRIPT.format(before=before, inside=inside))
    process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_sigterm_aborts_open_runs_and_ends_the_process_as_before(tmp_path: Path) -> None:
    process = start(tmp_path)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)

    assert process.returncode == -signal.SIGTERM
    states = [(event["job"]["name"], event["eventType"]) for event in waiting_events()]
    assert sorted(states) == [("inner", "ABORT"), ("inner", "START"), ("outer", "ABORT"), ("outer", "START")]


def test_a_handler_of_the_hosts_is_left_alone(tmp_path: Path) -> None:
    process = start(tmp_path, before="signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)

    assert process.returncode == 7
    ends = [event["eventType"] for event in waiting_events() if event["eventType"] != "START"]
    assert ends == ["FAIL", "FAIL"]


def test_after_the_last_run_the_signal_is_as_it_was(lineage_events: CapturedEvents) -> None:
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    with track_run("outer"), track_run("inner"):
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_forked_child_does_not_end_its_parents_run(tmp_path: Path) -> None:
    inside = "child = os.fork()\n        if child: os.waitpid(child, 0)"
    process = start(tmp_path, inside=inside)
    process.communicate(timeout=20)

    ends = [
        (event["job"]["name"], event["eventType"])
        for event in waiting_events()
        if event["eventType"] != "START"
    ]
    assert sorted(ends) == [("inner", "COMPLETE"), ("outer", "COMPLETE")]


def test_killing_a_child_that_was_forked_inside_a_run_aborts_nothing(tmp_path: Path) -> None:
    inside = (
        "child = os.fork()\n"
        "        if not child: time.sleep(60)\n"
        "        os.kill(child, signal.SIGTERM)\n"
        "        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM"
    )
    process = start(tmp_path, inside=inside)
    process.communicate(timeout=20)

    assert process.returncode == 0
    ends = [event["eventType"] for event in waiting_events() if event["eventType"] != "START"]
    assert ends == ["COMPLETE", "COMPLETE"]


def test_os_exit_loses_nothing_that_was_emitted(tmp_path: Path) -> None:
    process = start(tmp_path, inside="os._exit(4)")
    process.communicate(timeout=20)

    assert process.returncode == 4
    assert [event["eventType"] for event in waiting_events()] == ["START", "START"]
    assert os.getpid() != process.pid
