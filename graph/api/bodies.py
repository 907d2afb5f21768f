"""Bodies of requests: streamed under a limit on what they are decompressed, and on the time they take."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graph.api.errors import ApiError
from graph.api.rendering import error_response

_GZIP = 31
"""zlib's number for a gzip header and trailer around the data."""

STREAMED = frozenset({"/api/v1/lineage", "/api/v1/lineage/batch"})
"""The paths whose bodies are events."""

_PIECE = 1 << 20
"""How many bytes are decompressed at a time."""


class Bounded:
    """Refuses bodies that are larger than a limit; those of events have their own, which is `read_body`'s."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or refuse it with 413."""
        if scope["type"] != "http" or scope["path"] in STREAMED:
            await self.app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "")
        if length.isdecimal() and int(length) > self.limit:
            await error_response(413, f"the body is larger than {self.limit} bytes")(scope, receive, send)
            return
        size = 0

        async def counted() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self.limit:
                raise ApiError(413, f"the body is larger than {self.limit} bytes")
            return message

        await self.app(scope, counted, send)


async def read_body(request: Request) -> bytes:
    """Return the body of a request, decompressed where it came as gzip.

    Raises ApiError: 413 when it is larger than the limit, 408 when it is slower than it, 415 for another
    encoding, 400 when it is cut off or not what its encoding says.
    """
    settings = request.app.state.settings
    limit: int = settings.body_limit
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    length = request.headers.get("content-length", "")
    if encoding not in {"", "identity", "gzip", "x-gzip"}:
        raise ApiError(415, f"Content-Encoding {encoding!r} is not understood: send gzip, or nothing")
    if length.isdecimal() and int(length) > limit:
        raise _too_large(limit)
    chunks = request.stream()
    try:
        async with asyncio.timeout(settings.body_seconds):
            if encoding in {"gzip", "x-gzip"}:
                return await _decompressed(chunks, limit)
            return await _joined(chunks, limit)
    except TimeoutError:
        raise ApiError(408, f"the body took longer than {settings.body_seconds:g} s to arrive") from None
    except ClientDisconnect:
        raise ApiError(400, "the client went away before the body was whole") from None


async def _joined(chunks: AsyncIterator[bytes], limit: int) -> bytes:
    parts, size = [], 0
    async for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        parts.append(chunk)
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def _decompressed(chunks: AsyncIterator[bytes], limit: int) -> bytes:
    whole = bytearray()
    member = zlib.decompressobj(_GZIP)
    async for chunk in chunks:
        rest = chunk
        while rest:
            if member.eof:
                member = zlib.decompressobj(_GZIP)
            try:
                whole += member.decompress(rest, _PIECE)
            except zlib.error as error:
                raise ApiError(400, f"the body is not gzip, as Content-Encoding says: {error}") from None
            if len(whole) > limit:
                raise _too_large(limit)
            rest = member.unused_data if member.eof else member.unconsumed_tail
    if not member.eof:
        raise ApiError(400, "the gzip body is cut off")
    return bytes(whole)


def _too_large(limit: int) -> ApiError:
    return ApiError(413, f"the body is larger than {limit} bytes; send fewer events at a time")
