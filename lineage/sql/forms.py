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
from lineage.sql.file_forms import Export, bulk_insert, export, load, select_into_file, unload
from lineage.sql.plans import Plan
from lineage.sql.rewording import insert_by_name, plainer
from lineage.sql.splitting import Piece
from lineage.sql.table_forms import alter, drop, exchange, refresh, rename, rename_by_procedure
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


def _explain(form: Wording) -> Form | None:
    """EXPLAIN runs nothing, but with ANALYZE."""
    if form.words[1:2] == ["("]:
        runs = "ANALYZE" in form.words[: form.closing(1)]
        form.at = form.closing(1) + 1
    else:
        runs = form.accept("ANALYZE")
        form.accept("VERBOSE")
    return form.made(form.tokens[form.at :]) if runs else Plan("EXPLAIN")


def _replace(form: Wording) -> Form | None:
    """MySQL's REPLACE is an INSERT that deletes first."""
    return form.made([token_at(form.tokens[0], TokenType.INSERT, "INSERT"), *form.tokens[1:]])


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


def _summarize(form: Wording) -> Form | None:
    """DuckDB's SUMMARIZE of a table or query."""
    table = form.name() if form.word() not in ("SELECT", "WITH", "FROM") else None
    return Plan("SUMMARIZE", [table], []) if table else form.made(form.tokens[1:])


_FORMS: dict[str, Callable[[Wording], Form | None]] = {
    "ALTER": alter,
    "BULK": bulk_insert,
    "CREATE": created,
    "DELETE": _delete,
    "DROP": drop,
    "EXCHANGE": exchange,
    "EXEC": rename_by_procedure,
    "EXECUTE": rename_by_procedure,
    "EXPLAIN": _explain,
    "EXPORT": export,
    "FROM": _from,
    "INSERT": _insert,
    "LOAD": load,
    "MERGE": _merge,
    "REFRESH": refresh,
    "RENAME": rename,
    "REPLACE": _replace,
    "SELECT": select_into_file,
    "SUMMARIZE": _summarize,
    "UNLOAD": unload,
    "UPDATE": _update,
}
