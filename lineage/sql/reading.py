"""The first engine's reading of a text in the worker process, with room for what is long or deep."""

from __future__ import annotations

import re
from dataclasses import replace

from lineage.sql.extraction import extract_cached
from lineage.sql.fence import CHEAP, TEMPLATE, TOO_DEEP, is_template
from lineage.sql.process import Read, Request
from lineage.sql.results import SqlLineage, StatementLineage, Table
from lineage.sql.scripts import united
from lineage.sql.templates import PLACEHOLDER, rendered

OPINION_CHARACTERS = 200_000
OPINION_STATEMENTS = 50
_TOO_MUCH = f"it gets {OPINION_STATEMENTS} of at most {OPINION_CHARACTERS} characters, and none that is deep"

# Long lists of constants, of which the first few say as much about lineage as all.
_CONSTANT = r"(?:-?[\d.]+|'(?:[^'\\]|\\.|'')*+')"
_LONG_LIST = re.compile(
    rf"(\bin\s*\(\s*{_CONSTANT}(?:\s*,\s*{_CONSTANT}){{9}})(?:\s*,\s*{_CONSTANT}){{90,}}+(?=\s*\))",
    re.IGNORECASE,
)


def first_reading(request: Request) -> Read:
    """Return the first engine's answer and which statements the second one is to be asked about."""
    if is_template(request.sql):
        return Read(_template(request), ())
    sql = _LONG_LIST.sub(r"\1", request.sql) if len(request.sql) > CHEAP.characters else request.sql
    lineage = _extract(request, sql)
    wanted = {
        place: each
        for place, each in enumerate(lineage.statements)
        if is_open(each) or (request.confirm and (each.inputs or each.outputs))
    }
    short = [place for place, each in wanted.items() if len(each.text) <= OPINION_CHARACTERS]
    asked = [place for place in short if not is_too_deep(wanted[place])][:OPINION_STATEMENTS]
    if left := len(wanted) - len(asked):
        note = f"sqllineage was not asked about {left} of {len(wanted)} statements: {_TOO_MUCH}"
        lineage = replace(lineage, problems=(note, *lineage.problems))
    return Read(lineage, tuple(asked))


def is_open(statement: StatementLineage) -> bool:
    """Whether the first engine did not understand a statement."""
    return statement.kind == "UNKNOWN" or any("was not understood" in each for each in statement.problems)


def is_too_deep(statement: StatementLineage) -> bool:
    """Whether a deeper stack might have helped with a statement."""
    return any(TOO_DEEP in problem for problem in statement.problems)


def _extract(request: Request, sql: str) -> SqlLineage:
    return extract_cached(
        sql, request.dialect, dict(request.schema), request.default_namespace, request.default_schema
    )


def _template(request: Request) -> SqlLineage:
    """Return the tables that a template names, if it reads as SQL at all, and none of its columns."""
    found = _extract(request, rendered(request.sql))
    tables = [
        replace(
            each,
            certain=False,
            columns=(),
            problems=(),
            inputs=_meant(each.inputs),
            outputs=_meant(each.outputs),
        )
        for each in found.statements
    ]
    understood = [each for each in tables if each.kind != "UNKNOWN"]
    return united(understood, [TEMPLATE], found.engine, found.dialect, request.default_namespace)


def _meant(tables: tuple[Table, ...]) -> tuple[Table, ...]:
    return tuple(table for table in tables if PLACEHOLDER not in table.parts)
