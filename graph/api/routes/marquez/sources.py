"""`/api/v1/sources`."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from graph.api.marquez import sources
from graph.api.marquez.bodies import SourceBody
from graph.api.rendering import json_response
from graph.api.routes.marquez.parameters import FOUND, LISTED, WRITTEN, Name, Paged
from graph.api.stores import Stores

router = APIRouter(prefix="/api/v1/sources", tags=["sources"])


@router.get("", responses=LISTED)
async def list_sources(stores: Stores, page: Paged) -> Response:
    """Return sources by name."""
    return json_response(await stores.ask(sources.listed, page.limit, page.offset))


@router.get("/{source:name}", responses=FOUND)
async def get_source(stores: Stores, source: Name) -> Response:
    """Return a source."""
    return json_response(await stores.ask(sources.one, source))


@router.put("/{source:name}", responses=WRITTEN, deprecated=True)
async def put_source(stores: Stores, source: Name, body: SourceBody) -> Response:
    """Declare a source."""
    return json_response(
        await stores.change(sources.put, source, body.type, body.connection_url, body.description)
    )
