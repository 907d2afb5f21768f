"""What sqllineage says about a statement, in our terms. It is loaded in the worker process alone.

It knows a statement's tables and which columns its columns come from, but neither how nor what decides
about rows. It gives names in lower case: they are told as the text has them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version

from sqllineage.core.metadata_provider import MetaDataProvider
from sqllineage.core.models import Path as TheirPath
from sqllineage.core.models import Table as TheirTable
from sqllineage.runner import LineageRunner

from lineage.sql.catalog import Catalog
from lineage.sql.names import file_table
from lineage.sql.places import places, squeezed
from lineage.sql.process import NO_SCHEMA
from lineage.sql.results import Column, Table

ENGINE = f"sqllineage {version('sqllineage')}"

# Where sqlfluff has another name for a dialect; the rest it knows by ours or reads as its `ansi`.
_NAMES = {
    "doris": "mysql",
    "presto": "trino",
    "risingwave": "postgres",
    "singlestore": "mysql",
    "spark": "sparksql",
}
_RESULT = "lineage_result"
_SUPPORTED = frozenset(LineageRunner.supported_dialects()["sqlfluff"])
_LEADING = re.compile(r"(?:\s+|--[^\n]*|/\*.*?\*/)*(\w+|\()", re.DOTALL)
_INTO = re.compile(r"\binto\b", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d][\w$#@]*|(?<=[\"`\[])[^\"`\]]+(?=[\"`\]])")

Edge = tuple[Column, Column]
"""A written column and one that it comes from."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What was said about one statement.

    Edges from tables that it does not read are left out, and those to columns without a name and place.
    """

    inputs: tuple[Table, ...]
    outputs: tuple[Table, ...]
    edges: tuple[Edge, ...]
    text: str


def dialect_for(name: str | None, known: str | None) -> str:
    """Return sqlfluff's name for a dialect: the caller's own word where it is one, else what it means."""
    given = (name or "").strip().lower().partition(":")[0].partition("+")[0]
    for candidate in (given, known or "", _NAMES.get(known or "", "")):
        if candidate in _SUPPORTED:
            return candidate
    return "ansi"


def ask(text: str, dialect: str, catalog: Catalog) -> list[Heard]:
    """Return what sqllineage says about each statement in a text.

    Raises SQLLineageException where it cannot read it, and whatever else goes wrong inside of it.
    """
    first = _LEADING.match(text)
    word = first.group(1).lower() if first else ""
    if word in ("select", "(") and not _INTO.search(text):
        return [_heard(_runner(f"INSERT INTO {_RESULT} {text}", dialect, catalog), text)]
    runner = _runner(text, dialect, catalog)
    statements = runner.statements()
    if len(statements) > 1:
        return [heard for statement in statements for heard in ask(statement, dialect, catalog)]
    heard = _heard(runner, text)
    if word in ("with", "select", "(") and not heard.outputs:
        return [_heard(_runner(f"INSERT INTO {_RESULT} {text}", dialect, catalog), text)]
    return [heard]


def _runner(text: str, dialect: str, catalog: Catalog) -> LineageRunner:
    return LineageRunner(text, dialect=dialect, metadata_provider=_Known(catalog))


class _Known(MetaDataProvider):
    """The columns of our catalog, where sqllineage looks for them."""

    def __init__(self, catalog: Catalog) -> None:
        super().__init__()
        self._catalog = catalog

    def _get_table_columns(self, schema: str, table: str, **kwargs: object) -> list[str]:
        parts = (*(part for part in schema.split(".") if part != NO_SCHEMA), table)
        return [name.lower() for name in self._catalog.columns(Table(parts)) or ()]


def _heard(runner: LineageRunner, text: str) -> Heard:
    written = {word.lower(): word for word in reversed(_WORD.findall(text))}
    inputs = {their: _table(their, written) for their in runner.source_tables}
    outputs = {their: _table(their, written) for their in runner.target_tables}
    between = {their: _table(their, written) for their in runner.intermediate_tables}
    inputs.update(between)
    outputs.update(between)
    paths = runner.get_column_lineage()
    ends = [(path[-1], path[0]) for path in paths if len(path) > 1]
    placed = places(text) if not all(_is_name(output.raw_name) for output, _ in ends) else {}
    edges: dict[Edge, None] = {}
    for output, source in ends:
        target, read = outputs.get(output.parent), inputs.get(source.parent)
        if target is None or read is None or (source.raw_name == "*" and output.raw_name != "*"):
            continue
        name: str | None = written.get(output.raw_name, output.raw_name)
        if not _is_name(output.raw_name):
            place = placed.get(squeezed(output.raw_name))
            name = None if place is None else f"_col_{place}"
        if name is None:
            continue
        column = Column("" if target.name == _RESULT else target.name, name)
        edges[column, Column(read.name, written.get(source.raw_name, source.raw_name))] = None
    tables = [table for table in outputs.values() if table.name != _RESULT]
    return Heard(tuple(inputs.values()), tuple(tables), tuple(edges), text)


def _table(their: TheirTable | TheirPath, written: Mapping[str, str]) -> Table:
    if isinstance(their, TheirPath):
        return file_table(their.uri)
    parts = [*str(their.schema).split("."), their.raw_name]
    return Table(tuple(written.get(part, part) for part in parts if part != NO_SCHEMA))


def _is_name(column: str) -> bool:
    return column == "*" or re.fullmatch(r"[\w$# -]*", column) is not None
