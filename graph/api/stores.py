"""The store behind a server. A handler never touches a store itself: `ask` reads, `change` writes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Concatenate, ParamSpec, TypeVar

from fastapi import Depends, Request

from graph.api.metrics import Metrics
from graph.api.settings import ServerSettings
from graph.api.threads import StoreThreads
from graph.api.upkeep import Upkeep
from graph.api.writing import Writer
from graph.store.base import LineageStore

P = ParamSpec("P")
T = TypeVar("T")


class StorePool:
    """Threads that read, one that writes; for one event loop, between `open` and `close`."""

    def __init__(self, settings: ServerSettings, metrics: Metrics) -> None:
        self._settings = settings
        self._readers = StoreThreads("reader", settings.store, settings.readers, read_only=True)
        self._writing = StoreThreads("writer", settings.store, 1, read_only=False)
        self.writer = Writer(self._writing, metrics)

    async def open(self) -> None:
        """Open the store for writing, making or upgrading it where that is due; StoreError when it cannot."""
        await self._writing.run(lambda store: None)
        self.upkeep = Upkeep(self._settings)

    async def ask(
        self, question: Callable[Concatenate[LineageStore, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Return what the function answers, called in a thread with a store to read and the arguments.

        All that it reads is of one moment.
        """

        def answer(store: LineageStore) -> T:
            with store.snapshot():
                return question(store, *args, **kwargs)

        return await self._readers.run(answer)

    async def change(
        self, action: Callable[Concatenate[LineageStore, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Return what the function returns, called with the store to write, after what is written now."""
        return await self._writing.run(action, *args, **kwargs)

    async def close(self) -> None:
        """Write what was accepted, answer what was asked, and give all connections back."""
        await self.writer.close()
        await self.upkeep.close()
        await self._writing.close()
        await self._readers.close()


def stores_of(request: Request) -> StorePool:
    """Return the stores of the application that a request came to."""
    pool: StorePool = request.app.state.stores
    return pool


Stores = Annotated[StorePool, Depends(stores_of)]
"""What a handler takes to ask the store: `await stores.ask(question, argument)`."""
