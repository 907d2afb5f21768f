"""What a request says of itself, as far as it is believed.

Headers come from strangers: of those only `traceparent` and `X-Request-ID` are taken, well-formed and of
bounded length, as they do no more than tell requests apart. Actor, run and baggage are taken where the caller
is trusted.
"""

from __future__ import annotations

import inspect
import re
import uuid
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, TypeAlias

from lineage._guard import guard
from lineage.attribution.operation_names import without_ids
from lineage.context.carriers import Attached, Received, read_carrier
from lineage.context.scopes import Attribution, text_of

Request: TypeAlias = Any
"""What the server knows of a request: ASGI's scope or WSGI's environ."""

_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY"}
_TRACE = {"traceparent", "tracestate"}
_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")
_LONGEST_WORD = 40


class Rules:
    """What a middleware was told: who the actor of a request is, and whose headers are believed."""

    def __init__(
        self, actor: Callable[[Request], object] | None, trust: bool | Callable[[Request], bool]
    ) -> None:
        if inspect.iscoroutinefunction(actor) or inspect.iscoroutinefunction(trust):
            raise TypeError(
                "`actor` and `trust` are called before the request is answered: no coroutine functions"
            )
        self._actor = actor
        self._trust = trust

    def open(
        self, request: Request, method: str, place: str, headers: Iterable[tuple[str, str]]
    ) -> Attached | None:
        """Return the context of a request, to be entered; None when it cannot be made. Never raises.

        `place` is the route's template, or the name of the path.
        """
        with guard("opening the context of a request"):
            given = [(name.lower().replace("_", "-"), value) for name, value in headers]
            received = self._received(request, given)
            known = received.attribution or Attribution()
            named = next((value.strip() for name, value in given if name == "x-request-id"), "")
            attribution = replace(
                known,
                operation=f"{method if method in _METHODS else 'OTHER'} {place}",
                actor=self._actor_of(request) or known.actor,
                request_id=named if _REQUEST_ID.fullmatch(named) else known.request_id or _made(received),
            )
            return Attached(replace(received, attribution=attribution))
        return None

    def _received(self, request: Request, headers: list[tuple[str, str]]) -> Received:
        trusted = False
        with guard("asking whether a request is trusted"):
            trusted = bool(self._trust(request)) if callable(self._trust) else bool(self._trust)
        return read_carrier(headers if trusted else [one for one in headers if one[0] in _TRACE])

    def _actor_of(self, request: Request) -> str | None:
        found = None
        if self._actor is not None:
            with guard("asking for the actor of a request"):
                given = self._actor(request)
                if inspect.isawaitable(given):
                    raise TypeError("`actor` gave something to be awaited")
                found = text_of(given)
        return found


def _made(received: Received) -> str:
    return received.trace.trace_id if received.trace is not None else uuid.uuid4().hex


def name_of_path(path: str) -> str:
    """Return a path as the name of an operation: ids, addresses and long words are `{id}`."""
    words = without_ids(path).split("/")
    return "/".join("{id}" if "@" in word or len(word) > _LONGEST_WORD else word for word in words)
