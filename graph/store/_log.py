"""The log of events: what a batch adds to it, and events as they were received.

`LogBatch` needs the transaction that writes the batch; its numbers follow the order of commits, since a
store has one writer at a time.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from graph.store._chain import HEAD, begun, head_of, put_link
from graph.store._claims import KeyCollisionError
from graph.store._contents import contents, put_contents
from graph.store._event_spans import note_spans
from graph.store._form_texts import form_texts, put_texts
from graph.store._memory import Memory
from graph.store.chain import Link, LinkKind, event_item
from graph.store.changes import Changes, EventForm, Status
from graph.store.database import Database
from graph.store.form_facets import Slot, each_facet, facets_in
from graph.store.hole_format import Runs
from graph.store.log_format import (
    DamagedError,
    Form,
    is_whole,
    keys_in,
    keys_in_rest,
    packed_rest,
    packed_run_id,
    packed_whole,
    read_form,
    restored,
    run_id_of,
    run_key,
    runs_in_rest,
    sample_of,
)

_T = TypeVar("_T")


class LogBatch:
    """What a batch of events adds to the log."""

    def __init__(self, db: Database, memory: Memory, now: int) -> None:
        self._db = db
        self._memory = memory
        self._now = now
        self._last_run, self.latest, removals, *head = db.execute(
            f"SELECT run, event_time, removals, {HEAD} FROM log_end"
        ).fetchone()
        self._head = head_of(head)
        self.seq = self._head.seq
        memory.trim(removals)
        self.numbers: dict[str, int] = {}
        """The numbers of run ids."""

    def known(self, batch: Sequence[Changes]) -> list[Status]:
        """Return for each event ACCEPTED where it is new, DUPLICATE where log or batch have it already.

        REJECTED is one that shares its key with another event: with 63 bits it may happen to somebody once.
        """
        keys = [event_key(item.event_id) for item in batch]
        rows = self._db.execute(
            "SELECT a.key, e.event_time FROM each_key(?) AS k CROSS JOIN accepted AS a ON a.key = k.value"
            " LEFT JOIN event AS e ON e.seq = a.seq",
            (list(set(keys)),),
        )
        times: dict[int, int | None] = dict(rows)
        found = []
        for key, item in zip(keys, batch, strict=True):
            if key not in times:
                times[key] = item.event_time
                found.append(Status.ACCEPTED)
            else:
                is_same = times[key] in (None, item.event_time)
                found.append(Status.DUPLICATE if is_same else Status.REJECTED)
        return found

    def number_runs(self, run_ids: Iterable[str]) -> None:
        """Give every run id a number, and keep those of new ones."""
        packed = {run_id: packed_run_id(run_id) for run_id in run_ids}
        keys = {run_key(run_id): run_id for run_id in packed}
        known = self._db.execute(
            "SELECT r.key, r.number, r.id FROM each_key(?) AS k CROSS JOIN run_id AS r ON r.key = k.value",
            (list(keys),),
        )
        for key, number, kept in known:
            run_id = keys.pop(key)
            if bytes(kept) != packed[run_id]:
                raise KeyCollisionError(f"runs {run_id} and {run_id_of(bytes(kept))} have the same key {key}")
            self.numbers[run_id] = number
        rows = []
        for key, run_id in keys.items():
            self._last_run += 1
            self.numbers[run_id] = self._last_run
            rows.append((self._last_run, key, packed[run_id]))
        if rows:
            self._db.executemany("INSERT INTO run_id VALUES (?, ?, ?)", rows)

    def forms(self, batch: Sequence[Changes]) -> dict[int, EventForm]:
        """Keep when each form was said; return those that are new."""
        said: dict[int, tuple[Changes, int, int]] = {}
        for item in batch:
            when = item.event_time
            _, first, last = said.get(item.form.key, (item, when, when))
            said[item.form.key] = (item, min(first, when), max(last, when))
        unknown = [key for key in said if key not in self._memory.forms]
        self._recall(unknown)
        new = {key: said[key][0].form for key in unknown if key not in self._memory.forms}
        last_number = self._last_form() if new else 0
        rows = []
        for number, (key, form) in enumerate(new.items(), last_number + 1):
            item, first, last = said.pop(key)
            self._memory.forms[key] = number, sample_of(item.time_text, item.event_time, item.holes)
            rows.append((number, key, form.owner, form.shape_key, int(form.declares), first, last))
        if rows:
            self._db.executemany("INSERT INTO form VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
            put_texts(self._db, new, self._memory.forms, self._memory.bases)
        self._db.executemany(
            "UPDATE form SET first_time = least(first_time, ?), last_time = greatest(last_time, ?)"
            " WHERE number = ? AND (first_time > ? OR last_time < ?)",
            [(first, last, self.form(key), first, last) for key, (_, first, last) in said.items()],
        )
        return new

    def form(self, key: int) -> int:
        """Return the number of a form of this batch."""
        return self._memory.forms[key][0]

    def _recall(self, keys: list[int]) -> None:
        if not keys:
            return
        rows = self._db.execute(
            "SELECT f.key, f.number FROM each_key(?) AS k CROSS JOIN form AS f ON f.key = k.value", (keys,)
        ).fetchall()
        texts = form_texts(self._db, [number for _, number in rows])
        self._memory.forms.update((key, (number, texts[number][1])) for key, number in rows)

    def _last_form(self) -> int:
        return int(self._db.execute("SELECT coalesce(max(number), 0) FROM form").fetchone()[0])

    def contents(self, batch: Sequence[Changes]) -> None:
        """Keep the contents that are new."""
        wanted = {
            key: raw
            for item in batch
            for key, raw in item.contents.items()
            if key not in self._memory.contents
        }
        if not wanted:
            return
        for key, raw in contents(self._db, wanted).items():
            if wanted.pop(key) != raw:
                raise KeyCollisionError(f"two facets have the same key {key}")
            self._memory.contents.add(key)
        if wanted:
            put_contents(self._db, batch, wanted)
            self._memory.contents.update(wanted)

    def events(self, batch: Sequence[Changes]) -> None:
        """Append the events."""
        first = self.seq + 1
        rows, accepted, told = [], [], []
        for item in batch:
            self.seq += 1
            run = self.numbers[item.run.run_id] if item.run is not None else None
            rows.append((self.seq, item.event_time, self.form(item.form.key), run, self._rest(item)))
            accepted.append((event_key(item.event_id), self.seq))
            if item.digest != item.event_id:
                told.append((event_key(item.digest), self.seq))
        self._db.executemany("INSERT INTO event VALUES (?, ?, ?, ?, ?)", rows)
        self._db.executemany("INSERT INTO accepted VALUES (?, ?)", accepted)
        self._db.executemany("INSERT INTO accepted VALUES (?, ?) ON CONFLICT DO NOTHING", told)
        self._db.execute("INSERT INTO receipt VALUES (?, ?)", (first, self._now))
        head = begun(self._head)
        link = Link(head.link + 1, int(LinkKind.EVENTS), first, len(batch), self._now)
        self._head = put_link(self._db, head, link, [event_item(item.digest) for item in batch])
        self._end(batch, range(first, self.seq + 1))

    def _end(self, batch: Sequence[Changes], numbers: Sequence[int]) -> None:
        """Keep where the log ends now, and between which times the events with these numbers lie."""
        note_spans(self._db, numbers, batch)
        times = [item.event_time for item in batch]
        latest = max(times) if self.latest is None else max(*times, self.latest)
        head = self._head
        self._db.execute(
            "UPDATE log_end SET seq = ?, run = ?, event_time = ?, log_id = ?, link = ?, chain = ?",
            (self.seq, self._last_run, latest, head.log_id, head.link, head.value or None),
        )

    def _rest(self, item: Changes) -> bytes:
        if item.time_text is None:
            return packed_whole(item.body)
        parents = {}
        if item.run is not None and item.run.parent_run_id is not None:
            parents[self.numbers[item.run.parent_run_id]] = item.run.parent_run_id
        runs = Runs(item.run.run_id if item.run is not None else "", parents)
        sample = self._memory.forms[item.form.key][1]
        return packed_rest(item.time_text, item.event_time, item.holes, sample, runs)


def event_key(event_id: bytes) -> int:
    """Return what `accepted` knows an event by."""
    return int.from_bytes(event_id[:8], "big") >> 1


_LOGGED = """
    e.seq, e.event_time, e.form, r.id, e.rest FROM event AS e LEFT JOIN run_id AS r ON r.number = e.run
"""


LogRow = tuple[int, int, int, bytes | None, bytes]
"""Number, time, form, run id and rest of an event."""

_UNREADABLE = (LookupError, ValueError, OverflowError, StopIteration, zlib.error, msgspec.DecodeError)


class GoneError(LookupError):
    """What was to be read was taken out of the log."""


class LogReader:
    """Reads events back, remembering forms and contents."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._form = lru_cache(maxsize=5_000)(self._load_form)
        self.facets_in = lru_cache(maxsize=5_000)(self._facets_in)
        self._contents: dict[int, bytes] = {}
        self._removals = 0

    def forget(self) -> None:
        """Read everything again: something was taken out of the log."""
        self._form.cache_clear()
        self.facets_in.cache_clear()
        self._contents.clear()

    def bodies(self, after: int, limit: int) -> list[tuple[int, bytes]]:
        """Return (number, event as JSON) in the order of arrival, starting behind a number."""
        return self._events("WHERE e.seq > ? ORDER BY e.seq LIMIT ?", (after, limit))

    def _events(self, where: str, values: Sequence[Any]) -> list[tuple[int, bytes]]:
        sql = f"SELECT {_LOGGED} {where}"
        try:
            return self.undisturbed(lambda: self.restored(self._db.execute(sql, values).fetchall()))
        except _UNREADABLE as error:
            raise DamagedError(str(error) or "an event ends too early") from error

    def undisturbed(self, read: Callable[[], _T]) -> _T:
        """Read rows that belong together: once more where something was taken out of the log meanwhile."""
        while True:
            removals = self._removals_now()
            try:
                found = read()
            except _UNREADABLE:
                if removals == self._removals_now():
                    raise
            else:
                if removals == self._removals_now():
                    return found

    def _removals_now(self) -> int:
        """Return how often something was taken out of the log, and forget what that may have been."""
        removals = int(self._db.execute("SELECT removals FROM log_end").fetchone()[0])
        if removals != self._removals:
            self.forget()
            self._removals = removals
        return removals

    def bodies_of(self, runs: Collection[int], until: int) -> list[tuple[int, bytes]]:
        """Return (number, event as JSON) of the events of these runs that are no later than a time."""
        where = "WHERE e.run IN (SELECT value FROM each_key(?) AS k) AND e.event_time <= ?"
        return self._events(where, (list(runs), until))

    def bodies_at(self, numbers: Collection[int]) -> list[tuple[int, bytes]]:
        """Return (number, event as JSON) of the events with these numbers."""
        return self._events("WHERE e.seq IN (SELECT value FROM each_key(?) AS k)", (list(numbers),))

    def example(self, key: int) -> bytes:
        """Return an event of a form as JSON; its time, its run and what fills its holes are only examples.

        Raises GoneError where the log has no such form, or has it no more.
        """
        return self.undisturbed(lambda: self._example(key))

    def _example(self, key: int) -> bytes:
        form, sample = self._form(key)
        contents = self.contents({*keys_in(form), *keys_in_rest(sample, sample)})
        return restored(form, sample, contents, 0, Runs(str(UUID(int=0)), {}), sample)

    def rows_between(self, first: int, last: int) -> list[LogRow]:
        """Return the events with these numbers as they are kept."""
        where = "WHERE e.seq >= ? AND e.seq <= ? ORDER BY e.seq"
        return self._db.execute(f"SELECT {_LOGGED} {where}", (first, last)).fetchall()

    def restored(self, rows: Sequence[LogRow]) -> list[tuple[int, bytes]]:
        """Return (number, event as JSON) of events as they are kept; damaged ones raise anything."""
        wanted: set[int] = set()
        numbers: set[int] = set()
        for _, _, key, _, rest in rows:
            if not is_whole(rest):
                form, sample = self._form(key)
                wanted.update(keys_in(form))
                wanted.update(keys_in_rest(bytes(rest), sample))
                numbers |= runs_in_rest(bytes(rest), sample)
        contents = self.contents(wanted)
        parents = self._run_ids(numbers)
        found = []
        for seq, time, key, run, rest in rows:
            form, sample = self._form(key)
            runs = Runs(run_id_of(bytes(run)) if run is not None else "", parents)
            found.append((seq, restored(form, sample, contents, time, runs, bytes(rest))))
        return found

    def _run_ids(self, numbers: Collection[int]) -> dict[int, str]:
        rows = self._db.execute(
            "SELECT r.number, r.id FROM each_key(?) AS k CROSS JOIN run_id AS r ON r.number = k.value",
            (list(numbers),),
        )
        return {number: run_id_of(bytes(kept)) for number, kept in rows}

    def said_in(self, key: int) -> bytes:
        """Return the texts of the contents that a form refers to, one behind the other; none for 0."""
        if key == 0:
            return b""
        keys = list(keys_in(self._form(key)[0]))
        texts = self.contents(keys)
        return b"".join(texts[each] for each in keys)

    def event_type(self, key: int) -> str:
        """Return the eventType of a form's events, upper case: OTHER where they have none."""
        return (self._form(key)[0].head[0] or "OTHER").upper()

    def form(self, key: int) -> Form:
        """Return a form; GoneError where the log has no such form, or has it no more."""
        return self._form(key)[0]

    def sample(self, key: int) -> bytes:
        """Return the rest of an event that those of a form are compared with."""
        return self._form(key)[1]

    def contents_in(self, key: int, slot: Slot) -> set[int]:
        """Return the keys of all contents that a form gives a facet: of a dataset named twice, of each."""
        return {content for said, content in each_facet(self._form(key)[0]) if said == slot}

    def contents(self, keys: Collection[int]) -> Mapping[int, bytes]:
        """Return the texts of contents."""
        if len(self._contents) > 20_000:
            self._contents.clear()
        missing = [key for key in keys if key not in self._contents]
        if missing:
            self._contents.update(contents(self._db, missing))
            if not self._contents.keys() >= set(missing):
                raise GoneError("the log lacks the content of a facet")
        return self._contents

    def _load_form(self, key: int) -> tuple[Form, bytes]:
        found = form_texts(self._db, [key]).get(key)
        if found is None:
            raise GoneError(f"the log has no form {key}")
        text, sample = found
        return read_form(text), sample

    def _facets_in(self, key: int) -> dict[Slot, int]:
        return facets_in(self._form(key)[0])
