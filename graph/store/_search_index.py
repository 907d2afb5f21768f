"""The documents that search reads, brought up to date. Every function needs a transaction but `unindexed`.

Triggers of the schema note of which datasets and jobs a text may have changed (`search_waiting`), in the
transaction that changes it; what ingest pays for is no more than that. Making the documents waits until
somebody searches.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from graph.nodes import hash63
from graph.store._other_names import stands_for
from graph.store._search_texts import Texts, texts_of
from graph.store.database import Database
from graph.store.full_text import Place
from graph.store.search_words import name_sign, name_signs, owner_sign, tag_sign, words_of

_OUTDATED = 1000
"""With so many documents of which there is a newer one, and more of them than others, all are made anew."""

Words = dict[Place, set[str]]


def unindexed(db: Database) -> int:
    """See `LineageReader.unindexed`."""
    return int(db.execute("SELECT count(*) FROM search_waiting").fetchone()[0])


def index(db: Database, limit: int) -> bool:
    """See `LineageStore.index`."""
    waiting = db.execute("SELECT entity FROM search_waiting ORDER BY entity LIMIT ?", (limit,))
    keys = [key for (key,) in waiting]
    if keys:
        # What is said under another name of a dataset is found under the one that stands for it.
        others = stands_for(db, keys)
        texts = texts_of(db, {others.get(key, key) for key in keys})
        _put(db, sorted({*keys, *texts}), {key: document_words(each) for key, each in texts.items()})
        db.execute("DELETE FROM search_waiting WHERE entity IN (SELECT value FROM each_key(?) AS k)", (keys,))
    if len(keys) < limit:
        return not _begin_again(db)
    return False


def document_words(texts: Texts) -> Words:
    """Return the words of a dataset or job, by the places where they stand."""
    names = [texts.node.name, *texts.aliases]
    tags = {sign for tag in texts.tags for sign in (tag_sign(tag.key), tag_sign(tag.text))}
    owners = {owner_sign(part) for owner in texts.owners for part in (owner, owner.partition(":")[2]) if part}
    said = [*texts.descriptions, *texts.columns.values(), *(tag.text for tag in texts.tags), *texts.owners]
    words = {
        Place.NAME: words_of(names) | {sign for name in names for sign in name_signs(name)},
        Place.COLUMN: words_of(texts.columns) | {name_sign(column) for column in texts.columns},
        Place.TEXT: words_of(said) | tags | owners,
        Place.SQL: words_of(texts.statements),
    }
    # Whoever asks for a place asks for those before it, too; but a field is found without names.
    words[Place.TEXT] -= words[Place.COLUMN]
    words[Place.SQL] -= words[Place.NAME] | words[Place.COLUMN] | words[Place.TEXT]
    return words


def _put(db: Database, keys: list[int], wanted: Mapping[int, Words]) -> None:
    known = {
        entity: (number, digest)
        for number, entity, digest in db.execute(
            "SELECT d.number, d.entity, d.digest FROM each_key(?) AS k"
            " CROSS JOIN search_document AS d ON d.entity = k.value",
            (keys,),
        )
    }
    digests = {key: _digest(words) for key, words in wanted.items()}
    changed = [key for key, digest in digests.items() if known.get(key, (0, None))[1] != digest]
    outdated = [number for key, (number, _) in known.items() if digests.get(key) != known[key][1]]
    db.executemany(
        "UPDATE search_document SET entity = NULL WHERE number = ?", [(each,) for each in outdated]
    )
    last = int(db.execute("SELECT coalesce(max(number), 0) FROM search_document").fetchone()[0])
    numbers = dict(zip(changed, range(last + 1, last + 1 + len(changed)), strict=True))
    db.executemany(
        "INSERT INTO search_document VALUES (?, ?, ?)",
        [(number, key, digests[key]) for key, number in numbers.items()],
    )
    db.executemany(
        db.full_text.insertion, [db.full_text.row(number, wanted[key]) for key, number in numbers.items()]
    )


def _digest(words: Words) -> int:
    return hash63(json.dumps([sorted(words[place]) for place in Place]).encode())


def _begin_again(db: Database) -> bool:
    """Have all documents made anew when most of them are outdated; tell whether that is so."""
    documents, current = db.execute("SELECT count(*), count(entity) FROM search_document").fetchone()
    if documents - current < max(_OUTDATED, current):
        return False
    db.execute("INSERT INTO search_waiting SELECT entity FROM search_document WHERE entity IS NOT NULL")
    db.execute("DELETE FROM search_document")
    db.execute(db.full_text.clearing)
    return True
