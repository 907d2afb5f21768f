"""Events in: `POST /api/v1/lineage`, and many at once: `POST /api/v1/lineage/batch`.

Plain routes: the body is read as bytes and never by a model. It is answered when the events are committed,
and an event that comes again is answered as the first time and changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from graph.api.bodies import read_body
from graph.api.errors import ApiError
from graph.api.gate import check_namespaces, record, refuse
from graph.api.observing import tell_events
from graph.api.rendering import json_response
from graph.api.stores import StorePool
from graph.ingest.batch import written_namespaces
from graph.questions.wire import MEDIA_TYPE, dumps
from graph.store.access import Role, Token
from graph.store.changes import Outcome, Status
from graph.store.commands import is_command
from graph.store.projection import MOST_PAIRS

_MOST = 10_000
"""How many events a batch may have."""

_WORTH_COUNTING = 20_000
"""Bytes below which an event cannot name so many."""

_SPLIT = msgspec.json.Decoder(list[msgspec.Raw])


async def post_event(request: Request) -> Response:
    """Keep one event: 201 without a body, 400 for what is not JSON, 422 for what is no event."""
    body = await read_body(request)
    tell_events(request, [body])
    _record_commands(request, [body])
    if (reason := _refused(request, body)) is not None:
        raise ApiError(403, reason)
    if (reason := _excess(body)) is not None:
        raise ApiError(422, reason)
    (outcome,) = await _stores(request).writer.keep([body])
    if outcome.status is Status.REJECTED:
        malformed = outcome.reasons[0].startswith(("not JSON", "not UTF-8"))
        raise ApiError(400 if malformed else 422, "; ".join(outcome.reasons), errors=outcome.reasons)
    return Response(status_code=201)


async def post_batch(request: Request) -> Response:
    """Keep a list of events: 204, or 200 with what became of each that was not kept (OpenLineage 2.0.2).

    A client of this release may ask for what became of each.
    """
    bodies = _split(await read_body(request))
    if not bodies:
        return Response(status_code=204)
    tell_events(request, bodies)
    _record_commands(request, bodies)
    reasons = [_refused(request, body) or _excess(body) for body in bodies]
    allowed = [body for body, reason in zip(bodies, reasons, strict=True) if reason is None]
    kept = iter(await _stores(request).writer.keep(allowed) if allowed else ())
    outcomes = [next(kept) if reason is None else Outcome(Status.REJECTED, (reason,)) for reason in reasons]
    if request.headers.get("accept") == MEDIA_TYPE:
        return Response(dumps(outcomes), media_type=MEDIA_TYPE)
    failed = [
        {"index": place, "reason": "; ".join(outcome.reasons), "retriable": False}
        for place, outcome in enumerate(outcomes)
        if outcome.status is Status.REJECTED
    ]
    return json_response(_summary(len(bodies), failed)) if failed else Response(status_code=204)


def _record_commands(request: Request, bodies: Sequence[bytes]) -> None:
    """Have it recorded that commands come; who may not bring them is told by `_refused`."""
    commands = sum(map(is_command, bodies))
    token: Token | None = request.scope["caller"]
    if commands and (token is None or _brings_commands(token)):
        record(request, f"{commands} commands of another store")


def _brings_commands(token: Token) -> bool:
    return token.role is Role.ADMIN and not token.namespaces


def _refused(request: Request, body: bytes) -> str | None:
    """Return why an event is not for the token of the request, and have it recorded; None where it is."""
    token: Token | None = request.scope["caller"]
    reason = None
    if token is not None and is_command(body) and not _brings_commands(token):
        reason = "commands are taken from an admin for all namespaces only"
    elif token is not None and token.namespaces:
        reason = check_namespaces(request, written_namespaces(body))
    if reason is not None:
        refuse(request, reason)
    return reason


class _Listed(msgspec.Struct):
    inputs: list[msgspec.Raw] | None = None
    outputs: list[msgspec.Raw] | None = None


_COUNT = msgspec.json.Decoder(_Listed)


def _excess(body: bytes) -> str | None:
    """Return why an event would make too much of the graph, None where it does not, or is no event."""
    if len(body) < _WORTH_COUNTING:
        return None
    try:
        listed = _COUNT.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    inputs, outputs = len(listed.inputs or ()), len(listed.outputs or ())
    if inputs * outputs <= MOST_PAIRS:
        return None
    return (
        f"the event names {inputs} inputs and {outputs} outputs, which are {inputs * outputs} edges between"
        f" datasets; at most {MOST_PAIRS} are taken: send events of the parts that belong together"
    )


def _split(body: bytes) -> list[bytes]:
    try:
        events = [bytes(raw) for raw in _SPLIT.decode(body)]
    except RecursionError:
        raise ApiError(400, "nested too deep to be read") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ApiError(400, f"not a JSON list of events: {error}") from None
    if len(events) > _MOST:
        raise ApiError(413, f"{len(events)} events in one batch; at most {_MOST} can be taken")
    return events


def _summary(received: int, failed: Sequence[dict[str, Any]]) -> dict[str, Any]:
    retriable = sum(event["retriable"] for event in failed)
    return {
        "status": "partial_success",
        "summary": {
            "received": received,
            "successful": received - len(failed),
            "failed": len(failed),
            "retriable": retriable,
            "non_retriable": len(failed) - retriable,
        },
        "failed_events": failed,
    }


def _stores(request: Request) -> StorePool:
    stores: StorePool = request.app.state.stores
    return stores


ROUTES = (
    Route("/api/v1/lineage", post_event, methods=["POST"]),
    Route("/api/v1/lineage/batch", post_batch, methods=["POST"]),
)
"""The routes of events, which the application tries first."""
