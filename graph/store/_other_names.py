"""The other names of datasets, as questions need them (how they come about: `_naming.py`)."""

from __future__ import annotations

from collections.abc import Collection

from graph.store.database import Database


def names_of(db: Database, keys: Collection[int]) -> dict[int, int]:
    """Return by every name's key which of these datasets and fields it names; each is also its own."""
    if db.execute("SELECT 1 FROM other_name LIMIT 1").fetchone() is None:
        return {key: key for key in keys}
    found = db.execute(
        "SELECT o.key, o.stands_for FROM each_key(?) AS k CROSS JOIN other_name AS o"
        " ON o.stands_for = k.value",
        (list(keys),),
    )
    return dict(found.fetchall()) | {key: key for key in keys}


def stands_for(db: Database, keys: Collection[int]) -> dict[int, int]:
    """Return by key of those that are other names what stands for them in the graph."""
    found = db.execute(
        "SELECT o.key, o.stands_for FROM each_key(?) AS k CROSS JOIN other_name AS o ON o.key = k.value",
        (list(keys),),
    )
    return dict(found.fetchall())
