"""Where a log ends, and what belongs to no link of its chain. Only reads."""

from __future__ import annotations

from collections.abc import Iterator

from graph.store._chain import Head
from graph.store.chain import Finding, FindingKind, LinkKind, Place
from graph.store.database import Database

_TOLD = 100
"""So many records of one kind are told one by one."""


def last_number(db: Database) -> int:
    """Return the greatest number of any record that is there, or was."""
    numbers = [db.execute(f"SELECT max(seq) FROM {table}").fetchone()[0] for table in _RECORDS]
    return max([number for number in numbers if type(number) is int], default=0)


_RECORDS = ("event", "command", "tombstone")


def numbers_between(db: Database, after: int | None, until: int | None) -> list[int]:
    """Return the first numbers of records behind one, up to another."""
    found: set[int] = set()
    for table in _RECORDS:
        rows = db.execute(
            f"SELECT seq FROM {table} WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT {_TOLD}",
            (-(2**63) if after is None else after, 2**63 - 1 if until is None else until),
        )
        found.update(seq for (seq,) in rows)
    return sorted(found)[:_TOLD]


def at_the_end(db: Database, head: Head, place: Place, *, any_before: bool) -> list[Finding]:
    """Return what is wrong with the end of the log; `any_before` says that something was found already."""
    found = list(_end(db, head, place, any_before=any_before))
    if not found:
        found += _cut(db, place)
    return [*found, *_removals(db, head), *_loose(db, place)]


_TRUNCATED = FindingKind.TRUNCATED


def _end(db: Database, head: Head, place: Place, *, any_before: bool) -> Iterator[Finding]:
    last = place.next - 1
    if head.link > place.link:
        text = f"the chain ends with link {place.link}, and had {head.link}"
        yield Finding(_TRUNCATED, text, place.next)
        return
    for number in numbers_between(db, last, None):
        yield Finding(FindingKind.INSERTED, "stands behind the end of the chain", number)
    if head.seq > last:
        yield Finding(
            _TRUNCATED, f"numbers up to {head.seq} were given, and the chain ends before", place.next
        )
    elif head.seq < last or head.link < place.link:
        yield Finding(FindingKind.ALTERED, "the record of where the log ends is not what it was", last)
    elif head.log_id is not None and head.value not in (place.value, place.other) and not any_before:
        text = "the value with which the chain ends is not the one of its last link"
        yield Finding(FindingKind.ALTERED, text, last)


def _cut(db: Database, place: Place) -> Iterator[Finding]:
    """See whether something else knows of records behind the end, or of links."""
    (known,) = db.execute("SELECT max(seq) FROM accepted").fetchone()
    links = [db.execute(f"SELECT max(link) FROM {table}").fetchone()[0] for table in _OF_LINKS]
    link = max([link for link in links if type(link) is int], default=0)
    if type(known) is int and known >= place.next:
        yield Finding(_TRUNCATED, f"records up to number {known} were there once", place.next)
    elif link > place.link:
        yield Finding(_TRUNCATED, f"the chain ends with link {place.link}, and had {link} once", place.next)


_OF_LINKS = ("tombstone", "removal_step", "signed")


def _removals(db: Database, head: Head) -> Iterator[Finding]:
    rows = db.execute(
        "SELECT r.number, r.events, (SELECT sum(s.events) FROM removal_step AS s WHERE s.removal = r.number)"
        " FROM removal AS r WHERE r.number > ? ORDER BY r.number",
        (head.removals_before,),
    )
    for number, events, taken in rows:
        if taken is None:
            yield Finding(FindingKind.INSERTED, f"the record of removal {number} is of none that was made")
        elif taken != events:
            yield Finding(
                FindingKind.ALTERED, f"removal {number} took {taken} events, its record says {events}"
            )


def _loose(db: Database, place: Place) -> Iterator[Finding]:
    """Yield what says that it belongs to a link before the end and does not."""
    without = "NOT EXISTS (SELECT 1 FROM link AS l WHERE l.number = x.link AND l.kind = ?)"
    for table, kind, text in (
        ("removal_step", LinkKind.REMOVAL, "a step of a removal is of none that was made"),
        ("signed", LinkKind.SIGNED, "a signed statement is none that was made"),
    ):
        rows = db.execute(
            f"SELECT x.link FROM {table} AS x WHERE x.link <= ? AND {without} LIMIT {_TOLD}",
            (place.link, int(kind)),
        )
        for _ in rows:
            yield Finding(FindingKind.INSERTED, text)
