"""`/api/v1/jobs/runs`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from graph.api.marquez import runs, writing
from graph.api.rendering import json_response
from graph.api.routes.marquez.parameters import FOUND, Name, moment
from graph.api.stores import Stores

router = APIRouter(prefix="/api/v1/jobs/runs/{id:name}", tags=["runs"])
At = Annotated[str | None, Query(description="When, as an ISO instant; now where it is not given.")]


@router.get("", responses=FOUND)
async def get_run(stores: Stores, id: Name) -> Response:
    """Return a run."""
    return json_response(await stores.ask(runs.one, id))


@router.get("/facets", responses=FOUND)
async def get_run_facets(
    stores: Stores,
    id: Name,
    type: Annotated[str, Query(description="Facets of the run, or what it said of its job: run or job.")],
) -> Response:
    """Return the facets of a run or of its job."""
    return json_response(await stores.ask(runs.facets, id, type))


async def _mark(stores: Stores, id: str, how: str, at: str | None) -> Response:
    when = None if at is None else moment("at", at)
    return json_response(await stores.change(writing.mark_run, id, how, when))


@router.post("/start", responses=FOUND, deprecated=True)
async def start_run(stores: Stores, id: Name, at: At = None) -> Response:
    """Say that a run began."""
    return await _mark(stores, id, "start", at)


@router.post("/complete", responses=FOUND, deprecated=True)
async def complete_run(stores: Stores, id: Name, at: At = None) -> Response:
    """Say that a run completed."""
    return await _mark(stores, id, "complete", at)


@router.post("/fail", responses=FOUND, deprecated=True)
async def fail_run(stores: Stores, id: Name, at: At = None) -> Response:
    """Say that a run failed."""
    return await _mark(stores, id, "fail", at)


@router.post("/abort", responses=FOUND, deprecated=True)
async def abort_run(stores: Stores, id: Name, at: At = None) -> Response:
    """Say that a run was stopped."""
    return await _mark(stores, id, "abort", at)
