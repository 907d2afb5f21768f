"""SQL text to the parser's statements, one bad statement not spoiling the others."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError

from lineage.sql.tree import Node

ENGINE = f"sqlglot {version('sqlglot')}"

_parsing = threading.local()


@dataclass(frozen=True, slots=True)
class Parsed:
    """A statement's tree, or why there is none."""

    tree: Node | None
    problem: str | None = None


def parse(sql: str, dialect: str | None) -> list[Parsed]:
    """Return the statements of a text in order; empty ones are left out."""
    with _quiet():
        whole = _parse(sql, dialect)
        if all(parsed.problem is None for parsed in whole):
            return whole
        pieces = _pieces(sql, dialect)
        return whole if len(pieces) < 2 else [parsed for piece in pieces for parsed in _parse(piece, dialect)]


def _parse(sql: str, dialect: str | None) -> list[Parsed]:
    try:
        trees = sqlglot.parse(sql, read=dialect)
    except ParseError as fault:
        # The parser's own words quote the text, literals and all: only the place is taken over.
        place = next((f" (line {e['line']}, column {e['col']})" for e in fault.errors if e.get("line")), "")
        return [Parsed(None, f"the parser does not understand it{place}")]
    except SqlglotError as fault:
        return [Parsed(None, f"the parser cannot read it ({type(fault).__name__})")]
    except RecursionError:
        return [Parsed(None, "it is nested too deep for the parser")]
    return [
        parsed
        for tree in trees
        if tree is not None and not isinstance(tree, exp.Semicolon)
        for parsed in _replaced(tree, dialect)
    ]


def _replaced(tree: Node, dialect: str | None) -> list[Parsed]:
    """Read MySQL's REPLACE INTO, which the parser leaves as text, as the INSERT it is."""
    if isinstance(tree, exp.Command) and tree.name.upper() == "REPLACE":
        return _parse(f"INSERT {tree.expression.name}", dialect)
    return [Parsed(tree)]


def _pieces(sql: str, dialect: str | None) -> list[str]:
    """Return the text cut at its semicolons, without empty pieces."""
    try:
        tokens = sqlglot.tokenize(sql, read=dialect)
    except (SqlglotError, RecursionError):
        return [sql]
    cuts = [token.start for token in tokens if token.token_type == sqlglot.TokenType.SEMICOLON]
    pieces = [sql[start:end].lstrip(";") for start, end in zip([0, *cuts], [*cuts, len(sql)], strict=True)]
    return [piece for piece in pieces if piece.strip()]


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
