"""CREATE statements that the parser does not know in the form they have."""

from __future__ import annotations

from sqlglot import Token, TokenType

from lineage.sql.names import file_table
from lineage.sql.plans import Plan
from lineage.sql.splitting import Piece
from lineage.sql.wording import Wording, token_at

# Statements that the parser reads as queries in brackets alone.
_BRACKETED = frozenset({"PIVOT", "UNPIVOT", "PIVOT_WIDER", "PIVOT_LONGER"})
_QUERY = frozenset({"SELECT", "WITH", "FROM", "VALUES", "TABLE"}) | _BRACKETED


def created(wording: Wording) -> Piece | Plan | None:
    """Return the same statement without options that say nothing of lineage, or what its tokens tell."""
    while wording.at < len(wording.words) and wording.words[wording.at] not in _CREATED:
        wording.at += 1
    kind_at = wording.at
    if kind_at >= len(wording.words):
        return None
    kind = wording.words[kind_at]
    wording.at += 1
    wording.accept("IF", "NOT", "EXISTS")
    name_at = wording.at
    table = wording.name()
    if table is None:
        return None
    name_end = wording.at
    if kind == "STAGE":
        path = next((at for at in range(wording.at, len(wording.words)) if wording.words[at] == "URL"), None)
        string = wording.string(path) if path is not None else None
        inputs = [file_table(wording.tokens[string].text)] if string is not None else []
        return Plan("CREATE STAGE", inputs, [table])
    if kind in ("STREAM", "SYNONYM"):
        source_at = wording.find("ON" if kind == "STREAM" else "FOR")
        wording.at = source_at + 1 if source_at is not None else len(wording.tokens)
        wording.skip(_STREAMED)
        source = wording.name()
        return Plan(f"CREATE {kind}", [source] if source else [], [table])
    create = [wording.tokens[0], *_kept(wording, kind_at), *wording.tokens[name_at:name_end]]
    clone = wording.find("CLONE")
    if clone is not None:
        wording.at = clone + 1
        wording.accept("OF")
        start = wording.at
        if wording.name() is not None:
            return wording.made([*create, wording.tokens[clone], *wording.tokens[start : wording.at]])
    return _create_as(wording, create, name_end) or Plan(f"CREATE {kind}", [], [table], creates=True)


_CREATED = frozenset({"TABLE", "VIEW", "STAGE", "STREAM", "SYNONYM"})
_STREAMED = frozenset({"TABLE", "VIEW", "EXTERNAL", "STAGE", "EVENT"})
_KEPT = frozenset({"TEMP", "TEMPORARY", "MATERIALIZED", "VOLATILE"})


def _kept(wording: Wording, kind_at: int) -> list[Token]:
    """Return the words before a created thing's name that say something of its lineage, and its kind."""
    return [wording.tokens[at] for at in range(1, kind_at + 1) if wording.words[at] in _KEPT or at == kind_at]


def _create_as(wording: Wording, create: list[Token], name_end: int) -> Piece | None:
    """Return a CREATE ... AS without what stands between its name, its columns and its query."""
    columns: list[Token] = []
    if wording.words[name_end : name_end + 1] == ["("]:
        closing = wording.closing(name_end)
        columns = wording.tokens[name_end : closing + 1]
        wording.at = closing + 1
    else:
        wording.at = name_end
    as_ = wording.find("AS")
    while as_ is not None and not {"(", *_QUERY} & set(wording.words[as_ + 1 : as_ + 2]):
        as_ = wording.find("AS", start=as_ + 1)
    if as_ is None:
        return None
    end = len(wording.tokens)
    if wording.words[-2:] == ["WITH", "DATA"] or wording.words[-3:] == ["WITH", "NO", "DATA"]:
        end = len(wording.words) - 1 - wording.words[::-1].index("WITH")
    query = wording.tokens[as_ + 1 : end]
    if wording.words[as_ + 1] in _BRACKETED:
        opening = token_at(query[0], TokenType.L_PAREN, "(")
        query = [opening, *query, token_at(query[-1], TokenType.R_PAREN, ")")]
    return wording.made([*create, *columns, wording.tokens[as_], *query])
