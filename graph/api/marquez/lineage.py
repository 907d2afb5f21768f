"""Table lineage as Marquez draws it: from a job over the datasets it shares with others, either way."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from graph.api.errors import ApiError, not_found
from graph.api.marquez import datasets, jobs, names, runs
from graph.nodes import Node, NodeType
from graph.records import Direction, EdgeKind
from graph.store.base import LineageStore

_WITH_RUN_FACETS = 100
"""The latest runs of more jobs than this are shown without what their events say."""

_COUNTED = 10
"""How many times as many nodes as are shown are counted at most."""


@dataclass(slots=True)
class _Reach:
    """The jobs and datasets that are reached, nearest first, with the edges between them."""

    jobs: dict[int, None] = field(default_factory=dict)
    datasets: dict[int, None] = field(default_factory=dict)
    reads: set[tuple[int, int]] = field(default_factory=set)
    writes: set[tuple[int, int]] = field(default_factory=set)
    """Dataset and job, job and dataset."""

    beyond: int = 0
    """How many more nodes there are than the limit lets in."""

    @property
    def size(self) -> int:
        return len(self.jobs) + len(self.datasets)


def graph(store: LineageStore, node_id: str, depth: int, limit: int) -> dict[str, Any]:
    """Return the graph around a job or dataset, `depth` jobs far.

    With more than `limit` nodes it has the nearest ones, and says so: `truncated`, and in `nodeCount` how
    many there are (`nodeCountIsLower`: at least).
    """
    asked = names.node_of(store, node_id)
    if asked.node.type is NodeType.FIELD:
        raise not_found(f"Node '{node_id}' must be of type dataset or job!")
    if asked.version is not None:
        raise ApiError(404, f"Node '{node_id}' not found: lineage is that of no version")
    reach = _walk(store, asked.node, max(depth, 0), limit)
    answer: dict[str, Any] = {"graph": _drawn(store, reach)}
    if reach.beyond:
        whole = reach.size + reach.beyond
        answer |= {"truncated": True, "nodeCount": whole}
        answer["nodeCountIsLower"] = whole >= _COUNTED * limit
    return answer


def _walk(store: LineageStore, start: Node, depth: int, limit: int) -> _Reach:
    reach = _Reach()
    if start.type is NodeType.JOB:
        frontier = {start.key}
    else:
        reach.datasets[start.key] = None
        frontier = _jobs_at(store, [start.key])
    seen_jobs, seen_datasets = set(frontier), {start.key}
    for hop in range(depth + 1):
        if not frontier:
            break
        kept = _take(reach.jobs, frontier, limit - reach.size)
        reach.beyond += len(frontier) - len(kept)
        reads = {
            (edge.source, edge.target)
            for edge in store.incident(frontier, EdgeKind.READS, Direction.UPSTREAM)
        }
        writes = {
            (edge.source, edge.target)
            for edge in store.incident(frontier, EdgeKind.WRITES, Direction.DOWNSTREAM)
        }
        reach.reads |= reads
        reach.writes |= writes
        near = ({source for source, _ in reads} | {target for _, target in writes}) - seen_datasets
        seen_datasets |= near
        kept = _take(reach.datasets, near, limit - reach.size)
        reach.beyond += len(near) - len(kept)
        if hop == depth or reach.size + reach.beyond >= _COUNTED * limit:
            break
        frontier = _jobs_at(store, near) - seen_jobs
        seen_jobs |= frontier
    return reach


def _jobs_at(store: LineageStore, keys: Collection[int]) -> set[int]:
    """Return the jobs that read or write any of these datasets."""
    reading = store.incident(keys, EdgeKind.READS, Direction.DOWNSTREAM)
    writing = store.incident(keys, EdgeKind.WRITES, Direction.UPSTREAM)
    return {edge.target for edge in reading} | {edge.source for edge in writing}


def _take(known: dict[int, None], new: Collection[int], room: int) -> list[int]:
    kept = sorted(new)[: max(room, 0)]
    known.update(dict.fromkeys(kept))
    return kept


def _drawn(store: LineageStore, reach: _Reach) -> list[dict[str, Any]]:
    nodes = store.nodes({*reach.jobs, *reach.datasets})
    shown_jobs = [(key, nodes[key]) for key in reach.jobs if key in nodes]
    shown_datasets = [(key, nodes[key]) for key in reach.datasets if key in nodes]
    ids = {key: node.id for key, node in (*shown_jobs, *shown_datasets)}
    into: dict[int, list[dict[str, str]]] = {key: [] for key in ids}
    out: dict[int, list[dict[str, str]]] = {key: [] for key in ids}
    ends: dict[int, tuple[list[int], list[int]]] = {key: ([], []) for key in reach.jobs}
    for reading, pairs in ((True, reach.reads), (False, reach.writes)):
        for source, target in pairs:
            if source in ids and target in ids:
                edge = {"origin": ids[source], "destination": ids[target]}
                out[source].append(edge)
                into[target].append(edge)
                ends[target if reading else source][0 if reading else 1].append(source if reading else target)
    data = dict(zip((key for key, _ in shown_datasets), datasets.data_of(store, shown_datasets), strict=True))
    data |= _job_data(store, shown_jobs, ends, nodes)
    types = {key: node.type.value for key, node in (*shown_jobs, *shown_datasets)}
    return [
        {
            "id": ids[key],
            "type": types[key],
            "data": data[key],
            "inEdges": sorted(into[key], key=_ends),
            "outEdges": sorted(out[key], key=_ends),
        }
        for key in sorted(ids, key=ids.__getitem__)
    ]


def _ends(edge: Mapping[str, str]) -> tuple[str, str]:
    return edge["origin"], edge["destination"]


def _job_data(
    store: LineageStore, shown: list[tuple[int, Node]], ends: jobs.Ends, nodes: Mapping[int, Node]
) -> dict[int, dict[str, Any]]:
    latest = store.catalog.latest_runs([key for key, _ in shown], 1)
    listed = [of_job[0] for of_job in latest.values()]
    drawn = runs.shown(store, listed, light=len(listed) > _WITH_RUN_FACETS)
    by_job = dict(zip(latest, drawn, strict=True))
    found = {}
    for (key, _), data in zip(shown, jobs.data_of(store, shown, ends, nodes), strict=True):
        run = by_job.get(key)
        data["currentRunUuid"] = None if run is None else run["id"]
        data["latestRun"] = run
        del data["tags"]
        found[key] = data
    return found
