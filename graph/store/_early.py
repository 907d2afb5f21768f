"""Events that an earlier format of the store left to be taken in again."""

from __future__ import annotations

import zlib

from graph.store.database import Database


def bodies(db: Database, limit: int) -> list[tuple[int, bytes]]:
    """See `LineageStore.early_bodies`."""
    rows = db.execute("SELECT seq, body FROM early_event ORDER BY seq LIMIT ?", (limit,))
    return [(seq, zlib.decompress(bytes(body))) for seq, body in rows]


def forget(db: Database, until: int) -> None:
    """See `LineageStore.forget_early`."""
    db.execute("DELETE FROM early_event WHERE seq <= ?", (until,))
