"""The rows a trigger is about: NEW and OLD, or T-SQL's tables `inserted` and `deleted`."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import Token, TokenType

from lineage.sql.splitting import UNPUNCTUATED, Piece, word
from lineage.sql.wording import token_at

ROWS = ("new", "old")
_TABLES = frozenset({"INSERTED", "DELETED"})
_ALIASED = frozenset({TokenType.ALIAS, TokenType.VAR, TokenType.IDENTIFIER})
_READING = frozenset({TokenType.FROM, TokenType.JOIN, TokenType.COMMA})


def table_of_trigger(tokens: Sequence[Token]) -> Sequence[Token]:
    """Return the tokens of the table in a trigger's head: `... ON shop.orders ...`."""
    on = next((at for at, token in enumerate(tokens) if word(token) == "ON"), len(tokens))
    end = on + 2
    while end + 1 < len(tokens) and word(tokens[end]) == ".":
        end += 2
    return tokens[on + 1 : end]


def row_of(table: Sequence[Token], sql: str) -> Piece:
    """Return the query whose rows NEW and OLD are."""
    first = table[0]
    star = token_at(first, TokenType.STAR, "*")
    select, from_ = token_at(first, TokenType.SELECT, "SELECT"), token_at(first, TokenType.FROM, "FROM")
    return Piece([select, star, from_, *table], sql)


def with_changed_rows(
    tokens: Sequence[Token], table: Sequence[Token], dialect: str | None
) -> Sequence[Token]:
    """Return a statement of a trigger's body that names the trigger's table for its changed rows."""
    made: list[Token] = []
    for at, token in enumerate(tokens):
        following = tokens[at + 1] if at + 1 < len(tokens) else None
        if token.text == ":" and following is not None and following.text.casefold() in ROWS:
            continue  # Oracle's :NEW
        read = bool(made) and made[-1].token_type in _READING and dialect in UNPUNCTUATED
        if not (read and word(token) in _TABLES) or (following is not None and following.text == "."):
            made.append(token)
            continue
        made += table
        if following is None or following.token_type not in _ALIASED:
            made += [token_at(token, TokenType.ALIAS, "AS"), token]
    return made
