"""ABORT for the runs that a SIGTERM ends.

Only where nothing else handles the signal: the handler is set while runs are open, from the main
thread, and only over the default one. It takes no lock (the main thread may hold any), puts the
default handler back and sends the signal again, so the process ends as it would have.
"""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import TYPE_CHECKING, Any

from lineage._guard import guard

if TYPE_CHECKING:
    from lineage.tracking.lifecycle import TrackedRun

_open_runs: dict[int, TrackedRun] = {}


def watch(run: TrackedRun) -> None:
    """Remember an open run, and the signal on its behalf."""
    _open_runs[id(run)] = run
    if (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    ):
        signal.signal(signal.SIGTERM, _abort_open_runs)


def forget(run: TrackedRun) -> None:
    """Forget a run that has ended; with the last one, leave the signal as it was."""
    _open_runs.pop(id(run), None)
    if not _open_runs:
        _replace(_abort_open_runs, signal.SIG_DFL)


def _replace(expected: Any, handler: Any) -> None:
    """Set the handler where the expected one stands; Python allows it in the main thread only."""
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is expected:
        signal.signal(signal.SIGTERM, handler)


def _before_fork() -> None:
    # A Python handler can miss a signal that reaches a child in its first moments; the default one cannot.
    if _open_runs:
        _replace(_abort_open_runs, signal.SIG_DFL)


def _after_fork_in_parent() -> None:
    if _open_runs:
        _replace(signal.SIG_DFL, _abort_open_runs)


os.register_at_fork(
    before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_open_runs.clear
)


def _abort_open_runs(signum: int, frame: FrameType | None) -> None:
    for run in list(_open_runs.values()):
        if run.pid == os.getpid():
            with guard("aborting a run"):
                _abort(run)
    signal.signal(signum, signal.SIG_DFL)
    os.kill(os.getpid(), signum)


def _abort(run: TrackedRun) -> None:
    from lineage import events
    from lineage.encoding import encode
    from lineage.transport import append_aside

    # A run that was just ending says so again: equal events are one event.
    event: Any = run.final_event
    if event is None:
        event = events.run_event(run.facts, events.RunState.ABORT, run.now())
    append_aside(encode(event), event.run.runId)
