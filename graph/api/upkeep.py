"""What a server does besides answering: it empties its store's outbox, reads SQL, keeps search current.

Where a key is named it signs checkpoints as well.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from pathlib import Path

from graph.api.checkpointing import Checkpointing
from graph.api.settings import ServerSettings
from graph.api.threads import StoreThreads
from graph.ingest import derive, drain, index, take_in_early
from graph.store.base import LineageStore
from lineage.redaction import redact_text

logger = logging.getLogger("lineage.server")

_STEP_SECONDS = 1.0
_PAUSE_SECONDS = 1.0


class Upkeep:
    """Goes on in a thread of its own until it is closed; a step that fails is tried again."""

    def __init__(self, settings: ServerSettings) -> None:
        self._thread = StoreThreads("upkeep", settings.store, 1, read_only=False)
        key, seconds = settings.signing_key, settings.checkpoint_seconds
        self._checkpointing = None if key is None else Checkpointing(Path(key), seconds)
        self._wake = asyncio.Event()
        self._stepped = asyncio.Condition()
        self._steps = 0
        self._task = asyncio.create_task(self._go_on())

    async def settle(self, seconds: float) -> None:
        """Wait until what came in before now was looked at, for at most so long."""
        wanted = self._steps + 2  # the step that runs may have begun before
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._stepped:
                while self._steps < wanted:
                    self._wake.set()
                    await self._stepped.wait()

    async def close(self) -> None:
        """End with the step that runs."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        await self._thread.close()

    async def _go_on(self) -> None:
        while True:
            self._wake.clear()
            step = self._thread.run(_step, self._checkpointing)
            await asyncio.wait([step])
            error = step.exception()
            if error is not None:
                logger.warning("upkeep of the store failed, to be tried again: %s", redact_text(str(error)))
            async with self._stepped:
                self._steps += 1
                self._stepped.notify_all()
            if error is not None or step.result():
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), _PAUSE_SECONDS)


def _step(store: LineageStore, checkpointing: Checkpointing | None) -> bool:
    """Do what there is to do, for some seconds at most; True when nothing is left."""
    if store.read_only:
        return True
    if store.early_bodies(1):
        take_in_early(store)
    drained = drain(store, seconds=_STEP_SECONDS)
    derived = derive(store, seconds=_STEP_SECONDS)
    indexed = not store.unindexed() or index(store, seconds=_STEP_SECONDS)
    # An outbox that somebody else holds is not complete, and not to be waited for without a pause.
    done = indexed and derived.complete and (drained.complete or not drained.counts.total)
    return (checkpointing is None or checkpointing.step(store)) and done
