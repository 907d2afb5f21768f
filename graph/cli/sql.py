"""`lineage sql FILE`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from graph.cli._options import Json
from graph.cli._output import print_items, print_note
from lineage.sql import ColumnEdges, Source, SqlLineage, StatementLineage, Table, extract

File = Annotated[str, typer.Argument(metavar="FILE", help="A file with SQL, or - for standard input.")]
Dialect = Annotated[
    str | None,
    typer.Option(
        "--dialect", metavar="NAME", help="Such as postgres, snowflake, bigquery.  [default: generic SQL]"
    ),
]
Schemas = Annotated[
    list[Path] | None,
    typer.Option(
        "--schema",
        metavar="FILE",
        help="The columns of known tables: {table: {column: type}} or {table: [columns]} as JSON or YAML, "
        "or dbt's manifest.json or catalog.json. May be given more than once.",
    ),
]
DefaultSchema = Annotated[
    str | None,
    typer.Option("--default-schema", metavar="NAME", help="The schema of tables named without one."),
]
DefaultNamespace = Annotated[
    str | None,
    typer.Option(
        "--default-namespace",
        metavar="NAMESPACE",
        help="Such as postgres://warehouse:5432; files have their own.",
    ),
]
Confirm = Annotated[
    bool, typer.Option("--confirm", help="Ask a second engine, and mark what it agrees on. Takes longer.")
]
Mermaid = Annotated[bool, typer.Option("--mermaid", help="Print a drawing for Mermaid instead of a tree.")]


def sql(
    file: File,
    dialect: Dialect = None,
    schema: Schemas = None,
    default_schema: DefaultSchema = None,
    default_namespace: DefaultNamespace = None,
    confirm: Confirm = False,
    json: Json = False,
    mermaid: Mermaid = False,
) -> None:
    """Show what each statement reads and writes, and where each column comes from. Nothing is stored.

    Exit code 1 when nothing of the text was understood.
    """
    if json and mermaid:
        raise typer.BadParameter("give one of --json and --mermaid", param_hint="--mermaid")
    text = _read(file)
    found = extract(
        text,
        dialect=dialect,
        schema=_known(schema or []),
        default_schema=default_schema,
        default_namespace=default_namespace,
        apart=True,
        confirm=confirm,
    )
    if json:
        query = {
            "file": file,
            "dialect": found.dialect,
            "schema": [str(path) for path in schema or []],
            "defaultSchema": default_schema,
            "defaultNamespace": default_namespace,
            "confirm": confirm,
        }
        print_items(query, [_as_json(found)])
    elif mermaid:
        _draw(found)
    else:
        from graph.cli._sql_tree import print_tree

        print_tree(found)
    if found.problems and not any(_is_understood(statement) for statement in found.statements):
        raise typer.Exit(1)


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


def _known(paths: list[Path]) -> dict[str, list[str]] | None:
    if not paths:
        return None
    from graph.cli._known_tables import known_tables

    return known_tables(paths)


def _is_understood(statement: StatementLineage) -> bool:
    return statement.certain or bool(statement.inputs or statement.outputs or statement.columns)


def _draw(found: SqlLineage) -> None:
    from graph.exports import mermaid
    from graph.exports.sql_graph import sql_graph

    for line in mermaid(*sql_graph(found)):
        typer.echo(line)
    for problem in found.problems:
        print_note(f"! {problem}")


def _as_json(found: SqlLineage) -> dict[str, Any]:
    return {
        "statements": [_statement(statement) for statement in found.statements],
        "collapsed": [_statement(statement) for statement in found.collapsed],
        "problems": list(found.problems),
        "engine": found.engine,
        "dialect": found.dialect,
    }


def _statement(statement: StatementLineage) -> dict[str, Any]:
    return {
        "kind": statement.kind,
        "inputs": [_table(table) for table in statement.inputs],
        "outputs": [_table(table) for table in statement.outputs],
        "temporary": [table.name for table in statement.temporary],
        "columns": [_column(column) for column in statement.columns],
        "certain": statement.certain,
        "problems": list(statement.problems),
        "engine": statement.engine,
        "dialect": statement.dialect,
    }


def _table(table: Table) -> dict[str, Any]:
    found = {"namespace": table.namespace, "name": table.name, "isPath": table.is_path}
    return found if table.confirmed is None else {**found, "confirmed": table.confirmed}


def _column(edges: ColumnEdges) -> dict[str, Any]:
    return {
        "table": edges.output.table,
        "column": edges.output.column,
        "expression": edges.expression,
        "inputs": [
            *(_source(source, "DIRECT") for source in edges.inputs),
            *(_source(source, "INDIRECT") for source in edges.indirect),
        ],
    }


def _source(source: Source, type_: str) -> dict[str, Any]:
    found = {
        "table": source.table,
        "column": source.column,
        "type": type_,
        "subtype": source.subtype,
        "masking": source.masking,
    }
    return found if source.confirmed is None else {**found, "confirmed": source.confirmed}
