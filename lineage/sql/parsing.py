"""SQL text to the parser's statements, one bad statement not spoiling the others."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version

import sqlglot
from sqlglot import Dialect, Parser, Token, TokenType, exp
from sqlglot.errors import ParseError, SqlglotError

from lineage.sql.procedures import pieces, unpunctuated
from lineage.sql.splitting import UNPUNCTUATED, Piece, is_command, word
from lineage.sql.tree import Node

ENGINE = f"sqlglot {version('sqlglot')}"

_parsing = threading.local()


@dataclass(frozen=True, slots=True)
class Parsed:
    """A statement's tree, or why there is none; `kind` is that of a definition, which has none either."""

    tree: Node | None
    text: str
    problem: str | None = None
    kind: str | None = None
    variables: frozenset[str] = frozenset()


def parse(sql: str, dialect: str | None) -> list[Parsed]:
    """Return the statements of a text in order; empty ones are left out."""
    with _quiet():
        parser = Dialect.get_or_raise(dialect).parser()
        return [parsed for piece in pieces(sql, dialect) for parsed in _read(piece, dialect, parser)]


def _read(piece: Piece, dialect: str | None, parser: Parser) -> Iterator[Parsed]:
    """Yield what a piece of the text holds: one statement, or several without a semicolon between them."""
    if piece.kind is not None or piece.problem is not None:
        yield Parsed(None, piece.text, piece.problem, piece.kind)
        return
    found = _parse(piece, dialect, parser)
    if found.problem is not None or isinstance(found.tree, exp.Command):
        again = _read_otherwise(piece, dialect, parser)
        if again:
            yield from again
            return
    yield found


def _read_otherwise(piece: Piece, dialect: str | None, parser: Parser) -> list[Parsed]:
    """Return the statements of a piece that the parser does not understand as it stands, or none."""
    if word(piece.tokens[0]) == "REPLACE":  # MySQL's, an INSERT that deletes first
        insert = Token(TokenType.INSERT, "INSERT", *_place(piece.tokens[0]))
        return [_parse(replace(piece, tokens=[insert, *piece.tokens[1:]]), dialect, parser)]
    cut = unpunctuated(piece, dialect) if dialect not in UNPUNCTUATED else []
    if len(cut) > 1:
        parts = [_parse(each, dialect, parser) for each in cut if each.kind is None and each.problem is None]
        if parts and all(part.problem is None and not isinstance(part.tree, exp.Command) for part in parts):
            return parts
    return []


def _parse(piece: Piece, dialect: str | None, parser: Parser) -> Parsed:
    tree, problem = None, None
    try:
        tree = _tree(piece, dialect, parser)
    except ParseError as fault:
        # The parser's own words quote the text, literals and all: only the place is taken over.
        place = next((f" (line {e['line']}, column {e['col']})" for e in fault.errors if e.get("line")), "")
        problem = f"the parser does not understand it{place}"
    except SqlglotError as fault:
        problem = f"the parser cannot read it ({type(fault).__name__})"
    except RecursionError:
        problem = "it is nested too deep for the parser"
    return Parsed(tree, piece.text, problem, variables=piece.variables)


def _place(token: Token) -> tuple[int, int, int, int]:
    return token.line, token.col, token.start, token.end


def _tree(piece: Piece, dialect: str | None, parser: Parser) -> Node | None:
    if dialect == "athena":  # which has the grammars of two engines
        return _either(piece.text, "athena", "hive")
    if is_command(piece.tokens[0], dialect):
        trees = sqlglot.parse(piece.text, read=dialect)
    else:
        trees = parser.parse(list(piece.tokens), piece.sql)
    if len(trees) != 1:
        raise ParseError("several statements where one was expected")
    return trees[0]


def _either(text: str, one: str, other: str) -> Node:
    try:
        return sqlglot.parse_one(text, read=one)
    except SqlglotError:
        return sqlglot.parse_one(text, read=other)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the parser's warnings, which quote the text, out of the log while this thread parses here."""
    _parsing.ours = True
    try:
        yield
    finally:
        _parsing.ours = False


def _not_ours(record: logging.LogRecord) -> bool:
    return not getattr(_parsing, "ours", False)


logging.getLogger("sqlglot").addFilter(_not_ours)
