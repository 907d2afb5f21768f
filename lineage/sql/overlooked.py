"""Tables that a statement's tokens name and its tree does not: what a parser passed over without a word.

Parsers differ in what they swallow. Whatever it was, an answer without it must not pass for a certain one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set

from sqlglot import Token, TokenType, exp

from lineage.sql.plans import Plan
from lineage.sql.tree import Node

_READING = frozenset({TokenType.FROM, TokenType.JOIN})
_NAMES = frozenset({TokenType.VAR, TokenType.IDENTIFIER})
_OPENING = frozenset({TokenType.L_PAREN, TokenType.L_BRACKET})
_CLOSING = frozenset({TokenType.R_PAREN, TokenType.R_BRACKET})
# What a name may follow that is not the table's.
_BEFORE_NAMES = frozenset({"ANY", "FINAL", "LATERAL", "ONLY", "STREAM", "TABLE"})
_WITH_TABLES = (exp.Query, exp.DML, exp.Cache, exp.MultitableInserts)
_READ_BY_TOKENS = frozenset({"COPY", "CREATE", "DELETE", "INSERT", "MERGE", "SELECT", "UNLOAD", "UPDATE"})


def overlooked(
    tokens: Sequence[Token], found: Sequence[tuple[Node | None, Plan | None, Set[str]]]
) -> list[str]:
    """Return the names behind FROM and JOIN that are nowhere in the trees or plans made of these tokens.

    With each tree come the names in it. Nothing is said of statements that are not understood anyway or
    have no tables.
    """
    named = [(at, name) for at, name in _named(tokens) if not any(name in names for _, _, names in found)]
    if not named:
        return []
    known: set[str] = set()
    for tree, plan, _ in found:
        if plan is not None:
            if plan.opaque or plan.kind.split()[0] not in _READ_BY_TOKENS:
                return []
            known.update(part.casefold() for table in (*plan.inputs, *plan.outputs) for part in table.parts)
        elif tree is not None and _has_tables(tree):
            known.update(node.name.casefold() for node in tree.find_all(exp.Identifier, exp.Var, exp.Literal))
        else:
            return []
    return [
        name
        for at, name in named
        if name.casefold() not in known
        and name.rpartition(".")[2].casefold() not in known
        and _is_of_query(tokens, at)
    ]


def lacks_rows(tree: Node | None) -> bool:
    """Whether an INSERT has lost where its rows come from."""
    if not isinstance(tree, exp.Insert) or tree.args.get("expression") is not None:
        return False
    return not any(tree.args.get(key) for key in ("default", "source", "conflict", "settings"))


def _has_tables(tree: Node) -> bool:
    if isinstance(tree, exp.Create):
        return (tree.args.get("kind") or "").upper() in ("TABLE", "VIEW")
    return isinstance(tree, _WITH_TABLES)


def _named(tokens: Sequence[Token]) -> Iterator[tuple[int, str]]:
    """Yield the places of FROM and JOIN, each with the name behind it."""
    for at, token in enumerate(tokens):
        if token.token_type in _READING:
            name = _name(tokens, at + 1)
            if name is not None:
                yield at, name


def _name(tokens: Sequence[Token], at: int) -> str | None:
    """Return the last part of the dotted name that begins here, None where there is none."""
    while at + 1 < len(tokens) and tokens[at].text.upper() in _BEFORE_NAMES:
        at += 1
    name = None
    while at < len(tokens) and tokens[at].token_type in _NAMES:
        name = tokens[at].text
        at += 1
        if at >= len(tokens) or tokens[at].token_type != TokenType.DOT:
            break
        at += 1
    called = at < len(tokens) and tokens[at].token_type in (TokenType.L_PAREN, TokenType.DASH)
    return None if called else name


def _is_of_query(tokens: Sequence[Token], at: int) -> bool:
    """Whether a FROM or JOIN is that of a query, not of EXTRACT(YEAR FROM a) or IS DISTINCT FROM a."""
    if tokens[at - 1].token_type == TokenType.DISTINCT:
        return False
    depth = 0
    for before in range(at - 1, -1, -1):
        kind = tokens[before].token_type
        if kind in _CLOSING:
            depth += 1
        elif kind in _OPENING:
            if not depth:
                return before == at - 1
            depth -= 1
        elif not depth and kind == TokenType.SELECT:
            return True
    return True
