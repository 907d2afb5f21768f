"""Random alterations of a log, made in the file of a store as somebody would who has a database client.

Each says which record it is about: that record must be the first one that verification names.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from graph import open_store
from graph.errors import StoreError
from graph.ingest.verify import verify_page
from graph.store import LineageStore
from graph.store.chain import Finding


def findings_of(store: LineageStore, limit: int = 5000) -> list[Finding]:
    """Return all that verification finds in a log, page by page."""
    page = verify_page(store, limit=limit)
    findings = list(page.findings)
    while not page.end:
        page = verify_page(store, page.place, limit=limit)
        findings += page.findings
    return findings


Said = dict[int, Any]
"""By number what a log says: an event with its time, or that it cannot be read."""


class Alteration(NamedTuple):
    """What was done. `number` is the record that it is about; None: what the log says tells, or no record."""

    name: str
    number: int | None = None


def said_by(path: Path) -> Said:
    """Return what each event of a log says, with its time and run, read one by one."""
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute(
            "SELECT e.seq, e.event_time, r.id FROM event AS e LEFT JOIN run_id AS r ON r.number = e.run"
            " ORDER BY e.seq"
        ).fetchall()
    with closing(open_store(path, read_only=True)) as store:
        try:
            bodies = dict(store.bodies(limit=len(rows)))
        except (StoreError, ValueError, TypeError, AttributeError):
            bodies = dict(_readable(store, [row[0] for row in rows]))
    return {number: (*beside, bodies.get(number)) for number, *beside in rows}


def _readable(store: LineageStore, numbers: list[int]) -> Iterator[tuple[int, bytes]]:
    for number in numbers:
        with suppress(StoreError, ValueError, TypeError, AttributeError):
            yield from store.bodies(after=number - 1, limit=1)


def alter(db: sqlite3.Connection, random: Random) -> Alteration | None:
    """Do something to a log; None where it could not be done."""
    kind = random.choice([flip, flip, flip, delete, insert, reorder, truncate, replace_signed])
    return kind(db, random)


EVENTS = ("event.rest", "event.event_time", "event.form", "event.run", "run_id.id", "content.place")
PARTS = ("content_pack.body", "form_text.body", "content.pack", "form_text.number")
COMMANDS = ("command.body", "command.id", "command.received_at")
LINKS = ("link.kind", "link.first_seq", "link.records", "link.made_at", "link.value", "link.number")
BESIDE = ("receipt.received_at", "receipt.seq", "tombstone.item", "tombstone.link", "accepted.seq")
REMOVALS = ("removal.removed_at", "removal.events", "removal.body", "removal.seq", "removal_step.events")
ENDS = ("log_end.seq", "log_end.covered_from", "log_end.link", "log_end.chain", "log_end.log_id")
COLUMNS = (*EVENTS, *PARTS, *COMMANDS, *LINKS, *BESIDE, *REMOVALS, *ENDS, "signed.body")


def flip(db: sqlite3.Connection, random: Random) -> Alteration | None:
    """Change one value of one row."""
    place = random.choice(COLUMNS)
    table, column = place.split(".")
    row, value = random.choice(
        db.execute(f"SELECT rowid, {column} FROM {table} WHERE {column} IS NOT NULL").fetchall()
    )
    number = _number(db, table, row)
    other = _other(value, random)
    removal = "SELECT 1 FROM link WHERE kind = 3 AND number = ?"
    if place == "tombstone.link" and db.execute(removal, (other,)).fetchone():
        number = None  # which of the two removals is not as it was can be told
    if (
        place == "tombstone.item" and value[:9] == other[:9]
    ):  # of so much else is known: only its batch is named
        batch = "SELECT max(first_seq) FROM link WHERE records > 0 AND first_seq <= ?"
        (number,) = db.execute(batch, (row,)).fetchone()
    if place == "receipt.seq":
        number = None  # it is found where it stands as well as where it does not
    db.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (other, row))
    return Alteration(f"flip {place}", number)


def _number(db: sqlite3.Connection, table: str, row: int) -> int | None:
    """Return the number of the record that a row is about."""
    if table in ("command", "tombstone", "receipt"):
        return row
    if table == "link":
        kind, first = db.execute("SELECT kind, first_seq FROM link WHERE number = ?", (row,)).fetchone()
        return first if kind in (1, 2) else None
    if table == "accepted":
        return int(db.execute("SELECT seq FROM accepted WHERE rowid = ?", (row,)).fetchone()[0])
    return None


def _other(value: Any, random: Random) -> Any:
    if isinstance(value, int):
        return value + random.choice([-1, 1, 7, 10**6])
    if isinstance(value, bytes):
        place = random.randrange(len(value)) if value else 0
        return value[:place] + bytes([value[place] ^ (1 << random.randrange(8))]) + value[place + 1 :]
    place = random.choice([at for at, letter in enumerate(value) if letter.isalnum()])
    return value[:place] + ("x" if value[place] != "x" else "y") + value[place + 1 :]


def delete(db: sqlite3.Connection, random: Random) -> Alteration | None:
    """Remove one row, or some events that follow one another."""
    tables = ("event", "command", "link", "tombstone", "receipt", "removal", "removal_step", "signed")
    table = random.choice([*tables, "event", "event", "run_id", "content", "content_pack", "form_text"])
    (row,) = random.choice(db.execute(f"SELECT rowid FROM {table}").fetchall())
    number = _number(db, table, row)
    if table == "receipt" and not _has_events(db, row):
        return None
    until = row + random.choice([0, 0, 3]) if table == "event" else row
    db.execute(f"DELETE FROM {table} WHERE rowid BETWEEN ? AND ?", (row, until))
    return Alteration(f"delete {table}", row if table == "event" else number)


def _has_events(db: sqlite3.Connection, first: int) -> bool:
    (end,) = db.execute(
        "SELECT first_seq + records FROM link WHERE kind = 1 AND first_seq = ?", (first,)
    ).fetchone()
    return bool(db.execute("SELECT 1 FROM event WHERE seq >= ? AND seq < ?", (first, end)).fetchone())


def insert(db: sqlite3.Connection, random: Random) -> Alteration | None:
    """Add a record that nobody sent: at the end, before the beginning, or where one was removed."""
    (last,) = db.execute("SELECT seq FROM log_end").fetchone()
    gone = [seq for (seq,) in db.execute("SELECT seq FROM tombstone")]
    number = random.choice([last + 1, last + 5, -3, random.choice(gone)])
    table = random.choice(["event", "event", "tombstone"]) if number not in gone else "event"
    if table == "tombstone":
        link = db.execute("SELECT number FROM link WHERE kind = 3").fetchone()[0]
        db.execute("INSERT INTO tombstone VALUES (?, ?, ?)", (number, link, b"e" + random.randbytes(16)))
        # The removal that it is said to be of shows it first, and names it as the first it took or says why.
        return Alteration("insert tombstone", None)
    source = random.choice(db.execute("SELECT seq FROM event").fetchall())[0]
    db.execute(
        "INSERT INTO event SELECT ?, event_time, form, run, rest FROM event WHERE seq = ?", (number, source)
    )
    if random.random() < 0.5 and number > last:
        db.execute("UPDATE log_end SET seq = ?", (number,))
        db.execute("INSERT INTO accepted VALUES (?, ?)", (random.randrange(2**62), number))
    return Alteration("insert event", number)


def reorder(db: sqlite3.Connection, random: Random) -> Alteration | None:
    """Have two records, or two links, change their places."""
    table, key = random.choice([("event", "seq"), ("event", "seq"), ("command", "seq"), ("link", "number")])
    numbers = [number for (number,) in db.execute(f"SELECT {key} FROM {table} ORDER BY {key}")]
    one, two = sorted(random.sample(numbers, 2))
    starts: int | None = one
    if table == "link":
        kinds = db.execute("SELECT kind FROM link WHERE number IN (?, ?)", (one, two)).fetchall()
        # A removal in another place leaves what it took without a reason.
        starts = None if (3,) in kinds else _number(db, "link", one)
    for old, new in ((one, -1), (two, one), (-1, two)):
        db.execute(f"UPDATE {table} SET {key} = ? WHERE {key} = ?", (new, old))
    return Alteration(f"reorder {table}", starts)


def truncate(db: sqlite3.Connection, random: Random) -> Alteration | None:
    """Cut the end off: the records, and more or less of what says that they were there."""
    (link, first) = random.choice(
        db.execute("SELECT number, first_seq FROM link WHERE kind = 1 AND first_seq > 20").fetchall()
    )
    unexplained = "SELECT min(seq) FROM tombstone WHERE link >= ?"
    (earlier,) = db.execute(unexplained, (link,)).fetchone()
    for table in ("event", "command", "tombstone", "receipt"):
        db.execute(f"DELETE FROM {table} WHERE seq >= ?", (first,))
    how = random.randrange(4)
    if how >= 1:
        db.execute("DELETE FROM link WHERE number >= ?", (link,))
    if how >= 2:
        db.execute(
            "UPDATE log_end SET seq = ?, link = ?, chain = (SELECT value FROM link WHERE number = ?)",
            (first - 1, link - 1, link - 1),
        )
    if how >= 3:
        for table in ("signed", "removal_step"):
            db.execute(f"DELETE FROM {table} WHERE link >= ?", (link,))
        db.execute("DELETE FROM tombstone WHERE link >= ?", (link,))
    is_told = how == 0 or earlier is None  # a removal that is cut off leaves what it took without a reason
    return Alteration(f"truncate {how}", first if is_told else min(first, earlier))


def replace_signed(db: sqlite3.Connection, random: Random) -> Alteration | None:
    """Put another checkpoint in the place of one: an older one, or one of another value."""
    links = [link for (link,) in db.execute("SELECT link FROM signed ORDER BY link")]
    one, two = random.sample(links, 2)
    if random.random() < 0.5:
        db.execute(
            "UPDATE signed SET body = (SELECT body FROM signed WHERE link = ?) WHERE link = ?", (two, one)
        )
    else:
        (body,) = db.execute("SELECT body FROM signed WHERE link = ?", (one,)).fetchone()
        told = json.loads(body)
        told["number"] = told.get("number", 0) - 1
        db.execute("UPDATE signed SET body = ? WHERE link = ?", (json.dumps(told), one))
    return Alteration("replace checkpoint")
