"""What of a dataset, job or field the words of a search are, and an excerpt of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from graph.store._search_texts import Texts
from graph.store.search import Grade, Matched
from graph.store.search_words import Word, name_sign, spans, words_of

_EXCERPT = 120
_BEFORE = 40

Piece = tuple[Matched, str]


def covers(words: Iterable[Word], known: Collection[str], *, prefix: bool = True) -> bool:
    """Tell whether every word is among the known ones, or with `prefix` the beginning of one."""
    return all(_covers(word, known, prefix) for word in words)


def _covers(word: Word, known: Collection[str], prefix: bool) -> bool:
    def stands(part: str) -> bool:
        return part in known or (prefix and any(each.startswith(part) for each in known))

    return stands(word.whole) or all(map(stands, word.parts))


def found_in(texts: Texts, words: Sequence[Word], grade: Grade) -> Piece:
    """Return what of a dataset or job makes it a hit of this grade, and an excerpt."""
    pieces = list(_pieces(texts, grade))
    best = max(pieces, key=lambda piece: _share(words, piece[1]), default=None)
    if best is None or _share(words, best[1]) == 0:
        return Matched.NAME, texts.node.name
    return best[0], excerpt(best[1], words)


def _pieces(texts: Texts, grade: Grade) -> Iterator[Piece]:
    if grade <= Grade.NAME:
        yield from ((Matched.NAME, name) for name in (texts.node.name, *texts.aliases))
    elif grade is Grade.COLUMNS:
        yield from ((Matched.COLUMN, column) for column in texts.columns)
    elif grade is Grade.TEXTS:
        yield from ((Matched.DESCRIPTION, text) for text in texts.descriptions)
        yield from ((Matched.DESCRIPTION, f"{name}: {text}") for name, text in texts.columns.items() if text)
        yield from ((Matched.TAG, tag.text) for tag in texts.tags)
        yield from ((Matched.OWNER, owner) for owner in texts.owners)
    else:
        yield from ((Matched.SQL, statement) for statement in texts.statements)


def _share(words: Sequence[Word], text: str) -> int:
    known = words_of([text])
    return sum(covers([word], known) for word in words)


def found_field(texts: Texts, name: str, words: Sequence[Word]) -> tuple[Grade, Piece] | None:
    """Return how a field of a dataset matches, and by what; None when it does not."""
    own = words_of([name])
    if name_sign(name) == name_sign(" ".join(word.whole for word in words)):
        return Grade.EXACT, (Matched.NAME, name)
    if covers(words, own, prefix=False):
        return Grade.WORDS, (Matched.NAME, name)
    if covers(words, own):
        return Grade.NAME, (Matched.NAME, name)
    of_dataset = words_of([texts.node.name, *texts.aliases])
    if _share(words, name) and covers(words, own | of_dataset):
        return Grade.COLUMNS, (Matched.NAME, name)
    tags = [tag.text for tag in texts.tags if tag.field == name]
    said = words_of([texts.columns[name], *tags])
    if covers(words, own | of_dataset | said) and any(covers([word], own | said) for word in words):
        return Grade.TEXTS, _said(texts.columns[name], tags, words)
    return None


def _said(description: str, tags: Sequence[str], words: Sequence[Word]) -> Piece:
    tag = max(tags, key=lambda text: _share(words, text), default="")
    if _share(words, tag) > _share(words, description):
        return Matched.TAG, tag
    return Matched.DESCRIPTION, excerpt(description, words)


def excerpt(text: str, words: Sequence[Word]) -> str:
    """Return the part of a text around the first of the words, on one line."""
    start = next(
        (begin for begin, _, known in spans(text) if any(covers([word], known) for word in words)), 0
    )
    begin = max(0, start - _BEFORE) if len(text) > _EXCERPT else 0
    cut = " ".join(text[begin : begin + _EXCERPT].split())
    return f"{'...' if begin else ''}{cut}{'...' if begin + _EXCERPT < len(text) else ''}"
