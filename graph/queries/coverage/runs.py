"""Runs without an end, and failed runs that do not say why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from graph.nodes import Node, job
from graph.queries.coverage.findings import Check, CheckResult, Finding, found, skipped
from graph.records import RunRecord, RunState
from graph.store.base import LineageReader

_PAGE = 1000
_ENDLESS = {"STREAMING", "SERVICE"}

_NO_END = (
    "have its process end it: the producer sends COMPLETE, FAIL or ABORT, or the process was killed; look at"
    " its log, and at `lineage status` for events that wait"
)
_NO_ERROR = "have the producer send the errorMessage facet with FAIL, as `track_lineage` does"


def run_ends(reader: LineageReader, since: datetime, quiet_since: datetime, now: datetime) -> CheckResult:
    """Find runs from `since` to `now` without an end that were silent after `quiet_since`.

    Runs of jobs that say they are streaming or a service have no end by nature and are left out.
    """
    running, findings = 0, []
    for runs in _pages(reader, RunState.RUNNING, since, now):
        types = reader.facets({run.job_key for run in runs}, "jobType")
        for run in runs:
            heard = run.latest_at or run.started_at
            if _endless(types.get(run.job_key, {})) or (heard is not None and heard > quiet_since):
                continue
            running += 1
            began = "it began" if run.latest_at in (None, run.started_at) else "its last event came"
            findings.append(_finding(run, f"no end since {began}", _NO_END, heard))
    counts = reader.count_runs(since=since, until=now)
    total = sum(number for state, number in counts.items() if state is not RunState.RUNNING) + running
    if not total:
        return skipped(Check.RUN_ENDS, "no run in this time has ended or should have")
    return found(Check.RUN_ENDS, total, findings)


def error_context(reader: LineageReader, since: datetime, now: datetime) -> CheckResult:
    """Find failed runs from `since` to `now` without an errorMessage facet."""
    total, findings = 0, []
    for runs in _pages(reader, RunState.FAIL, since, now):
        total += len(runs)
        findings += [
            _finding(run, "it failed without an error message", _NO_ERROR, run.ended_at)
            for run in runs
            if not (run.error or "").strip()
        ]
    if not total:
        return skipped(Check.ERROR_CONTEXT, "no run failed in this time")
    return found(Check.ERROR_CONTEXT, total, findings)


def _pages(
    reader: LineageReader, state: RunState, since: datetime, until: datetime
) -> Iterator[list[RunRecord]]:
    after = None
    while page := reader.runs(states=(state,), since=since, until=until, after=after, limit=_PAGE):
        yield page
        after = page[-1].run_id


def _endless(job_type: Mapping[str, Any]) -> bool:
    said = (job_type.get("processingType"), job_type.get("jobType"))
    return any(isinstance(word, str) and word.upper() in _ENDLESS for word in said)


def _finding(run: RunRecord, problem: str, remedy: str, since: datetime | None) -> Finding:
    node: Node = job(run.job_namespace, run.job_name)
    return Finding(node.label, problem, remedy, node, run.run_id, since)
