"""`lineage sql FILE`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from graph.cli._options import Json
from graph.cli._output import print_items
from graph.exports.labels import one_line
from lineage.sql import ColumnEdges, Source, SqlLineage, StatementLineage, Table, extract

File = Annotated[str, typer.Argument(metavar="FILE", help="A file with SQL, or - for standard input.")]
Dialect = Annotated[
    str | None,
    typer.Option(
        "--dialect", metavar="NAME", help="Such as postgres, snowflake, bigquery.  [default: generic SQL]"
    ),
]
DefaultSchema = Annotated[
    str | None,
    typer.Option("--default-schema", metavar="NAME", help="The schema of tables named without one."),
]


def sql(
    file: File, dialect: Dialect = None, default_schema: DefaultSchema = None, json: Json = False
) -> None:
    """Show what each statement reads and writes, and where each column comes from. Nothing is stored."""
    found = extract(_read(file), dialect=dialect, default_schema=default_schema)
    if json:
        query = {"file": file, "dialect": found.dialect, "defaultSchema": default_schema}
        print_items(query, [_as_json(statement) for statement in found.statements])
        return
    _print_tree(found)


def _read(file: str) -> str:
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return content.decode("utf-8-sig")
    except OSError as error:
        raise typer.BadParameter(f"{file}: {error.strerror or error}", param_hint="FILE") from error
    except UnicodeDecodeError as error:
        raise typer.BadParameter(
            f"{file}: is not UTF-8 text (byte {error.start})", param_hint="FILE"
        ) from error


def _as_json(statement: StatementLineage) -> dict[str, Any]:
    return {
        "kind": statement.kind,
        "inputs": [table.name for table in statement.inputs],
        "outputs": [table.name for table in statement.outputs],
        "columns": [_column_as_json(column) for column in statement.columns],
        "certain": statement.certain,
        "problems": list(statement.problems),
        "engine": statement.engine,
        "dialect": statement.dialect,
    }


def _column_as_json(edges: ColumnEdges) -> dict[str, Any]:
    sources = [(source, "DIRECT") for source in edges.inputs]
    sources += [(source, "INDIRECT") for source in edges.indirect]
    return {
        "table": edges.output.table,
        "column": edges.output.column,
        "expression": edges.expression,
        "inputs": [
            {"table": source.table, "column": source.column, "type": type_, "subtype": source.subtype}
            for source, type_ in sources
        ],
    }


def _print_tree(found: SqlLineage) -> None:
    for number, statement in enumerate(found.statements, 1):
        doubt = "" if statement.certain else " (in doubt)"
        _print(f"{number}. {statement.kind}{doubt}")
        _print(f"   reads   {_tables(statement.inputs)}")
        _print(f"   writes  {_tables(statement.outputs)}")
        for edges in statement.columns:
            expression = f"  = {edges.expression}" if edges.expression else ""
            _print(f"   {_dotted(edges.output.table, edges.output.column)}{expression}")
            for source in edges.inputs:
                _print(f"     <- {_source(source)}")
            for source in edges.indirect:
                _print(f"     <~ {_source(source)}")
        for problem in statement.problems:
            _print(f"   ! {problem}")
    for problem in found.problems:
        if not any(problem in statement.problems for statement in found.statements):
            _print(f"! {problem}")


def _print(line: str) -> None:
    typer.echo(one_line(line))


def _tables(tables: Iterable[Table]) -> str:
    return ", ".join(table.name for table in tables) or "nothing"


def _source(source: Source) -> str:
    return f"{_dotted(source.table, source.column)} ({source.subtype})"


def _dotted(table: str, column: str) -> str:
    return f"{table}.{column}" if table else column
