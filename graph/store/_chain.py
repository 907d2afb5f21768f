"""What transactions add to the chain over the log (chain.py). Needs the transaction that writes."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, NamedTuple

from graph.store.chain import (
    UNKNOWN_ITEM,
    Link,
    LinkKind,
    Place,
    ValueOf,
    first_value,
    removal_items,
    signed_item,
)
from graph.store.database import Database

_LOG_ID_BYTES = 16


class Head(NamedTuple):
    """Where a log and its chain end, as it says of itself."""

    seq: int
    log_id: bytes | None
    covered_from: int
    removals_before: int
    link: int
    value: bytes


HEAD = "seq, log_id, covered_from, removals_before, link, chain"
"""The columns of `log_end` that a `Head` is read from."""


def head_of(row: Sequence[Any]) -> Head:
    """Return where the log ends, of the columns `HEAD`; before its first link it has no id."""
    seq, log_id, covered_from, before, link, value = row
    told = None if log_id is None else bytes(log_id)
    return Head(seq, told, covered_from, before, link, b"" if value is None else bytes(value))


def read_head(db: Database) -> Head:
    """Return where the log ends."""
    return head_of(db.execute(f"SELECT {HEAD} FROM log_end").fetchone())


def begun(head: Head) -> Head:
    """Return where a log ends, with an id where it had none."""
    if head.log_id is not None:
        return head
    log_id = os.urandom(_LOG_ID_BYTES)
    return head._replace(log_id=log_id, value=first_value(log_id, head.covered_from, head.removals_before))


def put_link(db: Database, head: Head, link: Link, items: Iterable[bytes]) -> Head:
    """Write a link that goes on from where the log ends, and return where it ends then, for `log_end`."""
    value = ValueOf(head.value, link)
    value.add(items)
    made = value.value()
    db.execute("INSERT INTO link VALUES (?, ?, ?, ?, ?, ?)", (*link, made))
    return head._replace(link=link.number, value=made)


def append(
    db: Database,
    kind: LinkKind,
    now: int,
    items: Iterable[bytes],
    *,
    first: int | None = None,
    records: int = 0,
) -> int:
    """Add a link with the items of so many records, and return its number; None: it has no record."""
    head = begun(read_head(db))
    link = Link(head.link + 1, int(kind), head.seq + 1 if first is None else first, records, now)
    head = put_link(db, head, link, items)
    db.execute("UPDATE log_end SET log_id = ?, link = ?, chain = ?", (head.log_id, head.link, head.value))
    return link.number


def bury(db: Database, now: int, events: int, items: Sequence[tuple[int, bytes]]) -> None:
    """Leave the items of records in their place: a step of the latest removal, which takes so many events.

    What the chain does not cover leaves nothing.
    """
    (covered_from,) = db.execute("SELECT covered_from FROM log_end").fetchone()
    left = sorted(item for item in items if item[0] >= covered_from)
    *record, body = db.execute(
        "SELECT number, removed_at, seq, horizon, body FROM removal ORDER BY number DESC LIMIT 1"
    ).fetchone()
    link = append(db, LinkKind.REMOVAL, now, removal_items(tuple(record), body, events, left))
    db.execute("INSERT INTO removal_step VALUES (?, ?, ?)", (link, record[0], events))
    db.executemany("INSERT INTO tombstone VALUES (?, ?, ?)", [(seq, link, item) for seq, item in left])


def items_of(
    numbers: Collection[int],
    read: Callable[[Collection[int]], Sequence[tuple[int, bytes]]],
    errors: tuple[type[Exception], ...],
) -> list[tuple[int, bytes]]:
    """Return numbers with their items, as `read` gives them: one by one where not all can be read."""
    try:
        return list(read(numbers))
    except errors:
        if len(numbers) == 1:
            return [(number, UNKNOWN_ITEM) for number in numbers]
        return [item for number in numbers for item in items_of([number], read, errors)]


def keep_signed(db: Database, now: int, make: Callable[[str, Place, int], str]) -> str:
    """See `LineageStore.keep_signed`."""
    head = begun(read_head(db))
    db.execute("UPDATE log_end SET log_id = ?, chain = ?", (head.log_id, head.value))
    body = make((head.log_id or b"").hex(), Place(head.link, head.seq + 1, head.value), head.seq)
    link = append(db, LinkKind.SIGNED, now, [signed_item(body)])
    db.execute("INSERT INTO signed VALUES (?, ?)", (link, body))
    return body


def signed_statements(db: Database, after: int, limit: int) -> list[tuple[int, str]]:
    """See `LineageStore.signed`."""
    rows = db.execute("SELECT link, body FROM signed WHERE link > ? ORDER BY link LIMIT ?", (after, limit))
    return [(link, body) for link, body in rows]
