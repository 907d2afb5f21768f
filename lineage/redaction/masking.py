"""A statement that still parses in its dialect and names the same tables, without its literals."""

from __future__ import annotations

import re
from collections.abc import Callable

from lineage.redaction import words
from lineage.redaction.bodies import DEEPEST, body_of, closed
from lineage.redaction.literals import (
    is_alias,
    is_credential,
    is_json_path,
    is_ordinal,
    is_path,
    is_table,
    precision,
)
from lineage.redaction.place import HEAD, Frame, Place, turn
from lineage.redaction.tokens import Token, elements, tokens
from lineage.redaction.urls import redact_url

_MASK = "'?'"
_NUMBER = re.compile(
    r"0[xX][0-9a-fA-F_]+|0[bBoO][0-9_]+|[0-9_]+(?:[eE][+-]?[0-9_]*)?(?:[lLsSyYfFdD]|[bB][dD])?|.*\..*"
)
_STRINGS = re.compile(r"'[^']*+'")
_NUMBERS = re.compile(r"(?<![\w:$])(?<!%\()[0-9][0-9.]*+")
_TO_ZERO = str.maketrans("123456789", "000000000")
_ZEROS = re.compile(r"0[0.]++")
_JSON_PATH = re.compile(r'(?:(?:lax |strict )?\$)?(?:[\w.*:\[\]$-]|"[\w .-]*+"|\{[\w,.-]*+\})*+')
_TABLE = re.compile(r"[\w$\-]++(?:\.[\w$\-]++){0,3}+")
_INTERVAL = re.compile(
    r"[+-]?[0-9.]+( *(?:year|quarter|month|week|day|hour|minute|second|millisecond|microsecond)s?)",
    re.IGNORECASE,
)


def may_hold_credentials(text: str) -> bool:
    """Whether a statement has any word that credentials stand beside."""
    lowered = text.lower()
    return any(part in lowered for part in words.CREDENTIAL_PARTS)


def mask(text: str, dialect: str | None, depth: int = 0) -> str:
    """Render a statement as `mask_sql` promises; `depth` is how many strings it stands in."""
    place = Place((dialect or "").lower(), may_hold_credentials(text), depth)
    out: list[str] = []
    _render(place, tokens(text, dialect), out)
    return "".join(out)


def _render(place: Place, cut: list[Token], out: list[str]) -> None:
    after_comment = False
    for index, (kind, lexeme, spaced) in enumerate(cut):
        if kind == "comment":
            after_comment = True
            continue
        if after_comment:
            spaced = _without_comment(out, lexeme, spaced)
            after_comment = False
        if place.hiding:
            if len(lexeme) == len(spaced) and lexeme[:1] not in ";,)":
                continue
            place.hiding = False
        if kind in ("list", "rows"):
            _run(place, lexeme, spaced, out)
            continue
        rendered = _RENDERED[kind](place, lexeme, cut, index)
        if rendered is not lexeme:
            spaced = spaced[: len(spaced) - len(lexeme)] + rendered
        out.append(spaced)


def _run(place: Place, lexeme: str, spaced: str, out: list[str]) -> None:
    """Many literals at once, unless they stand where some of them may stay."""
    frame = place.frames[-1]
    if frame.ordinals or frame.paths or frame.function in words.JSON_READERS | words.JSON_WRITERS:
        kept, place.kept = place.kept, set()  # indices into another list of tokens
        _render(place, elements(spaced), out)
        place.kept = kept
        return
    masked = _STRINGS.sub(_MASK, spaced) if "'" in lexeme else spaced
    if "$" in masked or ":" in masked or "%" in masked:  # placeholders may hold digits
        out.append(_NUMBERS.sub("0", masked))
    else:
        out.append(_ZEROS.sub("0", masked.translate(_TO_ZERO)))
    frame.argument += 1
    for token in (",", "0"):
        place.step(token)


def _without_comment(out: list[str], lexeme: str, spaced: str) -> str:
    """The first token after a comment: the comment and the whitespace around it leave one gap."""
    if not out or not lexeme:
        return lexeme
    return spaced if len(spaced) > len(lexeme) else " " + lexeme


def _word(place: Place, lexeme: str, cut: list[Token], index: int) -> str:
    word = lexeme.upper()
    if place.wary and is_credential(place, word):
        return _hide(place)
    if word in words.TURNING or len(place.head) < HEAD:
        turn(place, word)
    if word in words.ALL_TYPES:
        place.kept.update(precision(place, cut, index, word))
    place.step(word)
    return lexeme


def _other(place: Place, lexeme: str, cut: list[Token], index: int) -> str:
    if lexeme in "(),[];":
        _punctuation(place, lexeme)
    else:
        place.step(lexeme)
    return lexeme


def _punctuation(place: Place, lexeme: str) -> None:
    frames = place.frames
    if lexeme == ",":
        frames[-1].argument += 1
        place.step(lexeme)
    elif lexeme == "(" or lexeme == "[":
        frame = _opened(place, lexeme)
        place.step(lexeme)
        frames.append(frame)
    elif lexeme == ";":
        place.new_statement()
    else:
        if len(frames) > 1:
            frames.pop()
        place.step(lexeme)


def _opened(place: Place, bracket: str) -> Frame:
    parent, function = place.frames[-1], place.before
    if bracket == "[":
        frame = Frame("[")
        frame.paths = is_path(place)
        return frame
    if function == "=":
        function = place.before2
    frame = Frame(function, place.before2 in ("FROM", "JOIN", "FUNCTION", "TABLE"))
    grouping = ("ROLLUP", "CUBE", "SETS", "BY", ",", "(")
    if parent.ordinals == "GROUP" and function in grouping:
        frame.ordinals = parent.ordinals
    return frame


def _string(place: Place, lexeme: str, cut: list[Token], index: int) -> str:
    rendered = _kept_string(place, lexeme) or _masked_body(place, lexeme, cut) or _MASK
    place.step("'")
    return rendered


def _masked_body(place: Place, lexeme: str, cut: list[Token]) -> str | None:
    """A string that holds a statement, with that masked; None for any other."""
    found = body_of(place, lexeme, cut) if place.depth < DEEPEST else None
    if found is None:
        return None
    opening, body, closing = found
    return closed(opening, mask(body, place.dialect or None, place.depth + 1), closing)


def _number(place: Place, lexeme: str, cut: list[Token], index: int) -> str:
    if place.wary and is_credential(place, lexeme):
        return _hide(place)
    stays = index in place.kept or is_ordinal(place, lexeme, cut, index)
    if not stays:
        stays = place.dialect in words.DIGIT_DIALECTS and not _NUMBER.fullmatch(lexeme)
    place.step("0")
    return lexeme if stays else "0"


def _name(place: Place, lexeme: str, cut: list[Token], index: int) -> str:
    is_qualifier = index + 1 < len(cut) and cut[index + 1][1] == "."
    if place.wary and not is_qualifier and is_credential(place, lexeme):
        return _hide(place)
    place.step('"')
    return _without_secrets(lexeme) if place.wary else lexeme


def _mark(place: Place, lexeme: str, cut: list[Token], index: int) -> str:
    place.step(lexeme)
    return lexeme


_RENDERED: dict[str, Callable[[Place, str, list[Token], int], str]] = {
    "word": _word,
    "other": _other,
    "string": _string,
    "number": _number,
    "name": _name,
    "variable": _name,
    "stage": _name,
    "mark": _mark,
    "op": _mark,
    "end": _mark,
}


def _hide(place: Place) -> str:
    """Hide what begins here, to the next whitespace or separator."""
    place.hiding = True
    place.step("'")
    return _MASK


def _without_secrets(quoted: str) -> str:
    return quoted[0] + redact_url(quoted[1:-1]) + quoted[-1]


def _kept_string(place: Place, lexeme: str) -> str | None:
    """What of a string stays at its place; None where nothing does."""
    if lexeme[0] not in "'\"" or len(lexeme) < 3 or lexeme[-1] != lexeme[0]:
        return None
    if place.before == "INTERVAL":
        found = _INTERVAL.fullmatch(lexeme[1:-1])
        return f"'0{found[1]}'" if found else None
    if is_path(place) or is_alias(place):
        return _without_secrets(lexeme)
    if is_table(place) and _TABLE.fullmatch(lexeme[1:-1]):
        return lexeme
    if is_json_path(place) and _JSON_PATH.fullmatch(lexeme[1:-1]):
        return lexeme
    return None
