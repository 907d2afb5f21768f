"""Whether the server lives, and whether it can read and write its store."""

from __future__ import annotations

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import PlainTextResponse, Response

from graph.api.rendering import json_response
from graph.api.stores import Stores
from graph.errors import StoreError

router = APIRouter(tags=["health"])


@router.get("/ping", response_class=PlainTextResponse)
async def ping() -> Response:
    """Say that the server lives."""
    return PlainTextResponse("pong\n")


@router.get("/healthcheck", responses={503: {"description": "The store cannot be read."}})
async def healthcheck(stores: Stores) -> Response:
    """Say whether the store can be read, in Dropwizard's shape: 200 when it can, else 503."""
    try:
        await stores.ask(lambda store: store.latest_event_time())
    except StoreError:
        return json_response({"store": {"healthy": False, "message": "the store cannot be read"}}, 503)
    return json_response({"store": {"healthy": True}})


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request) -> Response:
    """Tell what the server counts, in Prometheus' text format."""
    return Response(request.app.state.metrics.text(), media_type=CONTENT_TYPE_LATEST)
