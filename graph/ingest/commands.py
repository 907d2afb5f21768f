"""Commands that are given here and now."""

from __future__ import annotations

import getpass
import time
import uuid
from datetime import UTC, datetime, timedelta

from graph.nodes import Node
from graph.store.base import LineageReader, LineageStore
from graph.store.commands import Command, CommandKind

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def give(store: LineageStore, kind: CommandKind, node: Node, name: str = "", value: str = "") -> Command:
    """Give a command about a dataset, field or job, in the name of the user of this process.

    What is deleted comes back when an event that is later than the deletion names it; a deletion is therefore
    no earlier than what the store has heard of it. Raises StoreError when the store cannot be written.
    """
    command = commanded(store, kind, node, name, value)
    store.apply([command])
    return command


def commanded(
    store: LineageReader,
    kind: CommandKind,
    node: Node | None,
    name: str = "",
    value: str = "",
    who: str | None = None,
) -> Command:
    """Return a command as `give` gives it; `who` is the user of this process where it is not told."""
    now = time.time_ns()
    if kind is CommandKind.DELETE and node is not None:
        heard = store.last_heard([node.key]).get(node.key)
        if heard is not None:
            now = max(now, ((heard - _EPOCH) // timedelta(microseconds=1) + 1) * 1000)
    return Command(str(uuid.uuid4()), now, kind, node, name, value, user() if who is None else who)


def user() -> str:
    """Return who runs this process, "" where that is not known."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return ""
