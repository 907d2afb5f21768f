"""The runs of jobs, latest first; the runs under a run; and what stands above them, and what they used."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graph.errors import InvalidQueryError
from graph.nodes import Node, NodeType, job
from graph.queries.answer import time_as_json
from graph.queries.cursors import counted
from graph.queries.names import resolve
from graph.records import RunRecord, RunState
from graph.store.base import LineageReader
from graph.store.versions import FacetsByName, RunAbove, RunBelow, UsedVersion


def runs(
    reader: LineageReader,
    job: Node | str | Sequence[str] | None = None,
    *,
    states: Collection[RunState] = (),
    limit: int = 100,
    cursor: str | None = None,
) -> tuple[list[RunRecord], str | None]:
    """Return up to `limit` runs, latest start first, and the cursor of the next page (None on the last).

    `job` and `states` restrict them where given.

    Raises:
        UnknownNameError, AmbiguousNameError: the name, where one is given, is not that of one job.
        InvalidQueryError: a limit below 1.
    """
    if limit < 1:
        raise InvalidQueryError(f"limit is {limit}; it must be at least 1")
    jobs = () if job is None else (resolve(reader, job, (NodeType.JOB,)).key,)
    found = reader.runs(jobs=jobs, states=states, after=cursor, limit=limit + 1)
    shown = found[:limit]
    return shown, shown[-1].run_id if len(found) > limit else None


@dataclass(frozen=True, slots=True)
class UsedDataset:
    """A dataset that a run read or wrote, and in which version."""

    node: Node
    version: UsedVersion

    def as_json(self) -> dict[str, Any]:
        """Return it as it stands in the item of a run."""
        return {
            "dataset": self.node.id,
            "version": self.version.id,
            "producerVersion": self.version.told,
            "runId": self.version.run_id,
        }


@dataclass(frozen=True, slots=True)
class ListedRun:
    """A run with those above it, the nearest first, and the versions that it is of: None where not asked for.

    `inputs` and `outputs` are what it read and wrote, `code` what it told of its code (commit, branch,
    ...), and `parameters` its parameters by name: a value, a digest, or None where only the name was told.
    """

    run: RunRecord
    above: tuple[RunAbove, ...] = ()
    inputs: tuple[UsedDataset, ...] | None = None
    outputs: tuple[UsedDataset, ...] | None = None
    code: Mapping[str, Any] | None = None
    parameters: Mapping[str, str | None] | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the item of the envelope."""
        run = self.run
        told: dict[str, Any] = {
            "runId": run.run_id,
            "job": job(run.job_namespace, run.job_name).id,
            "state": run.state.value,
            "startedAt": None if run.started_at is None else time_as_json(run.started_at),
            "endedAt": None if run.ended_at is None else time_as_json(run.ended_at),
            "durationMs": run.duration_ms,
            "parentRunId": run.parent_run_id,
            "error": run.error,
            "above": [_above_as_json(each) for each in self.above],
        }
        for name, used in (("inputs", self.inputs), ("outputs", self.outputs)):
            if used is not None:
                told[name] = [each.as_json() for each in used]
        for name, said in (("code", self.code), ("parameters", self.parameters)):
            if said is not None:
                told[name] = dict(said)
        return told


def _above_as_json(above: RunAbove) -> dict[str, Any]:
    return {
        "runId": above.run_id,
        "job": None if above.job is None else above.job.id,
        "state": None if above.state is None else above.state.value,
    }


def with_hierarchy(
    reader: LineageReader, runs: Sequence[RunRecord], *, versions: bool = False
) -> list[ListedRun]:
    """Return runs with those above them and, with `versions`, the versions of datasets that they used."""
    ids = [run.run_id for run in runs]
    above = reader.runs_above(ids)
    if not versions:
        return [ListedRun(run, above.get(run.run_id, ())) for run in runs]
    details = reader.run_details(ids)
    names = reader.nodes(
        {used.dataset for one in details.values() for side in (one.inputs, one.outputs) for used in side}
    )

    def used(side: Sequence[UsedVersion]) -> tuple[UsedDataset, ...]:
        return tuple(UsedDataset(names[one.dataset], one) for one in side if one.dataset in names)

    return [
        ListedRun(
            run,
            above.get(run.run_id, ()),
            used(details[run.run_id].inputs),
            used(details[run.run_id].outputs),
            said_facet(details[run.run_id].facets, "lineageGraph_code"),
            parameters_of(details[run.run_id].facets),
        )
        for run in runs
    ]


def said_facet(facets: FacetsByName, name: str) -> dict[str, Any]:
    """Return what a facet says; nothing where there is none of this name."""
    found = facets.get(name)
    return {key: value for key, value in found.items() if key[:1] != "_"} if isinstance(found, dict) else {}


def parameters_of(facets: FacetsByName) -> dict[str, str | None]:
    """Return the parameters that a run told, by name: a value, a digest, or None."""
    told = said_facet(facets, "executionParameters").get("parameters") or ()
    return {one["key"]: one.get("value") for one in told if isinstance(one, dict) and "key" in one}


def runs_under(
    reader: LineageReader, run_id: str, *, limit: int = 100, cursor: str | None = None
) -> tuple[list[RunBelow], str | None]:
    """Return up to `limit` runs under a run, and the cursor of the next page (None on the last).

    They come level by level: the tasks of a DAG, then their queries.

    Raises:
        InvalidQueryError: no run has this id, and none names it as its parent; a limit below 1; no cursor.
    """
    if limit < 1:
        raise InvalidQueryError(f"limit is {limit}; it must be at least 1")
    start = counted(cursor) or 0
    found = reader.runs_below(run_id, limit=start + limit + 1)
    if not found and run_id not in reader.runs_above([run_id]):
        raise InvalidQueryError(f"no run has the id {run_id!r}: `lineage runs` lists them")
    end = start + limit
    return found[start:end], str(end) if len(found) > end else None
