"""Both kinds of dead letters as one list: what the store rejected, and what backends refused."""

from __future__ import annotations

import hashlib
import heapq
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from graph.cli._outboxes import UnreadableOutbox, destination_of
from graph.cli._store import location_of
from graph.errors import InvalidQueryError
from graph.nodes import Node, job
from graph.store import LineageStore, may_exist, open_store
from graph.store.changes import DeadLetter, Outcome
from lineage.config import current_config
from lineage.destination import is_server
from lineage.errors import OutboxError
from lineage.outbox import Outbox, open_existing, outbox_files

_PAGE = 100
_TOLD = 5
_ID_DIGITS = 32


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter and where it lies: as `seq` in an outbox file or, when `outbox` is None, in the store."""

    id: str
    source: str
    time: datetime
    reasons: tuple[str, ...]
    body: bytes
    outbox: Path | None = None
    seq: int = 0

    @property
    def origin(self) -> str:
        """Who did not take it: `store` or `backend`."""
        return "store" if self.outbox is None else "backend"

    @property
    def job(self) -> Node | None:
        """The job that the event is about, where that can be read."""
        try:
            named = json.loads(self.body)["job"]
            names = named["namespace"], named["name"]
        except (ValueError, TypeError, KeyError, RecursionError):
            return None
        return job(*names) if all(isinstance(name, str) for name in names) else None


@dataclass(slots=True)
class DeadLetters:
    """The dead letters of a store (None: it does not exist) and of the outboxes of this machine."""

    store: LineageStore | None
    outboxes: list[Outbox]
    unreadable: list[UnreadableOutbox] = field(default_factory=list)

    def __iter__(self) -> Iterator[Letter]:
        """Yield all, the latest first."""
        parts = [_rejected(self.store)] if self.store is not None else []
        parts += [self._refused(outbox) for outbox in self.outboxes]
        return heapq.merge(*parts, key=lambda letter: letter.time, reverse=True)

    def without_bodies(self) -> list[Letter]:
        """Return all, the latest first, without the bytes, which may be many."""
        return [replace(letter, body=b"") for letter in self]

    def _refused(self, outbox: Outbox) -> Iterator[Letter]:
        try:
            source = destination_of(outbox.stats().destination).address
            before = None
            while page := outbox.refused(_PAGE, before=before):
                before = page[-1].seq
                for one in page:
                    time = datetime.fromtimestamp(one.seq / 1e9, UTC)
                    id_ = _outbox_id(outbox.path, one.seq)
                    yield Letter(id_, source, time, (one.reason,), one.body, outbox=outbox.path, seq=one.seq)
        except (OutboxError, sqlite3.Error, ValueError) as error:
            self.unreadable.append(UnreadableOutbox(outbox.path, str(error)))

    def find(self, prefixes: Sequence[str]) -> list[Letter]:
        """Return the letters whose ids begin so, each once.

        Raises InvalidQueryError when one of the prefixes fits none, or several.
        """
        fits: dict[str, list[Letter]] = {prefix.lower(): [] for prefix in prefixes}
        for prefix, letters in fits.items():
            if self.store is not None:
                found = self.store.dead_letters_like(prefix, limit=_TOLD + 1)
                letters += [_of_store(self.store, one) for one in found]
        for letter in chain.from_iterable(map(self._refused, self.outboxes)):
            for prefix, letters in fits.items():
                if letter.id.startswith(prefix):
                    letters.append(letter)
        for prefix, letters in fits.items():
            if len(letters) != 1:
                raise InvalidQueryError(_told(prefix, letters))
        return list({letters[0].id: letters[0] for letters in fits.values()}.values())


def _told(prefix: str, letters: list[Letter]) -> str:
    if not letters:
        return f"no dead letter has an id that begins with {prefix!r}: see lineage deadletters list"
    shown = ", ".join(letter.id for letter in letters[:_TOLD]) + (", ..." if len(letters) > _TOLD else "")
    return f"several dead letters have ids that begin with {prefix!r}: {shown}"


def _rejected(store: LineageStore) -> Iterator[Letter]:
    after = None
    while page := store.dead_letters(after=after, limit=_PAGE):
        after = page[-1].id
        yield from (_of_store(store, one) for one in page)


def _of_store(store: LineageStore, one: DeadLetter) -> Letter:
    return Letter(one.id, store.location, one.received_at, one.reasons, one.body)


def _outbox_id(path: Path, seq: int) -> str:
    """Return an id that stays what it is when the event is refused again."""
    return hashlib.blake2b(f"{path.name}:{seq}".encode(), digest_size=_ID_DIGITS // 2).hexdigest()


@contextmanager
def dead_letters(store: str | None, *, read_only: bool = False) -> Iterator[DeadLetters]:
    """Open the dead letters of a store and of all outboxes; StoreError when the store cannot be opened.

    Those of a server's store are seen where that is.
    """
    location = location_of(store)
    there = not is_server(location) and may_exist(location)
    with closing(open_store(location, read_only=read_only)) if there else nullcontext() as opened:
        outboxes = []
        for file in outbox_files(current_config().outbox):
            with suppress(OutboxError):  # emptied and deleted since the folder was read
                outboxes.append(open_existing(file))
        try:
            yield DeadLetters(opened, outboxes)
        finally:
            for outbox in outboxes:
                outbox.close()


def ingest_again(store: LineageStore, letters: Sequence[Letter]) -> Iterator[tuple[Letter, Outcome]]:
    """Ingest letters of a store again and yield what became of each; those rejected again stay."""
    from graph.ingest import retry_dead_letters

    for start in range(0, len(letters), _PAGE):
        page = {letter.id: letter for letter in letters[start : start + _PAGE]}
        # One that somebody else retried or dropped meanwhile is not there any more.
        found = [one for id_ in page for one in store.dead_letters_like(id_, limit=1)]
        for one, outcome in zip(found, retry_dead_letters(store, found), strict=True):
            yield page[one.id], outcome


def put_back(letters: Iterable[Letter]) -> int:
    """Let letters of outboxes wait for delivery again, in the order they had; return how many."""
    moved = 0
    for path, seqs in _by_file(letters).items():
        with _outbox_errors(path):
            moved += open_existing(path).put_back(seqs)
    return moved


def forget(store: LineageStore | None, letters: Sequence[Letter]) -> int:
    """Remove letters for good, wherever they lie; return how many there were."""
    removed = 0
    for path, seqs in _by_file(letters).items():
        with _outbox_errors(path):
            removed += open_existing(path).drop_refused(seqs)
    rejected = [letter.id for letter in letters if letter.outbox is None]
    return removed + (store.remove_dead_letters(rejected) if store is not None and rejected else 0)


@contextmanager
def _outbox_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise OutboxError(path, str(error)) from error


def _by_file(letters: Iterable[Letter]) -> dict[Path, list[int]]:
    seqs: dict[Path, list[int]] = {}
    for letter in letters:
        if letter.outbox is not None:
            seqs.setdefault(letter.outbox, []).append(letter.seq)
    return seqs
