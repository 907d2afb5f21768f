"""One text for all statements of the same shape, for people and for fingerprints."""

from __future__ import annotations

import re

from lineage.redaction import words
from lineage.redaction.density import END, UNITS, head
from lineage.redaction.masking import mask, may_hold_credentials
from lineage.redaction.tokens import Token, tokens
from lineage.redaction.urls import redact_url

_LITERAL = "?"
_KEYWORDS = frozenset(word.lower() for word in words.KEYWORDS - {"END"}) | {"value", "array"}
_TABLE_WORDS = frozenset(word.lower() for word in words.TABLE_WORDS)
_STRINGS = re.compile(r"'[^']*+'")
_CONSTANTS = frozenset(["null", "true", "false", "default"])


def normalize(text: str, dialect: str | None) -> str:
    """Render a statement as `normalize_sql` promises."""
    if may_hold_credentials(text):
        text = _masked(text, dialect)
    cut = tokens(text, dialect)
    if any(kind == "comment" for kind, _, _ in cut):
        # Cut again: what a comment ends with says nothing of the token behind it.
        cut = tokens(_without_comments(cut), dialect)
    if cut and cut[-1][0] == "end":
        cut.pop()
    is_part = bool(cut) and cut[-1][1] == END
    shape = _Shape()
    shape.read(cut[:-1] if is_part else cut)
    if is_part:
        shape.end()
    return _spaced(shape.out)


def _masked(text: str, dialect: str | None) -> str:
    """Hide the credentials first; such a text is read twice, so half as much is read of it."""
    part, is_part = head(text, UNITS // 2)
    masked = mask(part, dialect)
    return f"{masked} {END}" if is_part and not masked.endswith(END) else masked


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


class _Lowered(dict[str, str]):
    """Words in lower case, each lowered once."""

    def __missing__(self, word: str) -> str:
        lowered = word.lower()
        self[word] = lowered = lowered if len(lowered) == len(word) else word
        return lowered


class _Shape:
    """The tokens of the result, with lists of literals collapsed as they close."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self._opened: list[tuple[int, bool]] = []  # where the bracket stands, is it a call
        self._plain = [False]  # per open bracket: only literals so far
        self._row = (0, 0)  # the latest row of VALUES

    def read(self, cut: list[Token]) -> None:
        """Take over tokens. The commonest kinds are treated here, for each call costs."""
        plain, out, lowered = self._plain, self.out, _Lowered()
        for kind, lexeme, _ in cut:
            if kind == "word":
                word = lowered[lexeme]
                if word[0].isdecimal() and self._is_behind_variable():
                    self.literal()
                    continue
                if word not in _CONSTANTS:
                    plain[-1] = False
                out.append(word)
            elif kind == "other":
                self.punctuation(lexeme)
            elif kind == "string" or kind == "number" or kind == "mark":
                self.literal()
            elif kind == "list" or kind == "rows":
                self.run(kind, lexeme)
            elif kind == "variable":
                self.variable(lexeme.lower())
            elif kind != "end":
                self.add(lexeme if kind == "op" else redact_url(lexeme))

    def end(self) -> None:
        """Close what is open where the rest was not read: a list of literals is one, however long."""
        while self._opened and self._plain[-1]:
            if self.out[-1] == ",":
                self.out.pop()
            self.punctuation(")" if self.out[self._opened[-1][0]] == "(" else "]")
        self.add(END)

    def add(self, token: str) -> None:
        self._plain[-1] = False
        self.out.append(token)

    def run(self, kind: str, lexeme: str) -> None:
        """Many literals at once: one token of the result for all but the last of them."""
        bare = _STRINGS.sub("", lexeme) if "'" in lexeme else lexeme
        if kind == "list":
            self.out += (", ?" * (bare.count(",") - 1) + ",", _LITERAL)
            return
        out, row = self.out, ["(", _LITERAL, ")"]
        if not self._row[1] or self._row[1] != len(out):
            count = bare.count("(") - bare.count("%(")
            out.append(", (?)" * (count - 1) + ",")
        elif out[self._row[0] :] == row:
            return
        else:
            out.append(",")
            self._row = (len(out), len(out) + 3)
        out += row

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
    glued: dict[tuple[str, str, str], bool] = {}  # the same three tokens come often
    for token in out:
        key = (before2, before, token)
        together = glued.get(key)
        if together is None:
            together = glued[key] = not before or _is_glued(before2, before, token)
        if token == "[":
            opened += 1
        elif token == "]":
            # A bracket that closes nothing would be part of a quoted name before it.
            together = (together and opened > 0) or not before
            opened -= opened > 0
        if not together:
            pieces.append(" ")
        pieces.append(token)
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
    if token[0] in ",;)]" or before in ("(", "["):
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
