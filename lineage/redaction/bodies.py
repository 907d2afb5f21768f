"""Statements inside strings: the bodies of procedures and what a statement is told to run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from lineage.redaction import words
from lineage.redaction.place import Place
from lineage.redaction.tokens import Token

DEEPEST = 3
"""So deep may statements stand inside strings inside statements; what lies deeper is a string."""

_DOLLARS = re.compile(r"(\$(?:[^\W\d]\w*+)?+\$)([\s\S]*)\1")
_FIRST_WORD = re.compile(r"(?:\s++|--[^\n]*+|/\*[^*]*+(?:\*(?!/)[^*]*+)*+\*/)*+([^\W\d]\w*+)")


def body_of(place: Place, lexeme: str, cut: Sequence[Token]) -> tuple[str, str, str] | None:
    """Return the opening, the statement and the closing of a string at this place that holds one.

    None for every other string, and where it is not certain that the text is SQL: it has to begin with a word
    that statements begin with, and no other language may be named beside it.
    """
    if not _is_place_of_body(place, lexeme):
        return None
    found = _opened(lexeme)
    first = _FIRST_WORD.match(found[1]) if found else None
    if first is None or first[1].upper() not in words.STATEMENTS or _names_other_language(place, cut):
        return None
    return found


def closed(opening: str, body: str, closing: str) -> str:
    """Return a body as the string it was taken from."""
    return opening + (body.replace("'", "''") if opening == "'" else body) + closing


def _is_place_of_body(place: Place, lexeme: str) -> bool:
    before, frame = place.before, place.frames[-1]
    if before == "(":
        return frame.function == "UNLOAD" and place.verb == "UNLOAD" and len(place.frames) == 2
    if before == "IMMEDIATE":
        return place.before2 == "EXECUTE"
    if len(place.frames) > 1 or frame.querying:
        return False
    if place.verb == "DO":
        return before == "DO" or place.before2 == "LANGUAGE"
    if before != "AS" or place.verb not in ("CREATE", "ALTER"):
        return False
    # Short functions are written in quotes, and few of them hold more than an expression.
    wanted = words.ROUTINES if lexeme[0] == "$" else words.PROCEDURES
    return not wanted.isdisjoint(place.head)


def _opened(lexeme: str) -> tuple[str, str, str] | None:
    dollars = _DOLLARS.fullmatch(lexeme)
    if dollars:
        return dollars[1], dollars[2], dollars[1]
    if "\\" in lexeme or len(lexeme) < 3 or not (lexeme[0] == lexeme[-1] == "'"):
        return None
    return "'", lexeme[1:-1].replace("''", "'"), "'"


def _names_other_language(place: Place, cut: Sequence[Token]) -> bool:
    if place.other_language is None:
        named = {
            after[1].strip("'\"").upper()
            for (kind, word, _), after in pairwise(cut)
            if kind == "word" and word.upper() == "LANGUAGE"
        }
        place.other_language = not named <= words.SQL_LANGUAGES
    return place.other_language
