"""The state of a run as the union of its events says, in whatever order they arrive."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from graph.records import RunState
from graph.store.changes import RunChange
from graph.store.history import Observation, Observed
from graph.store.varints import put_number, signed, take_number, unsigned

STATES = (RunState.RUNNING, RunState.COMPLETE, RunState.ABORT, RunState.FAIL)
"""By their numbers in the store; of two ends at the same time the later one here counts."""

_TERMINAL = {"COMPLETE": RunState.COMPLETE, "ABORT": RunState.ABORT, "FAIL": RunState.FAIL}


Amounts = Mapping[int, tuple[int, bytes]]
"""By dataset when what was said last (`Observed.STATISTICS`), and what: of two at a time the greater text."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run in the store. Times are nanoseconds since the epoch; `job` is the job of its latest event.

    `number` is its own and `parent` that of the run above it. `started_at` is the time of its first event
    that is not an end. `window` says that it is a window of a service's operation. `wrote` is what it said of
    how much it wrote. Fields named `..._time` say as of which event their neighbour holds.
    """

    number: int
    job: int
    job_time: int
    first_time: int
    state: RunState = RunState.RUNNING
    started_at: int | None = None
    ended_at: int | None = None
    parent: int | None = None
    parent_time: int | None = None
    error: str | None = None
    error_time: int | None = None
    window: bool = False
    wrote: Amounts = field(default_factory=dict)

    @property
    def usual_time(self) -> int:
        """When what only the latest event decides was said, but for odd runs."""
        return self.first_time if self.ended_at is None else self.ended_at

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


def merge(
    run: Run | None,
    number: int,
    job: int,
    when: int,
    said: RunChange,
    parent: int | None,
    id_of: Callable[[int], bytes],
    observed: Iterable[Observation] = (),
) -> Run:
    """Return the run with one more of its events; the order of events makes no difference.

    `number` is the run's and `parent` that of the run the event names above it; `id_of` gives the id behind a
    number. `observed` is what the event observed. The end latest by event time wins and, of two at the same
    time, FAIL before ABORT before COMPLETE. A START that comes after the end changes nothing.
    """
    if run is None:
        run = Run(number, job, when, when)
    news: dict[str, Any] = {}
    if when < run.first_time:
        news["first_time"] = when
    if (when, job) > (run.job_time, run.job):
        news |= {"job": job, "job_time": when}
    if parent is not None and _is_later_parent(run, parent, when, id_of):
        news |= {"parent": parent, "parent_time": when}
    if said.error and (run.error_time is None or (when, said.error) > (run.error_time, run.error or "")):
        news |= {"error": said.error, "error_time": when}
    if said.window is not None and not run.window:
        news["window"] = True
    said_now = {one.entity: (when, one.body) for one in observed if one.kind is Observed.STATISTICS}
    if said_now:
        later = {key: max(told, run.wrote.get(key, told)) for key, told in said_now.items()}
        news["wrote"] = {**run.wrote, **later}
    news |= _state(run, said.event_type, when)
    return replace(run, **news) if news else run


def packed_amounts(run: Run) -> bytes | None:
    """Return how much a run wrote as it is kept, None where it is not known."""
    packed = bytearray()
    for dataset, (when, body) in sorted(run.wrote.items()):
        packed += dataset.to_bytes(8, "big")
        put_number(packed, 0 if when == run.usual_time else unsigned(when - run.usual_time))
        for count in msgspec.json.decode(body, type=tuple[int | None, int | None]):
            put_number(packed, 0 if count is None else count + 1)
    return bytes(packed) or None


def amounts_in(packed: bytes | None, usual_time: int) -> Amounts:
    """Return how much a run wrote from what was kept; `usual_time` is the run's."""
    found, place, text = {}, 0, packed or b""
    while place < len(text):
        dataset = int.from_bytes(text[place : place + 8], "big")
        since, place = take_number(text, place + 8)
        rows, place = take_number(text, place)
        size, place = take_number(text, place)
        counts = [count - 1 if count else None for count in (rows, size)]
        found[dataset] = usual_time + signed(since), msgspec.json.encode(counts)
    return found


def _is_later_parent(run: Run, parent: int, when: int, id_of: Callable[[int], bytes]) -> bool:
    if run.parent is None or run.parent_time is None or when > run.parent_time:
        return True
    # Numbers are given in the order of arrival, so they settle nothing.
    return when == run.parent_time and parent != run.parent and id_of(parent) > id_of(run.parent)


def _state(run: Run, event_type: str, when: int) -> dict[str, Any]:
    """Return what an event changes about the state of a run."""
    end = _TERMINAL.get(event_type)
    if end is None:
        earlier = run.started_at is None or when < run.started_at
        return {"started_at": when} if earlier else {}
    known = run.ended_at
    if known is None or (when, STATES.index(end)) > (known, STATES.index(run.state)):
        return {"state": end, "ended_at": when}
    return {}
