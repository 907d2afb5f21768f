"""Findings of the baseline, said in words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from graph.nodes import Node
from graph.queries.answer import time_as_json
from graph.queries.checking.edges import EdgeNews
from graph.queries.checking.findings import Basis, Finding, Kind
from graph.queries.checking.readers import NewReader
from graph.queries.diagnosis.statistics import Jump
from graph.queries.diagnosis.versions import SchemaChange
from graph.queries.occasions import Occasion
from graph.store.history import JobRun


def edge_finding(job: Node, dataset: Node, news: EdgeNews, at: Occasion, *, reads: bool) -> Finding:
    """Say what a job newly reads or writes, or no longer does."""
    verb = "reads" if reads else "writes"
    usual = f"{'read' if reads else 'written'} in {news.seen} of {news.of} runs before"
    if news.is_new:
        message = f"{job.label} {verb} {dataset.label}, which it never did in {news.of} runs before"
    else:
        since = f"for {news.runs} runs" if news.runs > 1 else "in this run"
        message = f"{job.label} no longer {verb} {dataset.label} {since}; it was {usual}"
    return Finding(
        Basis.BASELINE,
        Kind.NEW_EDGE if news.is_new else Kind.MISSING_EDGE,
        job,
        message,
        other=dataset,
        run_id=at.last.run_id,
        at=at.ended,
        runs=news.runs,
        expected=usual,
        found=verb if news.is_new else "missing",
    )


def reader_finding(new: NewReader, names: Mapping[int, Node]) -> Finding:
    """Say who reads a dataset that never did."""
    dataset, job = names[new.dataset], names[new.job]
    return Finding(
        Basis.BASELINE,
        Kind.NEW_READER,
        dataset,
        f"{job.label} reads {dataset.label}, which it never did before",
        other=job,
        run_id=new.run.run_id,
        at=new.run.began,
        runs=1,
        expected=f"{new.readers} other readers",
        found=job.id,
    )


def amount_finding(
    kind: Kind, job: Node, dataset: Node | None, unit: str, jump: Jump, at: Occasion, runs: int
) -> Finding:
    """Say how a volume or a duration is off."""
    usual, value = amount_text(jump.usual, unit), amount_text(jump.value, unit)
    if kind is Kind.VOLUME and dataset is not None:
        about, node, other = f"{job.label} wrote {value} to {dataset.label}", dataset, job
    else:
        about, node, other = f"{job.label} took {value}", job, None
    return Finding(
        Basis.BASELINE,
        kind,
        node,
        f"{about}, usual are {usual} ({factor_text(jump)})",
        other=other,
        run_id=at.last.run_id,
        at=at.ended,
        runs=runs,
        expected=usual,
        found=value,
    )


def schema_finding(dataset: Node, change: SchemaChange, by: Node | None, run: JobRun | None) -> Finding:
    """Say what became of a schema."""
    parts = [f"{name} is new" for name in change.added]
    parts += [f"{name} is gone" for name in change.removed]
    parts += [f"{name} is {new}, was {old}" for name, old, new in change.retyped]
    return Finding(
        Basis.BASELINE,
        Kind.SCHEMA,
        dataset,
        f"the schema of {dataset.label} is another: {', '.join(parts)}",
        other=by,
        run_id=None if run is None else run.run_id,
        at=change.since,
        runs=None,
        expected=None,
        found=", ".join(parts),
    )


def late_finding(job: Node, last: datetime, due: datetime, came: datetime) -> Finding:
    """Say that a run came too late."""
    return _missing_run(job, f"{_last_text(job, last)}, and again {time_as_json(came)}", due)


def missing_finding(job: Node, last: datetime, due: datetime) -> Finding:
    """Say that a run does not come."""
    return _missing_run(job, f"{_last_text(job, last)}, and not since", due)


def silence_finding(last: datetime, due: datetime, jobs: int) -> Finding:
    """Say that no run of any job comes."""
    return _missing_run(
        None, f"none of {jobs} jobs that should have has completed since {time_as_json(last)}", due
    )


def _last_text(job: Node, last: datetime) -> str:
    return f"{job.label} completed {time_as_json(last)}"


def _missing_run(job: Node | None, found: str, due: datetime) -> Finding:
    expected = f"a completed run by {time_as_json(due)}"
    return Finding(
        Basis.BASELINE,
        Kind.MISSING_RUN,
        job,
        f"{found}; usual is {expected}",
        at=due,
        expected=expected,
        found=found,
    )


def amount_text(value: float, unit: str) -> str:
    """Return an amount for people: whole numbers of things, seconds with as many places as tell."""
    if unit != "s":
        return f"{value:,.0f} {unit}".replace(",", " ")
    return f"{value:,.0f} s".replace(",", " ") if value >= 100 else f"{value:.3g} s"


def factor_text(jump: Jump) -> str:
    """Return how many times the usual it is, or what part of it."""
    if jump.value == 0:
        return "nothing"
    if jump.usual == 0:
        return "usually nothing"
    return f"{jump.factor:.3g} times as much"
