"""Table lineage as Marquez draws it: from a job over the datasets it shares with others, either way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from graph.api.errors import not_found
from graph.api.marquez import datasets, jobs, names, runs
from graph.nodes import Node, NodeType
from graph.store.base import LineageStore
from graph.store.catalog import Neighbourhood

_WITH_RUN_FACETS = 100
"""The latest runs of more jobs than this are shown without what their events say."""

_COUNTED = 10
"""How many times as many nodes as are shown are counted at most."""


def graph(store: LineageStore, node_id: str, depth: int, limit: int) -> dict[str, Any]:
    """Return the graph around a job or dataset, `depth` jobs far.

    With more than `limit` nodes it has the nearest ones, and says so: `truncated`, and in `nodeCount` how
    many there are (`nodeCountIsLower`: at least).
    """
    asked = names.node_of(store, node_id)
    if asked.node.type is NodeType.FIELD:
        raise not_found(f"Node '{node_id}' must be of type dataset or job!")
    if asked.version is not None:
        raise not_found(f"Node '{node_id}' not found: lineage is that of no version")
    near = store.catalog.neighbourhood(
        asked.node.key, depth=max(depth, 0), limit=limit, counted=_COUNTED * limit
    )
    answer: dict[str, Any] = {"graph": _drawn(store, near)}
    if near.beyond:
        whole = len(near.jobs) + len(near.datasets) + near.beyond
        answer |= {"truncated": True, "nodeCount": whole}
        answer["nodeCountIsLower"] = whole >= _COUNTED * limit
    return answer


def _drawn(store: LineageStore, near: Neighbourhood) -> list[msgspec.Raw]:
    """Return the nodes by id, each as its JSON text: of a large graph that is less to keep at once."""
    jobs_shown, datasets_shown = list(near.jobs.items()), list(near.datasets.items())
    ids = {key: _encode(node.id) for key, node in (*jobs_shown, *datasets_shown)}
    into: dict[int, list[bytes]] = {key: [] for key in ids}
    out: dict[int, list[bytes]] = {key: [] for key in ids}
    ends: dict[int, tuple[list[int], list[int]]] = {key: ([], []) for key in near.jobs}
    for source, target in near.reads:
        ends[target][0].append(source)
        _join(ids, out, into, source, target)
    for source, target in near.writes:
        ends[source][1].append(target)
        _join(ids, out, into, source, target)
    found = []
    drawn = (
        (b"DATASET", datasets_shown, datasets.data_of(store, datasets_shown)),
        (b"JOB", jobs_shown, _job_data(store, jobs_shown, ends, near.datasets)),
    )
    for kind, shown, all_data in drawn:
        for (key, node), data in zip(shown, all_data, strict=True):
            edges = (b",".join(sorted(into[key])), b",".join(sorted(out[key])))
            found.append((node.id, msgspec.Raw(_NODE % (ids[key], kind, _encode(data), *edges))))
    return [text for _, text in sorted(found, key=_id)]


_NODE = b'{"id":%b,"type":"%b","data":%b,"inEdges":[%b],"outEdges":[%b]}'
_EDGE = b'{"origin":%b,"destination":%b}'
_encode = msgspec.json.Encoder().encode


def _join(
    ids: Mapping[int, bytes],
    out: Mapping[int, list[bytes]],
    into: Mapping[int, list[bytes]],
    source: int,
    target: int,
) -> None:
    edge = _EDGE % (ids[source], ids[target])
    out[source].append(edge)
    into[target].append(edge)


def _id(node: tuple[str, msgspec.Raw]) -> str:
    return node[0]


def _job_data(
    store: LineageStore, shown: list[tuple[int, Node]], ends: jobs.Ends, nodes: Mapping[int, Node]
) -> Iterator[dict[str, Any]]:
    latest = store.catalog.latest_runs([key for key, _ in shown], 1)
    listed = [of_job[0] for of_job in latest.values()]
    drawn = runs.shown(store, listed, light=len(listed) > _WITH_RUN_FACETS)
    by_job = dict(zip(latest, drawn, strict=True))
    for (key, _), data in zip(shown, jobs.data_of(store, shown, ends, nodes), strict=True):
        run = by_job.get(key)
        data["currentRunUuid"] = None if run is None else run["id"]
        data["latestRun"] = run
        del data["tags"]
        yield data
