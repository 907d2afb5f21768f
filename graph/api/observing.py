"""Each request is counted, and told in one line of the log `lineage.server.requests`.

A line has when, what, how it was answered and how long it took; of events the ids of their runs; and the ids
of the trace that a W3C `traceparent` header names. Neither the query nor any header is in it.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graph.api.metrics import Metrics

logger = logging.getLogger("lineage.server.requests")

_MOST_RUNS = 20
_TRACE = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")


class Observed:
    """Stands around the application and sees every request."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, then count and tell it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start = time.perf_counter()
        scope["lineage"] = told = dict[str, Any]()
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, watched)
        finally:
            seconds = time.perf_counter() - start
            method = scope["method"]
            self.metrics.answered(method, _route(scope), status, seconds)
            if logger.isEnabledFor(logging.INFO):
                line = {"method": method, "path": scope["path"], "status": status}
                line |= {"durationMs": round(seconds * 1000, 3), "client": (scope.get("client") or [None])[0]}
                logger.info("request", extra={"fields": {**line, **_trace(scope), **told}})


def _route(scope: Scope) -> str:
    """Return the path of the route that answered, whatever names were in it."""
    path = getattr(scope.get("route"), "path", None)
    return str(path or getattr(scope.get("endpoint"), "__name__", "unmatched"))


def _trace(scope: Scope) -> dict[str, str]:
    header = next((value for name, value in scope["headers"] if name == b"traceparent"), b"")
    found = _TRACE.fullmatch(header)
    return {} if found is None else {"traceId": found[1].decode(), "spanId": found[2].decode()}


def tell(request: Request, **fields: Any) -> None:
    """Add to the line that is told of a request."""
    request.scope["lineage"].update(fields)


class _Run(msgspec.Struct):
    runId: str | None = None  # noqa: N815 - as on the wire


class _Told(msgspec.Struct):
    run: _Run | None = None


_DECODER = msgspec.json.Decoder(_Told)


def tell_events(request: Request, bodies: Iterable[bytes]) -> None:
    """Add how many events a request brought, and the first twenty ids of their runs."""
    if not logger.isEnabledFor(logging.INFO):
        return
    runs: dict[str, None] = {}
    count = 0
    for body in bodies:
        count += 1
        if len(runs) < _MOST_RUNS and (run := _run_of(body)) is not None:
            runs[run] = None
    tell(request, events=count, runs=list(runs))


def _run_of(body: bytes) -> str | None:
    try:
        run = _DECODER.decode(body).run
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return None if run is None or run.runId is None else run.runId[:100]
