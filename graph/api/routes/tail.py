"""Events as they come, as server-sent events: `id` is the number in the log, `data` the event."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Send

from graph.api.errors import RETRY_SECONDS, ApiError
from graph.api.following import MOST_SUBSCRIBERS, Follower
from graph.api.gate import may_go_on
from graph.api.openapi import failing
from graph.errors import StoreError
from graph.questions.tailing import LoggedEvent, Wanted, wanted
from graph.store.access import Token
from lineage.redaction import redact_text

router = APIRouter(prefix="/api/v2", tags=["questions"])

logger = logging.getLogger("lineage.server")

SEND_SECONDS = 60.0
"""How long a subscriber may take nothing before it is given up."""

_BEGIN = b"retry: 2000\n"

Patterns = Annotated[list[str], Query(max_length=1000)]
After = Annotated[int | None, Query(ge=0, lt=2**63, description="The number of the last event known.")]


class EventStream(StreamingResponse):
    """Server-sent events; a client that takes nothing for a minute is given up."""

    media_type = "text/event-stream"

    async def stream_response(self, send: Send) -> None:
        """Send the stream until it ends, or the client takes nothing."""

        async def patiently(message: Message) -> None:
            await asyncio.wait_for(send(message), SEND_SECONDS)

        try:
            await super().stream_response(patiently)
        except TimeoutError:
            logger.info("a subscriber took nothing for %g s and was given up", SEND_SECONDS)


@router.get("/tail", responses=failing(400, 401, 403, 503), response_class=EventStream)
async def tail(
    request: Request,
    job: Patterns = [],  # noqa: B006 - FastAPI reads the default
    dataset: Patterns = [],  # noqa: B006
    state: Patterns = [],  # noqa: B006
    after: After = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """Tell of events as they come in, from now on or behind a number of the log (`Last-Event-ID`).

    `job` and `dataset` are patterns, `state` event types. A token for some namespaces is told of what is
    said of these.
    """
    of = wanted(job, dataset, state)
    follower: Follower = request.app.state.follower
    if follower.subscribers >= MOST_SUBSCRIBERS:
        headers = {"Retry-After": str(RETRY_SECONDS)}
        raise ApiError(503, f"{MOST_SUBSCRIBERS} are subscribed already", headers=headers)
    begin = _number(last_event_id) if last_event_id else after
    place = await follower.end() if begin is None else begin
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return EventStream(_stream(request, follower, place, of), headers=headers)


def _number(told: str) -> int:
    if not (told.isascii() and told.isdigit() and len(told) <= 18):
        raise ApiError(400, f"Last-Event-ID is {told[:100]!r}; it is the id of the last event that came")
    return int(told)


async def _stream(request: Request, follower: Follower, place: int, of: Wanted) -> AsyncIterator[bytes]:
    # An id without data says where to go on, although nothing came yet.
    yield _BEGIN + _id(place)
    try:
        async with aclosing(follower.events(place)) as coming:
            async for events in coming:
                if not await may_go_on(request):
                    return
                last = place
                for each in events:
                    if of.has(each) and _may_see(request.scope["caller"], each):
                        last = each.number
                        yield b"event: lineage\ndata: " + each.body + b"\n" + _id(last)
                if events and last != events[-1].number:
                    yield _id(events[-1].number)
                elif not events:
                    yield b":\n\n"
    except StoreError as error:
        logger.warning("a subscription ended: %s", redact_text(str(error)))


def _id(number: int) -> bytes:
    return b"id: %d\n\n" % number


def _may_see(token: Token | None, event: LoggedEvent) -> bool:
    return token is None or all(token.allows(namespace) for namespace in event.namespaces)
