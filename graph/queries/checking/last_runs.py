"""The last runs of jobs against what is declared: how much they wrote, and when they completed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from graph.nodes import Node
from graph.queries.answer import time_as_json
from graph.queries.checking.expectations import DAYS, JobExpectation, Rows
from graph.queries.checking.findings import Basis, Finding, Kind
from graph.queries.checking.job_past import completed
from graph.queries.occasions import Occasion
from graph.store.base import LineageReader

_RUNS = 60
"""How many runs of a job are looked at for the last one that completed."""


def _last(reader: LineageReader, job: int, now: datetime) -> list[Occasion]:
    """Return the latest occasions of a job that had completed by now, the last one last."""
    return completed(reader.job_runs([job], until=now, limit=_RUNS))


def amounts_off(reader: LineageReader, dataset: Node, declared: Rows, now: datetime) -> Iterator[Finding]:
    """Yield the jobs of which the last run that wrote a dataset wrote too many rows or too few."""
    bounds = _bounds_text(declared)
    for job in sorted(reader.nodes(reader.writers([dataset.key]).get(dataset.key, ())).values()):
        wrote = [each for each in _last(reader, job.key, now) if dataset.key in each.wrote]
        if not wrote:
            continue
        last = wrote[-1]
        rows = last.rows(dataset.key)
        if rows is None:
            found = f"{job.label} does not tell how many rows it wrote to {dataset.label}"
        elif (declared.min or 0) <= rows and (declared.max is None or rows <= declared.max):
            continue
        else:
            found = f"{job.label} wrote {rows} rows to {dataset.label}"
        yield Finding(
            Basis.EXPECTATION,
            Kind.VOLUME,
            dataset,
            f"{found}; {bounds} are declared",
            job,
            run_id=last.last.run_id,
            at=last.ended,
            runs=1,
            expected=bounds,
            found=None if rows is None else str(rows),
        )


def _bounds_text(declared: Rows) -> str:
    if declared.min is None:
        return f"{declared.max} at most"
    return f"{declared.min} at least" if declared.max is None else f"{declared.min} to {declared.max}"


def not_completed(
    reader: LineageReader, job: Node, declared: JobExpectation, now: datetime
) -> Iterator[Finding]:
    """Yield that a job did not complete for too long, or not by its time of the day."""
    ends = [each.ended for each in _last(reader, job.key, now) if each.ended <= now]
    if declared.every is not None and not (ends and now - ends[-1] <= declared.every):
        hours = declared.every.total_seconds() / 3600
        expected = f"a completed run every {hours:g} h"
        due = ends[-1] + declared.every if ends else None
        yield _late(job, f"{_last_text(job, ends)}; {expected} is declared", expected, due)
    due = _due(declared, now)
    if due is not None and not any(due - timedelta(days=1) < end <= due for end in ends):
        expected = f"a completed run by {declared.by:%H:%M} ({declared.time_zone})"
        text = f"{_last_text(job, ends)}; {expected} was due {time_as_json(due)}"
        yield _late(job, text, expected, due)


def _last_text(job: Node, ends: list[datetime]) -> str:
    return f"{job.label} completed last {time_as_json(ends[-1])}" if ends else f"{job.label} never completed"


def _late(job: Node, text: str, expected: str, due: datetime | None) -> Finding:
    return Finding(Basis.EXPECTATION, Kind.MISSING_RUN, job, text, at=due, expected=expected)


def _due(declared: JobExpectation, now: datetime) -> datetime | None:
    """Return when a run was due last, None where no time is declared."""
    if declared.by is None:
        return None
    zone = ZoneInfo(declared.time_zone)
    today = now.astimezone(zone).date()
    for ago in range(8):
        day = today - timedelta(days=ago)
        # In the zone's own words first: a day has 23 hours where the clock is put forward.
        due = datetime.combine(day, declared.by, zone).astimezone(UTC)
        if due <= now and DAYS[day.weekday()] in declared.days:
            return due
    return None
