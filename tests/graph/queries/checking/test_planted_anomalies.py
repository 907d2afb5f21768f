"""Sixty days of fifty jobs, with twenty anomalies planted and with none.

The thresholds were chosen on the seeds 0 to 9 and frozen; the seeds from 1000 on were first run afterwards.
"""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from made_events import edges, feeds
from watched_history import DAYS, END, START, Planted, WatchedHistory

from graph import open_store
from graph.ingest import ingest
from graph.queries.checking import Finding, Kind, check_baseline
from graph.queries.checking.sensitivity import LEAST_TIME
from graph.records import EdgeKind

WEEKS = (DAYS - LEAST_TIME.days) / 7
"""How long a history is judged: what comes before is learnt from."""


@dataclass
class Outcome:
    """What was found in one history or several."""

    planted: list[Planted] = field(default_factory=list)
    missed: list[Planted] = field(default_factory=list)
    false_of_planted: list[str] = field(default_factory=list)
    false_of_healthy: list[str] = field(default_factory=list)


def findings(history: WatchedHistory) -> tuple[Finding, ...]:
    with closing(open_store(":memory:")) as store:
        assert ingest(store, history.bodies()).rejected == 0
        return check_baseline(store, since=START + LEAST_TIME, now=END).findings


def is_found(planted: Planted, found: Finding) -> bool:
    """Tell whether a finding is the planted one, by the end of the second run that it shows in."""
    about = {found.node.name} if found.node is not None else set()
    if found.kind is Kind.NEW_READER and found.other is not None:
        about = {found.other.name}
    wanted = {
        "volume": planted.dataset,
        "schema": planted.dataset,
        "new-reader": f"stranger_of_{planted.job}",
    }.get(planted.kind, planted.job)
    at = found.at
    return (
        found.kind.value == planted.kind
        and wanted in about
        and at is not None
        and planted.begin - timedelta(days=1) < at <= planted.found_by
    )


def is_of(planted: Planted, found: Finding) -> bool:
    """Tell whether a finding is about what was planted, or what follows from it, while it lasts."""
    names = {node.name for node in (found.node, found.other) if node is not None}
    about = {planted.job, planted.dataset, f"stranger_of_{planted.job}"}
    at = found.at
    return bool(names & about) and at is not None and planted.begin - timedelta(days=1) < at <= planted.end


def judge(seeds: range) -> Outcome:
    outcome = Outcome()
    for seed in seeds:
        history = WatchedHistory(seed, anomalies=True)
        found = findings(history)
        outcome.planted += history.planted
        outcome.missed += [one for one in history.planted if not any(is_found(one, each) for each in found)]
        outcome.false_of_planted += [
            each.message for each in found if not any(is_of(one, each) for one in history.planted)
        ]
        healthy = findings(WatchedHistory(seed, anomalies=False))
        outcome.false_of_healthy += [each.message for each in healthy]
    return outcome


def test_what_is_planted_is_found_within_two_runs_and_little_else() -> None:
    """PV-28: of one history twice the bounds that hold for twenty together."""
    history = WatchedHistory(1000, anomalies=True)
    found = findings(history)

    missed = [one for one in history.planted if not any(is_found(one, each) for each in found)]
    false = [each.message for each in found if not any(is_of(one, each) for one in history.planted)]
    assert len(history.planted) == 20
    assert len(missed) <= 2, missed
    assert len(false) <= 2 * WEEKS, false


@pytest.mark.slow
@pytest.mark.long
def test_what_is_planted_in_twenty_histories_is_found_within_two_runs_and_little_else() -> None:
    """PV-28: at least 380 of 400, and at most one false alarm a week at the default."""
    outcome = judge(range(1000, 1020))

    assert len(outcome.planted) == 400
    assert len(outcome.missed) <= 20, outcome.missed
    assert len(outcome.false_of_healthy) <= 20 * WEEKS, outcome.false_of_healthy
    assert len(outcome.false_of_planted) <= 20 * WEEKS, outcome.false_of_planted


def test_the_graph_of_a_history_is_the_one_it_was_made_from() -> None:
    """PV-44: golden lineage: what the generator says that jobs read and write is what the store has."""
    history = WatchedHistory(2, anomalies=False)
    jobs = [job for job in history.jobs if job.plan not in ("dated", "lookup")]
    since = (END - timedelta(days=3)).isoformat()
    with closing(open_store(":memory:")) as store:
        assert ingest(store, [body for body in history.bodies() if json.loads(body)["eventTime"] > since])
        known = {
            name for kind in ("daily", "six_hours") for name in edges(store, EdgeKind.READS) if kind in name
        }
        fed = feeds(store)
    frequent = [job for job in jobs if job.plan in ("daily", "six hours")]
    assert known >= {f"{source} -> {job.name}" for job in frequent for source in job.reads}
    assert fed >= {f"{source} -> {job.writes}" for job in frequent for source in job.reads}
    made = {f"{source} -> {job.writes}" for job in jobs for source in job.reads}
    assert {
        edge for edge in fed if "dated" not in edge.split()[2] and "lookup" not in edge.split()[2]
    } <= made


def test_the_same_seed_gives_the_same_history() -> None:
    """PV-44: what a test finds can be found again."""
    once, again = (WatchedHistory(3, anomalies=True) for _ in range(2))
    assert once.bodies() == again.bodies()
    assert once.planted == again.planted
    assert WatchedHistory(4, anomalies=True).bodies() != once.bodies()
