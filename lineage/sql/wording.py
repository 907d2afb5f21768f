"""A statement's tokens as words, for what is read without the parser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlglot import Token, TokenType

from lineage.sql.names import file_table
from lineage.sql.results import Table
from lineage.sql.splitting import Piece, is_string, word


class Wording:
    """A statement's words and a place among them."""

    def __init__(self, piece: Piece, dialect: str | None) -> None:
        self.piece = piece
        self.dialect = dialect
        self.tokens = list(piece.tokens)
        self.words = [word(token) for token in self.tokens]
        self.at = 1

    def accept(self, *words: str) -> bool:
        """Pass these words if they come next."""
        end = self.at + len(words)
        if tuple(self.words[self.at : end]) != words:
            return False
        self.at = end
        return True

    def word(self) -> str:
        """Return the word that comes next, "" at the end."""
        return self.word_at(self.at)

    def word_at(self, at: int) -> str:
        """Return the word at a place, "" beyond the end."""
        return self.words[at] if at < len(self.words) else ""

    def is_outside(self, start: int, at: int) -> bool:
        """Whether no bracket is open at a place that was not open at the start."""
        before = self.words[start:at]
        return before.count("(") == before.count(")")

    def listed(self, start: int, end: int) -> list[list[Token]]:
        """Return what stands between the commas of a part of the statement."""
        items: list[list[Token]] = [[]]
        brackets = 0
        for at in range(start, end):
            brackets += (self.words[at] == "(") - (self.words[at] == ")")
            if self.words[at] == "," and not brackets:
                items.append([])
            else:
                items[-1].append(self.tokens[at])
        return [item for item in items if item]

    def skip(self, words: frozenset[str]) -> None:
        """Pass any of these words."""
        while self.at < len(self.words) and self.words[self.at] in words:
            self.at += 1

    def name(self) -> Table | None:
        """Pass a dotted name and return its table."""
        start = self.at
        parts: list[str] = []
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            if is_string(token) and not parts:
                self.at += 1
                return file_table(token.text)
            if not (
                token.text[:1].isalnum()
                or token.text[:1] in "_@$"
                or token.token_type == TokenType.IDENTIFIER
            ):
                break
            parts += token.text.split(".") if token.token_type == TokenType.IDENTIFIER else [token.text]
            self.at += 1
            if self.words[self.at : self.at + 1] != ["."]:
                break
            self.at += 1
        if not parts:
            self.at = start
            return None
        return Table(tuple(parts))

    def find(self, *wanted: str, start: int | None = None) -> int | None:
        """Return where one of these words comes next outside brackets."""
        brackets = 0
        for at in range(self.at if start is None else start, len(self.words)):
            brackets += (self.words[at] in "([" if self.words[at] else 0) - (self.words[at] in (")", "]"))
            if brackets <= 0 and self.words[at] in wanted:
                return at
        return None

    def closing(self, opening: int) -> int:
        """Return where a bracket is closed."""
        brackets = 0
        for at in range(opening, len(self.words)):
            brackets += (self.words[at] == "(") - (self.words[at] == ")")
            if not brackets:
                return at
        return len(self.words) - 1

    def string(self, start: int = 0) -> int | None:
        """Return where the next string is."""
        return next((at for at in range(start, len(self.tokens)) if is_string(self.tokens[at])), None)

    def made(self, tokens: Sequence[Token]) -> Piece | None:
        """Return the statement with these tokens in place of its own, None if they are the same."""
        tokens = list(tokens)
        return None if tokens == self.tokens else replace(self.piece, tokens=tokens)


def token_at(token: Token, kind: TokenType, text: str) -> Token:
    """Return a token that stands where another does."""
    return Token(kind, text, token.line, token.col, token.start, token.end)
