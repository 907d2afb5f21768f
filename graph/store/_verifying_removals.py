"""What stands beside the records of the log and is in its chain as well. Only reads."""

from __future__ import annotations

from typing import Any

from graph.store.chain import Link, removal_items
from graph.store.database import Database


def as_bytes(kept: Any) -> bytes:
    """Return what is kept as bytes; where it is something else, none."""
    return bytes(kept) if isinstance(kept, bytes | memoryview) else b""


def removal_of(db: Database, link: int) -> list[bytes] | None:
    """Return what stands for a step of a removal, None where there is no record of it."""
    row = db.execute(
        "SELECT r.number, r.removed_at, r.seq, r.horizon, r.body, s.events FROM removal_step AS s"
        " JOIN removal AS r ON r.number = s.removal WHERE s.link = ?",
        (link,),
    ).fetchone()
    if row is None:
        return None
    *record, body, events = row
    buried = db.execute("SELECT seq, item FROM tombstone WHERE link = ? ORDER BY seq", (link,)).fetchall()
    return list(
        removal_items(tuple(record), str(body), events, [(seq, as_bytes(item)) for seq, item in buried])
    )


def first_buried(db: Database, link: int) -> int | None:
    """Return the first number that a step of a removal is said to have taken out."""
    (number,) = db.execute("SELECT min(seq) FROM tombstone WHERE link = ?", (link,)).fetchone()
    return None if number is None else int(number)


def statement_of(db: Database, link: int) -> str | None:
    """Return the signed statement that is a link."""
    row = db.execute("SELECT body FROM signed WHERE link = ?", (link,)).fetchone()
    return None if row is None else str(row[0])


def received_as_told(db: Database, link: Link, has_events: bool) -> bool:
    """Tell whether the time of receipt that stands beside the log is that of the link."""
    rows = db.execute(
        "SELECT seq, received_at FROM receipt WHERE seq >= ? AND seq < ?",
        (link.first, link.first + link.records),
    ).fetchall()
    told = [(seq, at) for seq, at in rows]
    return told == [(link.first, link.made_at)] or (not told and not has_events)
