"""The columns of known tables, read from files that people have: plain mappings and dbt's artifacts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import typer

Tables = dict[str, list[str]]
"""Columns in order, by dotted table name."""

TAKEN = (
    "{table: {column: type}} or {table: [columns]} in JSON or YAML, "
    "or dbt's target/manifest.json or target/catalog.json"
)

_ARTIFACT = re.compile(r"/dbt/([\w-]+)/v\d+(?:\.json)?$")
_WITH_COLUMNS = ("model", "seed", "snapshot", "source")


class _UnusableError(Exception):
    """What is wrong with a file, to be told with its name."""


def known_tables(paths: Iterable[Path]) -> Tables:
    """Return the tables of all files; of one that several tell, the later file's columns.

    dbt's catalog holds the columns that the database has, its manifest only those that somebody described: so
    all else comes before a manifest, whichever is named first. A file that cannot be used ends the command,
    told with what is wrong and what is taken.
    """
    described: Tables = {}
    known: Tables = {}
    for path in paths:
        try:
            content = _content(path)
            kind = _artifact(content)
            tables = dict(_READERS[kind](content))
        except _UnusableError as error:
            raise typer.BadParameter(f"{path}: {error}. Taken is {TAKEN}", param_hint="--schema") from None
        (described if kind == "manifest" else known).update(tables)
    return {**described, **known}


def _content(path: Path) -> Mapping[str, Any]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise _UnusableError(error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise _UnusableError(f"it is not UTF-8 text (byte {error.start})") from error
    content = _parsed(text)
    if not isinstance(content, Mapping):
        what = "empty" if content is None else f"a {type(content).__name__}, not a mapping"
        raise _UnusableError(f"it is {what}")
    return content


def _parsed(text: str) -> object:
    """Read JSON, else YAML; what begins like JSON and is neither is told as broken JSON."""
    try:
        return json.loads(text)
    except RecursionError:
        raise _UnusableError("it is nested too deep") from None
    except json.JSONDecodeError as error:
        broken = f"it is no JSON (line {error.lineno}, column {error.colno}: {error.msg})"
    import yaml

    try:
        return yaml.safe_load(text)
    except RecursionError:
        raise _UnusableError("it is nested too deep") from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that is none
        if text.lstrip()[:1] in ("{", "["):
            raise _UnusableError(broken) from None
        mark = getattr(error, "problem_mark", None)
        place = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise _UnusableError(f"it is neither JSON nor YAML{place}") from None


def _artifact(content: Mapping[str, Any]) -> str:
    """Return which of dbt's artifacts this is, "" for a plain mapping."""
    metadata = content.get("metadata")
    version = metadata.get("dbt_schema_version") if isinstance(metadata, Mapping) else None
    if not isinstance(version, str):
        return ""
    found = _ARTIFACT.search(version)
    kind = found[1] if found else version
    if kind not in ("manifest", "catalog"):
        raise _UnusableError(f"dbt's {kind} tells no columns")
    return kind


def _of_mapping(content: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    for table, columns in content.items():
        if not isinstance(table, str) or not table.strip("."):
            raise _UnusableError(f"{table!r} is no name of a table: write it in quotes")
        if isinstance(columns, str) or not isinstance(columns, Mapping | list):
            raise _UnusableError(f"the columns of {table} are {columns!r}, no mapping and no list")
        for column in columns:
            if not isinstance(column, str) or not column:
                raise _UnusableError(f"the column {column!r} of {table} is no name: write it in quotes")
        for column, type_ in columns.items() if isinstance(columns, Mapping) else ():
            if not isinstance(type_, str | None):
                raise _UnusableError(f"the type of {table}.{column} is {type_!r}, no text")
        yield table, list(columns)


def _of_manifest(content: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    for node in _entries(content):
        names = [_column_name(key, column) for key, column in _columns(node).items()]
        if names and node.get("resource_type") in _WITH_COLUMNS:
            yield _dotted(node, node.get("alias") or node.get("identifier") or node.get("name")), names


def _of_catalog(content: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    for node in _entries(content):
        table = node.get("metadata")
        if not isinstance(table, Mapping):
            raise _UnusableError("a table of the catalog has no metadata")
        columns = sorted(_columns(node).items(), key=lambda item: _index(item[1]))
        if columns:
            yield _dotted(table, table.get("name")), [_column_name(*item) for item in columns]


def _entries(content: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for part in ("nodes", "sources"):
        entries = content.get(part, {})
        if not isinstance(entries, Mapping):
            raise _UnusableError(f"its {part} are no mapping")
        for name, entry in entries.items():
            if not isinstance(entry, Mapping):
                raise _UnusableError(f"its entry {name} is no mapping")
            yield entry


def _columns(node: Mapping[str, Any]) -> Mapping[str, Any]:
    columns = node.get("columns") or {}
    if not isinstance(columns, Mapping):
        raise _UnusableError(f"the columns of {node.get('name') or node.get('unique_id')} are no mapping")
    return columns


def _index(column: object) -> int:
    index = column.get("index") if isinstance(column, Mapping) else None
    return index if isinstance(index, int) else 0


def _column_name(key: str, column: object) -> str:
    name = column.get("name") if isinstance(column, Mapping) else None
    return name if isinstance(name, str) and name else key


def _dotted(table: Mapping[str, Any], name: object) -> str:
    parts = [part for part in (table.get("database"), table.get("schema"), name) if part]
    if not name or not all(isinstance(part, str) for part in parts):
        raise _UnusableError(f"{name!r} is no name of a table")
    return ".".join(map(str, parts))


_READERS = {"": _of_mapping, "manifest": _of_manifest, "catalog": _of_catalog}
