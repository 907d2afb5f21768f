"""Suspects: what of the facts may be the reason, each with its evidence."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from graph.nodes import Node
from graph.queries.diagnosis.facts import Amounts, AssertionResult, DatasetFacts, JobFacts
from graph.queries.diagnosis.past import Past
from graph.queries.diagnosis.statistics import Jump
from graph.queries.diagnosis.text import age_text, number_text, times_text, when_text
from graph.records import RunState
from graph.store.history import JobRun


class Kind(StrEnum):
    """What kind of cause a finding is, the hardest evidence first."""

    FAILED_RUN = "failed_run"
    FAILED_TEST = "failed_test"
    STALE = "stale"
    SCHEMA_CHANGE = "schema_change"
    ROW_COUNT = "row_count"
    DURATION = "duration"
    CODE_CHANGE = "code_change"


_INTERVALS_WITHOUT = 3
HARDNESS = {kind: place for place, kind in enumerate(Kind)}


@dataclass(frozen=True, slots=True)
class Finding:
    """One suspect. `dataset` is the nearest one that it concerns, None for a job that writes none.

    `since` is when it began, as far as known. `evidence` are sentences for people, `data` the same for
    programs. `consequences` are what was folded into it, a sentence each. `up` says which way an amount
    jumped.
    """

    kind: Kind
    node: Node
    since: datetime
    evidence: tuple[str, ...]
    data: Mapping[str, Any]
    distance: int = 0
    dataset: int | None = None
    job: int | None = None
    runs: frozenset[str] = frozenset()
    """The failed runs that it is made from."""
    fields: frozenset[str] = frozenset()
    up: bool | None = None
    hint: bool = False
    """Whether it counts only as the cause of something else."""
    late: timedelta = timedelta()
    """How much later than the cause this may have begun and still be its consequence."""
    consequences: tuple[str, ...] = field(default=())
    rank: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the finding as it stands in the envelope."""
        return {
            "rank": self.rank,
            "kind": self.kind.value,
            "node": self.node.id,
            "distance": self.distance,
            "since": when_text(self.since),
            "evidence": list(self.evidence),
            "consequences": list(self.consequences),
            "data": dict(self.data),
        }


def findings(
    past: Past,
    distance: Mapping[int, int],
    datasets: Mapping[int, DatasetFacts],
    jobs: Mapping[int, JobFacts],
) -> list[Finding]:
    """Return everything suspicious, not yet ranked: what concerns a job once, at the nearest it writes."""
    found: list[Finding] = []
    order = sorted(datasets, key=lambda key: (distance[key], past.names[key].id))
    nearest: dict[int, int | None] = {}
    for key in order:
        for job in datasets[key].writers:
            nearest.setdefault(job, key)
    for job in jobs.keys() - nearest.keys():
        nearest[job] = None
    for key in order:
        found += _of_dataset(past, datasets[key], jobs, distance[key])
    for job, at in nearest.items():
        if job in jobs:
            hops = distance[at] if at is not None else 0
            found += _of_job(past, jobs[job], datasets.get(at) if at is not None else None, hops)
    return found


def _of_dataset(
    past: Past, facts: DatasetFacts, jobs: Mapping[int, JobFacts], distance: int
) -> Iterable[Finding]:
    node = past.names[facts.dataset]
    failed = [result for result in facts.tests if not result.test.passed]
    if failed:
        yield _failed_tests(past, facts, failed, node, distance)
    if facts.late and facts.updated is not None and facts.rhythm is not None and facts.age is not None:
        usual = facts.rhythm.usual
        missed = facts.rhythm.missed(facts.age)
        writes = "write is" if missed == 1 else "writes are"
        yield Finding(
            Kind.STALE,
            node,
            facts.updated + usual,
            (
                f"last written {when_text(facts.updated)}, {age_text(facts.age)} ago;"
                f" usual is every {age_text(usual)}, about {missed} {writes} missing",
            ),
            {
                "lastUpdate": when_text(facts.updated),
                "ageSeconds": facts.age.total_seconds(),
                "usualIntervalSeconds": usual.total_seconds(),
                "lateAfterSeconds": facts.rhythm.late_after.total_seconds(),
                "missed": missed,
            },
            distance,
            facts.dataset,
            late=usual / 2,
        )
    if facts.schema is not None:
        yield _schema_change(past, facts, node, distance)
    for amounts in facts.amounts:
        if amounts.jump is not None and not _is_replaced(jobs.get(amounts.job), facts):
            yield _row_count(past, facts, amounts, amounts.jump, node, distance)


def _failed_tests(
    past: Past, facts: DatasetFacts, failed: Sequence[AssertionResult], node: Node, distance: int
) -> Finding:
    latest = max(failed, key=lambda result: (result.at, result.run_id))
    unchanged = all(_unchanged(facts, result) for result in failed)
    severities = {(result.test.severity or "error").lower() for result in failed}
    return Finding(
        Kind.FAILED_TEST,
        node,
        min(result.since for result in failed),
        tuple(line for result in failed for line in _test_lines(facts, result)),
        {
            "tests": [
                {
                    "test": result.test.name,
                    "column": result.test.column,
                    "severity": result.test.severity,
                    "expected": result.test.expected,
                    "actual": result.test.actual,
                    "since": when_text(result.since),
                    "lastPassed": when_text(result.passed_at),
                    "runId": result.run_id,
                    "job": past.names[result.job].id if result.job in past.names else None,
                }
                for result in failed
            ],
            "unchangedSincePassed": unchanged,
            "severity": "warn" if severities == {"warn"} else "error",
        },
        distance,
        facts.dataset,
        job=latest.job,
        runs=frozenset(result.run_id for result in failed),
    )


def _unchanged(facts: DatasetFacts, result: AssertionResult) -> bool:
    """Tell whether the test passed on the very data that it failed on."""
    return result.passed_at is not None and facts.updated is not None and facts.updated < result.passed_at


def _test_lines(facts: DatasetFacts, result: AssertionResult) -> Iterable[str]:
    test = result.test
    said = f"test {test.name} failed {when_text(result.at)}"
    said += f" on column {test.column}" if test.column else ""
    if test.actual is not None or test.expected is not None:
        said += f": found {test.actual}, expected {test.expected}"
    yield said + (f" (severity {test.severity})" if test.severity else "")
    if result.since < result.at:
        yield f"  failing since {when_text(result.since)}"
    if _unchanged(facts, result):
        yield f"  the same data passed it {when_text(result.passed_at)}: nothing was written since"
    elif result.passed_at is not None:
        yield f"  last passed {when_text(result.passed_at)}"


def _schema_change(past: Past, facts: DatasetFacts, node: Node, distance: int) -> Finding:
    change = facts.schema
    assert change is not None
    parts = [
        f"{what} {', '.join(names)}" for what, names in _schema_parts(change.added, change.removed) if names
    ]
    parts += [f"{name} from {old} to {new}" for name, old, new in change.retyped]
    owner = past.names.get(change.owner)
    by = f" (says {owner.label})" if owner is not None else ""
    return Finding(
        Kind.SCHEMA_CHANGE,
        node,
        change.since,
        (f"schema changed {when_text(change.since)}: {'; '.join(parts)}{by}",),
        {
            "added": list(change.added),
            "removed": list(change.removed),
            "retyped": [{"field": name, "from": old, "to": new} for name, old, new in change.retyped],
        },
        distance,
        facts.dataset,
        fields=change.fields,
    )


def _schema_parts(
    added: tuple[str, ...], removed: tuple[str, ...]
) -> tuple[tuple[str, tuple[str, ...]], tuple[str, tuple[str, ...]]]:
    return ("new", added), ("gone", removed)


def _row_count(
    past: Past, facts: DatasetFacts, amounts: Amounts, jump: Jump, node: Node, distance: int
) -> Finding:
    job = past.names[amounts.job]
    return Finding(
        Kind.ROW_COUNT,
        node,
        jump.since,
        (
            f"{job.label} wrote {number_text(jump.value)} rows; usual is {number_text(jump.usual)}"
            f" ({times_text(jump.factor)}, {abs(jump.spreads):.1f} spreads off, {jump.values} writes before)",
        ),
        {"job": job.id, "rows": int(jump.value), "usualRows": jump.usual, **jump_data(jump)},
        distance,
        facts.dataset,
        job=amounts.job,
        up=jump.up,
        hint=jump.hint,
    )


def jump_data(jump: Jump) -> dict[str, Any]:
    """Return how far a value jumped, for programs; there is no factor where it was none before."""
    factor = None if math.isinf(jump.factor) else jump.factor
    return {"factor": factor, "spreads": jump.spreads, "values": jump.values}


def _of_job(past: Past, facts: JobFacts, written: DatasetFacts | None, distance: int) -> Iterable[Finding]:
    job = past.names[facts.job]
    node = past.names[written.dataset] if written is not None else job
    key = written.dataset if written is not None else None
    if _is_replaced(facts, written):
        return
    if facts.failures:
        yield _failed_run(job, facts, node, key, distance)
    if facts.duration is not None and not facts.duration.hint:
        slow = facts.duration
        yield Finding(
            Kind.DURATION,
            node,
            slow.since,
            (
                f"{job.label} took {age_text(timedelta(seconds=slow.value))}; usual is"
                f" {age_text(timedelta(seconds=slow.usual))} ({times_text(slow.factor)},"
                f" {abs(slow.spreads):.1f} spreads off, {slow.values} runs before)",
            ),
            {"job": job.id, "seconds": slow.value, "usualSeconds": slow.usual, **jump_data(slow)},
            distance,
            key,
            job=facts.job,
            up=slow.up,
        )
    if facts.code is not None:
        yield Finding(
            Kind.CODE_CHANGE,
            node,
            facts.code.since,
            (
                f"{job.label} runs code {facts.code.new} since {when_text(facts.code.since)},"
                f" before {facts.code.old}",
            ),
            {"job": job.id, "from": facts.code.old, "to": facts.code.new},
            distance,
            key,
            job=facts.job,
        )


def _is_replaced(facts: JobFacts | None, written: DatasetFacts | None) -> bool:
    """Tell whether other jobs write the dataset now: for three of its intervals it was not this one."""
    if facts is None or facts.last is None or written is None:
        return False
    by, rhythm = written.updated_by, written.rhythm
    if by is None or by.job == facts.job or rhythm is None or written.updated is None:
        return False
    return written.updated - _end(facts.last) > _INTERVALS_WITHOUT * rhythm.usual


def _failed_run(job: Node, facts: JobFacts, node: Node, key: int | None, distance: int) -> Finding:
    first, last = facts.failures[-1], facts.failures[0]
    word = "failed" if last.state is RunState.FAIL else "was aborted"
    reason = (last.error or "").strip().partition("\n")[0]
    evidence = [f"{job.label} {word} {when_text(_end(last))}" + (f": {reason}" if reason else "")]
    if len(facts.failures) > 1:
        evidence.append(f"{len(facts.failures)} failed runs, the first {when_text(_end(first))}")
    good = facts.last_good
    evidence.append(
        f"last good run ended {when_text(_end(good))}"
        if good is not None
        else f"no good run among the {facts.runs} that are known"
    )
    return Finding(
        Kind.FAILED_RUN,
        node,
        _end(first),
        tuple(evidence),
        {
            "job": job.id,
            "runId": last.run_id,
            "state": last.state.value,
            "error": last.error,
            "failedRuns": len(facts.failures),
            "lastGoodRunId": good.run_id if good is not None else None,
            "lastGoodEnd": when_text(_end(good)) if good is not None else None,
        },
        distance,
        key,
        job=facts.job,
        runs=frozenset(run.run_id for run in facts.failures),
    )


def _end(run: JobRun) -> datetime:
    return run.ended or run.began
