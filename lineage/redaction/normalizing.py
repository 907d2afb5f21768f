"""One text for all statements of the same shape, for people and for fingerprints."""

from __future__ import annotations

from lineage.redaction import words
from lineage.redaction.masking import mask, may_hold_credentials
from lineage.redaction.tokens import Token, tokens
from lineage.redaction.urls import redact_url

_LITERAL = "?"
_KEYWORDS = frozenset(word.lower() for word in words.KEYWORDS - {"END"}) | {"value", "array"}
_TABLE_WORDS = frozenset(word.lower() for word in words.TABLE_WORDS)
_CONSTANTS = frozenset(["null", "true", "false", "default"])


def normalize(text: str, dialect: str | None) -> str:
    """Render a statement as `normalize_sql` promises."""
    if may_hold_credentials(text):
        text = mask(text, dialect)
    cut = tokens(text, dialect)
    if any(kind == "comment" for kind, _, _ in cut):
        # Cut again: what a comment ends with says nothing of the token behind it.
        cut = tokens(_without_comments(cut), dialect)
    shape = _Shape()
    for kind, lexeme, _ in cut:
        if kind == "comment" or kind == "end":
            continue
        if kind == "word":
            shape.word(_lower(lexeme))
        elif kind == "other":
            shape.punctuation(lexeme)
        elif kind == "variable":
            shape.variable(lexeme.lower())
        elif kind == "name" or kind == "stage":
            shape.add(redact_url(lexeme))
        elif kind == "op":
            shape.add(lexeme)
        else:
            shape.literal()
    return _spaced(shape.out)


def _without_comments(cut: list[Token]) -> str:
    pieces: list[str] = []
    before = ""
    for kind, lexeme, spaced in cut:
        if kind == "comment":
            before = ""
            continue
        # Two signs would become a comment where one ended behind them.
        apart = not before or before == lexeme == "-"
        pieces.append(f" {lexeme}" if apart else spaced)
        before = lexeme
    return "".join(pieces)


def _lower(word: str) -> str:
    lowered = word.lower()
    return lowered if len(lowered) == len(word) else word


class _Shape:
    """The tokens of the result, with lists of literals collapsed as they close."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self._opened: list[tuple[int, bool]] = []  # where the bracket stands, is it a call
        self._plain = [False]  # per open bracket: only literals so far
        self._row = (0, 0)  # the latest row of VALUES

    def add(self, token: str) -> None:
        self._plain[-1] = False
        self.out.append(token)

    def word(self, word: str) -> None:
        if word[0].isdecimal() and self._is_behind_variable():
            self.literal()
            return
        if word not in _CONSTANTS:
            self._plain[-1] = False
        self.out.append(word)

    def _is_behind_variable(self) -> bool:
        """Whether a point stands before that will be set apart, so that digits behind it are a number."""
        return len(self.out) > 1 and self.out[-1] == "." and self.out[-2][:1] == "@"

    def literal(self) -> None:
        out = self.out
        while out and out[-1] in ("-", "+") and not (len(out) > 1 and _is_operand(out[-2])):
            out.pop()
        out.append(_LITERAL)

    def variable(self, name: str) -> None:
        """A `@name` is a placeholder unless it stands for a table or a server setting."""
        if name.startswith("@@") or (self.out and self.out[-1] in _TABLE_WORDS):
            self.add(name)
        else:
            self.literal()

    def punctuation(self, mark: str) -> None:
        out = self.out
        if mark == "(" or mark == "[":
            is_call = mark == "(" and bool(out) and _is_named(out[-1])
            self._opened.append((len(out), is_call))
            self._plain.append(True)
            out.append(mark)
        elif (mark == ")" or mark == "]") and self._opened:
            self._close(mark)
        else:
            is_sign = mark in "+-" and not (out and _is_operand(out[-1]))
            if mark != "," and not is_sign:
                self._plain[-1] = False
            out.append(mark)

    def _close(self, bracket: str) -> None:
        out = self.out
        start, is_call = self._opened.pop()
        plain = self._plain.pop() and len(out) > start + 1 and not is_call
        if plain:
            out[start + 1 :] = [_LITERAL]
        else:
            self._plain[-1] = False
        out.append(bracket)
        before = out[start - 1] if start else ""
        if before in ("values", "value"):
            self._row = (start, len(out))
        elif before == "," and self._row[1] == start - 1:
            if out[start:] == out[self._row[0] : self._row[1]]:
                del out[start - 1 :]
            else:
                self._row = (start, len(out))


def _is_word(token: str) -> bool:
    first = token[:1]
    return first.isalnum() or first in ("_", '"', "`", "@", "#") or (first == "[" and len(token) > 1)


def _is_named(token: str) -> bool:
    return _is_word(token) and token not in _KEYWORDS


def _is_operand(token: str) -> bool:
    return token in (_LITERAL, ")", "]") or _is_named(token)


def _spaced(out: list[str]) -> str:
    while out and out[-1] == ";":
        out.pop()
    pieces: list[str] = []
    before = before2 = ""
    opened = 0
    for token in out:
        # A bracket that closes nothing would be part of a quoted name before it.
        is_stray = token == "]" and not opened
        if pieces and (is_stray or not _is_glued(before2, before, token)):
            pieces.append(" ")
        pieces.append(token)
        opened += (token == "[") - (token == "]" and opened > 0)
        before2, before = before, token
    return "".join(pieces)


def _would_merge(before2: str, before: str, token: str) -> bool:
    """Whether two tokens without a space are one, a stage or a placeholder, when they are read again."""
    if token in (".", ":", "::", "["):
        return before[:1] == "@"
    return before == ":" and (before2[:1] == "@" or before2[-1:] in ("$", "#", "-"))


def _is_glued(before2: str, before: str, token: str) -> bool:
    """Whether two tokens stand without a space; decided by tokens alone, so that the result is stable."""
    if _would_merge(before2, before, token):
        return False
    if token in (",", ";", ")", "]") or before in ("(", "["):
        return True
    if token == "." and (before == "." or _is_word(before)):
        return True
    if token in (".", ":", "::"):
        return _is_operand(before)
    if token == "(":
        return _is_named(before) or before == "]"
    if before == ".":
        return token in ("*", "[", _LITERAL) or _is_word(token)
    if before in (":", "::"):
        return _is_operand(before2) and (token in ("[", _LITERAL) or _is_word(token))
    if token == "[":
        return _is_operand(before) or before == "array"
    return False
