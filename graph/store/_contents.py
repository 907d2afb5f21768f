"""The texts of facets, each kept once: those that came with one event are packed together."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from graph.store.changes import Changes
from graph.store.database import Database
from graph.store.log_format import DamagedError, content_in, packed_contents

_PACK = 64_000
"""Contents are packed together until they have so many bytes."""


def contents(db: Database, keys: Iterable[int]) -> dict[int, bytes]:
    """Return the texts of contents, of those that there are; DamagedError where one is another now."""
    rows = db.execute(
        "SELECT c.pack, c.place, c.key FROM each_key(?) AS k CROSS JOIN content AS c ON c.key = k.value",
        (list(keys),),
    ).fetchall()
    packs = db.execute(
        "SELECT p.number, p.body FROM each_key(?) AS k CROSS JOIN content_pack AS p ON p.number = k.value",
        (list({pack for pack, _, _ in rows}),),
    )
    bodies = dict(packs.fetchall())
    # One pack behind the other: each is unpacked once.
    return {key: content_in(key, bodies.get(pack), place) for pack, place, key in sorted(rows)}


def all_contents(db: Database, keys: Collection[int]) -> dict[int, bytes]:
    """Return the texts of contents; DamagedError where one is not there."""
    found = contents(db, keys) if keys else {}
    if len(found) < len(keys):
        raise DamagedError("the content of a facet is not there")
    return found


def put_contents(db: Database, batch: Sequence[Changes], wanted: Mapping[int, bytes]) -> None:
    """Keep contents of these events that are new: those that come with one event have much in common."""
    (last,) = db.execute("SELECT coalesce(max(number), 0) FROM content_pack").fetchone()
    packs: list[dict[int, bytes]] = []
    seen: set[int] = set()
    for item in batch:
        new = [key for key in item.contents if key in wanted and key not in seen]
        seen.update(new)
        size = _PACK
        for key in new:
            if size >= _PACK:
                packs.append({})
                size = 0
            packs[-1][key] = wanted[key]
            size += len(wanted[key])
    numbered = list(enumerate(packs, last + 1))
    db.executemany(
        "INSERT INTO content_pack VALUES (?, ?, ?)",
        [(number, len(pack), packed_contents(list(pack.values()))) for number, pack in numbered],
    )
    rows = [(key, number, place) for number, pack in numbered for place, key in enumerate(pack)]
    db.executemany("INSERT INTO content VALUES (?, ?, ?)", rows)
