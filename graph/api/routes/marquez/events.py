"""`/api/v1/events/lineage`, and the paths by which marquez-python asks for events."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from graph.api.marquez import events
from graph.api.routes.marquez.parameters import LISTED, Namespace, Paged, moment
from graph.api.stores import Stores

router = APIRouter(prefix="/api/v1/events", tags=["events"])
Before = Annotated[str, Query(description="Events before this time.")]
After = Annotated[str, Query(description="Events at this time or after it.")]
Direction = Annotated[Literal["asc", "desc", "ASC", "DESC"], Query(alias="sortDirection")]


def _asked(
    page: Paged,
    before: Before = "2030-01-01T00:00:00+00:00",
    after: After = "1970-01-01T00:00:00+00:00",
    direction: Direction = "desc",
) -> dict[str, Any]:
    """Return which events are asked for, and in which order."""
    return {
        "since": moment("after", after),
        "before": moment("before", before),
        "latest_first": direction.lower() == "desc",
        "limit": page.limit,
        "offset": page.offset,
    }


Asked = Annotated[dict[str, Any], Depends(_asked)]


@router.get("/lineage", responses=LISTED)
async def list_events(stores: Stores, asked: Asked) -> Response:
    """Return events of runs by their times, as they were received."""
    return await _events(stores, asked, None)


@router.get("", responses=LISTED)
async def list_events_alias(stores: Stores, asked: Asked) -> Response:
    """Return the same: marquez-python asks for events here."""
    return await _events(stores, asked, None)


@router.get("/{namespace:name}", responses=LISTED)
async def list_events_of_namespace(stores: Stores, namespace: Namespace, asked: Asked) -> Response:
    """Return events of runs of the jobs of a namespace."""
    return await _events(stores, asked, namespace)


async def _events(stores: Stores, asked: dict[str, Any], namespace: str | None) -> Response:
    found = await stores.ask(partial(events.page, namespace=namespace, **asked))
    return Response(found, media_type="application/json")
