"""All facets of datasets and jobs, and what stands in all facets of a name. They take an open database."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import msgspec

from graph.store._other_names import names_of, stands_for
from graph.store.database import Database
from graph.store.log_format import content_in
from graph.store.texts import may_have_nul, without_nul

_texts: dict[int, bytes] = {}
_REMEMBERED = 50_000


def _text(key: int, kept: bytes, place: int) -> bytes:
    """Return a facet's text from its content, whose key stands for it in every store."""
    text = _texts.get(key)
    if text is None:
        if len(_texts) >= _REMEMBERED:
            _texts.clear()
        text = _texts[key] = _clean(content_in(key, kept, place))
    return text


def _clean(raw: bytes) -> bytes:
    return msgspec.json.encode(without_nul(msgspec.json.decode(raw))) if may_have_nul(raw) else raw


def facets(db: Database, keys: Collection[int], names: Collection[str] | None) -> dict[int, dict[str, bytes]]:
    """See `Catalog.facets`."""
    asked = names_of(db, keys)
    wanted = "" if names is None else " AND f.name IN (SELECT value FROM each_text(?) AS n)"
    rows = db.execute(
        "SELECT f.entity, f.name, f.content, f.body, p.body, c.place FROM each_key(?) AS k"
        f" CROSS JOIN facet AS f ON f.entity = k.value{wanted}"
        " LEFT JOIN content AS c ON c.key = f.content LEFT JOIN content_pack AS p ON p.number = c.pack"
        " WHERE f.gone = 0",
        (list(asked),) if names is None else (list(asked), list(names)),
    ).fetchall()
    if len(asked) > len(set(keys)):
        # What is said under the name that stands for a dataset comes before what is said under its others.
        rows.sort(key=lambda row: (asked[row[0]] != row[0], row[0]))
    found: dict[int, dict[str, bytes]] = {}
    for entity, name, key, body, kept, place in rows:
        text = _text(key, kept, place) if body is None else _clean(bytes(body))
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
        "SELECT s.entity, s.content, p.body, c.place FROM (SELECT min(entity) AS entity, content FROM facet"
        " WHERE name = ? AND gone = 0 AND content IS NOT NULL GROUP BY content) AS s"
        " CROSS JOIN content AS c ON c.key = s.content CROSS JOIN content_pack AS p ON p.number = c.pack"
        " ORDER BY s.entity",
        (name,),
    )
    for entity, key, kept, place in rows:
        facet = msgspec.json.decode(_text(key, kept, place))
        if isinstance(facet, dict):
            yield entity, facet
