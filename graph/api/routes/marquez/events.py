"""`/api/v1/events/lineage`, and the paths by which marquez-python asks for events."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from graph.api.marquez import events
from graph.api.routes.marquez.parameters import LISTED, Namespace, Paged, moment
from graph.api.stores import Stores

router = APIRouter(prefix="/api/v1/events", tags=["events"])
Before = Annotated[str, Query(description="Events before this time.")]
After = Annotated[str, Query(description="Events at this time or after it.")]
Direction = Annotated[Literal["asc", "desc", "ASC", "DESC"], Query(alias="sortDirection")]


class Between:
    """Which events are asked for, and in which order."""

    def __init__(
        self,
        page: Paged,
        before: Before = "2030-01-01T00:00:00+00:00",
        after: After = "1970-01-01T00:00:00+00:00",
        direction: Direction = "desc",
    ) -> None:
        self.asked = {
            "since": moment("after", after),
            "before": moment("before", before),
            "latest_first": direction.lower() == "desc",
            "limit": page.limit,
            "offset": page.offset,
        }


Asked = Annotated[Between, Depends()]


@router.get("/lineage", responses=LISTED)
async def list_events(stores: Stores, between: Asked) -> Response:
    """Return events of runs by their times, as they were received."""
    return await _events(stores, between, None)


@router.get("", responses=LISTED)
async def list_events_alias(stores: Stores, between: Asked) -> Response:
    """Return the same: marquez-python asks for events here."""
    return await _events(stores, between, None)


@router.get("/{namespace:name}", responses=LISTED)
async def list_events_of_namespace(stores: Stores, namespace: Namespace, between: Asked) -> Response:
    """Return events of runs of the jobs of a namespace."""
    return await _events(stores, between, namespace)


async def _events(stores: Stores, between: Between, namespace: str | None) -> Response:
    found = await stores.ask(partial(events.page, namespace=namespace, **between.asked))
    return Response(found, media_type="application/json")
