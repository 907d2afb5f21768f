"""A script cut into its statements by tokens, so that a bad one spoils no other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from sqlglot import Dialect, Token, Tokenizer, TokenType
from sqlglot.errors import SqlglotError

UNPUNCTUATED = frozenset({"tsql", "fabric"})
"""Dialects whose statements need no semicolon between them."""

_QUOTED = frozenset(
    kind
    for kind in TokenType
    if kind.name == "IDENTIFIER" or (kind.name.endswith("STRING") and kind.name != "BIT_STRING")
)
_STRINGS = _QUOTED - {TokenType.IDENTIFIER}
_Q_QUOTED = re.compile(
    r"""
    (?P<other> --[^\n]* | /\*.*?\*/ | "[^"]*" | (?<!\w)'(?:[^']|'')*' )
    | \bn?q'(?: \[.*?\] | \{.*?\} | \(.*?\) | <.*?> | ([^\s\[{(<]).*?\2 )'
    """,
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
_DELIMITER = re.compile(r"(?im)^[ \t]*delimiter[ \t]+(\S+)[ \t]*$")


@dataclass(frozen=True, slots=True)
class Piece:
    """One statement of a script: its tokens, and the text they are places in.

    `variables` are names that are no columns in it, `records` rows of queries by name. `assigning` says that
    its result only goes into variables, `kind` what it is where it is nothing to parse, `problem` why it
    cannot be read.
    """

    tokens: Sequence[Token]
    sql: str = field(repr=False)
    variables: frozenset[str] = frozenset()
    records: Mapping[str, Piece] = field(default_factory=dict)
    assigning: bool = False
    kind: str | None = None
    problem: str | None = None

    @property
    def text(self) -> str:
        """The statement as written."""
        return self.sql[self.tokens[0].start : self.tokens[-1].end + 1] if self.tokens else self.sql


def word(token: Token) -> str:
    """Return a token's upper-case text, "" for a string or a quoted name."""
    return "" if token.token_type in _QUOTED else token.text.upper()


def is_string(token: Token) -> bool:
    """Whether a token is a string, of any form."""
    return token.token_type in _STRINGS


def tokenized(sql: str, dialect: str | None) -> list[Token] | None:
    """Return a text's tokens, None where the tokenizer cannot read it.

    Commands, whose rest sqlglot keeps as one string, are cut into tokens here like all else.
    """
    tokenizer = _tokenizer(dialect)(dialect=_tokenized_as(dialect))
    try:
        tokens = list(tokenizer.tokenize(sql))
    except (SqlglotError, RecursionError):
        return None
    return _with_placeholders(tokens) if "%s" in sql or "%(" in sql else tokens


def _with_placeholders(tokens: list[Token]) -> list[Token]:
    """Read the parameters `%s` and `%(name)s` of Python's drivers as placeholders in every dialect."""
    made: list[Token] = []
    at = 0
    while at < len(tokens):
        token = tokens[at]
        if token.text == "%" and not (made and made[-1].token_type in _OPERANDS):
            after = [each.text for each in tokens[at + 1 : at + 5]]
            length = 2 if after[:1] == ["s"] else 5 if [*after[:1], *after[2:4]] == ["(", ")", "s"] else 0
            if length:
                last = tokens[at + length - 1]
                made.append(Token(TokenType.PLACEHOLDER, "?", token.line, token.col, token.start, last.end))
                at += length
                continue
        made.append(token)
        at += 1
    return made


_OPERANDS = frozenset(
    {TokenType.VAR, TokenType.IDENTIFIER, TokenType.NUMBER, TokenType.R_PAREN, TokenType.STRING}
)


def is_command(token: Token, dialect: str | None) -> bool:
    """Whether sqlglot keeps what follows such a token at the start of a statement as one string."""
    return token.token_type in _commands(dialect)


@lru_cache(maxsize=64)
def _commands(dialect: str | None) -> frozenset[TokenType]:
    return frozenset(Dialect.get_or_raise(_tokenized_as(dialect)).tokenizer_class.COMMANDS)


def redelimited(sql: str) -> str:
    """Return a text for MySQL's client with semicolons for what DELIMITER lines set; places stay."""
    parts, at, delimiter = [], 0, ";"
    for match in _DELIMITER.finditer(sql):
        parts += [_semicolons(sql[at : match.start()], delimiter), " " * len(match.group())]
        at, delimiter = match.end(), match.group(1)
    return "".join([*parts, _semicolons(sql[at:], delimiter)])


def _semicolons(sql: str, delimiter: str) -> str:
    return sql if delimiter == ";" else sql.replace(delimiter, ";".ljust(len(delimiter)))


def requoted(sql: str) -> str:
    """Return a text with plain strings for Oracle's `q'[it's]'` where the parser does not know these.

    Places stay; what the strings say does not.
    """
    return sql if _knows_q_quotes() else _Q_QUOTED.sub(_blank, sql)


def _blank(match: re.Match[str]) -> str:
    return match.group() if match.group("other") else f"'{' ' * (len(match.group()) - 2)}'"


@lru_cache(maxsize=1)
def _knows_q_quotes() -> bool:
    return len(tokenized("q'[a]'", "oracle") or ()) == 1


def untokenized(sql: str, dialect: str | None) -> Iterator[tuple[str, list[Token] | None]]:
    """Yield the parts of a text that cannot be cut into tokens as a whole: by lines, then by semicolons."""
    for line in re.split(r";[ \t]*(?:\n|\Z)", sql):
        tokens = tokenized(line, dialect)
        if tokens is None and ";" in line:
            yield from ((part, tokenized(part, dialect)) for part in line.split(";") if part.strip())
        elif line.strip():
            yield line, tokens


def _tokenized_as(dialect: str | None) -> str | None:
    return (
        "hive" if dialect == "athena" else dialect
    )  # which Athena reads its definitions as, backticks and all


@lru_cache(maxsize=64)
def _tokenizer(dialect: str | None) -> Any:
    base: type[Tokenizer] = Dialect.get_or_raise(_tokenized_as(dialect)).tokenizer_class
    return type("_Plain", (base,), {"COMMANDS": set()})
