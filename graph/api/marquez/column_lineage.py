"""Column lineage as Marquez draws it; its edges lead from a column to what it is made from."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from operator import itemgetter
from typing import Any

from graph.api.errors import ApiError, not_found
from graph.api.marquez import datasets, names
from graph.api.marquez.column_sources import by_target, input_fields
from graph.api.marquez.runs import unwritten_version
from graph.ingest import as_of
from graph.nodes import Node, NodeType, dataset
from graph.records import Direction, Edge, EdgeKind
from graph.store.base import LineageReader, LineageStore
from graph.store.field_names import named_fields

_WITH_VERSIONS = 100
"""In a graph with columns of more datasets than this nothing is said of their versions."""


def graph(store: LineageStore, node_id: str, depth: int, with_downstream: bool, limit: int) -> dict[str, Any]:
    """Return what the columns of a dataset, a field or the outputs of a job are made from.

    With `with_downstream` also what is made from them. With more than `limit` columns it has the nearest ones
    and says `truncated`. A version of a dataset or job is shown as the graph was then.
    """
    try:
        asked = names.node_of(store, node_id)
    except ApiError:
        raise not_found("Could not find node") from None
    if asked.version is not None and with_downstream:
        raise ApiError(400, "Node version cannot be specified when withDownstream is true")
    reader = _reader_of(store, asked)
    start = _columns_of(reader, asked.node)
    if not start:
        raise not_found("Could not find node")
    edges, is_whole = _walk(reader, start, max(depth, 1), with_downstream, limit)
    answer: dict[str, Any] = {"graph": _drawn(reader, edges, with_versions=asked.version is not None)}
    return answer if is_whole else {**answer, "truncated": True}


def _reader_of(store: LineageStore, asked: names.Asked) -> LineageReader:
    """Return what shows the graph of the version that is asked for; 404 where there is none such."""
    node, version = asked
    whole = dataset(node.namespace, node.name)
    if version is None or (node.type is not NodeType.JOB and version == unwritten_version(whole)):
        return store
    if node.type is NodeType.JOB:
        times = [one.last for one in store.job_versions(node.key) if one.id == version]
    else:
        found = store.dataset_version(whole.key, version)
        times = [] if found is None else [found.at]
    if not times:
        raise not_found("Could not find node")
    return as_of(store, times[0])


def _columns_of(store: LineageReader, node: Node) -> set[int]:
    if node.type is NodeType.FIELD:
        return {node.key}
    if node.type is NodeType.DATASET:
        return {field.key for field in store.fields(node)}
    writes = {edge.target for edge in store.incident([node.key], EdgeKind.WRITES, Direction.DOWNSTREAM)}
    return {field.key for output in store.nodes(writes).values() for field in store.fields(output)}


def _walk(
    store: LineageReader, start: Collection[int], depth: int, with_downstream: bool, limit: int
) -> tuple[list[Edge], bool]:
    """Return the edges reached, nearest first, and whether these are all.

    Marquez counts edges: first those into the columns asked for, then with each step those into their
    sources and, downstream, those out of what they lead to.
    """
    found: dict[Edge, None] = {}
    known, up, down = set[int](), set(start), set[int]()
    seen_up, seen_down = set(up), set[int]()
    for step in range(depth):
        new = store.incident(up, EdgeKind.FIELD, Direction.UPSTREAM) if up else []
        if down:
            new += store.incident(down, EdgeKind.FIELD, Direction.DOWNSTREAM)
        near = {end for edge in new for end in (edge.source, edge.target)}
        if len(known | near) > limit:
            return [*found, *_nearest(new, known, limit)], False
        known |= near
        found.update(dict.fromkeys(new))
        up = {edge.source for edge in new} - seen_up
        if with_downstream:
            # What is made of the columns asked for is one step away from what these are made from.
            down = ({edge.target for edge in new} | (set(start) if step == 0 else set())) - seen_down
        seen_up |= up
        seen_down |= down
        if not up and not down:
            break
    return list(found), True


def _nearest(new: Collection[Edge], before: Collection[int], limit: int) -> list[Edge]:
    """Return those of the edges that fit in."""
    kept, known = [], set(before)
    for edge in sorted(new, key=lambda edge: (edge.target, edge.source)):
        ends = {edge.source, edge.target} - known
        if len(known) + len(ends) <= limit:
            known |= ends
            kept.append(edge)
    return kept


def _drawn(store: LineageReader, edges: Collection[Edge], *, with_versions: bool) -> list[dict[str, Any]]:
    sources = by_target(edges)
    nodes = store.nodes({end for edge in edges for end in (edge.source, edge.target)})
    nodes = {key: node for key, node in nodes.items() if node.type is NodeType.FIELD}
    whole = {key: dataset(node.namespace, node.name).key for key, node in nodes.items()}
    entities = {whole[key]: dataset(node.namespace, node.name) for key, node in nodes.items()}
    versions = datasets.current_versions(store, entities) if len(entities) <= _WITH_VERSIONS else {}
    types = _types(store, {whole[key] for key in sources if key in whole})
    ids = {
        key: f"{node.id}#{versions[whole[key]]}" if with_versions and whole[key] in versions else node.id
        for key, node in nodes.items()
    }
    into: dict[int, list[dict[str, str]]] = {key: [] for key in ids}
    out: dict[int, list[dict[str, str]]] = {key: [] for key in ids}
    for target, of in sources.items():
        for source in of:
            if source in ids and target in ids:
                # Marquez has them so, and its web UI turns them round.
                into[target].append({"origin": ids[target], "destination": ids[source]})
                out[source].append({"origin": ids[source], "destination": ids[target]})
    by_name = {(node.namespace, node.name): versions.get(whole[key]) for key, node in nodes.items()}
    found: list[dict[str, Any]] = []
    for key in sorted(ids, key=ids.__getitem__):
        inputs = [_versioned(one, by_name) for one in input_fields(sources.get(key, {}), nodes)]
        kind = types.get((whole[key], nodes[key].field), "")
        found.append(
            {
                "id": ids[key],
                "type": "DATASET_FIELD",
                "data": _data(nodes[key], versions.get(whole[key]), kind, inputs),
                "inEdges": sorted(into[key], key=itemgetter("destination")),
                "outEdges": sorted(out[key], key=itemgetter("destination")),
            }
        )
    return found


def _versioned(one: Mapping[str, Any], versions: Mapping[tuple[str, str], str | None]) -> dict[str, Any]:
    return {**one, "datasetVersion": versions.get((one["namespace"], one["dataset"]))}


def _data(node: Node, version: str | None, kind: str, inputs: list[dict[str, Any]]) -> dict[str, Any]:
    described, word = (
        next((one[key] for one in inputs if one[key]), None)
        for key in ("transformationDescription", "transformationType")
    )
    return {
        "namespace": node.namespace,
        "dataset": node.name,
        "datasetVersion": version,
        "field": node.field,
        "fieldType": kind,
        "transformationDescription": described,
        "transformationType": word,
        "inputFields": inputs,
    }


def _types(store: LineageReader, keys: Collection[int]) -> dict[tuple[int, str | None], str]:
    """Return the types of columns by dataset and name."""
    return {
        (key, name): str(about.get("type") or "")
        for key, facet in store.facets(keys, "schema").items()
        for name, about in named_fields(facet.get("fields"))
    }
