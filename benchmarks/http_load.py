"""Sends events to a server over connections that stay open, each as fast as it is answered or by a clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

CONNECTIONS = 64


def send_all(port: int, bodies: Sequence[bytes], rate: float | None = None) -> tuple[float, list[float]]:
    """Return the seconds that it took to have all events taken, and for how long each was waited.

    With a rate, in events a second, each is due at its time, and its waiting begins then, sent or not.
    """
    return asyncio.run(_send_all(port, bodies, rate))


async def _send_all(port: int, bodies: Sequence[bytes], rate: float | None) -> tuple[float, list[float]]:
    due = iter(enumerate(bodies))
    waits: list[float] = []
    began = time.perf_counter()

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for place, body in due:
            start = time.perf_counter() if rate is None else began + place / rate
            if (early := start - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            writer.write(_head(body))
            writer.write(body)
            answer = await reader.readuntil(b"\r\n\r\n")
            waits.append(time.perf_counter() - start)
            if not answer.startswith(b"HTTP/1.1 201"):
                raise RuntimeError(f"an event was answered {answer[:60]!r}")
        writer.close()

    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    return time.perf_counter() - began, waits


def _head(body: bytes) -> bytes:
    return (
        b"POST /api/v1/lineage HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body)
    )
