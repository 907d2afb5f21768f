"""The store that a question is asked of, up to date within a bound of time."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from graph import questions
from graph.errors import StoreError
from graph.questions import Asked, moment
from graph.store import default_location, may_exist, open_store
from graph.store.base import LineageStore
from lineage.config import current_config
from lineage.destination import is_server, store_destination, store_location
from lineage.outbox import outbox_files
from lineage.redaction import redact_url

if TYPE_CHECKING:
    from graph.client import Server

P = ParamSpec("P")
T = TypeVar("T")

SECONDS = 2.0
"""How long a question may wait for events and SQL to be taken in."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A store to ask; `incomplete` says that events or SQL were still waiting when the time was up."""

    reader: LineageStore
    incomplete: bool


@contextmanager
def asking(store: str | None, as_of: str | None) -> Iterator[Asked]:
    """Open a store for questions as `opened` does, as of the time that the text tells where it is given.

    All that is read is of one moment, whatever other processes write meanwhile.

    Raises InvalidQueryError when the text is no time, or when the events of that time were removed.
    """
    with opened(store) as now, moment(now.reader, as_of, incomplete=now.incomplete) as asked:
        yield asked


def ask(
    store: str | None,
    as_of: str | None,
    question: Callable[Concatenate[Asked, P], T],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Return the answer to a question of `graph.questions`, from a store or from a server of one.

    It is as of the time that the text tells where it is given. Raises as `opened`, and what is wrong with the
    question.
    """
    location = location_of(store)
    if is_server(location):
        return _asked_of(location, as_of, question, *args, **kwargs)  # type: ignore[no-any-return]
    with opened(store) as now:
        indexed = question is not questions.search or _indexed(now.reader)
        with moment(now.reader, as_of, incomplete=now.incomplete or not indexed) as asked:
            return question(asked, *args, **kwargs)


def act(
    store: str | None,
    action: Callable[Concatenate[LineageStore, P], T],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Have an action of `graph.actions` done to a store, or by a server of one; see `ask` for errors."""
    location = location_of(store)
    if is_server(location):
        return _asked_of(location, None, action, *args, **kwargs)  # type: ignore[no-any-return]
    with opened(store) as now:
        return action(now.reader, *args, **kwargs)


def _asked_of(location: str, as_of: str | None, asked: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return what a server answers to a question or an action, called with these arguments."""
    bound = signature(asked).bind(None, *args, **kwargs)
    _, *given = bound.arguments.items()
    return server_at(location).ask(asked.__name__, as_of, dict(given))


def server_at(location: str) -> Server:
    """Return the server at a URL, with the token and the CA of the settings."""
    from graph.client import Server

    config = current_config()
    return Server(location, token=config.token, ca=config.ca)


def _indexed(store: LineageStore) -> bool:
    """Have search know what is in the store; False where that was not possible in time."""
    if not store.unindexed():
        return True
    from graph.ingest import index

    try:
        return index(store, seconds=SECONDS)
    except StoreError:
        return False


def location_of(store: str | None) -> str:
    """Return where the store is that `--store` names, or the configured one."""
    return default_location() if store is None else store_location(store)


def own_location(store: str | None) -> str:
    """Return where the store is, for what a server does not do; StoreError where it is a server."""
    location = location_of(store)
    if is_server(location):
        raise StoreError(
            redact_url(location),
            "is a server, which does not do this: run the command where the server's own store is,"
            " with --store FILE or --store postgresql://...",
        )
    return location


@contextmanager
def opened(store: str | None, *, read_sql: bool = True) -> Iterator[Opened]:
    """Open a store for questions, after draining its outbox and reading its SQL for at most two seconds.

    Without `read_sql` the SQL is left for others to read. What cannot be taken in (the store is read-only,
    another process is writing, the disk is full, time is up) waits on, and answers are incomplete. Raises
    StoreError when the store cannot be opened, or when there is none and nothing waits for it.
    """
    location = own_location(store)
    waiting = outbox_files(current_config().outbox, store_destination(location))
    if not waiting and not may_exist(location):
        raise StoreError(location, "there is no such file: ingest something first, or give another --store")
    deadline = clock.monotonic() + SECONDS
    with closing(open_store(location, patience=SECONDS)) as reader:
        if reader.early_bodies(1) and not reader.read_only:
            _take_in_early(reader)
        drained = _drain(reader, waiting, deadline)
        derived = not read_sql or _derive(reader, deadline)
        yield Opened(reader, incomplete=not (drained and derived))


def _take_in_early(store: LineageStore) -> None:
    from graph.ingest import take_in_early

    take_in_early(store)


def _drain(store: LineageStore, waiting: list[Path], deadline: float) -> bool:
    """Take in the events of outbox files; False when some wait on."""
    if not waiting:
        return True
    from graph.ingest import drain

    try:
        return drain(store, waiting, seconds=_left(deadline)).complete
    except StoreError:
        return False


def _derive(store: LineageStore, deadline: float) -> bool:
    """Read the SQL that waits in the store; False when some waits on."""
    try:
        if not store.underived(1):
            return True
        from graph.ingest import derive

        return derive(store, seconds=_left(deadline)).complete
    except StoreError:
        return False


def _left(deadline: float) -> float:
    return max(0.0, deadline - clock.monotonic())
