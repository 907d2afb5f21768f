"""What a word is to a search: of names, columns, texts and of what a person types.

Texts are split at everything that is no letter or digit, and words at their humps (`dailyRevenue`). Case and
accents make no difference.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_RUN = re.compile(r"[^\W_]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_END = re.compile(r"[./](?=.)")
_LONGEST = 64
"""Characters of a word that count."""

_ENDS = 4
"""How many ends of a name count as names: those behind its last dots and slashes."""

# Signs that no word has; both engines take them for letters.
_NAME, _TAG, _OWNER = "§", "¤", "¶"


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a person's: its parts, and the whole of it where there are several."""

    parts: tuple[str, ...]
    whole: str


def typed_words(text: str) -> list[Word]:
    """Return the words of what a person typed, each once."""
    return list(dict.fromkeys(Word(_parts(run), _cut(run)) for run in _runs(text)))


def words_of(texts: Iterable[str]) -> set[str]:
    """Return the words of texts: parts, and the whole of words that have several."""
    found: set[str] = set()
    for text in texts:
        for run in _runs(text):
            found.update(_parts(run))
            found.add(_cut(run))
    return found


def spans(text: str) -> Iterator[tuple[int, int, set[str]]]:
    """Yield where the words of a text begin and end, each with what `words_of` makes of it."""
    for found in _RUN.finditer(text):
        yield found.start(), found.end(), words_of([found[0]])


def name_sign(text: str) -> str:
    """Return what stands for a whole name, however its words are joined."""
    return _NAME + _joined(text)


def name_signs(name: str) -> set[str]:
    """Return the signs of a name and of its last ends, which are names to people."""
    starts = [found.end() for found in _END.finditer(name)]
    return {name_sign(name), *(name_sign(name[start:]) for start in starts[-_ENDS:])}


def tag_sign(tag: str) -> str:
    """Return what stands for a tag: `key` or `key=value`."""
    key, _, value = tag.partition("=")
    return _TAG + _joined(key) + (_TAG + _joined(value) if value else "")


def owner_sign(owner: str) -> str:
    """Return what stands for an owner."""
    return _OWNER + _joined(owner)


def _joined(text: str) -> str:
    return _cut("".join(_runs(text)))


def _runs(text: str) -> list[str]:
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text)
        text = "".join(char for char in decomposed if not unicodedata.combining(char))
    return _RUN.findall(text)


def _parts(run: str) -> tuple[str, ...]:
    if run.islower() or run.isupper():
        return (_cut(run),)
    return tuple(map(_cut, _HUMP.split(run)))


def _cut(word: str) -> str:
    return word.casefold()[:_LONGEST]
