"""Versions of datasets and jobs as Marquez shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from graph.api.errors import not_found
from graph.api.marquez import datasets, names, runs
from graph.api.marquez.facets import DataSource, said
from graph.api.marquez.tags import tags_by_field
from graph.api.marquez.times import instant
from graph.nodes import Node
from graph.store.base import LineageStore
from graph.store.versions import DatasetVersion, JobVersion


def of_dataset(store: LineageStore, namespace: str, name: str, limit: int, offset: int) -> dict[str, Any]:
    """Return a page of the versions of a dataset, the latest first; 404 where there is no such dataset."""
    node = names.dataset(store, namespace, name)
    found = store.dataset_versions(node.key, offset=offset, limit=limit)
    total = store.count_dataset_versions(node.key)
    if not total:
        found, total = [_unwritten(store, node)][offset : offset + limit], 1
    return {"versions": _datasets(store, node, found), "totalCount": total}


def one_of_dataset(store: LineageStore, namespace: str, name: str, version: str) -> dict[str, Any]:
    """Return a version of a dataset; 404 where there is none."""
    node = names.dataset(store, namespace, name)
    found = store.dataset_version(node.key, version)
    if found is None and version == runs.unwritten_version(node):
        found = _unwritten(store, node)
    if found is None:
        raise not_found(f"Dataset version '{version}' not found.")
    return _datasets(store, node, [found])[0]


def _unwritten(store: LineageStore, node: Node) -> DatasetVersion:
    """Return the one version of a dataset that nothing has written: what is known of it now."""
    heard = store.catalog.heard([node.key])
    at = heard[node.key].first if node.key in heard else datetime.fromtimestamp(0, UTC)
    facets = {
        name: msgspec.json.decode(text)
        for name, text in store.catalog.facets([node.key]).get(node.key, {}).items()
    }
    version = runs.unwritten_version(node)
    return DatasetVersion(version, node.key, at, None, None, None, None, facets.get("schema"), facets)


def _datasets(store: LineageStore, node: Node, versions: Sequence[DatasetVersion]) -> list[dict[str, Any]]:
    (now,) = datasets.data_of(store, [(node.key, node)])
    texts = store.catalog.facets([node.key], ("tags",)).get(node.key, {})
    tags = tags_by_field(texts, store.catalog.tags_given([node.key]).get(node.key, ()))
    made_by = runs.of_ids(store, (version.run_id for version in versions if version.run_id is not None))
    found = []
    for version in versions:
        told = {name: msgspec.json.encode(facet) for name, facet in version.facets.items()}
        schema = {} if version.schema is None else {"schema": msgspec.json.encode(version.schema)}
        shown = {
            "id": now["id"],
            "type": now["type"],
            "name": now["name"],
            "physicalName": now["physicalName"],
            "createdAt": instant(version.at),
            "version": version.id,
            "namespace": now["namespace"],
            "sourceName": said(told, "dataSource", DataSource).name or now["sourceName"],
            "fields": datasets.fields_of(schema, tags),
            "tags": now["tags"],
            "lifecycleState": version.lifecycle or "",
            "description": now["description"],
            "currentSchemaVersion": version.schema_version,
            "createdByRun": made_by.get(version.run_id or ""),
            "facets": version.facets,
        }
        if "schemaLocation" in now:
            shown["schemaLocation"] = now["schemaLocation"]
        found.append(shown)
    return found


def of_job(store: LineageStore, namespace: str, name: str, limit: int, offset: int) -> dict[str, Any]:
    """Return a page of the versions of a job, the latest first; 404 where there is no such job."""
    node = names.job(store, namespace, name)
    return {"versions": _jobs(store, node, store.job_versions(node.key)[offset : offset + limit])}


def one_of_job(store: LineageStore, namespace: str, name: str, version: str) -> dict[str, Any]:
    """Return a version of a job; 404 where there is none."""
    node = names.job(store, namespace, name)
    found = [one for one in store.job_versions(node.key) if one.id == version]
    if not found:
        raise not_found(f"Job version '{version}' not found.")
    return _jobs(store, node, found)[0]


def _jobs(store: LineageStore, node: Node, versions: Sequence[JobVersion]) -> list[dict[str, Any]]:
    latest = runs.of_ids(
        store, (version.latest_run for version in versions if version.latest_run is not None)
    )
    ends = store.nodes({key for version in versions for key in (*version.inputs, *version.outputs)})
    return [
        {
            "id": {"namespace": node.namespace, "name": node.name, "version": version.id},
            "name": node.name,
            "createdAt": instant(version.first),
            "version": version.id,
            "namespace": node.namespace,
            "location": version.location,
            "inputs": _named(version.inputs, ends),
            "outputs": _named(version.outputs, ends),
            "latestRun": latest.get(version.latest_run or ""),
        }
        for version in versions
    ]


def _named(keys: Sequence[int], nodes: Mapping[int, Node]) -> list[dict[str, str]]:
    found = sorted(nodes[key] for key in keys if key in nodes)
    return [{"namespace": node.namespace, "name": node.name} for node in found]
