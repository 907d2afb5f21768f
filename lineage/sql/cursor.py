"""A place in the tokens of a script, and where the things around it end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from sqlglot import Token, TokenType

from lineage.sql.boundaries import Boundary
from lineage.sql.splitting import UNPUNCTUATED, Piece, tokenized, word
from lineage.sql.triggers import with_changed_rows

QUERY = frozenset({"SELECT", "WITH"})
"""Words that a query begins with."""

_INTO = ("INTO", "BULK COLLECT INTO")
_WRITING = frozenset({"INSERT", "MERGE", "REPLACE", "UPDATE", "DELETE"})
# Dialects whose queries put single values INTO variables, also outside of bodies.
_INTO_VARIABLES = frozenset({"bigquery", "databricks", "mysql", "oracle", "singlestore", "snowflake"})
_CODE_IN_STRINGS = 4
"""How deep strings of code in strings of code are followed."""


class Cursor:
    """Goes through the tokens of a text once.

    `walk` reads a whole cursor; `in_body` says that a procedural language is read, `variables` hold the names
    declared so far and `records` those of rows of a query, with the query. `changed` is the table whose
    trigger is read.
    """

    def __init__(
        self,
        tokens: Sequence[Token],
        sql: str,
        dialect: str | None,
        walk: Callable[[Cursor], Iterator[Piece]],
        *,
        variables: frozenset[str] = frozenset(),
        punctuated: bool | None = None,
        in_body: bool = False,
        depth: int = 0,
    ) -> None:
        self.tokens = tokens
        self.words = [word(token) for token in tokens]
        self.sql = sql
        self.dialect = dialect
        self.variables = variables
        self.records: dict[str, Piece] = {}
        self.changed: Sequence[Token] = ()
        self.punctuated = dialect not in UNPUNCTUATED if punctuated is None else punctuated
        self.in_body = in_body
        self.at = 0
        self._walk = walk
        self._depth = depth

    def word(self, offset: int = 0) -> str:
        """Return the word so far from here, "" beyond the end."""
        return self.word_at(self.at + offset)

    def word_at(self, at: int) -> str:
        """Return the word at a place, "" beyond the ends."""
        return self.words[at] if 0 <= at < len(self.words) else ""

    def accept(self, *words: str) -> bool:
        """Pass one of these words if it stands here."""
        found = self.at < len(self.words) and self.words[self.at] in words
        self.at += found
        return found

    def statement_end(self) -> int:
        """Move behind the statement that begins here and return where it ends."""
        words = self.words
        boundary = Boundary(self.word())
        brackets = cases = 0
        at = self.at
        while at < len(words):
            this = words[at]
            if this == ";" or (this in ("GO", "/") and self.alone(at)):  # GO may have a count
                break
            if this in ("(", ")"):
                brackets += 1 if this == "(" else -1
            elif this == "CASE":
                cases += 1
            elif this == "END" and cases:
                cases -= 1
            elif at > self.at and brackets <= 0 and not cases:
                if this == "END" and words[at - 1] not in (".", "AS"):
                    break
                if not self.punctuated and boundary.before(words, at):
                    break
            at += 1
        self.at = at
        return at

    def alone(self, at: int) -> bool:
        """Whether a token stands on a line of its own."""
        tokens = self.tokens
        before = at == 0 or tokens[at - 1].line < tokens[at].line
        after = at + 1 + (self.words[at] == "GO" and self.word_at(at + 1).isdigit())
        return before and (after >= len(tokens) or tokens[after].line > tokens[at].line)

    def find(self, *wanted: str, start: int | None = None) -> int | None:
        """Return where one of these words comes next outside brackets and CASE, before a semicolon."""
        brackets = cases = 0
        first = self.at if start is None else start
        for at in range(first, len(self.words)):
            this = self.words[at]
            if this == ";":
                return None
            if this in ("(", ")"):
                brackets += 1 if this == "(" else -1
            elif this == "CASE" and at > first:
                cases += 1
            elif this == "END" and cases:
                cases -= 1
            elif not brackets and not cases and this in wanted:
                return at
        return None

    def closing(self, opening: int) -> int:
        """Return where the bracket that opens here is closed."""
        brackets = 0
        for at in range(opening, len(self.words)):
            brackets += (self.words[at] == "(") - (self.words[at] == ")")
            if not brackets:
                return at
        return len(self.words)

    # What stands in the text

    def piece(self, start: int, end: int, *, assigning: bool = False) -> Piece:
        """Return these tokens as a statement; with `assigning` its result goes nowhere but into variables."""
        tokens: Sequence[Token] = self.tokens[start:end]
        head = self.words[start]
        into_variables = self.dialect not in UNPUNCTUATED and (
            self.in_body or self.dialect in _INTO_VARIABLES
        )
        if into_variables and head in _WRITING:
            tokens = self._without_returning(start, end)
        elif into_variables and head in QUERY:
            tokens, into = self._without_into(start, end)
            assigning = assigning or into
        if head == "SELECT" and self._assigns(start, end):
            assigning = True
        if self.changed:
            tokens = with_changed_rows(tokens, self.changed, self.dialect)
        used = {name: query for name, query in self.records.items() if name in self._folded(start, end)}
        return Piece(tokens, self.sql, self.variables, used, assigning=assigning)

    def queries(self, start: int, end: int) -> Iterator[Piece]:
        """Yield the queries in brackets among these tokens, whose results are values."""
        at = start
        while at < end:
            if self.words[at] == "(" and self.word_at(at + 1) in QUERY:
                closing = min(self.closing(at), end)
                yield self.piece(at + 1, closing, assigning=True)
                at = closing
            at += 1

    def query_from(self, start: int, end: int) -> Iterator[Piece]:
        """Yield a query that stands here with or without brackets around it, else those inside."""
        if start < end and self.words[start] in QUERY:
            yield self.piece(start, end, assigning=True)
        else:
            yield from self.queries(start, end)

    def code(self, code: str, *, in_body: bool) -> Iterator[Piece]:
        """Yield the statements of a string of code."""
        tokens = tokenized(code, self.dialect) if self._depth < _CODE_IN_STRINGS else None
        if tokens is None:
            problem = "BODY was not understood: it cannot be cut into tokens"
            yield Piece((), code, kind="BODY", problem=problem)
            return
        inner = Cursor(
            tokens,
            code,
            self.dialect,
            self._walk,
            variables=self.variables,
            in_body=in_body,
            depth=self._depth + 1,
        )
        yield from self._walk(inner)

    def declare(self, start: int, end: int) -> None:
        """Take the names among these tokens for variables."""
        names = {self.tokens[at].text.casefold() for at in range(start, min(end, len(self.tokens)))}
        self.variables |= names - {",", "(", ")", "@"}

    def _folded(self, start: int, end: int) -> set[str]:
        if not self.records:
            return set()
        return {self.words[at].casefold() for at in range(start, end) if self.word_at(at + 1) == "."}

    def _assigns(self, start: int, end: int) -> bool:
        """Whether a T-SQL query sets variables, which it does for all its columns: SELECT @a = x, ..."""
        at = start + 1
        unpunctuated = self.dialect in UNPUNCTUATED
        return unpunctuated and at + 2 < end and self.words[at] == "@" and self.words[at + 2] == "="

    def _without_into(self, start: int, end: int) -> tuple[list[Token], bool]:
        """Return a query's tokens without `INTO v1, v2`, and whether there was that."""
        kept: list[Token] = []
        brackets, at, found = 0, start, False
        while at < end:
            this = self.words[at]
            brackets += (this == "(") - (this == ")")
            if not brackets and this in _WRITING:
                return list(self.tokens[start:end]), False
            if this in _INTO and not brackets and self.word_at(at + 1) not in ("OUTFILE", "DUMPFILE"):
                at, found = self._behind_targets(at + 1, end), True
                continue
            kept.append(self.tokens[at])
            at += 1
        return kept, found

    def _without_returning(self, start: int, end: int) -> Sequence[Token]:
        """Return a change's tokens without `RETURNING x INTO v`."""
        returning = self.find("RETURNING", "RETURN", start=start)
        if returning is None or returning >= end or "INTO" not in self.words[returning:end]:
            return self.tokens[start:end]
        return self.tokens[start:returning]

    def _behind_targets(self, at: int, end: int) -> int:
        """Return where a list of variables ends: names with dots, marks and indices, between commas."""
        at += self.word_at(at) == "STRICT"
        while at < end:
            while at < end and self.words[at] in (":", "@"):
                at += 1
            at += 1
            while at < end and self.words[at] in (".", "("):
                at = self.closing(at) + 1 if self.words[at] == "(" else at + 2
            if at >= end or self.words[at] != ",":
                return at
            at += 1
        return end


def select_of(piece: Piece) -> Piece:
    """Return a statement with SELECT for its first word."""
    first = piece.tokens[0]
    select = Token(TokenType.SELECT, "SELECT", first.line, first.col, first.start, first.end)
    return replace(piece, tokens=[select, *piece.tokens[1:]])
