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
    query_at = _query_at(wording, name_end)
    if query_at is None:
        return Plan(f"CREATE {kind}", [], [table], creates=True)
    made = _create_as(wording, create, name_end, query_at)
    if made is not None:
        return made
    temporary = not _TEMPORARY.isdisjoint(wording.words[:kind_at])
    opaque = "its query cannot be read"
    return Plan(f"CREATE {kind}", [], [table], creates=True, temporary=temporary, opaque=opaque)


_CREATED = frozenset({"TABLE", "VIEW", "STAGE", "STREAM", "SYNONYM"})
_STREAMED = frozenset({"TABLE", "VIEW", "EXTERNAL", "STAGE", "EVENT"})
_TEMPORARY = frozenset({"TEMP", "TEMPORARY", "VOLATILE"})
_KEPT = _TEMPORARY | {"MATERIALIZED"}


def _kept(wording: Wording, kind_at: int) -> list[Token]:
    """Return the words before a created thing's name that say something of its lineage, and its kind."""
    return [wording.tokens[at] for at in range(1, kind_at + 1) if wording.words[at] in _KEPT or at == kind_at]


def _query_at(wording: Wording, name_end: int) -> int | None:
    """Return where the query of a CREATE ... AS begins, None where it has none."""
    wording.at = name_end
    if wording.word() == "(":
        wording.at = wording.closing(name_end) + 1
    as_ = wording.find("AS")
    while as_ is not None and not {"(", *_QUERY} & set(wording.words[as_ + 1 : as_ + 2]):
        as_ = wording.find("AS", start=as_ + 1)
    return None if as_ is None else as_ + 1


def _create_as(wording: Wording, create: list[Token], name_end: int, start: int) -> Piece | None:
    """Return a CREATE ... AS without options: between its name, columns and query, and behind these."""
    columns: list[Token] = []
    if wording.words[name_end] == "(":
        columns = wording.tokens[name_end : wording.closing(name_end) + 1]
    query = wording.tokens[start : _query_end(wording, start)]
    if wording.words[start] in _BRACKETED:
        opening = token_at(query[0], TokenType.L_PAREN, "(")
        query = [opening, *query, token_at(query[-1], TokenType.R_PAREN, ")")]
    return wording.made([*create, *columns, wording.tokens[start - 1], *query])


def _query_end(wording: Wording, start: int) -> int:
    """Return where a query ends that options of storage may follow."""
    end = start
    while wording.words[end : end + 1] == ["("]:
        end = wording.closing(end) + 1
        if wording.word_at(end) not in _SET_OPERATIONS:
            return end
        end += 1 + (wording.word_at(end + 1) in ("ALL", "DISTINCT"))
    for at in range(max(end, start + 1), len(wording.words)):
        if wording.words[at] in _STORED and wording.is_outside(start, at):
            behind = wording.words[at : at + 3]
            if any(tuple(behind[: len(words)]) == words for words in _STORED_AS):
                return at
    return len(wording.words)


_SET_OPERATIONS = frozenset({"EXCEPT", "INTERSECT", "MINUS", "UNION"})
# How what follows a query and says how its rows are kept begins: of Teradata, Greenplum, Netezza and Vertica.
_STORED_AS = (
    ("DISTRIBUTE", "ON"), ("DISTRIBUTED", "BY"), ("DISTRIBUTED", "RANDOMLY"), ("DISTRIBUTED", "REPLICATED"),
    ("NO", "PRIMARY", "INDEX"), ("ON", "COMMIT", "DELETE"), ("ON", "COMMIT", "DROP"),
    ("ON", "COMMIT", "PRESERVE"), ("ORGANIZE", "ON"), ("PRIMARY", "INDEX"), ("SEGMENTED", "BY"),
    ("UNIQUE", "PRIMARY", "INDEX"), ("UNSEGMENTED", "ALL"), ("WITH", "DATA"), ("WITH", "NO", "DATA"),
)  # fmt: skip
_STORED = frozenset(words[0] for words in _STORED_AS)
