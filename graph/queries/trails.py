"""The trail of a run as the store has it: what it was made of and what it made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graph.errors import InvalidQueryError
from graph.nodes import Node, job
from graph.queries.run_list import parameters_of, said_facet
from graph.store.artifacts import ARTIFACT_FACET
from graph.store.base import LineageStore
from graph.store.versions import UsedVersion
from lineage.provenance.trails import DatasetName, Trail

_PAGE = 1000


def trail_of(store: LineageStore, run_id: str) -> Trail:
    """Return the trail of a run.

    Raises InvalidQueryError when no run has this id.
    """
    details, listed = store.run_details([run_id]).get(run_id), store.catalog.run(run_id)
    if details is None or listed is None:
        raise InvalidQueryError(f"no run has the id {run_id!r}: `lineage runs` lists them")
    record = listed.record
    used = (*details.inputs, *details.outputs)
    names = store.nodes({each.dataset for each in used})
    told = said_facet(details.facets, "executionParameters").get("parameters") or ()
    return Trail(
        run_id,
        (record.job_namespace, record.job_name),
        record.state.value,
        record.error,
        code=said_facet(details.facets, "lineageGraph_code"),
        environment=said_facet(details.facets, "lineageGraph_environment"),
        command=said_facet(details.facets, "lineageGraph_command"),
        parameters=parameters_of(details.facets),
        types={one["key"]: one.get("description", "") for one in told},
        inputs=_artifacts(details.inputs, names),
        outputs=_artifacts(details.outputs, names),
    )


def run_like(store: LineageStore, trail: Trail, place: int) -> str | None:
    """Return the id of the run of a trail's job in another store: of several the one at that place."""
    found = _runs_of(store, trail)
    return found[min(place, len(found) - 1)] if found else None


def place_of(store: LineageStore, trail: Trail) -> int:
    """Return how many runs of the same job under the same outermost run began before the one of a trail."""
    ids = _runs_of(store, trail)
    above = store.runs_above(ids)
    outermost = {run_id: above[run_id][-1].run_id if above.get(run_id) else None for run_id in ids}
    before = ids[: ids.index(trail.run_id)]
    root = outermost[trail.run_id]
    return sum(outermost[run_id] == root for run_id in before) if root is not None else 0


def _runs_of(store: LineageStore, trail: Trail) -> list[str]:
    """Return the latest runs of a trail's job, the first one first, down to the trail's own."""
    node = store.lookup(job(*trail.job))
    found: list[str] = []
    after = None
    while node is not None:
        page = store.runs(jobs=(node.key,), after=after, limit=_PAGE)
        found += [run.run_id for run in page]
        if len(page) < _PAGE or trail.run_id in found:
            break
        after = found[-1]
    return found[::-1]


def _artifacts(
    used: Sequence[UsedVersion], names: Mapping[int, Node]
) -> dict[DatasetName, Mapping[str, Any]]:
    nodes = [(names[one.dataset], one) for one in used if one.dataset in names]
    return {(node.namespace, node.name): said_facet(one.facets, ARTIFACT_FACET) for node, one in nodes}
