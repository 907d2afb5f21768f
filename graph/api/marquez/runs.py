"""Runs as Marquez shows them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID, uuid5

from graph.api.errors import ApiError, not_found
from graph.api.marquez import names
from graph.api.marquez.times import instant, instant_in, shortened
from graph.nodes import Node
from graph.records import RunState
from graph.store.base import LineageStore
from graph.store.catalog import ListedRun, Subject
from graph.store.versions import RunDetails, UsedVersion

STATES = {
    RunState.RUNNING: "RUNNING",
    RunState.COMPLETE: "COMPLETED",
    RunState.ABORT: "ABORTED",
    RunState.FAIL: "FAILED",
}
"""The words of Marquez for the states of runs."""

NEW = "NEW"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_OURS = UUID("c0b6a3f1-7c3e-5f0e-9a4b-2d6a1f8e5b37")


def listed(store: LineageStore, namespace: str, job: str, limit: int, offset: int) -> dict[str, Any]:
    """Return a page of the runs of a job, the latest first; 404 where there is no such job."""
    node = names.job(store, namespace, job)
    found = store.catalog.runs_of(node.key, limit=limit, offset=offset)
    return {"totalCount": found.total, "runs": shown(store, found.runs)}


def one(store: LineageStore, run_id: str) -> dict[str, Any]:
    """Return a run; 404 where there is none of this id."""
    return shown(store, [known(store, run_id)])[0]


def known(store: LineageStore, run_id: str) -> ListedRun:
    """Return the record of a run; 404 where there is none of this id."""
    for spelling in _spellings(run_id):
        if (found := store.catalog.run(spelling)) is not None:
            return found
    raise not_found(f"Run '{run_id}' not found.")


def _spellings(run_id: str) -> list[str]:
    """Return an id as it is asked for, and a UUID as it may have been sent."""
    try:
        usual = str(UUID(run_id))
    except ValueError:
        return [run_id]
    return list(dict.fromkeys((run_id, usual, usual.upper())))


def facets(store: LineageStore, run_id: str, kind: str) -> dict[str, Any]:
    """Return the facets of a run, or what it said of its job; of datasets none, as in Marquez."""
    run = known(store, run_id)
    if kind.lower() not in {"run", "job", "dataset"}:
        raise ApiError(400, "query param type must be one of [RUN, JOB, DATASET]")
    said = details_of(store, [run.record.run_id])[run.record.run_id]
    of = {"run": said.facets, "job": said.job_facets}
    return {"runId": said.run_id, "facets": of.get(kind.lower(), {})}


def details_of(store: LineageStore, run_ids: Iterable[str]) -> dict[str, RunDetails]:
    """Return what runs said; one that is known as a parent alone said nothing."""
    asked = list(run_ids)
    return {run_id: RunDetails(run_id, {}, {}, (), (), None) for run_id in asked} | store.run_details(asked)


def shown(store: LineageStore, runs: Sequence[ListedRun], *, light: bool = False) -> list[dict[str, Any]]:
    """Return runs; `light` ones without what their events say: facets, arguments and versions."""
    details = {} if light else details_of(store, (run.record.run_id for run in runs))
    used = {used.dataset for each in details.values() for used in (*each.inputs, *each.outputs)}
    nodes = store.nodes(used)
    declared = _declared(store, runs)
    types = store.catalog.types_of(declared)
    found = []
    for run in runs:
        run_id = run.record.run_id
        told = types.get(run_id, frozenset())
        has_begun = run_id not in declared or bool(told & {"START", "RUNNING"})
        is_new = not has_begun and told <= {"OTHER"}
        shown_run = _run(run, details.get(run_id), nodes, has_begun=has_begun)
        shown_run["args"] |= declared.get(run_id, {}).get("args", {})
        found.append({**shown_run, "state": NEW} if is_new else shown_run)
    return found


def of_ids(store: LineageStore, run_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return those of these runs that there are, by id."""
    listed = [run for run_id in dict.fromkeys(run_ids) if (run := store.catalog.run(run_id)) is not None]
    return {run["id"]: run for run in shown(store, listed)}


def _declared(store: LineageStore, runs: Collection[ListedRun]) -> dict[str, Mapping[str, Any]]:
    """Return what was declared of these runs when they were made by a request."""
    if len(runs) > _ONE_BY_ONE:
        wanted = {run.record.run_id for run in runs}
        return {one.name: one.said for one in store.catalog.declared(Subject.RUN) if one.name in wanted}
    found = {}
    for run in runs:
        for one in store.catalog.declared(Subject.RUN, run.record.run_id):
            found[one.name] = one.said
    return found


_ONE_BY_ONE = 20


def _run(
    run: ListedRun,
    said: RunDetails | None,
    nodes: Mapping[int, Node],
    *,
    has_begun: bool,
) -> dict[str, Any]:
    record = run.record
    started = record.started_at if has_begun else None
    facets = said.facets if said is not None else {}
    nominal = facets.get("nominalTime", {})
    # A run that failed made no version of what it names as its outputs.
    made = [one for one in said.outputs if one.id is not None] if said is not None else []
    version = said.job_version if said is not None and record.state is not RunState.RUNNING else None
    began, ended = instant(run.began), instant(record.ended_at)
    return {
        "id": record.run_id,
        "createdAt": began,
        "updatedAt": ended if record.latest_at == record.ended_at else instant(record.latest_at),
        "nominalStartTime": instant_in(nominal.get("nominalStartTime")),
        "nominalEndTime": instant_in(nominal.get("nominalEndTime")),
        "state": STATES[record.state],
        "startedAt": began if started == run.began else instant(started),
        "endedAt": ended,
        "durationMs": _milliseconds(started, record.ended_at),
        "args": _arguments(facets),
        "jobVersion": None
        if version is None
        else {"namespace": record.job_namespace, "name": record.job_name, "version": version},
        "inputDatasetVersions": _used(said.inputs if said is not None else (), nodes),
        "outputDatasetVersions": _used(made, nodes),
        "facets": facets,
    }


def _milliseconds(started: datetime | None, ended: datetime | None) -> int | None:
    """Return the whole milliseconds between two times, each cut to its own."""
    if started is None or ended is None:
        return None
    return (ended - _EPOCH) // _MILLISECOND - (started - _EPOCH) // _MILLISECOND


def _arguments(facets: Mapping[str, Any]) -> dict[str, str]:
    """Return what Marquez makes arguments of: nominal times and the parent."""
    nominal, parent = facets.get("nominalTime", {}), facets.get("parent", {})
    found = {}
    for key, name in (("nominal_start_time", "nominalStartTime"), ("nominal_end_time", "nominalEndTime")):
        if isinstance(text := nominal.get(name), str):
            found[key] = shortened(text)
    if parent:
        run, job = (part if isinstance(part := parent.get(key), dict) else {} for key in ("run", "job"))
        above = {"run_id": run.get("runId"), "name": job.get("name"), "namespace": job.get("namespace")}
        found |= {key: text for key, text in above.items() if isinstance(text, str)}
    return found


def _used(used: Iterable[UsedVersion], nodes: Mapping[int, Node]) -> list[dict[str, Any]]:
    return [
        {
            "datasetVersionId": {
                "namespace": nodes[one.dataset].namespace,
                "name": nodes[one.dataset].name,
                "version": one.id or unwritten_version(nodes[one.dataset]),
            },
            "facets": one.own,
        }
        for one in used
        if one.dataset in nodes
    ]


@lru_cache(maxsize=10_000)
def unwritten_version(dataset: Node) -> str:
    """Return the id of the one version of a dataset that no run and no event has described as a version.

    Marquez gives every dataset that is read a version, and clients count on one.
    """
    return str(uuid5(_OURS, dataset.id))
