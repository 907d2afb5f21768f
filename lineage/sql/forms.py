"""Statements that the parser does not know in the form they have, read by their tokens.

Some become a statement the parser knows, by leaving out or reordering words that say nothing of lineage;
others name their tables in places that are plain to see.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

from sqlglot import Token, TokenType

from lineage.sql.creation import created
from lineage.sql.names import file_table
from lineage.sql.plans import Plan, copied
from lineage.sql.results import Table
from lineage.sql.rewording import insert_by_name, plainer
from lineage.sql.splitting import Piece, is_string
from lineage.sql.wording import Wording, token_at

# Upkeep of a table that neither reads nor writes its rows, and talk with the server.
# fmt: off
_WITHOUT_LINEAGE = frozenset({
    "ANALYSE", "ANALYZE", "CHECKPOINT", "CLUSTER", "FLUSH", "GET", "HELP", "LIST", "LOCK", "LS", "MSCK",
    "OPTIMIZE", "PUT", "REINDEX", "REMOVE", "REPAIR", "RM", "SHOW", "UNLISTEN", "UNLOCK", "UPDATE STATISTICS",
    "VACUUM",
})
# fmt: on


@dataclass(frozen=True, slots=True)
class Export:
    """A query whose result goes to a file."""

    query: Piece
    path: str


@dataclass(frozen=True, slots=True)
class ViewUpdate:
    """An UPDATE of a query's result, and the query."""

    update: Piece
    query: Piece


Form = Piece | list[Piece] | Plan | Export | ViewUpdate


def form_of(piece: Piece, dialect: str | None) -> Form | None:
    """Return what a statement means in another form, or None where it is not known here either.

    A Piece differs from the one given and is to be parsed instead; several are statements of their own.
    """
    if not piece.tokens:
        return None
    form = Wording(piece, dialect)
    head = form.words[0]
    if head in _WITHOUT_LINEAGE:
        return Plan(head)
    found = _FORMS[head](form) if head in _FORMS else None
    return found if found is not None else plainer(form)


# Statements by their first word


def _unload(form: Wording) -> Form | None:
    if not form.accept("("):
        return None
    closing = form.closing(form.at - 1)
    path = form.string(closing)
    if path is None:
        return None
    inner = form.tokens[form.at : closing]
    if len(inner) == 1 and is_string(inner[0]):
        return Export(Piece((), inner[0].text, form.piece.variables), form.tokens[path].text)
    return Export(replace(form.piece, tokens=inner), form.tokens[path].text)


def _export(form: Wording) -> Form | None:
    """BigQuery's EXPORT DATA."""
    options, query = form.find("OPTIONS"), form.find("AS")
    if options is None or query is None:
        return None
    uri = next((at for at in range(options, query) if form.words[at] == "URI"), options)
    path = form.string(uri)
    return (
        Export(replace(form.piece, tokens=form.tokens[query + 1 :]), form.tokens[path].text) if path else None
    )


def _load(form: Wording) -> Form | None:
    """LOAD DATA of BigQuery and MySQL."""
    into = form.find("INTO", "OVERWRITE")
    if into is None:
        return None
    if (files := form.find("FILES")) is not None:
        opening = next((at for at in range(files, len(form.words)) if form.words[at] == "URIS"), files)
        paths = [token.text for token in form.tokens[opening:] if is_string(token)]
        paths = [path for path in paths if "/" in path]
    else:
        path = form.string()
        paths = [form.tokens[path].text] if path is not None else []
    form.at = into + 1
    form.skip(frozenset({"INTO", "TEMP", "TABLE"}))
    target, read = form.name(), [file_table(path) for path in paths]
    if target is None or not read:
        return None
    return Plan("LOAD DATA", read, [target], copied(read[0], target))


def _explain(form: Wording) -> Form | None:
    """EXPLAIN runs nothing, but with ANALYZE."""
    if form.words[1:2] == ["("]:
        runs = "ANALYZE" in form.words[: form.closing(1)]
        form.at = form.closing(1) + 1
    else:
        runs = form.accept("ANALYZE")
        form.accept("VERBOSE")
    return form.made(form.tokens[form.at :]) if runs else Plan("EXPLAIN")


def _rename(form: Wording) -> Form | None:
    """RENAME TABLE a TO b, c TO d: one ALTER each."""
    if not (form.accept("TABLE") or form.accept("TABLES")):
        return None
    alter = [
        token_at(form.tokens[0], TokenType.ALTER, "ALTER"),
        token_at(form.tokens[0], TokenType.TABLE, "TABLE"),
    ]
    rename = [
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
        made.append(replace(form.piece, tokens=[*alter, *old, *rename, *form.tokens[start : form.at]]))
        if not form.accept(","):
            break
    return made


def _exchange(form: Wording) -> Form | None:
    """ClickHouse: EXCHANGE TABLES a AND b."""
    if not form.accept("TABLES"):
        return None
    one = form.name()
    form.accept("AND")
    other = form.name()
    return Plan("ALTER TABLE SWAP", [one, other], [one, other]) if one and other else None


def _refresh(form: Wording) -> Form | None:
    if not form.accept("MATERIALIZED", "VIEW"):
        return Plan("REFRESH")
    form.accept("CONCURRENTLY")
    table = form.name()
    return Plan("REFRESH MATERIALIZED VIEW", [], [table]) if table else None


def _bulk(form: Wording) -> Form | None:
    """T-SQL: BULK INSERT t FROM 'file'."""
    form.accept("INSERT")
    target = form.name()
    form.accept("FROM")
    source = form.name()
    if source is None or target is None:
        return None
    return Plan("BULK INSERT", [source], [target], copied(source, target))


def _replace(form: Wording) -> Form | None:
    """MySQL's REPLACE is an INSERT that deletes first."""
    return form.made([token_at(form.tokens[0], TokenType.INSERT, "INSERT"), *form.tokens[1:]])


def _alter(form: Wording) -> Form | None:
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


_MOVES = (
    (("EXCHANGE", "WITH"), "ALTER TABLE EXCHANGE"),
    (("SWITCH", "TO"), "ALTER TABLE SWITCH"),
    (("APPEND", "FROM"), "ALTER TABLE APPEND"),
    (("ATTACH", "PARTITION"), "ALTER TABLE ATTACH"),
)


def _from(form: Wording) -> Form | None:
    """Hive: FROM source INSERT ... SELECT ... INSERT ... SELECT ...: a statement for each of them."""
    starts = [at for at in range(len(form.words)) if form.words[at] == "INSERT"]
    if not starts:
        return None
    source = form.tokens[: starts[0]]
    made = []
    for start, end in pairwise([*starts, len(form.tokens)]):
        rest = form.find(*_BEHIND_FROM, start=start) or end
        tokens = [*form.tokens[start : min(rest, end)], *source, *form.tokens[min(rest, end) : end]]
        made.append(replace(form.piece, tokens=tokens))
    return made


_BEHIND_FROM = (
    "WHERE", "GROUP BY", "HAVING", "WINDOW", "CLUSTER BY", "DISTRIBUTE BY", "SORT BY", "ORDER BY", "LIMIT",
)  # fmt: skip


def _insert(form: Wording) -> Form | None:
    """INSERT OVERWRITE DIRECTORY 'path' with options before its query; INSERT INTO t EXEC p."""
    if "DIRECTORY" not in form.words[:4]:
        return _insert_of_procedure(form) or insert_by_name(form)
    path = form.string()
    form.at = path + 1 if path is not None else form.at
    query = form.find("SELECT", "WITH", "FROM")
    if path is None or query is None:
        return None
    return Export(replace(form.piece, tokens=form.tokens[query:]), form.tokens[path].text)


def _insert_of_procedure(form: Wording) -> Form | None:
    run = form.find("EXEC", "EXECUTE")
    form.skip(frozenset({"INTO"}))
    target = form.name()
    if run is None or target is None:
        return None
    return Plan("INSERT", [], [target], opaque="what the procedure reads is not in the text")


def _summarize(form: Wording) -> Form | None:
    """DuckDB's SUMMARIZE of a table or query."""
    table = form.name() if form.word() not in ("SELECT", "WITH", "FROM") else None
    return Plan("SUMMARIZE", [table], []) if table else form.made(form.tokens[1:])


def _execute(form: Wording) -> Form | None:
    """T-SQL: EXEC sp_rename 'old', 'new'."""
    strings = [token.text for token in form.tokens if is_string(token)]
    if "SP_RENAME" not in form.words or len(strings) < 2:
        return None
    if len(strings) > 2 and strings[2].upper() != "OBJECT":  # a column or an index
        return Plan("ALTER TABLE", [], [Table(tuple(strings[0].split(".")[:-1]))])
    old = Table(tuple(strings[0].split(".")))
    return Plan("ALTER TABLE RENAME", [old], [Table((*old.parts[:-1], strings[1]))])


def _select(form: Wording) -> Form | None:
    """MySQL: SELECT ... INTO OUTFILE 'path'."""
    into = form.find("INTO")
    if into is None or form.words[into + 1 : into + 2] not in (["OUTFILE"], ["DUMPFILE"]):
        return None
    path = form.string(into)
    if path is None:
        return None
    rest = form.find("FROM", start=path)
    tokens = [*form.tokens[:into], *(form.tokens[rest:] if rest is not None else ())]
    return Export(replace(form.piece, tokens=tokens), form.tokens[path].text)


def _drop(form: Wording) -> Form | None:
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


def _delete(form: Wording) -> Form | None:
    """MySQL: DELETE ... ORDER BY ... LIMIT n; T-SQL: DELETE FROM t FROM u."""
    source = form.find("FROM", start=2)
    if form.word() == "FROM" and source is not None:
        return form.made([form.tokens[0], *form.tokens[2:]])
    end = form.find("ORDER BY", "LIMIT")
    return form.made(form.tokens[:end]) if end is not None else None


def _update(form: Wording) -> Form | None:
    """Oracle: UPDATE (SELECT ...) SET ..."""
    if form.word() != "(" or form.words[2:3] not in (["SELECT"], ["WITH"]):
        return None
    closing = form.closing(1)
    set_ = form.find("SET", start=closing + 1)
    if set_ is None:
        return None
    view = token_at(form.tokens[1], TokenType.VAR, "updated_view")
    update = replace(form.piece, tokens=[form.tokens[0], view, *form.tokens[set_:]])
    return ViewUpdate(update, replace(form.piece, tokens=form.tokens[2:closing]))


def _merge(form: Wording) -> Form | None:
    """Databricks' WITH SCHEMA EVOLUTION; Oracle's conditions of a branch behind it."""
    tokens = list(form.tokens)
    if form.accept("WITH", "SCHEMA", "EVOLUTION"):
        tokens = [tokens[0], *tokens[4:]]
        return form.made(tokens)
    made: list[Token] = []
    start = 0
    while start < len(tokens):
        end = form.find("WHEN", start=start + 1) or len(tokens)
        made += _branch(form, start, end) if form.words[start] == "WHEN" else tokens[start:end]
        start = end
    return form.made(made)


def _branch(form: Wording, start: int, end: int) -> list[Token]:
    """Write `WHEN MATCHED THEN ... WHERE a DELETE WHERE b` as `WHEN MATCHED AND (a) AND (b) THEN ...`."""
    then, where = form.find("THEN", start=start), form.find("WHERE", start=start)
    if then is None or where is None or not then < where < end:
        return form.tokens[start:end]
    conditions: list[Token] = []
    action_end = where - (form.words[where - 1] == "DELETE" and form.words[where - 2] != "THEN")
    while where is not None and where < end:
        following = form.find("WHERE", start=where + 1)
        stop = following - 1 if following is not None and following < end else end
        at = form.tokens[where]
        conditions += [token_at(at, TokenType.AND, "AND"), token_at(at, TokenType.L_PAREN, "(")]
        conditions += [*form.tokens[where + 1 : stop], token_at(at, TokenType.R_PAREN, ")")]
        where = following
    return [*form.tokens[start:then], *conditions, *form.tokens[then:action_end]]


_FORMS: dict[str, Callable[[Wording], Form | None]] = {
    "ALTER": _alter,
    "BULK": _bulk,
    "CREATE": created,
    "DELETE": _delete,
    "DROP": _drop,
    "EXCHANGE": _exchange,
    "EXEC": _execute,
    "EXECUTE": _execute,
    "EXPLAIN": _explain,
    "EXPORT": _export,
    "FROM": _from,
    "INSERT": _insert,
    "LOAD": _load,
    "MERGE": _merge,
    "REFRESH": _refresh,
    "RENAME": _rename,
    "REPLACE": _replace,
    "SELECT": _select,
    "SUMMARIZE": _summarize,
    "UNLOAD": _unload,
    "UPDATE": _update,
}
