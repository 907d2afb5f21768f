"""`/api/v1/column-lineage`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from graph.api.marquez import column_lineage
from graph.api.rendering import json_response
from graph.api.routes.marquez.lineage import NODES, Limit, NodeId
from graph.api.routes.marquez.parameters import FOUND
from graph.api.stores import Stores

router = APIRouter(prefix="/api/v1", tags=["lineage"])
WithDownstream = Annotated[
    bool, Query(alias="withDownstream", description="Whether to show what is made from it, too.")
]


@router.get("/column-lineage", responses=FOUND)
async def get_column_lineage(
    stores: Stores,
    node_id: NodeId,
    depth: int = 20,
    with_downstream: WithDownstream = False,
    limit: Limit = NODES,
) -> Response:
    """Return what the columns of a dataset, a field or the outputs of a job are made from."""
    return json_response(await stores.ask(column_lineage.graph, node_id, depth, with_downstream, limit))
