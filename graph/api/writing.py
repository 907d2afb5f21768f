"""Natural batching: one thread writes, each time all that came in while the last commit ran.

A busy server pays for one commit per batch, an idle one does not wait. What a client is told is committed.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from graph.api.metrics import Metrics
from graph.api.threads import StoreThreads
from graph.errors import StoreError
from graph.ingest import apply_bodies
from graph.store.changes import Outcome

_TURN = 500
"""How many events are written in one transaction at most, unless one request brings more."""


class _Waiting(NamedTuple):
    """The events of one request, and the future that is told what became of them."""

    bodies: Sequence[bytes]
    told: asyncio.Future[list[Outcome]]


class Writer:
    """What has the events of all requests written, in the order in which they came."""

    def __init__(self, thread: StoreThreads, metrics: Metrics) -> None:
        self._thread = thread
        self._metrics = metrics
        self._waiting: deque[_Waiting] = deque()
        self._turns: asyncio.Task[None] | None = None

    async def keep(self, bodies: Sequence[bytes]) -> list[Outcome]:
        """Return what became of each event when they are committed; StoreError when nothing was kept.

        They are written also when the caller is cancelled meanwhile.
        """
        told: asyncio.Future[list[Outcome]] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(bodies, told))
        self._metrics.waiting.inc()
        if self._turns is None or self._turns.done():
            self._turns = asyncio.create_task(self._take_turns())
        return await told

    async def close(self) -> None:
        """Wait until all that was accepted is written."""
        if self._turns is not None:
            await self._turns

    async def _take_turns(self) -> None:
        while self._waiting:
            turn = [self._waiting.popleft()]
            size = len(turn[0].bodies)
            while self._waiting and size + len(self._waiting[0].bodies) <= _TURN:
                turn.append(self._waiting.popleft())
                size += len(turn[-1].bodies)
            await self._write(turn)
            self._metrics.waiting.dec(len(turn))

    async def _write(self, turn: Sequence[_Waiting]) -> None:
        bodies = list(chain.from_iterable(waiting.bodies for waiting in turn))
        written = self._thread.run(apply_bodies, bodies)
        await asyncio.wait([written])
        error = written.exception()
        if error is not None and len(turn) > 1 and not isinstance(error, StoreError):
            # What one request brought must not fail the others.
            for waiting in turn:
                await self._write([waiting])
            return
        outcomes = [] if error is not None else written.result()
        self._count(outcomes)
        place = 0
        for waiting in turn:
            own = outcomes[place : place + len(waiting.bodies)]
            place += len(waiting.bodies)
            if waiting.told.cancelled():
                continue
            if error is not None:
                waiting.told.set_exception(error)
            else:
                waiting.told.set_result(own)

    def _count(self, outcomes: Sequence[Outcome]) -> None:
        if outcomes:
            self._metrics.commits.inc()
        for status, count in Counter(outcome.status for outcome in outcomes).items():
            self._metrics.events.labels(status.value).inc(count)
