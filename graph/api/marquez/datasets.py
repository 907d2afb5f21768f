"""Datasets as Marquez shows them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from graph.api.marquez import changing, names, namespaces
from graph.api.marquez.column_sources import Sources, add, input_fields
from graph.api.marquez.facets import (
    DatasetType,
    DataSource,
    Documentation,
    Lifecycle,
    Texts,
    columns,
    said,
)
from graph.api.marquez.runs import unwritten_version
from graph.api.marquez.sources import DEFAULT
from graph.api.marquez.tags import tags_by_field
from graph.api.marquez.times import instant
from graph.ingest import give
from graph.nodes import Node
from graph.records import Direction
from graph.store.base import LineageReader, LineageStore
from graph.store.catalog import Heard
from graph.store.commands import CommandKind

_SHAPING = ("schema", "dataSource", "documentation", "tags", "lifecycleStateChange", "datasetType")
"""The facets that a dataset is shown by."""

_OF_OUTPUTS = {"outputStatistics", "lineageGraph_outputStatistics", "outputSubset"}
"""What runs say of their outputs: Marquez shows it with the runs alone."""

_STREAMS = {"STREAM", "TOPIC"}


def listed(store: LineageStore, namespace: str, limit: int, offset: int) -> dict[str, Any]:
    """Return a page of the datasets of a namespace by name; 404 where there is no such namespace."""
    namespaces.require(store, namespace)
    page = store.catalog.datasets(namespace, limit=limit, offset=offset)
    return {"totalCount": page.total, "datasets": shown(store, page.entries)}


def one(store: LineageStore, namespace: str, name: str) -> dict[str, Any]:
    """Return a dataset by any of its names; 404 where there is none."""
    node = names.dataset(store, namespace, name)
    return shown(store, [(node.key, node)])[0]


def hide(store: LineageStore, namespace: str, name: str) -> dict[str, Any]:
    """Delete a dataset and return it as it was."""
    return changing.hide(store, names.dataset(store, namespace, name), shown)


def tag(store: LineageStore, kind: CommandKind, namespace: str, name: str, tag: str) -> dict[str, Any]:
    """Give a dataset a tag, or take it, and return the dataset."""
    return changing.tag(store, kind, names.dataset(store, namespace, name), tag, shown)


def tag_field(
    store: LineageStore, kind: CommandKind, namespace: str, name: str, field: str, tag: str
) -> dict[str, Any]:
    """Give a field a tag, or take it, in capital letters as Marquez does, and return the dataset."""
    holder = names.dataset(store, namespace, name)
    node = names.field(store, holder, field)
    given = tag.upper()
    if kind is CommandKind.UNTAG:
        # A tag that an event gave may be written in another way.
        facets = store.catalog.facets([holder.key], ("tags",))
        known = {one for each in facets.values() for one in tags_by_field(each, ()).get(field, ())}
        for one_tag in known:
            if one_tag != given and one_tag.upper() == given:
                give(store, kind, node, one_tag)
    give(store, kind, node, given)
    return shown(store, [(holder.key, holder)])[0]


def shown(store: LineageStore, entries: Sequence[tuple[int, Node]]) -> list[dict[str, Any]]:
    """Return datasets with their column lineage and all their facets."""
    keys = [key for key, _ in entries]
    facets = store.catalog.facets(keys)
    lineage = _column_lineage(store, keys)
    versions = current_versions(store, dict(entries))
    found = []
    for (key, _), data in zip(entries, data_of(store, entries, facets), strict=True):
        own = facets.get(key, {})
        data["currentVersion"] = versions.get(key)
        data["columnLineage"] = lineage.get(key)
        data["facets"] = {name: msgspec.Raw(own[name]) for name in own if name not in _OF_OUTPUTS}
        data["deleted"] = data["lastLifecycleState"] == "DROP"
        found.append(data)
    return found


def current_versions(store: LineageReader, datasets: Mapping[int, Node]) -> dict[int, str]:
    """Return the ids of the current versions of datasets by key."""
    known = store.current_versions(datasets)
    return {key: known[key].id if key in known else unwritten_version(node) for key, node in datasets.items()}


def data_of(
    store: LineageStore,
    entries: Collection[tuple[int, Node]],
    facets: Mapping[int, Texts] | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield datasets as the nodes of a lineage graph show them."""
    keys = [key for key, _ in entries]
    if facets is None:
        facets = store.catalog.facets(keys, _SHAPING)
    heard, given = store.catalog.heard(keys), store.catalog.tags_given(keys)
    declared = store.catalog.declared_of(keys)
    for key, node in entries:
        own = facets.get(key, {})
        tags = tags_by_field(own, given.get(key, ()))
        yield _data(node, own, heard.get(key), tags, declared.get(key, {}))


def _data(
    node: Node,
    facets: Texts,
    heard: Heard | None,
    tags: Mapping[str | None, list[str]],
    declared: Mapping[str, Any],
) -> dict[str, Any]:
    kind = declared.get("type") or type_of(facets)
    created, updated = (None, None) if heard is None else (instant(heard.first), instant(heard.last))
    data = {
        "id": {"namespace": node.namespace, "name": node.name},
        "type": kind,
        "name": node.name,
        "physicalName": declared.get("physicalName") or node.name,
        "createdAt": created,
        "updatedAt": updated,
        "namespace": node.namespace,
        "sourceName": source_of(facets),
        "fields": fields_of(facets, tags),
        "tags": tags.get(None, []),
        "lastModifiedAt": None,
        "description": said(facets, "documentation", Documentation).description,
        "lastLifecycleState": lifecycle_of(facets) or "",
    }
    if kind == "STREAM":
        data["schemaLocation"] = declared.get("schemaLocation")
    return data


def type_of(facets: Texts) -> str:
    """Return STREAM for what a facet calls a stream or a topic, else DB_TABLE."""
    told = said(facets, "datasetType", DatasetType).type
    return "STREAM" if told is not None and told.upper() in _STREAMS else "DB_TABLE"


def source_of(facets: Texts) -> str:
    """Return the name of the source of a dataset."""
    return said(facets, "dataSource", DataSource).name or DEFAULT


def lifecycle_of(facets: Texts) -> str | None:
    """Return the state change that the dataset was last told to have gone through, upper case."""
    told = said(facets, "lifecycleStateChange", Lifecycle).change
    return None if told is None else told.upper()


class ShownField(msgspec.Struct, gc=False):
    """A column as Marquez shows it."""

    name: str
    type: str | None
    tags: list[str]
    description: str | None


def fields_of(facets: Texts, tags: Mapping[str | None, list[str]]) -> list[ShownField] | msgspec.Raw:
    """Return the columns of a dataset in the order of its schema."""
    if tags.keys() <= _OF_THE_WHOLE:
        return _untagged(facets.get("schema"))
    return [
        ShownField(one.name, one.type, tags.get(one.name, _NONE), one.description) for one in columns(facets)
    ]


_NONE: list[str] = []
_OF_THE_WHOLE = {None}


@lru_cache(maxsize=20_000)
def _untagged(schema: bytes | None) -> msgspec.Raw:
    """Return the columns of a schema as JSON: many answers show the same ones."""
    found = columns({} if schema is None else {"schema": schema})
    shown = [ShownField(one.name, one.type, _NONE, one.description) for one in found]
    return msgspec.Raw(msgspec.json.encode(shown))


def _column_lineage(store: LineageStore, keys: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    """Return by dataset the columns of which is known what they are made from."""
    of = store.columns(keys)
    sources: Sources = {}
    add(sources, store.links(of, Direction.UPSTREAM))
    nodes = store.nodes({key for target, made in sources.items() for key in (target, *made)})
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for target in sorted(sources, key=lambda key: nodes[key]):
        inputs = input_fields(sources[target], nodes)
        column = {
            "name": nodes[target].field,
            "inputFields": inputs,
            "transformationDescription": None,
            "transformationType": None,
        }
        for way in ("transformationDescription", "transformationType"):
            column[way] = next((one[way] for one in inputs if one[way]), None)
        found[of[target]].append(column)
    return dict(found)
