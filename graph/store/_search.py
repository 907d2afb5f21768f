"""Search: what datasets, jobs and fields the words of a person stand for. Every function takes a database."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import islice

from graph.errors import InvalidQueryError
from graph.nodes import NodeType, field
from graph.store._reading import TYPE_NUMBER
from graph.store._search_matching import found_field, found_in
from graph.store._search_texts import Texts, texts_of
from graph.store.database import Database
from graph.store.full_text import EVERYWHERE, All, Expression, OneOf, Place, Term
from graph.store.search import Grade, Matched, SearchHit, SearchPlace
from graph.store.search_words import Word, name_sign, owner_sign, tag_sign, typed_words

_MOST_WORDS = 16
_LEAST, _MOST = 20, 500
"""How many datasets and jobs are read at once: more each time."""

_REACH = {
    Grade.NAME: Place.NAME,
    Grade.COLUMNS: Place.NAME | Place.COLUMN,
    Grade.TEXTS: Place.NAME | Place.COLUMN | Place.TEXT,
    Grade.SQL: EVERYWHERE,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A search: its words, and what must be true of a hit beside them."""

    words: Sequence[Word]
    types: frozenset[NodeType]
    namespaces: frozenset[str]
    tags: frozenset[str]
    owners: frozenset[str]


def asked_for(
    text: str,
    types: Collection[NodeType],
    namespaces: Collection[str],
    tags: Collection[str],
    owners: Collection[str],
) -> Asked:
    """Return what is searched for; InvalidQueryError when that is nothing, or too much."""
    words = typed_words(text)
    if len(words) > _MOST_WORDS:
        raise InvalidQueryError(f"{len(words)} words are searched for: give at most {_MOST_WORDS}")
    signs = frozenset(map(tag_sign, tags)), frozenset(map(owner_sign, owners))
    if any(
        sign == empty
        for some, empty in zip(signs, (tag_sign(""), owner_sign("")), strict=True)
        for sign in some
    ):
        raise InvalidQueryError("a tag or owner that is searched for has neither letters nor digits")
    if not words and (text.strip() or not (tags or owners)):
        raise InvalidQueryError(f"{text[:80]!r} has neither letters nor digits to search for: give a word")
    wanted = frozenset(types) or frozenset({NodeType.DATASET, NodeType.JOB})
    return Asked(words, wanted, frozenset(namespaces), *signs)


def search(db: Database, asked: Asked, after: SearchPlace | None, limit: int) -> list[SearchHit]:
    """See `LineageReader.search`."""
    streams: list[Iterator[SearchHit]] = []
    whole = asked.types - {NodeType.FIELD}
    if whole:
        streams.append(_entities(db, asked, whole, after))
    if NodeType.FIELD in asked.types:
        streams.append(_fields(db, asked, after))
    return list(islice(merge(*streams, key=lambda hit: hit.place), limit))


def _entities(
    db: Database, asked: Asked, types: Collection[NodeType], after: SearchPlace | None
) -> Iterator[SearchHit]:
    if not asked.words:
        grades = {Grade.TEXTS: _and(asked, [])}
    else:
        grades = {grade: _and(asked, [_graded(asked.words, grade)]) for grade in Grade}
    for place, texts in _documents(db, grades, asked, types, after):
        grade = Grade(place.grade)
        matched, excerpt = found_in(texts, asked.words, grade) if asked.words else _label(texts, asked)
        yield SearchHit(grade, texts.node, matched, excerpt, place)


def _graded(words: Sequence[Word], grade: Grade) -> Expression:
    if grade is Grade.EXACT:
        return Term(name_sign(" ".join(word.whole for word in words)), Place.NAME)
    if grade is Grade.WORDS:
        return _all_of(words, Place.NAME, prefix=False)
    return _all_of(words, _REACH[grade])


def _fields(db: Database, asked: Asked, after: SearchPlace | None) -> Iterator[SearchHit]:
    """Yield fields grade by grade: those of datasets of which a field may be of that grade."""
    first = Grade(after.grade) if after is not None else Grade.EXACT
    for grade in Grade:
        expression = _of_fields(asked.words, grade)
        if grade < first or expression is None:
            continue
        behind = None
        if after is not None and grade is first:
            behind = after._replace(type=TYPE_NUMBER[NodeType.DATASET] - 1, field="")
        grades = {grade: _and(asked, [expression])}
        for place, texts in _documents(db, grades, asked, {NodeType.DATASET}, behind):
            for hit in _fields_of(texts, place, asked, grade):
                if after is None or hit.place > after:
                    yield hit


def _of_fields(words: Sequence[Word], grade: Grade) -> Expression | None:
    if not words:
        return Term(_ANY_TAG, Place.TEXT, prefix=True) if grade is Grade.TEXTS else None
    if grade is Grade.EXACT:
        return Term(name_sign(" ".join(word.whole for word in words)), Place.COLUMN)
    if grade is Grade.WORDS:
        return _all_of(words, Place.COLUMN, prefix=False)
    if grade is Grade.NAME:
        return _all_of(words, Place.COLUMN)
    if grade is Grade.SQL:
        return None
    own = Place.COLUMN if grade is Grade.COLUMNS else Place.COLUMN | Place.TEXT
    return All((_all_of(words, _REACH[grade]), OneOf(tuple(_is_word(word, own) for word in words))))


_ANY_TAG = tag_sign("")


def _fields_of(texts: Texts, place: SearchPlace, asked: Asked, grade: Grade) -> Iterator[SearchHit]:
    of_dataset = _tag_signs(texts, None)
    for name in sorted(texts.columns):
        own = _tag_signs(texts, name)
        if not asked.tags <= of_dataset.keys() | own.keys():
            continue
        if asked.words:
            found = found_field(texts, name, asked.words)
        else:
            tags = sorted(tag for sign, tag in own.items() if sign in asked.tags)
            found = (grade, (Matched.TAG, tags[0])) if tags else None
        if found is not None and found[0] is grade:
            node = field(texts.node.namespace, texts.node.name, name)
            at = place._replace(grade=int(grade), type=TYPE_NUMBER[NodeType.FIELD], field=name)
            yield SearchHit(grade, node, *found[1], at)


def _tag_signs(texts: Texts, column: str | None) -> dict[str, str]:
    """Return what stands for the tags of a dataset or of one of its columns, and the tags."""
    tags = [tag for tag in texts.tags if tag.field == column]
    return {sign: tag.text for tag in tags for sign in (tag_sign(tag.key), tag_sign(tag.text))}


def _label(texts: Texts, asked: Asked) -> tuple[Matched, str]:
    """Return the tag or owner that was asked for without any words."""
    for tag in texts.tags:
        if {tag_sign(tag.key), tag_sign(tag.text)} & asked.tags:
            return Matched.TAG, tag.text
    for owner in texts.owners:
        if {owner_sign(owner), owner_sign(owner.partition(":")[2])} & asked.owners:
            return Matched.OWNER, owner
    return Matched.NAME, texts.node.name


def _all_of(words: Sequence[Word], places: Place, *, prefix: bool = True) -> Expression:
    return All(tuple(_is_word(word, places, prefix=prefix) for word in words))


def _is_word(word: Word, places: Place, *, prefix: bool = True) -> Expression:
    whole = Term(word.whole, places, prefix)
    if word.parts == (word.whole,):
        return whole
    return OneOf((whole, All(tuple(Term(part, places, prefix) for part in word.parts))))


def _and(asked: Asked, expressions: Sequence[Expression]) -> Expression:
    signs = sorted(asked.tags | asked.owners)
    return All((*expressions, *(Term(sign, Place.TEXT) for sign in signs)))


def _documents(
    db: Database,
    grades: dict[Grade, Expression],
    asked: Asked,
    types: Collection[NodeType],
    after: SearchPlace | None,
) -> Iterator[tuple[SearchPlace, Texts]]:
    """Yield datasets and jobs with the best grade that is true of them, in the order of their places."""
    size = _LEAST
    while page := _page(db, grades, asked, types, after, size):
        texts = texts_of(db, [key for key, _ in page])
        yield from ((place, texts[key]) for key, place in page if key in texts)
        if len(page) < size:
            return
        after = page[-1][1]
        size = min(2 * size, _MOST)


def _page(
    db: Database,
    grades: dict[Grade, Expression],
    asked: Asked,
    types: Collection[NodeType],
    after: SearchPlace | None,
    size: int,
) -> list[tuple[int, SearchPlace]]:
    where = db.full_text.condition
    matching = " UNION ALL ".join(
        f"SELECT w.rowid AS number, {int(grade)} AS grade FROM search_words AS w WHERE {where}"
        for grade in grades
    )
    values: list[object] = [db.full_text.written(expression) for expression in grades.values()]
    filters = [f"n.type IN ({', '.join(str(TYPE_NUMBER[type_]) for type_ in sorted(types))})"]
    filters.append("n.key NOT IN (SELECT entity FROM hidden)")
    filters.append("NOT EXISTS (SELECT 1 FROM other_name AS o WHERE o.key = n.key)")
    if asked.namespaces:
        filters.append("n.namespace IN (SELECT value FROM each_text(?) AS k)")
        values.append(sorted(asked.namespaces))
    if after is not None:
        filters.append("(m.grade, length(n.name), n.name, n.namespace, n.type) > (?, ?, ?, ?, ?)")
        values += after[:5]
    rows = db.execute(
        f"""
        SELECT n.key, m.grade, length(n.name), n.name, n.namespace, n.type
        FROM (SELECT number, min(grade) AS grade FROM ({matching}) AS found GROUP BY number) AS m
        JOIN search_document AS d ON d.number = m.number
        JOIN node AS n ON n.key = d.entity
        WHERE {" AND ".join(filters)}
        ORDER BY m.grade, length(n.name), n.name, n.namespace, n.type LIMIT ?
        """,
        (*values, size),
    )
    return [
        (key, SearchPlace(grade, length, name, namespace, type_, ""))
        for key, grade, length, name, namespace, type_ in rows
    ]
