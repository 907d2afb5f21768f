"""The record of what was refused and of what administrators did."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from graph.api.openapi import failing
from graph.api.rendering import json_response
from graph.api.stores import Stores
from graph.questions.asked import time_text
from graph.store.access import AuditRecord

router = APIRouter(prefix="/api/v2", tags=["access"])

Limit = Annotated[int, Query(ge=1, le=1000, description="How many items a page has at most.")]
Cursor = Annotated[int | None, Query(ge=0, lt=2**63, description="The `next` of the page before.")]


@router.get("/audit", responses=failing(400, 401, 403, 503))
async def audit(stores: Stores, limit: Limit = 100, cursor: Cursor = None) -> Response:
    """List calls that were refused, and those of administrators, the latest first."""
    found = await stores.ask(lambda store: store.access.recorded(before=cursor, limit=limit))
    more = found[-1][0] if len(found) == limit else None
    return json_response({"query": {}, "items": [_item(*each) for each in found], "next": more})


def _item(number: int, record: AuditRecord) -> dict[str, Any]:
    return {
        "number": number,
        "at": time_text(datetime.fromtimestamp(record.at / 10**9, UTC)),
        "token": record.token or None,
        "who": record.who or None,
        "client": record.client,
        "method": record.method,
        "path": record.path,
        "status": record.status or None,
        "reason": record.reason,
    }
