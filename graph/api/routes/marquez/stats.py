"""`/api/v1/stats`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import APIRouter, Query
from starlette.responses import Response

from graph.api.errors import ApiError
from graph.api.marquez import stats
from graph.api.rendering import json_response
from graph.api.routes.marquez.parameters import LISTED
from graph.api.stores import Stores
from graph.store.base import LineageStore

router = APIRouter(prefix="/api/v1/stats", tags=["stats"])
Period = Annotated[str | None, Query(description="DAY: by hour; WEEK: by day.")]
Zone = Annotated[str | None, Query(description="The zone of the days of a week.")]
Question = Callable[[LineageStore, list[stats.Interval]], list[dict[str, Any]]]


@router.get("/lineage-events", responses=LISTED)
async def count_events(stores: Stores, period: Period = None, timezone: Zone = None) -> Response:
    """Return how many events of runs there were."""
    if (period or "").upper() == "WEEK" and not timezone:
        raise ApiError(400, "Timezone must be specified for period 'WEEK'")
    return await _counted(stores, stats.events, period, timezone)


@router.get("/jobs", responses=LISTED)
async def count_jobs(stores: Stores, period: Period = None, timezone: Zone = None) -> Response:
    """Return how many jobs there were at each time."""
    return await _counted(stores, stats.jobs, period, timezone)


@router.get("/datasets", responses=LISTED)
async def count_datasets(stores: Stores, period: Period = None, timezone: Zone = None) -> Response:
    """Return how many datasets there were at each time."""
    return await _counted(stores, stats.datasets, period, timezone)


@router.get("/sources", responses=LISTED)
async def count_sources(stores: Stores, period: Period = None, timezone: Zone = None) -> Response:
    """Return how many sources there were at each time."""
    return await _counted(stores, stats.named_sources, period, timezone)


async def _counted(stores: Stores, question: Question, period: str | None, zone: str | None) -> Response:
    return json_response(await stores.ask(question, _intervals(period, zone)))


def _intervals(period: str | None, zone: str | None) -> list[stats.Interval]:
    now = datetime.now(UTC)
    word = (period or "").upper()
    if word == "DAY":
        return stats.hours(now)
    if word != "WEEK":
        raise ApiError(400, "Invalid period")
    try:
        return stats.days(now, ZoneInfo(zone or "UTC"))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ApiError(400, f"query param timezone is no time zone: {zone!r}") from None
