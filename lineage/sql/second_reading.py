"""A statement as the second engine has it: in place of the first one's answer, or to confirm it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from sqllineage.exceptions import SQLLineageException

from lineage._guard import guard
from lineage.sql.agreement import confirmed
from lineage.sql.catalog import Catalog
from lineage.sql.opinion import ENGINE, Heard, ask, dialect_for
from lineage.sql.process import Request
from lineage.sql.reading import is_open
from lineage.sql.results import Column, ColumnEdges, Source, StatementLineage, Table

_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_CREATED = re.compile(r"create\s+(?:or\s+(?:replace|alter)\s+)?(?:\w+\s+)*?(table|view)\b", re.IGNORECASE)
_DECLARED_TEMPORARY = re.compile(r"create\s+(?:(?!as\b)\w+\s+)*?(?:temp|temporary|volatile)\b", re.IGNORECASE)


def second_reading(statement: StatementLineage, request: Request) -> tuple[StatementLineage, ...]:
    """Return what takes a statement's place once the second engine was asked about it.

    A statement that the first engine understood keeps its answer, confirmed or not; another one has that of
    the second engine if there is one, which may tell it apart into several.
    """
    heard = _heard(statement, request)
    if not is_open(statement):
        if not heard:
            return (with_problem(statement, f"{_failure(heard)}: nothing is confirmed"),)
        inputs = [table for each in heard for table in each.inputs]
        outputs = [table for each in heard for table in each.outputs]
        return (confirmed(statement, inputs, outputs, [edge for each in heard for edge in each.edges]),)
    told = [each for each in heard or () if each.inputs or each.outputs]
    if not told:
        return (with_problem(statement, f"{ENGINE} finds no tables in it" if heard else _failure(heard)),)
    return tuple(_translated(each, statement) for each in told)


def _failure(heard: Sequence[Heard] | None) -> str:
    return f"{ENGINE} failed on it" if heard is None else f"{ENGINE} does not understand it"


def with_problem(statement: StatementLineage, problem: str) -> StatementLineage:
    """Return a statement with one problem more."""
    return replace(statement, problems=(*statement.problems, problem))


def _heard(statement: StatementLineage, request: Request) -> Sequence[Heard] | None:
    """Return what the second engine says, nothing where it does not understand, None where it fails."""
    catalog = Catalog(dict(request.schema), request.default_schema)
    with guard("asking sqllineage about a statement"):
        try:
            return ask(statement.text, dialect_for(request.dialect, statement.dialect), catalog)
        except SQLLineageException:
            return ()
    return None


def _translated(heard: Heard, statement: StatementLineage) -> StatementLineage:
    sources: dict[Column, list[Source]] = {}
    for output, source in heard.edges:
        sources.setdefault(output, []).append(Source(source.table, source.column, "TRANSFORMATION"))
    return replace(
        statement,
        kind=_kind(heard.text, heard.outputs),
        inputs=heard.inputs,
        outputs=heard.outputs,
        columns=tuple(ColumnEdges(output, tuple(inputs)) for output, inputs in sources.items()),
        certain=False,
        problems=(
            *statement.problems,
            f"the answer is that of {ENGINE}, which does not tell how columns are made",
        ),
        engine=ENGINE,
        temporary=_temporary(heard),
        text=heard.text,
    )


def _temporary(heard: Heard) -> tuple[Table, ...]:
    declared = _DECLARED_TEMPORARY.match(_bare(heard.text)) is not None
    return tuple(table for table in heard.outputs if declared or table.parts[-1].startswith("#"))


def _bare(text: str) -> str:
    return _COMMENT.sub(" ", text).strip()


def _kind(text: str, outputs: Sequence[Table]) -> str:
    bare = _bare(text)
    if created := _CREATED.match(bare):
        what = created.group(1).upper()
        return (
            f"CREATE {what} AS"
            if what == "TABLE" and re.search(r"\bselect\b", bare, re.I)
            else f"CREATE {what}"
        )
    first = re.match(r"\w+", bare)
    word = first.group().upper() if first else "UNKNOWN"
    return ("INSERT" if outputs else "SELECT") if word == "WITH" else word
