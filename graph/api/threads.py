"""Threads that each have a store of their own: a store serves one thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from typing import Concatenate, ParamSpec, TypeVar

from graph.errors import StoreError
from graph.store import open_store
from graph.store.base import LineageStore

P = ParamSpec("P")
T = TypeVar("T")

_CLOSING_SECONDS = 10


class StoreThreads:
    """A number of threads that work on one store, each over a connection that it opens when it needs one."""

    def __init__(self, name: str, location: str, count: int, *, read_only: bool) -> None:
        self._location = location
        self._count = count
        self._read_only = read_only
        self._executor = ThreadPoolExecutor(count, thread_name_prefix=f"lineage-{name}")
        self._own = threading.local()

    def run(
        self, work: Callable[Concatenate[LineageStore, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> asyncio.Future[T]:
        """Return what will be the function's answer, called with a store and the arguments in a thread.

        It runs in the context of the caller, so what a request commands is in the name of its token.
        """

        def call() -> T:
            try:
                return work(self._store(), *args, **kwargs)
            except StoreError:
                # The connection may be what is broken: the next call gets a new one.
                self._give_back()
                raise

        return asyncio.get_running_loop().run_in_executor(self._executor, copy_context().run, call)

    async def close(self) -> None:
        """Finish what was given to the threads, give all connections back and end the threads."""
        loop = asyncio.get_running_loop()
        together = threading.Barrier(self._count)

        def last() -> None:
            # No thread takes two of these: each waits for the others to have one.
            with suppress(threading.BrokenBarrierError):
                together.wait(_CLOSING_SECONDS)
            self._give_back()

        await asyncio.gather(*(loop.run_in_executor(self._executor, last) for _ in range(self._count)))
        self._executor.shutdown()

    def _store(self) -> LineageStore:
        store: LineageStore | None = getattr(self._own, "store", None)
        if store is None:
            store = self._own.store = open_store(self._location, read_only=self._read_only)
        return store

    def _give_back(self) -> None:
        store: LineageStore | None = getattr(self._own, "store", None)
        self._own.store = None
        if store is not None:
            store.close()
