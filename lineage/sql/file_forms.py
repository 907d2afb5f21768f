"""Statements that move rows between tables and files in forms the parser does not know."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lineage.sql.names import file_table
from lineage.sql.plans import Plan, copied
from lineage.sql.splitting import Piece, is_string
from lineage.sql.wording import Wording


@dataclass(frozen=True, slots=True)
class Export:
    """A query whose result goes to a file."""

    query: Piece
    path: str


def unload(form: Wording) -> Export | Plan | None:
    """Redshift's UNLOAD of a query, also of one in a string."""
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


def export(form: Wording) -> Export | Plan | None:
    """BigQuery's EXPORT DATA."""
    options, query = form.find("OPTIONS"), form.find("AS")
    if options is None or query is None:
        return None
    uri = next((at for at in range(options, query) if form.words[at] == "URI"), options)
    path = form.string(uri)
    return (
        Export(replace(form.piece, tokens=form.tokens[query + 1 :]), form.tokens[path].text) if path else None
    )


def load(form: Wording) -> Export | Plan | None:
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


def bulk_insert(form: Wording) -> Export | Plan | None:
    """T-SQL: BULK INSERT t FROM 'file'."""
    form.accept("INSERT")
    target = form.name()
    form.accept("FROM")
    source = form.name()
    if source is None or target is None:
        return None
    return Plan("BULK INSERT", [source], [target], copied(source, target))


def select_into_file(form: Wording) -> Export | Plan | None:
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
