"""OpenLineage events made by hand for tests of the backend, and a whole store as one comparable value."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from graph import open_store
from graph.ingest import ingest
from graph.nodes import NodeType
from graph.records import EdgeKind
from graph.store import LineageStore
from graph.store.queries import QueryFilter

FIXTURES = Path(__file__).parent / "fixtures" / "events"
NAMESPACE = "ns"


def run_id(word: str) -> str:
    """Return the same UUID for the same word."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, word))


def dataset(name: str, namespace: str = NAMESPACE, **facets: Any) -> dict[str, Any]:
    return {"namespace": namespace, "name": name, "facets": facets}


def schema(*columns: str) -> dict[str, Any]:
    return {"fields": [{"name": column, "type": "text"} for column in columns]}


def listed(datasets: Iterable[str | Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [dataset(one) if isinstance(one, str) else one for one in datasets]


def at(time: int | str) -> str:
    """Return an event time: a number is a second of the first days of 2026."""
    if isinstance(time, str):
        return time
    days, seconds = divmod(time, 86400)
    hours, minutes = divmod(seconds // 60, 60)
    return f"2026-01-{days + 1:02}T{hours:02}:{minutes:02}:{seconds % 60:02}Z"


def run_event(
    run: str,
    event_type: str | None,
    time: int | str,
    *,
    job: str = "job",
    inputs: Iterable[str | Mapping[str, Any]] | None = (),
    outputs: Iterable[str | Mapping[str, Any]] | None = (),
    run_facets: Mapping[str, Any] | None = None,
    job_facets: Mapping[str, Any] | None = None,
    parent: str | None = None,
) -> dict[str, Any]:
    facets = dict(run_facets or {})
    if parent is not None:
        facets["parent"] = {"run": {"runId": run_id(parent)}, "job": {"namespace": NAMESPACE, "name": "dag"}}
    return {
        "eventTime": at(time),
        "eventType": event_type,
        "producer": "https://example.com/tests",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": run_id(run), "facets": facets},
        "job": {"namespace": NAMESPACE, "name": job, "facets": dict(job_facets or {})},
        "inputs": None if inputs is None else listed(inputs),
        "outputs": None if outputs is None else listed(outputs),
    }


def job_event(time: int | str, *, job: str = "job", **keys: Any) -> dict[str, Any]:
    event = run_event("", None, time, job=job, **keys)
    del event["run"], event["eventType"]
    return {**event, "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/JobEvent"}


def dataset_event(time: int | str, name: str, **facets: Any) -> dict[str, Any]:
    return {
        "eventTime": at(time),
        "producer": "https://example.com/tests",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/DatasetEvent",
        "dataset": dataset(name, **facets),
    }


def put(store: LineageStore, *events: Mapping[str, Any]) -> None:
    """Ingest events that must all be accepted."""
    counts = ingest(store, [json.dumps(event).encode() for event in events])
    assert counts.accepted == len(events), store.dead_letters()


def feeds(store: LineageStore) -> set[str]:
    """Return the dataset edges as `source -> target`, by name."""
    return edges(store, EdgeKind.FEEDS)


def edges(store: LineageStore, kind: EdgeKind) -> set[str]:
    """Return the edges of a kind as `source -> target`, by label."""
    found = list(store.edges(kind))
    nodes = store.nodes({key for edge in found for key in (edge.source, edge.target)})
    return {f"{nodes[edge.source].label} -> {nodes[edge.target].label}" for edge in found}


def dump_of(bodies: Iterable[bytes]) -> dict[str, Any]:
    """Return what a fresh store shows that took these events."""
    with closing(open_store(":memory:")) as store:
        ingest(store, bodies)
        return dump(store)


def dump(store: LineageStore) -> dict[str, Any]:
    """Return all that questions can see, in a form that equal stores share."""
    nodes = dict(store.all_nodes(list(NodeType), limit=1_000_000))
    jobs = [key for key, node in nodes.items() if node.type is NodeType.JOB]
    datasets = [key for key, node in nodes.items() if node.type is NodeType.DATASET]
    runs = [run.run_id for run in store.runs(limit=1_000_000)]
    ever = datetime(9999, 1, 1, tzinfo=UTC)
    names = ("schema", "ownership", "datasetType", "documentation", "sql", "dataSource", "columnLineage")
    return {
        "nodes": nodes,
        "edges": {kind: sorted(store.edges(kind), key=repr) for kind in EdgeKind},
        "runs": store.runs(limit=1_000_000),
        "parents": store.parents(jobs),
        "children": store.children(jobs),
        "above": store.runs_above(runs),
        "details": store.run_details(runs),
        "dataset versions": {key: store.dataset_versions(key, limit=10_000) for key in datasets},
        "job versions": {key: store.job_versions(key) for key in jobs},
        "dropped": store.dropped(datasets),
        "latest": store.latest_event_time(),
        "writers": store.writers(datasets),
        "history": store.job_runs(jobs, until=ever, limit=1_000_000),
        "tests": store.assertions(datasets, until=ever, limit=1_000_000),
        "queries": store.queries(QueryFilter(), limit=1_000_000),
        "versions": store.versions([*datasets, *jobs], until=ever),
        "facets": {name: store.facets(list(nodes), name) for name in names},
        "artifacts": {word: store.artifacts(f"table-sha256:{word * 64}", limit=10_000) for word in "ab"},
        "annotations": store.annotations(list(nodes)),
        "heard": store.last_heard([*jobs, *datasets]),
        "columns": store.columns(datasets),
        "counts": replace(store.counts(), last_ingest=None, underived=0),
        "fields": {key: store.fields(node) for key, node in nodes.items() if node.type is NodeType.DATASET},
    }
