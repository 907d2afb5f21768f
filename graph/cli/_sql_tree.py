"""The lineage of SQL as a tree for people."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

import typer

from graph.cli._output import colours_are_forced
from graph.exports.labels import one_line
from graph.exports.sql_graph import row_sources
from lineage.sql import ColumnEdges, Source, SqlLineage, StatementLineage, Table

Line = tuple[str, str]
"""A line and its style."""

_HEAD, _TABLE, _COLUMN, _DIRECT, _INDIRECT, _WARNING = "bold", "green", "cyan", "", "dim", "yellow"


def print_tree(found: SqlLineage) -> None:
    """Print each statement, what the script does without its temporary tables where it has any, and problems.

    Colours are for terminals, as in tables.
    """
    lines = [(one_line(text), style) for text, style in _lines(found)]
    if not (sys.stdout.isatty() or colours_are_forced()):
        for text, _ in lines:
            typer.echo(text)
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(soft_wrap=True)
    for text, style in lines:
        console.print(Text(text, style))


def _lines(found: SqlLineage) -> Iterator[Line]:
    for number, statement in enumerate(found.statements, 1):
        yield from _statement(statement, f"{number}. ", found.engine)
    if found.collapsed != found.statements:
        yield "Without the temporary tables:", _HEAD
        for statement in found.collapsed:
            yield from _statement(statement, "- ", found.engine)
    told = {problem for statement in found.statements for problem in statement.problems}
    for problem in found.problems:
        if not any(problem.endswith(each) for each in told):
            yield f"! {problem}", _WARNING


def _statement(statement: StatementLineage, mark: str, usual_engine: str) -> Iterator[Line]:
    engine = "" if statement.engine == usual_engine else f" (read by {statement.engine})"
    yield f"{mark}{statement.kind}{'' if statement.certain else ' (in doubt)'}{engine}", _HEAD
    yield f"   reads   {_tables(statement.inputs)}", _TABLE
    yield f"   writes  {_tables(statement.outputs)}", _TABLE
    for table in dict.fromkeys(edges.output.table for edges in statement.columns):
        yield from _columns([edges for edges in statement.columns if edges.output.table == table], table)
    for problem in statement.problems:
        yield f"   ! {problem}", _WARNING


def _columns(columns: list[ColumnEdges], table: str) -> Iterator[Line]:
    """Yield what decides about the rows once, then each column with what is its own."""
    rows = row_sources(columns)
    if rows:
        yield f"   rows of {table or 'the result'}", _COLUMN
        for source in rows:
            yield f"     <~ {_source(source)}", _INDIRECT
    for edges in columns:
        expression = f"  = {edges.expression}" if edges.expression else ""
        yield f"   {_dotted(edges.output.table, edges.output.column)}{expression}", _COLUMN
        for source in edges.inputs:
            yield f"     <- {_source(source)}", _DIRECT
        for source in edges.indirect:
            if source not in rows:
                yield f"     <~ {_source(source)}", _INDIRECT


def _tables(tables: Iterable[Table]) -> str:
    return ", ".join(_table(table) for table in tables) or "nothing"


def _table(table: Table) -> str:
    where = f" in {table.namespace}" if table.namespace else ""
    return f"{table.name}{where}{_agreement(table.confirmed)}"


def _source(source: Source) -> str:
    masking = ", masking" if source.masking else ""
    return f"{_dotted(source.table, source.column)} ({source.subtype}{masking}){_agreement(source.confirmed)}"


def _agreement(confirmed: bool | None) -> str:
    return {None: "", True: " [agreed]", False: " [not agreed]"}[confirmed]


def _dotted(table: str, column: str) -> str:
    return f"{table}.{column}" if table else column
