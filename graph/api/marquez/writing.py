"""What Marquez's deprecated requests write: datasets, jobs and runs, as events and declarations."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from graph.api.errors import ApiError
from graph.api.marquez import datasets, jobs, names, namespaces, runs, sources
from graph.api.marquez.bodies import DatasetBody, JobBody, Name, RunBody
from graph.api.marquez.declaring import declare, declare_of, facet, tell
from graph.api.marquez.times import instant
from graph.ingest.commands import commanded
from graph.nodes import Node, dataset, field, job
from graph.store.base import LineageStore
from graph.store.catalog import ListedRun
from graph.store.commands import CommandKind

_EVENT_TYPES = {"start": "START", "complete": "COMPLETE", "fail": "FAIL", "abort": "ABORT"}


def put_dataset(store: LineageStore, namespace: str, name: str, body: DatasetBody) -> dict[str, Any]:
    """Declare a dataset; 404 where there is no such namespace, source or run."""
    namespaces.require(store, namespace)
    run = runs.known(store, body.run_id) if body.run_id is not None else None
    source = sources.one(store, body.source_name)
    listed = [
        {key: value for key, value in one.said().items() if value is not None} for one in body.fields or ()
    ]
    facets = {
        "dataSource": facet("DatasourceDataset", name=source["name"], uri=source["connectionUrl"]),
        "schema": facet("SchemaDataset", fields=listed) if listed else _gone("SchemaDataset"),
        "documentation": _documentation("DocumentationDataset", body.description),
    }
    said = {"namespace": namespace, "name": name, "facets": facets}
    if run is None:
        tell(store, "DatasetEvent", {"dataset": said})
    else:
        _tell_of_run(store, run, "OTHER", {"outputs": [said]})
    node = names.dataset(store, namespace, name)
    declared = {
        "type": body.type,
        "physicalName": body.physical_name,
        "schemaLocation": body.schema_location,
    }
    declare_of(store, node, {key: value for key, value in declared.items() if value is not None})
    _tag(store, [(node, body.tags or ())])
    of_fields = [(field(node.namespace, node.name, one.name), one.tags or ()) for one in body.fields or ()]
    _tag(store, of_fields)
    return datasets.one(store, namespace, name)


def put_job(store: LineageStore, namespace: str, name: str, body: JobBody) -> dict[str, Any]:
    """Declare a job and what it reads and writes; 404 where there is no such namespace, dataset or run."""
    namespaces.require(store, namespace)
    run = runs.known(store, body.run_id) if body.run_id is not None else None
    if run is not None and (run.record.job_namespace, run.record.job_name) != (namespace, name):
        raise ApiError(404, f"Run '{body.run_id}' not found.")
    ends = {key: [_known(store, one) for one in of] for key, of in body.ends().items()}
    place = "SourceCodeLocationJob"
    facets = {
        "documentation": _documentation("DocumentationJob", body.description),
        "sourceCodeLocation": facet(place, type="url", url=body.location) if body.location else _gone(place),
    }
    tell(store, "JobEvent", {"job": {"namespace": namespace, "name": name, "facets": facets}, **ends})
    if run is not None:
        _tell_of_run(store, run, "OTHER", ends)
    node = job(namespace, name)
    declare_of(store, node, {"type": body.type})
    _tag(store, [(node, body.tags or ())])
    return jobs.one(store, namespace, name)


def _documentation(kind: str, description: str | None) -> dict[str, Any]:
    return _gone(kind) if description is None else facet(kind, description=description)


def _gone(kind: str) -> dict[str, Any]:
    """Return the facet that takes the place of what was declared before."""
    return facet(kind, _deleted=True)


def _known(store: LineageStore, named: Name) -> dict[str, str]:
    if store.lookup(dataset(named.namespace, named.name)) is None:
        raise ApiError(404, f"Dataset '{named.name}' not found.")
    return {"namespace": named.namespace, "name": named.name}


def _tag(store: LineageStore, given: Iterable[tuple[Node, Collection[str]]]) -> None:
    commands = [commanded(store, CommandKind.TAG, node, tag) for node, tags in given for tag in tags]
    if commands:
        store.apply(commands)


def make_run(store: LineageStore, namespace: str, name: str, body: RunBody) -> dict[str, Any]:
    """Make a run of a job that has not begun; 400 where there is one of this id."""
    node = names.job(store, namespace, name)
    run_id = body.id or str(uuid4())
    if store.catalog.run(run_id) is not None:
        raise ApiError(400, f"Run '{run_id}' already exists for '{name}' under namespace '{namespace}'.")
    nominal = {
        "nominalStartTime": instant(body.nominal_start_time),
        "nominalEndTime": instant(body.nominal_end_time),
    }
    nominal = {key: text for key, text in nominal.items() if text is not None}
    facets = {"nominalTime": facet("NominalTimeRun", **nominal)} if nominal else {}
    reads, writes = jobs.ends_of(store, [node.key]).get(node.key, ((), ()))
    known = store.nodes({*reads, *writes})
    declare(store, f"run:{run_id}", {"args": body.args or {}})
    tell(
        store,
        "RunEvent",
        {
            "eventType": "OTHER",
            "run": {"runId": run_id, "facets": facets},
            "job": {"namespace": node.namespace, "name": node.name},
            "inputs": _entities(reads, known),
            "outputs": _entities(writes, known),
        },
    )
    return runs.one(store, run_id)


def _entities(keys: Collection[int], known: Mapping[int, Node]) -> list[dict[str, str]]:
    found = sorted(known[key] for key in keys if key in known)
    return [{"namespace": node.namespace, "name": node.name} for node in found]


def mark_run(store: LineageStore, run_id: str, how: str, at: datetime | None) -> dict[str, Any]:
    """Say that a run began or ended: `how` is start, complete, fail or abort. Return the run."""
    run = runs.known(store, run_id)
    _tell_of_run(store, run, _EVENT_TYPES[how], at=at)
    return runs.one(store, run_id)


def _tell_of_run(
    store: LineageStore,
    run: ListedRun,
    event_type: str,
    said: Mapping[str, Any] | None = None,
    at: datetime | None = None,
) -> None:
    record = run.record
    told = {
        "eventType": event_type,
        "run": {"runId": record.run_id},
        "job": {"namespace": record.job_namespace, "name": record.job_name},
        **(said or {}),
    }
    tell(store, "RunEvent", told, at or datetime.now(UTC))
