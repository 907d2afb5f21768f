"""The log held against its chain, link by link. Only reads; everything may be other than it should be.

A value that is not the one that was recorded says that something is wrong in a link; what its records are
known by besides says which. After a fault it goes on from what is recorded, so that one is told once.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import zip_longest
from typing import Any

from graph.store._chain import Head, read_head
from graph.store._verifying_ends import at_the_end, last_number, numbers_between
from graph.store._verifying_records import Records
from graph.store._verifying_removals import (
    as_bytes,
    first_buried,
    received_as_told,
    removal_of,
    statement_of,
)
from graph.store.chain import (
    Finding,
    FindingKind,
    Identify,
    Link,
    LinkKind,
    Place,
    Signed,
    ValueOf,
    Verified,
    first_value,
    signed_item,
)
from graph.store.database import Database

_LINKS = 500
_NUMBERS = 500
"""So many records are read at once."""

_NOT_RECOGNISED = "is itself, but what it is recognised by when it is sent again was altered or removed"


def verify(
    db: Database, identify: Identify, place: Place | None, limit: int, wanted: Collection[int]
) -> Verified:
    """See `LineageReader.verify`; needs a snapshot."""
    head = read_head(db)
    if not _is_sound(head):
        broken = Finding(FindingKind.ALTERED, "the record of where the log ends cannot be read")
        return Verified((broken,), place or Place(0, 1, b""), 0, 0, True, "", 1, 0, 0)
    begin = Place(0, head.covered_from, _first_value(head))
    walk = _Walk(db, identify, head, place or begin, wanted)
    uncovered = walk.before_the_first() if place is None else 0
    ended = walk.go(limit)
    if ended:
        walk.at_the_end()
    return Verified(
        tuple(walk.findings),
        walk.place,
        walk.checked,
        walk.removed,
        ended,
        head.log_id.hex() if head.log_id is not None else "",
        head.covered_from,
        head.seq,
        uncovered,
        tuple(walk.signed),
        tuple(walk.passed),
    )


def _is_sound(head: Head) -> bool:
    numbers = (head.seq, head.covered_from, head.removals_before, head.link)
    return all(type(number) is int and 0 <= number < 2**62 for number in numbers)


def _first_value(head: Head) -> bytes:
    return first_value(head.log_id or b"", head.covered_from, head.removals_before)


class _Walk:
    """Goes along the chain from a place."""

    def __init__(
        self, db: Database, identify: Identify, head: Head, place: Place, wanted: Collection[int]
    ) -> None:
        self.findings: list[Finding] = []
        self.checked = self.removed = 0
        self.signed: list[Signed] = []
        self.passed: list[tuple[int, bytes]] = []
        self.place = place
        self._db = db
        self._head = head
        self._last = max(head.seq, last_number(db))
        self._wanted = wanted
        self._records = Records(db, identify)

    def go(self, limit: int) -> bool:
        """Go on for about so many records; tell whether the chain ends there."""
        while self.checked < limit:
            rows = self._db.execute(
                "SELECT number, kind, first_seq, records, made_at, value FROM link WHERE number > ?"
                " ORDER BY number LIMIT ?",
                (self.place.link, _LINKS),
            ).fetchall()
            for row, behind in zip_longest(rows, rows[1:]):
                if behind is None and len(rows) == _LINKS:
                    break  # it is looked at with what is behind it
                self._link(row, behind)
                if self.checked >= limit:
                    return False
            if len(rows) < _LINKS:
                return True
        return False

    def _link(self, row: Sequence[Any], behind: Sequence[Any] | None) -> None:
        """Look at one link, and at its records."""
        link, kept = Link(*row[:5]), as_bytes(row[5])
        goes_on = self._begin_of(behind)
        is_gap = link.number != self.place.link + 1
        found = []
        if is_gap:
            text = f"link {self.place.link + 1} of the chain is not there"
            found.append(Finding(FindingKind.DELETED, text, self.place.next))
        first = self._begin_of(row) if is_gap else self.place.next
        fits = self._fits(link, first)
        if not (fits or is_gap):
            text = f"what link {link.number} of the chain says of itself is not what was recorded"
            found.append(Finding(FindingKind.ALTERED, text, self.place.next))
        if not fits:
            end = (goes_on or self._last + 1) - 1
            link = Link(link.number, LinkKind.EVENTS, self.place.next, end + 1 - self.place.next, 0)
        values = []
        if fits and not is_gap:
            starts = (self.place.value, self.place.other)
            values = [ValueOf(before, link) for before in starts if before is not None]
        doubts, faults = self._look_at(link, values, is_known=fits)
        made = [each.value() for each in values]
        is_right = kept in made
        if not is_right:
            found += doubts
            is_cut = goes_on is not None and goes_on != link.first + link.records
            if values and (is_cut or not (doubts or faults)):
                found.append(self._blame(link))
        elif doubts:
            found += [each._replace(kind=FindingKind.ALTERED, text=_NOT_RECOGNISED) for each in doubts]
        self.findings += sorted([*found, *faults], key=_number)
        after = link.first + link.records
        other = made[0] if made and not is_right else None
        self.place = Place(link.number, after if is_right else goes_on or after, kept, other)
        if link.number in self._wanted:
            self.passed.append((link.number, kept))

    def _begin_of(self, row: Sequence[Any] | None) -> int | None:
        """Return the number that a link begins with, where that can be."""
        begin = row[2] if row is not None else None
        return begin if type(begin) is int and self.place.next <= begin <= self._last + 1 else None

    def _fits(self, link: Link, first: int | None) -> bool:
        """Tell whether a link begins where it has to, and has no more records than there are."""
        return (
            all(type(part) is int for part in link)
            and link.kind in set(LinkKind)
            and link.first == first
            and 0 <= link.records <= self._last + 1 - first
            and (link.records > 0) is (link.kind in (LinkKind.EVENTS, LinkKind.COMMAND))
            and -(2**63) <= link.made_at < 2**63
        )

    def _look_at(
        self, link: Link, values: list[ValueOf], *, is_known: bool
    ) -> tuple[list[Finding], list[Finding]]:
        """Read what a link adds into its values; return what may be wrong with it, and what is."""
        if link.kind in (LinkKind.EVENTS, LinkKind.COMMAND):
            return self._look_at_records(link, values, is_known=is_known)
        if link.kind == LinkKind.REMOVAL:
            items = removal_of(self._db, link.number)
            missing = Finding(
                FindingKind.DELETED, f"the record of a removal (link {link.number}) is not there"
            )
        else:
            body = statement_of(self._db, link.number)
            items = None if body is None else [signed_item(body)]
            text = f"the signed statement of link {link.number} is not there"
            missing = Finding(FindingKind.CHECKPOINT, text, self.place.next - 1)
            if body is not None:
                self.signed.append(Signed(link.number, body, self.place))
        for value in values:
            value.add(items or ())
        return [missing] if items is None else [], []

    def _look_at_records(
        self, link: Link, values: list[ValueOf], *, is_known: bool
    ) -> tuple[list[Finding], list[Finding]]:
        doubts, faults = [], []
        end, left = link.first + link.records - 1, 0
        for first in range(link.first, end + 1, _NUMBERS):
            kind = LinkKind(link.kind) if is_known else None
            for record in self._records.between(first, min(first + _NUMBERS - 1, end), kind, link.made_at):
                self.checked += 1
                self.removed += record.removed
                left += not record.removed
                doubts += record.doubts
                faults += record.faults
                for value in values:
                    value.add([record.item or b""])
        if is_known and link.kind == LinkKind.EVENTS and not received_as_told(self._db, link, bool(left)):
            text = f"when records {link.first} to {end} were received is not what was recorded"
            faults.append(Finding(FindingKind.ALTERED, text, link.first))
        return doubts, faults

    def _blame(self, link: Link) -> Finding:
        """Say what may be wrong with a link where no record of it can be told to be."""
        if link.kind == LinkKind.SIGNED:
            text = f"the signed statement of link {link.number} is not the one that was recorded"
            return Finding(FindingKind.CHECKPOINT, text, self.place.next - 1)
        if link.kind == LinkKind.REMOVAL:
            text = f"what was removed, or the record of it (link {link.number}), is not what was recorded"
            return Finding(FindingKind.ALTERED, text, first_buried(self._db, link.number))
        which = f"records {link.first} to {link.first + link.records - 1}"
        text = f"{which}: one of them, when they came, or their link {link.number} is not what was recorded"
        return Finding(FindingKind.ALTERED, text, link.first)

    def before_the_first(self) -> int:
        """See whether anything stands before the first number; return how many events are older."""
        for number in numbers_between(self._db, None, 0):
            text = "stands before the first number of the log"
            self.findings.append(Finding(FindingKind.INSERTED, text, number))
        older = "SELECT count(*) FROM event WHERE seq > 0 AND seq < ?"
        return int(self._db.execute(older, (self._head.covered_from,)).fetchone()[0])

    def at_the_end(self) -> None:
        """See whether the log ends where its chain does."""
        self.findings += at_the_end(self._db, self._head, self.place, any_before=bool(self.findings))


def _number(finding: Finding) -> int:
    return finding.number or 0
