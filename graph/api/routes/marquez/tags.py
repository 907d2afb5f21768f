"""`/api/v1/tags`."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from graph.api.marquez import tags
from graph.api.marquez.bodies import TagBody
from graph.api.rendering import json_response
from graph.api.routes.marquez.parameters import LISTED, WRITTEN, Name, Paged
from graph.api.stores import Stores

router = APIRouter(prefix="/api/v1/tags", tags=["tags"])


@router.get("", responses=LISTED)
async def list_tags(stores: Stores, page: Paged) -> Response:
    """Return tags by name."""
    return json_response(await stores.ask(tags.listed, page.limit, page.offset))


@router.put("/{tag:name}", responses=WRITTEN)
async def put_tag(stores: Stores, tag: Name, body: TagBody) -> Response:
    """Declare a tag and its description."""
    return json_response(await stores.change(tags.put, tag, body.description))
