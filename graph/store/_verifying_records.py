"""The records of a part of the log, each held against what else is known of it. Only reads."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from graph.store._log import LogReader, event_key
from graph.store._verifying_removals import as_bytes
from graph.store.chain import (
    Finding,
    FindingKind,
    Identify,
    Identity,
    LinkKind,
    command_item,
    event_item,
)
from graph.store.commands import Command, command_of
from graph.store.database import Database
from graph.store.log_format import run_id_of

_UNREADABLE = (
    *(LookupError, ValueError, OverflowError, StopIteration, TypeError, AttributeError, AssertionError),
    *(RecursionError, MemoryError, zlib.error, msgspec.DecodeError, msgspec.ValidationError),
)
"""What comes of reading a record of which any part may be anything."""

_BETWEEN = "seq >= ? AND seq <= ? ORDER BY seq"


@dataclass(slots=True)
class Record:
    """What stands under a number of the log.

    `item` is what the chain has of it, None where that cannot be told. `doubts` are what is wrong with it
    where the chain finds fault as well; `faults` what is wrong in any case.
    """

    number: int
    item: bytes | None = None
    removed: bool = False
    doubts: list[Finding] = field(default_factory=list)
    faults: list[Finding] = field(default_factory=list)


class Records:
    """Reads a part of the log anew: nothing that was read before counts."""

    def __init__(self, db: Database, identify: Identify) -> None:
        self._db = db
        self._log = LogReader(db)
        self._identify = identify

    def between(self, first: int, last: int, kind: LinkKind | None, made_at: int) -> Iterator[Record]:
        """Yield what stands under each of these numbers.

        They are those of events or of commands, as `kind` says, taken in at a time; None: it is not known.
        """
        numbers = (first, last)
        buried = dict(self._db.execute(f"SELECT seq, item FROM tombstone WHERE {_BETWEEN}", numbers))
        by_none = self._by_none(first, last)
        events = self._events(first, last)
        rows = self._db.execute(f"SELECT seq, id, received_at, body FROM command WHERE {_BETWEEN}", numbers)
        commands = {row[0]: row for row in rows}
        there = buried.keys() | events.keys() | commands.keys()
        lost = self._lost([number for number in range(first, last + 1) if number not in there])
        keys = self._keys(events.values(), buried.values())
        for number in range(first, last + 1):
            record = Record(number)
            if number in commands:
                self._command(record, commands[number], made_at if kind is not None else None)
            if number in events:
                self._event(record, events[number], keys)
            if number in buried:
                self._buried(record, buried[number], keys)
            if number in by_none:
                text = "is said to be removed, by no removal that was made"
                record.faults.append(Finding(FindingKind.INSERTED, text, number))
            standing = [each for each in (events, commands, buried) if number in each]
            wrong = {LinkKind.EVENTS: commands, LinkKind.COMMAND: events}.get(kind or LinkKind.SIGNED, {})
            if len(standing) > 1 or number in wrong:
                record.doubts = []
                record.faults = [_inserted(record)]
            elif not standing:
                text = "is not there, and no removal is recorded"
                record.doubts.append(Finding(FindingKind.DELETED, text, number, lost.get(number)))
            yield record

    def _by_none(self, first: int, last: int) -> set[int]:
        """Return the numbers of records that are said to be removed and of which no link is the removal."""
        rows = self._db.execute(
            "SELECT t.seq FROM tombstone AS t LEFT JOIN link AS l ON l.number = t.link AND l.kind = ?"
            " AND l.first_seq > t.seq WHERE t.seq >= ? AND t.seq <= ? AND l.number IS NULL",
            (int(LinkKind.REMOVAL), first, last),
        )
        return {seq for (seq,) in rows}

    def _events(self, first: int, last: int) -> dict[int, tuple[Any, ...]]:
        """Return rows of events, each with what it is, or with why it cannot be read."""
        rows = self._log.rows_between(first, last)
        found: dict[int, tuple[Any, ...]] = {}
        try:
            bodies = self._log.restored(rows)
            for row, (_, body) in zip(rows, bodies, strict=True):
                found[row[0]] = (*row, self._identified(body))
        except _UNREADABLE:
            for row in rows:
                try:
                    ((_, body),) = self._log.restored([row])
                    found[row[0]] = (*row, self._identified(body))
                except _UNREADABLE as error:
                    found[row[0]] = (*row, error)
        return found

    def _identified(self, body: bytes) -> Identity | Exception:
        try:
            return self._identify(body)
        except _UNREADABLE as error:
            return error

    def _keys(self, events: Iterable[tuple[Any, ...]], buried: Iterable[Any]) -> dict[int, int]:
        """Return under which number each of these was taken in, by the key of what it says."""
        keys = {event_key(row[-1].digest) for row in events if isinstance(row[-1], Identity)}
        keys |= {event_key(as_bytes(item)[1:]) for item in buried if as_bytes(item)[:1] == b"e"}
        rows = self._db.execute(
            "SELECT a.key, a.seq FROM each_key(?) AS k CROSS JOIN accepted AS a ON a.key = k.value",
            (list(keys),),
        )
        return dict(rows)

    def _lost(self, numbers: list[int]) -> dict[int, str]:
        """Return the beginning of the ids of events that are not there."""
        if not numbers:
            return {}
        rows = self._db.execute(
            "SELECT seq, key FROM accepted WHERE seq IN (SELECT value FROM each_key(?) AS k)", (numbers,)
        )
        return {seq: f"{key >> 3:015x}..." for seq, key in rows}

    def _event(self, record: Record, row: tuple[Any, ...], keys: Mapping[int, int]) -> None:
        number, time, _, run, _, told = row
        if not isinstance(told, Identity):
            run_id = _readable(run)
            problem = f"cannot be read any more ({type(told).__name__}: {told})"
            record.doubts.append(Finding(FindingKind.ALTERED, problem, number, run_id=run_id))
            return
        record.item = event_item(told.digest)
        at = keys.get(event_key(told.digest))
        if time != told.time or (told.run_id and _readable(run) != told.run_id):
            text = "another time or run stands beside it than it has"
            record.faults.append(_about(FindingKind.ALTERED, text, number, told))
        if at is None:
            text = "says something else than when it was taken in"
            record.doubts.append(_about(FindingKind.ALTERED, text, number, told))
        elif at != number:
            text = f"was taken in under the number {at}"
            record.doubts.append(_about(FindingKind.REORDERED, text, number, told))

    def _buried(self, record: Record, kept: Any, keys: Mapping[int, int]) -> None:
        item = as_bytes(kept)
        is_known = keys.get(event_key(item[1:])) == record.number if item[:1] == b"e" else item[:1] == b"c"
        if not is_known:
            text = "what its removal left of it is not what was recorded"
            record.doubts.append(Finding(FindingKind.ALTERED, text, record.number))
        record.item, record.removed = item, True

    def _command(self, record: Record, row: tuple[Any, ...], made_at: int | None) -> None:
        number, id_, received_at, body = row
        try:
            command = command_of(as_bytes(body))
            record.item = command_item(as_bytes(body))
        except _UNREADABLE as error:
            record.faults.append(Finding(FindingKind.ALTERED, f"is no command ({error})", number, id_))
            return
        if command.id != id_ or made_at not in (None, received_at):
            text = "another id or time stands beside the command than it has"
            record.faults.append(Finding(FindingKind.ALTERED, text, number, id_, _subject(command)))


def _about(kind: FindingKind, text: str, number: int, told: Identity) -> Finding:
    return Finding(kind, text, number, told.digest.hex(), told.owner[1], told.run_id or None)


def _inserted(record: Record) -> Finding:
    """Say that there is more under a number than there can be."""
    text = "stands under a number that another record had"
    known = next(iter((*record.doubts, *record.faults)), Finding(FindingKind.INSERTED, text, record.number))
    return known._replace(kind=FindingKind.INSERTED, text=text)


def _subject(command: Command) -> str | None:
    return None if command.node is None else command.node.name


def _readable(run: Any) -> str | None:
    try:
        return run_id_of(as_bytes(run)) if run is not None else None
    except _UNREADABLE:
        return None
