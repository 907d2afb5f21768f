"""The answer to *why is this number wrong*: the way to the sources, what is known on it, and the suspects.

Its JSON is that of an answer about the graph (docs/schemas/answer.json) with `findings`, `notes`,
`downstream` and, on the nodes, `facts`: docs/schemas/diagnosis.json.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from graph.nodes import Node
from graph.queries.answer import Answer, AnswerNode
from graph.queries.diagnosis.facts import Amounts, AssertionResult, DatasetFacts, JobFacts
from graph.queries.diagnosis.findings import Finding, jump_data
from graph.queries.diagnosis.statistics import Jump, Rhythm
from graph.queries.diagnosis.text import when_text
from graph.store.history import JobRun


@dataclass(frozen=True, slots=True)
class Affected:
    """A dataset or field downstream of an asked job, and when the dataset was last written."""

    node: AnswerNode
    updated: datetime | None

    def as_json(self) -> dict[str, Any]:
        """Return the node with the time."""
        return {**self.node.as_json(), "lastUpdate": when_text(self.updated)}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What `diagnose_metric` answers.

    `answer` holds the nodes and edges on the way, the asked one at distance 0. `findings` are the suspects,
    ranked from 1. `notes` say where the trace left columns and why. `downstream` is what an asked job
    affects, None unless a job was asked. `at` is the time that ages are counted to.
    """

    answer: Answer
    at: datetime
    findings: tuple[Finding, ...]
    datasets: Mapping[Node, DatasetFacts]
    jobs: Mapping[Node, JobFacts]
    names: Mapping[int, Node]
    notes: tuple[str, ...] = ()
    downstream: tuple[Affected, ...] | None = None

    def incomplete(self, incomplete: bool) -> Diagnosis:
        """Return the diagnosis with what is known about its completeness."""
        return replace(self, answer=replace(self.answer, incomplete=incomplete))

    def as_json(self) -> dict[str, Any]:
        """Return the envelope as plain dicts and lists."""
        said = self.answer.as_json()
        for shown, node in zip(said["nodes"], self.answer.nodes, strict=True):
            facts = self.datasets.get(node.node)
            of_job = self.jobs.get(node.node)
            if facts is not None:
                shown["facts"] = _dataset_json(facts, self.names)
            elif of_job is not None:
                shown["facts"] = _job_json(of_job)
        return {
            "query": said["query"],
            "nodes": said["nodes"],
            "edges": said["edges"],
            "findings": [finding.as_json() for finding in self.findings],
            "notes": list(self.notes),
            "downstream": None if self.downstream is None else [each.as_json() for each in self.downstream],
            "incomplete": said["incomplete"],
            "next": said["next"],
        }


def _dataset_json(facts: DatasetFacts, names: Mapping[int, Node]) -> dict[str, Any]:
    schema = facts.schema
    return {
        "lastUpdate": when_text(facts.updated),
        "lastRunId": facts.updated_by.run_id if facts.updated_by is not None else None,
        "ageSeconds": _seconds(facts.age),
        "rhythm": _rhythm_json(facts.rhythm),
        "late": facts.late,
        "writers": [names[job].id for job in facts.writers],
        "rowCounts": [_amounts_json(each, names) for each in facts.amounts],
        "schemaChange": None
        if schema is None
        else {
            "since": when_text(schema.since),
            "added": list(schema.added),
            "removed": list(schema.removed),
            "retyped": [{"field": name, "from": old, "to": new} for name, old, new in schema.retyped],
        },
        "tests": [_test_json(each) for each in facts.tests],
        "unknown": facts.unknown,
    }


def _job_json(facts: JobFacts) -> dict[str, Any]:
    return {
        "lastRun": _run_json(facts.last),
        "lastGoodRun": _run_json(facts.last_good),
        "failedSinceGood": len(facts.failures),
        "rhythm": _rhythm_json(facts.rhythm),
        "missedRuns": facts.missed,
        "seconds": facts.seconds,
        "durationJump": _jump_json(facts.duration),
        "codeVersion": facts.version,
        "codeChange": None
        if facts.code is None
        else {"since": when_text(facts.code.since), "from": facts.code.old, "to": facts.code.new},
    }


def _run_json(run: JobRun | None) -> dict[str, Any] | None:
    if run is None:
        return None
    return {
        "runId": run.run_id,
        "state": run.state.value,
        "startedAt": when_text(run.started),
        "endedAt": when_text(run.ended),
        "error": run.error,
    }


def _rhythm_json(rhythm: Rhythm | None) -> dict[str, Any] | None:
    if rhythm is None:
        return None
    return {
        "usualSeconds": _seconds(rhythm.usual),
        "spreadSeconds": _seconds(rhythm.spread),
        "lateAfterSeconds": _seconds(rhythm.late_after),
        "intervals": rhythm.intervals,
    }


def _amounts_json(amounts: Amounts, names: Mapping[int, Node]) -> dict[str, Any]:
    return {
        "job": names[amounts.job].id,
        "rows": amounts.rows,
        "usualRows": amounts.usual,
        "jump": _jump_json(amounts.jump),
    }


def _jump_json(jump: Jump | None) -> dict[str, Any] | None:
    if jump is None:
        return None
    return {"since": when_text(jump.since), "hint": jump.hint, **jump_data(jump)}


def _test_json(result: AssertionResult) -> dict[str, Any]:
    return {
        "test": result.test.name,
        "column": result.test.column,
        "passed": result.test.passed,
        "at": when_text(result.at),
        "runId": result.run_id,
    }


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()
