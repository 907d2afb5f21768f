"""`extract` with more room: what this process should not read, or cannot, a worker process reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from lineage.sql.extraction import CACHED_CHARACTERS, extract_cached
from lineage.sql.fence import refusal
from lineage.sql.process import Reply, Request, Worker
from lineage.sql.reading import is_open, is_too_deep
from lineage.sql.results import SqlLineage, StatementLineage
from lineage.sql.scripts import united

worker = Worker()
"""The one worker of this process."""


def extract_apart(
    sql: str,
    *,
    dialect: str | None = None,
    schema: Mapping[str, Mapping[str, str] | Sequence[str]] | None = None,
    default_namespace: str | None = None,
    default_schema: str | None = None,
    confirm: bool = False,
) -> SqlLineage:
    """Return what `lineage.sql.extract` returns with `apart` or `confirm`.

    This process reads the text first, behind its fence. A worker process is asked where that left something
    open, and about everything with `confirm`. Where it does not answer in time the first answer stands,
    with a problem that says so.
    """
    here = extract_cached(sql, dialect, schema, default_namespace, default_schema)
    if not confirm and not _leaves_open(here) and refusal(sql) is None:
        return here
    frozen = tuple((name, tuple(columns)) for name, columns in (schema or {}).items())
    request = Request(sql, dialect, frozen, default_namespace, default_schema, confirm)
    try:
        return (_remembered if len(sql) <= CACHED_CHARACTERS else _asked)(request)
    except _PassingError as fault:
        return _merged(here, fault.reply, request)


class _PassingError(Exception):
    """The worker failed for no fault of the text: the answer is not to be remembered."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply


def _asked(request: Request) -> SqlLineage:
    here = extract_cached(
        request.sql, request.dialect, dict(request.schema), request.default_namespace, request.default_schema
    )
    reply = worker.ask(request)
    if reply.passing:
        raise _PassingError(reply)
    return _merged(here, reply, request)


_remembered = lru_cache(maxsize=512)(_asked)


def _leaves_open(lineage: SqlLineage) -> bool:
    return any(is_open(each) or is_too_deep(each) for each in lineage.statements)


def _merged(here: SqlLineage, reply: Reply, request: Request) -> SqlLineage:
    """Return the worker's answers, the second engine's before the first one's, else what was read here."""
    if reply.read is None:
        fault = f"{reply.fault or 'the worker process failed'}: the text may be too much for it"
        refused = refusal(request.sql)  # which says to do what has just been tried
        problems = [problem for problem in here.problems if problem != refused]
        return replace(here, problems=(*problems, fault))
    base, statements = reply.read.lineage, list[StatementLineage]()
    for place, statement in enumerate(base.statements):
        if place in reply.read.asking and place not in reply.opinions:
            problem = reply.fault or "sqllineage was not asked"
            statement = replace(statement, problems=(*statement.problems, problem))
        statements += reply.opinions.get(place, (statement,))
    told = len(base.problems) - sum(len(each.problems) for each in base.statements)
    engine = ", ".join(dict.fromkeys(each.engine for each in statements)) or base.engine
    return united(statements, base.problems[:told], engine, base.dialect, request.default_namespace)
