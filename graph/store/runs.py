"""The state of a run as the union of its events says, in whatever order they arrive."""

from __future__ import annotations

from dataclasses import dataclass, replace

from graph.nodes import hash63
from graph.records import RunState
from graph.store.changes import Changes

_RANK = {RunState.RUNNING: 0, RunState.COMPLETE: 1, RunState.ABORT: 2, RunState.FAIL: 3}
_TERMINAL = {"COMPLETE": RunState.COMPLETE, "ABORT": RunState.ABORT, "FAIL": RunState.FAIL}


@dataclass(frozen=True, slots=True)
class Run:
    """A run in the store. Times are nanoseconds since the epoch; `job` is the job of its latest event.

    `started_at` is the time of its first event that is not an end. `window` says that it is a window of a
    service's operation. Fields named `..._time` say as of which
    event their neighbour holds.
    """

    key: int
    run_id: str
    job: int
    job_time: int
    first_time: int
    state: RunState = RunState.RUNNING
    started_at: int | None = None
    ended_at: int | None = None
    parent_run_id: str | None = None
    parent_time: int | None = None
    error: str | None = None
    error_time: int | None = None
    window: bool = False

    @property
    def group(self) -> int:
        """The key of the group that counts as one: the runs under one parent run, else the run itself."""
        return run_key(self.parent_run_id) if self.parent_run_id else self.key

    @property
    def finished(self) -> bool:
        """Whether an end of the run is known."""
        return self.state is not RunState.RUNNING

    @property
    def standing(self) -> int:
        """How what the run says counts: 0 it has not ended, 1 it has, 2 it has and counts by day."""
        return 0 if not self.finished else 2 if self.window else 1

    @property
    def claims_outputs(self) -> bool:
        """Whether what the run says about its outputs counts: not when it failed or was stopped."""
        return self.state in {RunState.RUNNING, RunState.COMPLETE}


def run_key(run_id: str) -> int:
    """Return the integer key of a run id."""
    return hash63(b"run:" + run_id.encode("utf-8", "surrogatepass"))


def merge(run: Run | None, change: Changes) -> Run:
    """Return the run with one more of its events; the order of events makes no difference.

    The end latest by event time wins and, of two at the same time, FAIL before ABORT before COMPLETE. A
    START that comes after the end changes nothing.
    """
    said, when = change.run, change.event_time
    assert said is not None, "only a RunEvent changes a run"
    if run is None:
        run = Run(run_key(said.run_id), said.run_id, change.owner, when, when)
    elif when < run.first_time:
        run = replace(run, first_time=when)
    if (when, change.owner) > (run.job_time, run.job):
        run = replace(run, job=change.owner, job_time=when)
    if said.parent_run_id and _later(when, said.parent_run_id, run.parent_time, run.parent_run_id):
        run = replace(run, parent_run_id=said.parent_run_id, parent_time=when)
    if said.error and _later(when, said.error, run.error_time, run.error):
        run = replace(run, error=said.error, error_time=when)
    if said.window is not None and not run.window:
        run = replace(run, window=True)
    return _with_state(run, said.event_type, when)


def _later(when: int, value: str, known_time: int | None, known: str | None) -> bool:
    return known_time is None or (when, value) > (known_time, known or "")


def _with_state(run: Run, event_type: str, when: int) -> Run:
    end = _TERMINAL.get(event_type)
    if end is None:
        earlier = run.started_at is None or when < run.started_at
        return replace(run, started_at=when) if earlier else run
    known = run.ended_at
    if known is None or (when, _RANK[end]) > (known, _RANK[run.state]):
        return replace(run, state=end, ended_at=when)
    return run
