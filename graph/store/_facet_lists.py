"""All facets of datasets and jobs, and what stands in all facets of a name. They take an open database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from graph.store._other_names import names_of, stands_for
from graph.store.database import Database
from graph.store.log_format import content_of
from graph.store.texts import may_have_nul, without_nul

_Facet = Mapping[str, Any]


@lru_cache(maxsize=10_000)
def _content(_key: int, kept: bytes) -> Any:
    """Return a facet from its content; the key makes it cheap to compare what is remembered."""
    return facet_of(content_of(kept))


def facet_of(raw: bytes) -> Any:
    """Return what a facet says."""
    value = msgspec.json.decode(raw)
    return without_nul(value) if may_have_nul(raw) else value


def all_facets(
    db: Database, keys: Collection[int], names: Collection[str] | None
) -> dict[int, dict[str, _Facet]]:
    """See `Catalog.all_facets`."""
    asked = names_of(db, keys)
    wanted = "" if names is None else " AND f.name IN (SELECT value FROM each_text(?) AS n)"
    rows = db.execute(
        "SELECT f.entity, f.name, f.content, f.body, c.body FROM each_key(?) AS k"
        f" CROSS JOIN facet AS f ON f.entity = k.value{wanted}"
        " LEFT JOIN content AS c ON c.key = f.content WHERE f.gone = 0",
        (list(asked),) if names is None else (list(asked), list(names)),
    ).fetchall()
    found: dict[int, dict[str, _Facet]] = defaultdict(dict)
    # What is said under the name that stands for a dataset comes before what is said under its others.
    for entity, name, key, body, kept in sorted(rows, key=lambda row: (asked[row[0]] != row[0], row[0])):
        facet = _content(key, bytes(kept)) if body is None else facet_of(bytes(body))
        if isinstance(facet, dict):
            found[asked[entity]].setdefault(name, facet)
    return dict(found)


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


def _of_all(db: Database, name: str) -> Iterator[tuple[int, _Facet]]:
    """Yield each different facet of a name, with the least key of what has it."""
    rows = db.execute(
        "SELECT s.entity, s.content, c.body FROM (SELECT min(entity) AS entity, content FROM facet"
        " WHERE name = ? AND gone = 0 AND content IS NOT NULL GROUP BY content) AS s"
        " CROSS JOIN content AS c ON c.key = s.content ORDER BY s.entity",
        (name,),
    )
    for entity, key, kept in rows:
        facet = _content(key, bytes(kept))
        if isinstance(facet, dict):
            yield entity, facet
