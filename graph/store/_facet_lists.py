"""All facets of datasets and jobs, and what stands in all facets of a name. They take an open database."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import msgspec

from graph.store._contents import all_contents
from graph.store._other_names import names_of, stands_for
from graph.store.database import Database
from graph.store.texts import may_have_nul, without_nul

_texts: dict[int, bytes] = {}
_REMEMBERED = 50_000


def _texts_of(db: Database, keys: Collection[int]) -> dict[int, bytes]:
    """Return facets' texts by their contents, whose keys stand for them in every store."""
    known = {key: text for key in keys if (text := _texts.get(key)) is not None}
    missing = {key for key in keys if key not in known}
    if missing:
        found = {key: _clean(text) for key, text in all_contents(db, missing).items()}
        if len(_texts) + len(found) > _REMEMBERED:
            _texts.clear()
        _texts.update(found)
        known |= found
    return known


def _clean(raw: bytes) -> bytes:
    return msgspec.json.encode(without_nul(msgspec.json.decode(raw))) if may_have_nul(raw) else raw


def facets(db: Database, keys: Collection[int], names: Collection[str] | None) -> dict[int, dict[str, bytes]]:
    """See `Catalog.facets`."""
    asked = names_of(db, keys)
    # With what is no column to the left the facets of each are read as they stand, not looked up one by one.
    wanted = "" if names is None else " AND f.name || '' IN (SELECT value FROM each_text(?) AS n)"
    rows = db.execute(
        "SELECT f.entity, f.name, f.content, f.body FROM each_key(?) AS k"
        f" CROSS JOIN facet AS f ON f.entity = k.value{wanted} WHERE f.gone = 0",
        (list(asked),) if names is None else (list(asked), list(names)),
    ).fetchall()
    if len(asked) > len(set(keys)):
        # What is said under the name that stands for a dataset comes before what is said under its others.
        rows.sort(key=lambda row: (asked[row[0]] != row[0], row[0]))
    texts = _texts_of(db, {row[2] for row in rows if row[3] is None})
    found: dict[int, dict[str, bytes]] = {}
    for entity, name, key, body in rows:
        text = texts[key] if body is None else _clean(bytes(body))
        if text.lstrip()[:1] == b"{":
            found.setdefault(asked[entity], {}).setdefault(name, text)
    return found


def tags_in_facets(db: Database) -> set[str]:
    """Return the names of the tags that facets give."""
    tags: set[str] = set()
    for _, facet in _of_all(db, "tags"):
        listed = facet.get("tags")
        tags.update(
            one["key"]
            for one in (listed if isinstance(listed, list) else ())
            if isinstance(one, dict) and isinstance(one.get("key"), str) and one["key"]
        )
    return tags


def sources(db: Database) -> dict[str, tuple[str, int]]:
    """See `Catalog.sources`."""
    found: dict[str, tuple[str, int]] = {}
    for entity, facet in _of_all(db, "dataSource"):
        name, uri = facet.get("name"), facet.get("uri")
        if isinstance(name, str) and name:
            found.setdefault(name, (uri if isinstance(uri, str) else "", entity))
    stands = stands_for(db, [entity for _, entity in found.values()])
    return {name: (uri, stands.get(key, key)) for name, (uri, key) in found.items()}


def _of_all(db: Database, name: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield each different facet of a name, with the least key of what has it."""
    rows = db.execute(
        "SELECT min(entity) AS least, content FROM facet"
        " WHERE name = ? AND gone = 0 AND content IS NOT NULL GROUP BY content ORDER BY least",
        (name,),
    ).fetchall()
    texts = _texts_of(db, [key for _, key in rows])
    for entity, key in rows:
        facet = msgspec.json.decode(texts[key])
        if isinstance(facet, dict):
            yield entity, facet
