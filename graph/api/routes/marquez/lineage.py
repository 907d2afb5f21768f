"""`GET /api/v1/lineage` and `/api/v1/runlineage/upstream`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from graph.api.marquez import lineage, upstream_runs
from graph.api.rendering import json_response
from graph.api.routes.marquez.parameters import FOUND
from graph.api.stores import Stores

router = APIRouter(prefix="/api/v1", tags=["lineage"])

NodeId = Annotated[str, Query(alias="nodeId", description="Such as job:NAMESPACE:NAME.")]
Limit = Annotated[int, Query(ge=1, le=200_000, description="How many nodes at most, the nearest first.")]
NODES = 2_000
"""How many nodes a graph has at most where nothing is said: more are no picture any more."""


@router.get("/lineage", responses=FOUND)
async def get_lineage(stores: Stores, node_id: NodeId, depth: int = 20, limit: Limit = NODES) -> Response:
    """Return the graph around a dataset or job, `depth` jobs far, either way."""
    return json_response(await stores.ask(lineage.graph, node_id, depth, limit))


@router.get("/runlineage/upstream", responses=FOUND)
async def get_upstream_runs(
    stores: Stores, run_id: Annotated[str, Query(alias="runId")], depth: int = 20
) -> Response:
    """Return a run with the runs that made what it read, and those that made what these read."""
    return json_response(await stores.ask(upstream_runs.graph, run_id, depth))
