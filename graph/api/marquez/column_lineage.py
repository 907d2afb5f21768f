"""Column lineage as Marquez draws it; its edges lead from a column to what it is made from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from graph.api.errors import ApiError, not_found
from graph.api.marquez import datasets, names
from graph.api.marquez.column_sources import Sources, add, in_order, told
from graph.api.marquez.runs import unwritten_version
from graph.ingest import as_of
from graph.nodes import Node, NodeType, dataset
from graph.records import Direction, EdgeKind, Link, Transformation
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
    sources, is_whole = _walk(reader, start, max(depth, 1), with_downstream, limit)
    answer: dict[str, Any] = {"graph": _drawn(reader, sources, with_versions=asked.version is not None)}
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
) -> tuple[Sources, bool]:
    """Return what the columns reached are made from, the nearest, and whether these are all.

    Marquez counts edges: first those into the columns asked for, then with each step those into their
    sources and, downstream, those out of what they lead to.
    """
    found: Sources = {}
    known, up, down = set[int](), set(start), set[int]()
    seen_up, seen_down = set(up), set[int]()
    for step in range(depth):
        new = store.links(up, Direction.UPSTREAM) if up else []
        if down:
            new += store.links(down, Direction.DOWNSTREAM)
        sources, targets = {link[0] for link in new}, {link[1] for link in new}
        near = (sources | targets) - known
        if len(known) + len(near) > limit:
            add(found, _nearest(new, known, limit))
            return found, False
        known |= near
        add(found, new)
        up = sources - seen_up
        if with_downstream:
            # What is made of the columns asked for is one step away from what these are made from.
            down = (targets | (set(start) if step == 0 else set())) - seen_down
        seen_up |= up
        seen_down |= down
        if not up and not down:
            break
    return found, True


def _nearest(new: Collection[Link], before: Collection[int], limit: int) -> list[Link]:
    """Return those of the links that fit in."""
    kept, known = [], set(before)
    for link in sorted(new, key=lambda link: (link[1], link[0])):
        ends = {link[0], link[1]} - known
        if len(known) + len(ends) <= limit:
            known |= ends
            kept.append(link)
    return kept


@dataclass(frozen=True, slots=True)
class _Holder:
    """A dataset whose columns are shown."""

    key: int
    version: str | None
    names: bytes
    """The beginning of an object that has its names."""

    shown_version: bytes


def _drawn(store: LineageReader, sources: Sources, *, with_versions: bool) -> list[msgspec.Raw]:
    """Return the columns by id, each as its JSON text: of a large graph that is less to keep at once."""
    nodes = store.nodes({*sources, *(source for of in sources.values() for source in of)})
    nodes = {key: node for key, node in nodes.items() if node.type is NodeType.FIELD}
    holders = _holders(store, nodes.values())
    of = {key: holders[node.namespace, node.name] for key, node in nodes.items()}
    types = _types(store, {of[key].key for key in sources if key in of})
    ids = {key: node.id for key, node in nodes.items()}
    if with_versions:
        ids = {key: f"{id_}#{of[key].version}" if of[key].version else id_ for key, id_ in ids.items()}
    quoted = {key: _encode(id_) for key, id_ in ids.items()}
    targets: dict[int, list[int]] = {key: [] for key in ids}
    for target, made in sources.items():
        if target in ids:
            for source in made:
                if source in ids:
                    targets[source].append(target)
    fields = {key: b'%b"field":%b,' % (of[key].names, _encode(node.field)) for key, node in nodes.items()}

    def edges(key: int, ends: Collection[int]) -> bytes:
        # Marquez has them so, and its web UI turns them round.
        near = sorted(ends, key=ids.__getitem__) if len(ends) > 1 else ends
        return b",".join([_EDGE % (quoted[key], quoted[end]) for end in near])

    found = []
    for key in sorted(ids, key=ids.__getitem__):
        node, holder, made = nodes[key], of[key], sources.get(key, {})
        inputs = [(source, tuple(made[source])) for source in in_order(made, nodes)]
        data = _DATA % (
            *(holder.names, holder.shown_version, _encode(node.field)),
            _encode(types.get((holder.key, node.field), "")),
            *_first([told(ways) for _, ways in inputs]),
            b",".join([fields[source] + _ways(ways) % of[source].shown_version for source, ways in inputs]),
        )
        into = edges(key, [source for source in made if source in ids])
        found.append(msgspec.Raw(_NODE % (quoted[key], data, into, edges(key, targets[key]))))
    return found


_encode = msgspec.json.Encoder().encode
_NODE = b'{"id":%b,"type":"DATASET_FIELD","data":%b,"inEdges":[%b],"outEdges":[%b]}'
_EDGE = b'{"origin":%b,"destination":%b}'
_DATA = (
    b'%b"datasetVersion":%b,"field":%b,"fieldType":%b,'
    b'"transformationDescription":%b,"transformationType":%b,"inputFields":[%b]}'
)


def _first(told_of: Collection[Mapping[str, Any]]) -> tuple[bytes, bytes]:
    """Return the first description and the first old word of the ways in which a column is made."""
    described, word = (
        next((one[key] for one in told_of if one[key]), None)
        for key in ("transformationDescription", "transformationType")
    )
    return _encode(described), _encode(word)


@lru_cache(maxsize=10_000)
def _ways(ways: tuple[Transformation, ...]) -> bytes:
    """Return the end of an input field: a template that takes the version of its dataset."""
    return _encode(told(ways))[1:-1].replace(b"%", b"%%") + b',"datasetVersion":%b}'


def _holders(store: LineageReader, fields: Iterable[Node]) -> dict[tuple[str, str], _Holder]:
    """Return the datasets of fields by namespace and name."""
    entities = {(node.namespace, node.name): dataset(node.namespace, node.name) for node in fields}
    keys = {names: node.key for names, node in entities.items()}
    versions: Mapping[int, str] = {}
    if len(entities) <= _WITH_VERSIONS:
        versions = datasets.current_versions(store, {keys[names]: node for names, node in entities.items()})
    return {
        (namespace, name): _Holder(
            key,
            versions.get(key),
            b'{"namespace":%b,"dataset":%b,' % (_encode(namespace), _encode(name)),
            _encode(versions.get(key)),
        )
        for (namespace, name), key in keys.items()
    }


def _types(store: LineageReader, keys: Collection[int]) -> dict[tuple[int, str | None], str]:
    """Return the types of columns by dataset and name."""
    return {
        (key, name): str(about.get("type") or "")
        for key, facet in store.facets(keys, "schema").items()
        for name, about in named_fields(facet.get("fields"))
    }
