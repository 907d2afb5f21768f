"""SQL text to the parser's statements, one bad statement not spoiling the others."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version

import sqlglot
from sqlglot import Dialect, Parser, Token, TokenType, exp
from sqlglot.errors import ParseError, SqlglotError

from lineage.sql.file_forms import Export
from lineage.sql.forms import ViewUpdate, form_of
from lineage.sql.identifiers import mark_names
from lineage.sql.overlooked import lacks_rows, overlooked
from lineage.sql.plans import Plan
from lineage.sql.procedures import pieces, unpunctuated
from lineage.sql.rewording import titled
from lineage.sql.rows import with_records
from lineage.sql.splitting import UNPUNCTUATED, Piece, is_command, tokenized, word
from lineage.sql.tree import Node
from lineage.sql.updated_views import update_of_view

ENGINE = f"sqlglot {version('sqlglot')}"

_parsing = threading.local()
# What the parser raises for texts it did not expect.
_FAULTS = (SqlglotError, ValueError, TypeError, AttributeError, LookupError)


@dataclass(frozen=True, slots=True)
class Parsed:
    """A statement's tree or plan, or why there is none; `kind` is that of a definition, which has neither.

    `names` are those in the tree, `overlooked` names behind FROM and JOIN of which neither says anything.
    """

    tree: Node | None
    text: str
    problem: str | None = None
    kind: str | None = None
    variables: frozenset[str] = frozenset()
    plan: Plan | None = None
    assigning: bool = False
    doubt: str | None = None
    names: Set[str] = frozenset()
    overlooked: tuple[str, ...] = ()


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
    if dialect == "teradata":
        piece = replace(piece, tokens=titled(list(piece.tokens)))
    found = _parse(piece, dialect, parser)
    made = [found] if _is_understood(found) else _read_otherwise(piece, found, dialect, parser)
    missing = overlooked(piece.tokens, [(each.tree, each.plan, each.names) for each in made])
    yield from made[:-1]
    yield replace(made[-1], overlooked=tuple(missing)) if missing else made[-1]


def _is_understood(parsed: Parsed) -> bool:
    if parsed.plan is not None:
        return parsed.plan.opaque is None
    tree = parsed.tree
    if isinstance(tree, exp.Create):
        return (tree.args.get("kind") or "").upper() not in _READ_BY_TOKENS
    if isinstance(tree, exp.LoadData):
        return tree.args.get("inpath") is not None
    if tree is None or isinstance(tree, exp.Command) or tree.key in _TOLD_BY_TOKENS:
        return False
    return not lacks_rows(tree)


_TOLD_BY_TOKENS = frozenset({"execute", "export", "summarize"})
# What CREATE makes that the parser's tree tells less of than its tokens.
_READ_BY_TOKENS = frozenset({"STAGE", "STREAM", "SYNONYM"})


def _read_otherwise(
    piece: Piece, found: Parsed, dialect: str | None, parser: Parser, attempts: int = 3
) -> list[Parsed]:
    """Return what a piece holds that the parser does not understand as it stands."""
    form = form_of(piece, dialect)
    if isinstance(form, Plan):
        return [replace(found, tree=None, problem=None, plan=form)]
    if isinstance(form, Export):
        exported = _exported(form, dialect, parser)
        return [found if exported is None else replace(found, tree=exported, problem=None)]
    if isinstance(form, ViewUpdate):
        update, query = (_parse(each, dialect, parser).tree for each in (form.update, form.query))
        if isinstance(update, exp.Update) and isinstance(query, exp.Select):
            changed = update_of_view(update, query)
            return [found if changed is None else replace(found, tree=changed, problem=None)]
        return [found]
    made: list[Parsed] = []
    if isinstance(form, list):
        made = [_parse(each, dialect, parser) for each in form]
    elif form is not None:
        made = [_parse(form, dialect, parser)]
        if attempts and not _is_understood(made[0]):
            made = _read_otherwise(form, made[0], dialect, parser, attempts - 1)
    if made and all(map(_is_understood, made)):
        return [replace(each, text=found.text) for each in made]
    return _cut(piece, dialect, parser) or [_as_generic(piece, found, dialect)]


def _cut(piece: Piece, dialect: str | None, parser: Parser) -> list[Parsed]:
    """Return the statements of a piece that lack semicolons, none where that is not what is wrong."""
    if dialect in UNPUNCTUATED or word(piece.tokens[0]) == "FROM":  # Hive's inserts of one source
        return []
    cut = unpunctuated(piece, dialect)
    if len(cut) < 2 or any(each.problem for each in cut):
        return []
    parts = [_parse(each, dialect, parser) for each in cut if each.kind is None]
    return parts if all(map(_is_understood, parts)) else []


def _as_generic(piece: Piece, found: Parsed, dialect: str | None) -> Parsed:
    """Return a statement read as generic SQL where it can be, which its own dialect's rules forbid."""
    if found.tree is not None or dialect is None:
        return found
    generic = _parse(replace(piece, sql=piece.text, tokens=()), None, Dialect.get_or_raise(None).parser())
    if not isinstance(generic.tree, exp.Query | exp.DML):
        return found
    problem = f"{found.problem} as {dialect}: it is read as generic SQL"
    return replace(generic, text=found.text, doubt=problem)


def _exported(form: Export, dialect: str | None, parser: Parser) -> Node | None:
    """Return a query whose result goes to a file as the COPY it is."""
    query = form.query
    if not query.tokens:
        query = replace(query, tokens=tokenized(query.sql, dialect) or ())
    parsed = _parse(query, dialect, parser) if query.tokens else None
    if parsed is None or not isinstance(parsed.tree, exp.Query):
        return None
    return exp.Copy(this=exp.Subquery(this=parsed.tree), kind=False, files=[exp.Literal.string(form.path)])


def _parse(piece: Piece, dialect: str | None, parser: Parser) -> Parsed:
    tree, problem, names = None, None, set[str]()
    try:
        tree = _tree(piece, dialect, parser)
    except ParseError as fault:
        # The parser's own words quote the text, literals and all: only the place is taken over.
        place = next((f" (line {e['line']}, column {e['col']})" for e in fault.errors if e.get("line")), "")
        renamed = _own_function(piece, fault)
        if renamed is not None:
            return replace(_parse(renamed, dialect, parser), text=piece.text)
        problem = f"the parser does not understand it{place}"
    except RecursionError:
        problem = "it is nested too deep for the parser"
    except _FAULTS as fault:
        problem = f"the parser cannot read it ({type(fault).__name__})"
    if tree is not None:
        if piece.records:
            tree = with_records(tree, _rows(piece, dialect, parser))
        if dialect == "databricks":
            _unwrap_streams(tree)
        names = mark_names(tree, dialect)
    return Parsed(
        tree, piece.text, problem, variables=piece.variables, assigning=piece.assigning, names=names
    )


def _unwrap_streams(tree: Node) -> None:
    """Read `FROM STREAM f(...)`, which older parsers keep apart, as the function it is."""
    for stream in list(tree.find_all(exp.Stream)):
        if isinstance(stream.this, exp.Func):
            stream.replace(exp.Table(this=stream.this))


def _own_function(piece: Piece, fault: ParseError) -> Piece | None:
    """Return a statement whose own function has the name of a known one with other arguments, renamed."""
    error = next(iter(fault.errors), {})
    if not str(error.get("description")).startswith(("Required keyword", "The number of provided")):
        return None
    tokens = list(piece.tokens)
    brackets = 0
    place = (error.get("line"), error.get("col"))
    end = next((at for at, token in enumerate(tokens) if (token.line, token.col) == place), 0)
    for at in range(end, 0, -1):
        brackets += (tokens[at].text == ")") - (tokens[at].text == "(")
        if not brackets:
            name = tokens[at - 1]
            is_name = name.token_type in (TokenType.VAR, TokenType.IDENTIFIER)
            # One that was renamed before is not what the parser objects to.
            if tokens[at].text == "(" and is_name and not name.text.endswith("_"):
                renamed = Token(name.token_type, f"{name.text}_", name.line, name.col, name.start, name.end)
                return replace(piece, tokens=[*tokens[: at - 1], renamed, *tokens[at:]])
            return None
    return None


def _rows(piece: Piece, dialect: str | None, parser: Parser) -> dict[str, exp.Query]:
    """Return the queries whose rows a statement uses by name."""
    rows = {name: _parse(query, dialect, parser).tree for name, query in piece.records.items()}
    return {name: query for name, query in rows.items() if isinstance(query, exp.Query)}


def _tree(piece: Piece, dialect: str | None, parser: Parser) -> Node | None:
    if dialect == "athena":  # which has the grammars of two engines
        return _either(piece.text, "athena", "hive")
    if dialect == "oracle" and _never_ends(piece.tokens):
        raise ParseError("WITH behind FROM")
    if not piece.tokens or is_command(piece.tokens[0], dialect):
        trees = sqlglot.parse(piece.text, read=dialect)
    else:
        trees = parser.parse(list(piece.tokens), piece.sql)
    if len(trees) != 1:
        raise ParseError("several statements where one was expected")
    return trees[0]


def _never_ends(tokens: Sequence[Token]) -> bool:
    """Whether Oracle's parser of some versions would go on forever: WITH behind FROM, but WITH READ ONLY."""
    listing = [False]
    for at, token in enumerate(tokens):
        if token.token_type == TokenType.L_PAREN:
            listing.append(False)
        elif token.token_type == TokenType.R_PAREN and len(listing) > 1:
            listing.pop()
        elif token.token_type == TokenType.FROM:
            listing[-1] = True
        elif token.token_type == TokenType.WITH and listing[-1] and word(tokens[at - 1]) != "START":
            following = tuple(word(each) for each in tokens[at + 1 : at + 3])
            if following not in (("READ", "ONLY"), ("CHECK", "OPTION")):
                return True
    return False


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
