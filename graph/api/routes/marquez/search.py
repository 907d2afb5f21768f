"""`/api/v1/search` and `/api/v2beta/search`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from graph.api.errors import ApiError
from graph.api.marquez import search, word_search
from graph.api.rendering import json_response
from graph.api.routes.marquez.parameters import LISTED
from graph.api.stores import Stores
from graph.nodes import NodeType

router = APIRouter(prefix="/api/v1", tags=["search"])
_KINDS = {"dataset": NodeType.DATASET, "job": NodeType.JOB}
Day = Annotated[str | None, Query(pattern=r"^\d{4}-\d{2}-\d{2}$")]
Text = Annotated[str, Query(alias="q", min_length=1, description="A part of a name, in any case.")]
Kind = Annotated[str | None, Query(alias="filter", description="dataset or job.")]
Order = Annotated[str, Query(description="name or update_at.")]
Most = Annotated[int, Query(ge=0, le=2**31 - 1)]


@router.get("/search", responses=LISTED)
async def find(
    stores: Stores,
    text: Text,
    kind: Kind = None,
    sort: Order = "name",
    limit: Most = 10,
    namespace: str | None = None,
    before: Day = None,
    after: Day = None,
) -> Response:
    """Return datasets and jobs by a part of their names."""
    if not text.strip():
        raise ApiError(400, "query param q must not be blank")
    if kind is not None and kind.lower() not in _KINDS:
        raise ApiError(400, "query param filter must be one of [DATASET, JOB]")
    if sort.lower() not in {"name", "update_at", "updated_at"}:
        raise ApiError(400, "query param sort must be one of [NAME, UPDATE_AT]")
    found = await stores.ask(
        search.found,
        text,
        kind=None if kind is None else _KINDS[kind.lower()],
        by_time=sort.lower() != "name",
        limit=limit,
        namespace=namespace,
        before=_day("before", before),
        after=_day("after", after),
    )
    return json_response(found)


def _day(name: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise ApiError(400, f"query param {name} is no day: {text}") from None


beta = APIRouter(prefix="/api/v2beta/search", tags=["search"])
Words = Annotated[str, Query(alias="q", min_length=1, description="Words, or what they begin with.")]


@beta.get("/jobs", responses=LISTED)
async def find_jobs(stores: Stores, words: Words) -> Response:
    """Return jobs by words of their names, descriptions, tags, owners and SQL."""
    return json_response(await stores.ask(word_search.jobs, words))


@beta.get("/datasets", responses=LISTED)
async def find_datasets(stores: Stores, words: Words) -> Response:
    """Return datasets by words of their names, columns, descriptions, tags and owners."""
    return json_response(await stores.ask(word_search.datasets, words))
