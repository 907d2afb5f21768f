"""Statements about tables as a whole, renamed, exchanged, dropped, in forms the parser does not know."""

from __future__ import annotations

from dataclasses import replace

from sqlglot import TokenType

from lineage.sql.plans import Plan
from lineage.sql.results import Table
from lineage.sql.splitting import Piece, is_string
from lineage.sql.wording import Wording, token_at


def rename(form: Wording) -> list[Piece] | Plan | None:
    """RENAME TABLE a TO b, c TO d: one ALTER each."""
    if not (form.accept("TABLE") or form.accept("TABLES")):
        return None
    altering = [
        token_at(form.tokens[0], TokenType.ALTER, "ALTER"),
        token_at(form.tokens[0], TokenType.TABLE, "TABLE"),
    ]
    renaming = [
        token_at(form.tokens[0], TokenType.VAR, "RENAME"),
        token_at(form.tokens[0], TokenType.VAR, "TO"),
    ]
    made = []
    while form.at < len(form.tokens):
        start = form.at
        if form.name() is None or form.words[form.at : form.at + 1] not in (["TO"], ["AS"]):
            return None
        old, start = form.tokens[start : form.at], form.at + 1
        form.at += 1
        if form.name() is None:
            return None
        made.append(replace(form.piece, tokens=[*altering, *old, *renaming, *form.tokens[start : form.at]]))
        if not form.accept(","):
            break
    return made


def exchange(form: Wording) -> list[Piece] | Plan | None:
    """ClickHouse: EXCHANGE TABLES a AND b."""
    if not form.accept("TABLES"):
        return None
    one = form.name()
    form.accept("AND")
    other = form.name()
    return Plan("ALTER TABLE SWAP", [one, other], [one, other]) if one and other else None


def alter(form: Wording) -> list[Piece] | Plan | None:
    """ALTER of tables and views: what moves rows between tables, and names that change."""
    view = form.accept("VIEW")
    if not (view or form.accept("TABLE") or form.accept("MATERIALIZED", "VIEW")):
        return Plan(f"ALTER {form.words[1]}") if len(form.words) > 1 else None
    form.accept("IF", "EXISTS")
    form.accept("ONLY")
    table = form.name()
    if table is None:
        return None
    for words, kind in _MOVES:
        at = form.at
        if form.accept(words[0]):
            found = form.find(words[-1], start=at)
            if found is not None:
                form.at = found + 1
                form.accept("TABLE")
                other = form.name()
                if other is not None:
                    ends = (table, other) if words[0] == "SWITCH" else (other, table)
                    return Plan(kind, [ends[0]], [ends[1]])
            form.at = at
    if form.accept("SET", "SCHEMA"):
        schema = form.name()
        if schema is not None:
            return Plan("ALTER TABLE RENAME", [table], [Table((*schema.parts, table.parts[-1]))])
    return Plan("ALTER VIEW" if view else "ALTER TABLE", [], [table])


def rename_by_procedure(form: Wording) -> list[Piece] | Plan | None:
    """T-SQL: EXEC sp_rename 'old', 'new'."""
    strings = [token.text for token in form.tokens if is_string(token)]
    if "SP_RENAME" not in form.words or len(strings) < 2:
        return None
    if len(strings) > 2 and strings[2].upper() != "OBJECT":  # a column or an index
        return Plan("ALTER TABLE", [], [Table(tuple(strings[0].split(".")[:-1]))])
    old = Table(tuple(strings[0].split(".")))
    return Plan("ALTER TABLE RENAME", [old], [Table((*old.parts[:-1], strings[1]))])


def drop(form: Wording) -> list[Piece] | Plan | None:
    """DROP of several tables."""
    kind = form.word()
    if kind == "TEMPORARY":
        form.at += 1
        kind = form.word()
    if kind not in ("TABLE", "VIEW"):
        return None
    form.at += 1
    form.accept("IF", "EXISTS")
    tables = []
    while (table := form.name()) is not None:
        tables.append(table)
        if not form.accept(","):
            break
    return Plan(f"DROP {kind}", [], tables) if tables else None


def refresh(form: Wording) -> list[Piece] | Plan | None:
    """REFRESH MATERIALIZED VIEW fills it; other REFRESH moves nothing."""
    if not form.accept("MATERIALIZED", "VIEW"):
        return Plan("REFRESH")
    form.accept("CONCURRENTLY")
    table = form.name()
    return Plan("REFRESH MATERIALIZED VIEW", [], [table]) if table else None


_MOVES = (
    (("EXCHANGE", "WITH"), "ALTER TABLE EXCHANGE"),
    (("SWITCH", "TO"), "ALTER TABLE SWITCH"),
    (("APPEND", "FROM"), "ALTER TABLE APPEND"),
    (("ATTACH", "PARTITION"), "ALTER TABLE ATTACH"),
)
