"""The statement that each method of DuckDB's connections and relations comes to."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

from lineage._guard import guard
from producers._base import argument

Text = Callable[[Any, tuple[Any, ...], dict[str, Any]], "str | None"]
"""Gives the statement of a call of a method, None where it has none that can be told."""

_NAMING = guard("naming a file")


def _first(subject: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str | None:
    text = argument(args, kwargs, 0, "query")
    if not isinstance(text, str):  # what `extract_statements` gives
        text = getattr(text, "query", text)
    return with_whole_paths(text) if isinstance(text, str) else None


_PATH = re.compile(
    r"'((?![/\\]|[A-Za-z][\w+.-]*:)[^'\n]+\.(?:parquet|csv|tsv|txt|json|jsonl|ndjson|arrow|xlsx)(?:\.\w+)?)'",
    re.I,
)


def with_whole_paths(text: str) -> str:
    """Return a statement with the relative paths of files in it made absolute: lineage knows no others."""
    with _NAMING:
        return _PATH.sub(lambda found: f"'{os.path.abspath(found[1])}'", text)
    return text


_OPTION = re.compile(r",\s*\(\w+ = [^()]*\)")


def _sql_of(relation: Any) -> str:
    """Return the SQL of a relation, without options in a form of older versions that no parser knows."""
    return with_whole_paths(_OPTION.sub("", relation.sql_query()))


def _reading(function: str) -> Text:
    def text(subject: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str | None:
        given = args[0] if args else next(iter(kwargs.values()), None)
        paths = given if isinstance(given, list) else [given]
        if not all(isinstance(path, str | os.PathLike) for path in paths):
            return None
        quoted = ", ".join(_quoted_path(path) for path in paths)
        return f"SELECT * FROM {function}([{quoted}])"

    return text


def _quoted_path(path: Any) -> str:
    name = os.fsdecode(path)
    name = name if re.match(r"[A-Za-z][\w+.-]+:", name) else os.path.abspath(name)
    return "'{}'".format(name.replace("'", "''"))


def _quoted(name: object) -> str:
    return ".".join('"{}"'.format(part.strip('"').replace('"', '""')) for part in str(name).split("."))


def _naming(statement: str) -> Text:
    """Return the text of a method whose first argument is the name of a table."""

    def text(subject: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str | None:
        name = args[0] if args else next(iter(kwargs.values()))
        sql = _sql_of(subject) if "{sql}" in statement else ""
        return statement.format(name=_quoted(name), sql=sql)

    return text


def _writing_file(kind: str) -> Text:
    def text(relation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str | None:
        path = args[0] if args else kwargs["file_name"]
        return f"COPY ({_sql_of(relation)}) TO {_quoted_path(path)} (FORMAT {kind})"

    return text


def _inserting(relation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str | None:
    return f"INSERT INTO {_quoted(relation.alias)} VALUES (?)"


def _updating(relation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str | None:
    columns = argument(args, kwargs, 0, "set")
    if not isinstance(columns, dict) or not columns:
        return None
    changed = ", ".join(f"{_quoted(column)} = ?" for column in columns)
    return f"UPDATE {_quoted(relation.alias)} SET {changed}"


TEXTS: dict[str, Text] = {
    **dict.fromkeys(("execute", "executemany", "sql", "query", "from_query"), _first),
    "append": _naming("INSERT INTO {name} VALUES (?)"),
    **dict.fromkeys(("table", "view"), _naming("SELECT * FROM {name}")),
    **dict.fromkeys(("read_parquet", "from_parquet"), _reading("read_parquet")),
    **dict.fromkeys(("read_csv", "from_csv_auto"), _reading("read_csv_auto")),
    "read_json": _reading("read_json_auto"),
}
WRITES: dict[str, Text] = {
    **dict.fromkeys(("create", "to_table"), _naming("CREATE TABLE {name} AS {sql}")),
    **dict.fromkeys(("create_view", "to_view"), _naming("CREATE VIEW {name} AS {sql}")),
    "insert_into": _naming("INSERT INTO {name} {sql}"),
    "insert": _inserting,
    "update": _updating,
    **dict.fromkeys(("write_parquet", "to_parquet"), _writing_file("parquet")),
    **dict.fromkeys(("write_csv", "to_csv"), _writing_file("csv")),
}
