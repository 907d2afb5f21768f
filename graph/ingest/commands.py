"""Commands that are given here and now."""

from __future__ import annotations

import getpass
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta

from graph.nodes import Node
from graph.store.base import LineageReader, LineageStore
from graph.store.commands import Command, CommandKind

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_author: ContextVar[str | None] = ContextVar("author", default=None)


@contextmanager
def given_by(who: str) -> Iterator[None]:
    """Have what is commanded in the block be in this name; "" where nobody knows whose it is."""
    before = _author.set(who)
    try:
        yield
    finally:
        _author.reset(before)


def author() -> str:
    """Return in whose name commands are given: the user of this process unless `given_by` says another."""
    who = _author.get()
    return user() if who is None else who


def user() -> str:
    """Return who runs this process, "" where that is not known."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return ""


def give(store: LineageStore, kind: CommandKind, node: Node, name: str = "", value: str = "") -> Command:
    """Give a command about a dataset, field or job, in the name of `author`.

    What is deleted comes back when an event that is later than the deletion names it; a deletion is therefore
    no earlier than what the store has heard of it. Raises StoreError when the store cannot be written.
    """
    command = commanded(store, kind, node, name, value)
    store.apply([command])
    return command


def commanded(
    store: LineageReader, kind: CommandKind, node: Node | None, name: str = "", value: str = ""
) -> Command:
    """Return a command as `give` gives it."""
    now = time.time_ns()
    if kind is CommandKind.DELETE and node is not None:
        heard = store.last_heard([node.key]).get(node.key)
        if heard is not None:
            now = max(now, ((heard - _EPOCH) // timedelta(microseconds=1) + 1) * 1000)
    return Command(str(uuid.uuid4()), now, kind, node, name, value, author())
