"""Runs that should have come by now and did not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from graph.nodes import Node
from graph.queries.checking.findings import Finding
from graph.queries.checking.job_past import JobTimes
from graph.queries.checking.rhythms import due_by
from graph.queries.checking.saying import missing_finding, silence_finding
from graph.queries.checking.sensitivity import Bars

_REMINDED = 7
"""A run that does not come is told until so many times its gap have passed: then the job is retired."""


class _Next(NamedTuple):
    """The run of a job that comes next: when the last one completed, and when this one is missing."""

    job: Node
    last: datetime
    due: datetime


def missing_runs(times: Mapping[Node, JobTimes], now: datetime, bars: Bars) -> Iterator[Finding]:
    """Yield the runs that are missing by now, by the rhythms of their jobs.

    Where all jobs that were running are silent since the same time it is one finding, about no job: the
    scheduler stands still, or no events arrive any more.
    """
    coming = [
        _Next(job, past.times[-1], due)
        for job, past in times.items()
        if past.warm is not None and (due := due_by(past.times, bars)) is not None
    ]
    if not coming:
        return
    last = max(each.last for each in coming)
    running = [each for each in coming if each.due >= last]
    if len(running) > 1 and all(each.due < now for each in running):
        yield silence_finding(last, min(each.due for each in running), len(running))
        return
    for each in coming:
        if each.due < now and now - each.last <= _REMINDED * (each.due - each.last):
            yield missing_finding(*each)
