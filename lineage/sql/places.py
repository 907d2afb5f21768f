"""The places of projections in their SELECT, found by their text: an unnamed column is called by its own."""

from __future__ import annotations

import re

from sqlglot import Token, TokenType

from lineage.sql.splitting import tokenized, word

_OPENING = frozenset({TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE})
_CLOSING = frozenset({TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE})
_ENDING = frozenset({
    "EXCEPT", "FETCH", "FROM", "GROUP BY", "HAVING", "INTERSECT", "INTO", "LIMIT", "MINUS", "ORDER BY",
    "QUALIFY", "UNION", "WHERE",
})  # fmt: skip


def places(text: str) -> dict[str, int]:
    """Return at which place of its SELECT each projection is, by its text `squeezed`.

    One that is at different places of several is left out: nobody can say which is meant.
    """
    tokens = tokenized(text, None) or []
    found: dict[str, set[int]] = {}
    for at, token in enumerate(tokens):
        if token.token_type == TokenType.SELECT:
            for place, projection in enumerate(_projections(tokens, at + 1, text)):
                found.setdefault(squeezed(projection), set()).add(place)
    return {projection: at.pop() for projection, at in found.items() if len(at) == 1}


def squeezed(text: str) -> str:
    """Return a projection's text as `places` has it; sqllineage drops quotes at its ends."""
    return re.sub(r"\s+", "", text).strip("\"'`").casefold()


def _projections(tokens: list[Token], at: int, text: str) -> list[str]:
    """Return the texts between the commas of a SELECT's list."""
    if at < len(tokens) and tokens[at].token_type in (TokenType.DISTINCT, TokenType.ALL):
        at += 1
    depth, start, listed = 0, at, []
    while at < len(tokens):
        kind = tokens[at].token_type
        if kind in _OPENING:
            depth += 1
        elif kind in _CLOSING:
            depth -= 1
        ends = depth < 0 or (not depth and (word(tokens[at]) in _ENDING or kind == TokenType.SEMICOLON))
        if (ends or (not depth and kind == TokenType.COMMA)) and at > start:
            listed.append(text[tokens[start].start : tokens[at - 1].end + 1])
            start = at + 1
        if ends:
            return listed
        at += 1
    if at > start:
        listed.append(text[tokens[start].start : tokens[at - 1].end + 1])
    return listed
