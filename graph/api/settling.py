"""To answer by all that came in before: questions and actions wait, for a bounded time, until it is read."""

from __future__ import annotations

from graph.api.stores import StorePool
from graph.store.base import LineageStore

_SECONDS = 2.0


async def settle(stores: StorePool) -> None:
    """Wait until the SQL and the words of the events that the store has are read, or time is up."""
    if await stores.ask(waits):
        await stores.upkeep.settle(_SECONDS)


def waits(store: LineageStore) -> bool:
    """Tell whether there are events whose SQL, or whose words, are not read yet."""
    return bool(store.underived(1)) or store.unindexed() > 0
