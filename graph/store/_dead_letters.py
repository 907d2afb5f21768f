"""What was rejected, as questions get it."""

from __future__ import annotations

import json
import zlib
from datetime import timedelta

from graph.errors import InvalidQueryError
from graph.store._reading import EPOCH
from graph.store.changes import DeadLetter
from graph.store.database import Database

_DEAD_LETTER = "SELECT digest, body, reasons, received_at FROM dead_letter"


def dead_letters(db: Database, after: str | None, limit: int) -> list[DeadLetter]:
    """See `LineageStore.dead_letters`."""
    behind, values = "", []
    if after is not None:
        row = db.execute("SELECT received_at FROM dead_letter WHERE digest = ?", (_digest(after),)).fetchone()
        if row is None:
            raise InvalidQueryError(
                f"there is no dead letter {after!r} to go on from; start at the first page"
            )
        behind, values = (
            "WHERE received_at <= ? AND (received_at < ? OR digest > ?)",
            [*row * 2, _digest(after)],
        )
    rows = db.execute(f"{_DEAD_LETTER} {behind} ORDER BY received_at DESC, digest LIMIT ?", (*values, limit))
    return list(map(_dead_letter, rows))


def dead_letters_like(db: Database, prefix: str, limit: int) -> list[DeadLetter]:
    """See `LineageStore.dead_letters_like`."""
    low, high = (_digest(prefix.ljust(32, fill)[:32]) for fill in "0f")
    rows = db.execute(
        f"{_DEAD_LETTER} WHERE digest BETWEEN ? AND ? ORDER BY digest LIMIT ?", (low, high, limit)
    )
    return list(map(_dead_letter, rows))


def _digest(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise InvalidQueryError(f"{text!r} is no id of a dead letter: give hexadecimal digits") from None


def _dead_letter(row: tuple[bytes, bytes, str, int]) -> DeadLetter:
    digest, body, reasons, when = row
    received = EPOCH + timedelta(microseconds=when // 1000)
    return DeadLetter(digest.hex(), zlib.decompress(body), tuple(json.loads(reasons)), received)
