"""The runs that made what a run read, and those that made what these read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from graph.api.marquez import runs
from graph.api.marquez.times import instant
from graph.nodes import Node
from graph.store.base import LineageStore
from graph.store.catalog import ListedRun
from graph.store.versions import RunDetails, UsedVersion

_MOST = 1_000
"""How many runs an answer has at most, the nearest ones."""


def graph(store: LineageStore, run_id: str, depth: int) -> dict[str, Any]:
    """Return a run and the runs up to `depth` runs before it, the nearest first; 404 for an unknown run."""
    start = runs.known(store, run_id)
    details: dict[str, RunDetails] = {}
    frontier = [start.record.run_id]
    is_whole = True
    for _ in range(max(depth, 0) + 1):
        details |= (new := runs.details_of(store, frontier))
        before = {
            used.run_id: None for each in new.values() for used in each.inputs if used.run_id is not None
        }
        frontier = [each for each in before if each not in details]
        if len(details) + len(frontier) > _MOST:
            frontier = frontier[: _MOST - len(details)]
            is_whole = False
        if not frontier:
            break
    listed = {each: run for each in details if (run := store.catalog.run(each)) is not None}
    nodes = store.nodes({used.dataset for each in details.values() for used in each.inputs})
    answer = {"runs": [_shown(run, details[each], nodes) for each, run in listed.items()]}
    return answer if is_whole else {**answer, "truncated": True}


def _shown(run: ListedRun, said: RunDetails, nodes: Mapping[int, Node]) -> dict[str, Any]:
    record = run.record
    return {
        "job": {
            "namespace": record.job_namespace,
            "name": record.job_name,
            "version": said.job_version,
        },
        "run": {
            "id": record.run_id,
            "start": instant(record.started_at),
            "end": instant(record.ended_at),
            "status": runs.STATES[record.state],
        },
        "inputs": list(_inputs(said.inputs, nodes)),
    }


def _inputs(used: Iterable[UsedVersion], nodes: Mapping[int, Node]) -> Iterable[dict[str, Any]]:
    for one in used:
        if (node := nodes.get(one.dataset)) is not None:
            yield {
                "namespace": node.namespace,
                "name": node.name,
                "version": one.id or runs.unwritten_version(node),
                "producedByRunId": one.run_id,
            }
