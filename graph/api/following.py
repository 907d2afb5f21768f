"""Subscribers to the log of a store: one task reads what is new, and all of them are told of it.

A subscriber is a place in the log and no more: nothing waits in memory for one that reads slowly. Who has
fallen behind what is kept of the last events reads pages of the log, as a question does, in a thread that is
given back after each.
"""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_right
from collections.abc import AsyncGenerator
from contextlib import suppress
from operator import attrgetter
from typing import TYPE_CHECKING

from graph.errors import StoreError
from graph.questions.log import end_of_log
from graph.questions.tailing import LoggedEvent, page_of_events
from lineage.redaction import redact_text

if TYPE_CHECKING:
    from graph.api.stores import StorePool

logger = logging.getLogger("lineage.server")

POLL_SECONDS = 0.25
"""How often it is looked for new events while somebody is subscribed."""

KEEP_ALIVE_SECONDS = 15.0
"""How long a subscriber hears nothing at most."""

MOST_SUBSCRIBERS = 1_000

_RETRY_SECONDS = 2.0
_KEPT_EVENTS, _KEPT_BYTES = 1_000, 16 << 20


class Follower:
    """The last events of the log while somebody is subscribed; for one event loop, until it is closed.

    `_kept` has all events behind the number `_since`, up to the number `_read`.
    """

    def __init__(self, stores: StorePool) -> None:
        self._stores = stores
        self._kept: list[LoggedEvent] = []
        self._since = self._read = 0
        self._moved = asyncio.Condition()
        self._starting = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._is_closed = False
        self.subscribers = 0

    async def end(self) -> int:
        """Return the number of the last event or command of the log; StoreError where that is open."""
        return await self._stores.ask(end_of_log, self._read)

    async def events(self, after: int) -> AsyncGenerator[list[LoggedEvent], None]:
        """Yield events behind a number as they come, some at a time; none at all to show that it goes on.

        It ends when the follower is closed. Raises StoreError where the log cannot be read.
        """
        self.subscribers += 1
        try:
            await self._start()
            while not self._is_closed:
                if after < self._since:
                    events, more = await self._stores.ask(page_of_events, after)
                    after = more or (events[-1].number if events else self._since)
                else:
                    events = await self._behind(after)
                    after = events[-1].number if events else after
                yield events
        finally:
            self.subscribers -= 1

    def close(self) -> None:
        """End all subscriptions."""
        self._is_closed = True
        if self._task is not None:
            self._task.cancel()

    async def _behind(self, after: int) -> list[LoggedEvent]:
        """Return what is kept behind a number, when there is something, or after some time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(KEEP_ALIVE_SECONDS), self._moved:
                await self._moved.wait_for(lambda: self._is_closed or self._read > after)
        # What it was waiting for may have been let go of meanwhile: then it is read from the log.
        if after < self._since:
            return []
        return self._kept[bisect_right(self._kept, after, key=attrgetter("number")) :]

    async def _start(self) -> None:
        """Have somebody read the log."""
        async with self._starting:
            if self._task is None:
                self._since = self._read = await self.end()
                self._kept = []
                self._task = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        """Read what is new while there are subscribers."""
        try:
            while self.subscribers:
                try:
                    events, more = await self._stores.ask(page_of_events, self._read)
                except StoreError as error:
                    logger.warning(
                        "the log cannot be followed, to be tried again: %s", redact_text(str(error))
                    )
                    await asyncio.sleep(_RETRY_SECONDS)
                    continue
                await self._keep(events, more)
                if more is None:
                    await asyncio.sleep(POLL_SECONDS)
        finally:
            # At once, so that a subscriber who comes now has somebody read again.
            self._task = None
            async with self._moved:
                self._moved.notify_all()

    async def _keep(self, events: list[LoggedEvent], more: int | None) -> None:
        if not events and more is None:
            return
        self._kept += events
        self._read = more or events[-1].number
        first, size = 0, sum(len(each.body) for each in self._kept)
        while len(self._kept) - first > _KEPT_EVENTS or size > _KEPT_BYTES:
            size -= len(self._kept[first].body)
            self._since = self._kept[first].number
            first += 1
        del self._kept[:first]
        async with self._moved:
            self._moved.notify_all()
