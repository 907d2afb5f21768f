"""Names in paths: one percent-encoded part each, which may hold `/` and `:`.

ASGI servers decode a path before it is routed, and `a%2Fb` is two parts then. Here the path is routed as it
was sent, and each part decoded after that: a route writes its parameters as `{namespace:name}`.

Marquez takes a `/` at the end of any path, a parameter without a value as one that is not there, and of one
that comes several times the first; so does what is answered in its place.
"""

from __future__ import annotations

from urllib.parse import quote, unquote, unquote_to_bytes

from starlette.convertors import Convertor, register_url_convertor
from starlette.types import ASGIApp, Receive, Scope, Send

from graph.api.rendering import error_response


class NameConvertor(Convertor[str]):
    """A part of a path that is a name: not empty, anything may stand in it percent-encoded."""

    regex = "[^/]+"

    def convert(self, value: str) -> str:
        """Return the name."""
        return unquote(value)

    def to_string(self, value: str) -> str:
        """Return the name as it stands in a path."""
        return quote(value, safe="")


register_url_convertor("name", NameConvertor())

_OF_MARQUEZ = "/api/v1/"
_LISTED = b"lastRunStates"
"""The one parameter that may be given several times."""


class RawPaths:
    """Has requests routed by their path as it was sent; one that is not UTF-8 is answered with 400."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its raw path."""
        if scope["type"] != "http" or scope.get("raw_path") is None:
            await self.app(scope, receive, send)
            return
        raw: bytes = scope["raw_path"]
        try:
            unquote_to_bytes(raw).decode("utf-8")
            path = raw.decode("utf-8")
        except UnicodeDecodeError:
            await error_response(400, "the path is not UTF-8")(scope, receive, send)
            return
        if path.startswith(_OF_MARQUEZ):
            path = path.removesuffix("/")
            scope["query_string"] = _that_count(scope["query_string"])
        scope["path"] = path
        await self.app(scope, receive, send)


def _that_count(query: bytes) -> bytes:
    counting: dict[bytes, bytes] = {}
    for pair in query.split(b"&"):
        name, _, value = pair.partition(b"=")
        if value:
            counting.setdefault(pair if name == _LISTED else name, pair)
    return b"&".join(counting.values())
