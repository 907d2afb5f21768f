"""A change of a dataset as options say it, and the critical things it is held against."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from graph.errors import InvalidQueryError
from graph.queries.schema_shapes import read_schema
from graph.questions.changes import pair

DropOption = Annotated[
    list[str] | None,
    typer.Option("--drop", metavar="FIELD", help="What if this field goes? May be given more than once."),
]
RenameOption = Annotated[
    list[str] | None,
    typer.Option("--rename", metavar="A=B", help="What if field A is called B? May be given more than once."),
]
TypeOption = Annotated[
    list[str] | None,
    typer.Option("--type", metavar="FIELD=T", help="What if the field gets this type? As often as wanted."),
]
SchemaOption = Annotated[
    Path | None,
    typer.Option("--schema", metavar="FILE", help="What if this JSON file is the dataset's schema?"),
]
CriticalOption = Annotated[
    list[str] | None,
    typer.Option(
        "--critical", metavar="NAME", help="Exit with 1 when the change hits this dataset, field or job."
    ),
]
CriticalFileOption = Annotated[
    Path | None,
    typer.Option("--critical-file", metavar="FILE", help="A file with a critical name on each line."),
]
IgnoreUnknownOption = Annotated[
    bool,
    typer.Option("--ignore-unknown", help="Exit with 0 when nobody can tell whether something is hit."),
]


def check_pairs(texts: Sequence[str] | None, option: str, form: str) -> None:
    """Raise BadParameter where one of the texts of an option is not `A=B`."""
    for text in texts or ():
        try:
            pair(text, form)
        except InvalidQueryError as error:
            raise typer.BadParameter(str(error), param_hint=option) from error


def schema_in(file: Path) -> Any:
    """Return the JSON value in a file, which is a schema.

    Raises BadParameter where the file cannot be read or is not JSON, InvalidQueryError where that is no
    schema.
    """
    try:
        value = json.loads(_text(file, "--schema"))
    except (ValueError, RecursionError) as error:
        raise typer.BadParameter(f"{file} is not JSON: {error}", param_hint="--schema") from error
    try:
        read_schema(value)
    except InvalidQueryError as error:
        raise InvalidQueryError(f"{file}: {error}") from error
    return value


def critical_names(names: Sequence[str] | None, file: Path | None) -> list[str]:
    """Return the critical names given one by one and in a file, where `#` starts a line that is none."""
    lines = [] if file is None else [line.strip() for line in _text(file, "--critical-file").splitlines()]
    return list(dict.fromkeys([*(names or ()), *(line for line in lines if line and line[0] != "#")]))


def _text(file: Path, option: str) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeError) as error:
        raise typer.BadParameter(f"{file} cannot be read: {error}", param_hint=option) from error
