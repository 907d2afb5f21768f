"""The statements of one event or run, with their tables as datasets.

Three readers share this: ingest, the shipper, and a run that wants its columns at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from lineage.datasets import normalise
from lineage.redaction import mask_sql
from lineage.sql import extract
from lineage.sql.catalog import Catalog
from lineage.sql.naming import Context, Name, settle
from lineage.sql.results import SqlLineage, StatementLineage, Table

ColumnsOf = Callable[[Collection[Name]], Mapping[Name, Sequence[str]]]
"""Gives the columns of those of the datasets whose columns are known."""

STATEMENTS_FACET = "lineageGraph_statements"
"""Our job facet of statements, each with what is known about where it ran."""

_STATEMENT_KEYS = ("query", "dialect", "namespace", "database", "defaultSchema")

_DESCRIBED = 500
"""Characters of an expression that stand in a transformation's description."""


@dataclass(frozen=True, slots=True)
class SqlText:
    """A SQL text and what is known about where it ran."""

    query: str
    dialect: str | None = None
    namespace: str | None = None
    database: str | None = None
    default_schema: str | None = None
    columns: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """By the names of tables: the columns that the driver of the statement knew."""
    read: tuple[str, ...] = ()
    """The tables that the database said it read."""


@dataclass(frozen=True, slots=True)
class NamedStatement:
    """A statement and the datasets of its tables, by the names the statement has for them.

    `place` is that of its text, from 0. `certain` says that all its tables are known without doubt,
    `columns_certain` the same of its tables and columns. A text without a statement that can be read has one
    entry with no tables; `problems` say why.
    """

    place: int
    lineage: StatementLineage
    datasets: Mapping[str, Name]
    certain: bool
    columns_certain: bool
    problems: tuple[str, ...]


def named_statements(
    texts: Sequence[SqlText],
    listed: Iterable[tuple[Name, Sequence[str]]] = (),
    *,
    columns_of: ColumnsOf | None = None,
    apart: bool = False,
) -> list[NamedStatement]:
    """Return the statements of the texts that outlive them: temporary tables are collapsed.

    Texts that ran in one place are one script, so that one may fill the temporary table of another. `listed`
    are the datasets that the event or run names, with the columns it gives them; they come before what
    `columns_of` knows. `apart` is as in `extract`.
    """
    listed = list(listed)
    found: list[NamedStatement] = []
    for _, group in groupby(enumerate(texts), key=lambda each: _where(each[1])):
        found += _Script(list(group), listed, columns_of, apart).statements()
    return found


def statements_of(job_facets: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the statements in the facets of an event's job, as the statements facet has them.

    OpenLineage's own sql facet is one statement, which counts where ours is absent.
    """
    ours = job_facets.get(STATEMENTS_FACET)
    listed = ours.get("statements") if isinstance(ours, dict) else None
    found = _objects(listed) or _objects([job_facets.get("sql")])
    kept = [
        {key: one[key] for key in _STATEMENT_KEYS if isinstance(one.get(key), str) and one[key].strip()}
        | _known_tables(one.get("tables"))
        for one in found
    ]
    return [one for one in kept if "query" in one]


def _known_tables(listed: Any) -> dict[str, list[dict[str, Any]]]:
    tables = [one for one in _objects(listed) if isinstance(one.get("name"), str) and one["name"]]
    return {"tables": tables} if tables else {}


def text_of(statement: Mapping[str, Any]) -> SqlText:
    """Return a statement that `statements_of` has given as a text to be read."""
    tables = statement.get("tables", ())
    columns = {
        one["name"]: tuple(column for column in one["columns"] if isinstance(column, str))
        for one in tables
        if isinstance(one.get("columns"), list)
    }
    return SqlText(
        statement["query"],
        statement.get("dialect"),
        statement.get("namespace"),
        statement.get("database"),
        statement.get("defaultSchema"),
        tuple(columns.items()),
        tuple(one["name"] for one in tables if one.get("read") is True),
    )


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def described(expression: str | None, dialect: str | None) -> str:
    """Return the text of an expression for a transformation's description: without values, not too long."""
    if not expression:
        return ""
    text = mask_sql(expression, dialect=dialect)
    return text if len(text) <= _DESCRIBED else text[: _DESCRIBED - 3] + "..."


def _where(text: SqlText) -> tuple[str | None, ...]:
    return text.dialect, text.namespace, text.database, text.default_schema


class _Script:
    """The texts that ran in one place."""

    def __init__(
        self,
        texts: list[tuple[int, SqlText]],
        listed: Sequence[tuple[Name, Sequence[str]]],
        columns_of: ColumnsOf | None,
        apart: bool,
    ) -> None:
        self._texts = texts
        self._listed = listed
        self._columns_of = columns_of
        self._apart = apart
        one = texts[0][1]
        self._context = Context(
            tuple(dict.fromkeys(name for name, _ in listed)),
            normalise(one.namespace, "")[0] if one.namespace else None,
            one.database,
            one.default_schema,
            one.dialect,
        )
        self._dialect = self._context.known_dialect()
        self._of_drivers = {name: columns for _, text in texts for name, columns in text.columns}
        self._told_read = {place: [_table(name) for name in text.read] for place, text in texts if text.read}

    def statements(self) -> Iterator[NamedStatement]:
        schema = _without_ends(dict(_schemas(self._listed)), self._of_drivers) | self._of_drivers
        parts = self._read(schema)
        settled = self._settled(parts)
        more = self._known_columns(settled)
        if more:
            parts = self._read({**schema, **more})
        for places, lineage in parts:
            yield from self._named(places, lineage, settled)

    def _read(self, schema: Mapping[str, Sequence[str]]) -> list[tuple[list[int], SqlLineage]]:
        """Return the lineage of the texts, each with the place of the text of every statement."""
        apiece = [(place, self._extract(text.query, schema)) for place, text in self._texts]
        places = [place for place, lineage in apiece for _ in lineage.statements]
        if _hand_on([lineage for _, lineage in apiece]):
            script = self._extract(
                ";\n".join(text.query.strip().rstrip(";") for _, text in self._texts), schema
            )
            # A text that cannot be read would take those behind it along.
            if len(script.statements) == len(places):
                return [(places, script)]
        return [([place] * max(1, len(lineage.statements)), lineage) for place, lineage in apiece]

    def _extract(self, query: str, schema: Mapping[str, Sequence[str]]) -> SqlLineage:
        return extract(
            query,
            dialect=self._dialect,
            schema=schema,
            default_schema=self._context.default_schema,
            apart=self._apart,
        )

    def _settled(self, parts: Iterable[tuple[list[int], SqlLineage]]) -> dict[str, Name]:
        settled: dict[str, Name] = {}
        for _, lineage in parts:
            settled |= settle((*lineage.inputs, *lineage.outputs), self._context)
        for tables in self._told_read.values():
            settled = settle(tables, self._context) | settled
        return settled

    def _known_columns(self, settled: Mapping[str, Name]) -> dict[str, Sequence[str]]:
        """Return by table the columns that the event does not give and `columns_of` knows."""
        given = {normalise(*name) for name, columns in self._listed if columns}
        of_drivers = Catalog(self._of_drivers, self._context.default_schema)
        told = {name for name in settled if of_drivers.columns(_table(name)) is not None}
        asked = {dataset for name, dataset in settled.items() if name not in told} - given
        if self._columns_of is None or not asked:
            return {}
        known = self._columns_of(asked)
        return {
            table: known[name] for table, name in settled.items() if table not in told and known.get(name)
        }

    def _named(
        self, places: list[int], lineage: SqlLineage, settled: Mapping[str, Name]
    ) -> Iterator[NamedStatement]:
        if not lineage.statements:
            nothing = StatementLineage(
                "UNKNOWN", (), (), (), False, lineage.problems, lineage.engine, lineage.dialect
            )
            read = self._statement(places[0], self._with_told(places[0], nothing, settled), settled)
            yield replace(read, certain=False, columns_certain=False, problems=lineage.problems)
        placed = list(_placed(places, lineage))
        alone = {place for place, count in Counter(place for place, _ in placed).items() if count == 1}
        for place, statement in placed:
            if place in alone:
                statement = self._with_told(place, statement, settled)
            yield self._statement(place, statement, settled)

    def _with_told(
        self, place: int, statement: StatementLineage, settled: Mapping[str, Name]
    ) -> StatementLineage:
        """Return a statement with the tables that the database says it read, which its text may not name."""
        known = {settled.get(table.name) for table in (*statement.inputs, *statement.outputs)}
        more = [one for one in self._told_read.get(place, ()) if settled.get(one.name) not in known]
        return replace(statement, inputs=(*statement.inputs, *more)) if more else statement

    def _statement(
        self, place: int, statement: StatementLineage, settled: Mapping[str, Name]
    ) -> NamedStatement:
        names = dict.fromkeys(table.name for table in (*statement.inputs, *statement.outputs))
        doubts = [f"table {name}: not known which dataset it is" for name in names if name not in settled]
        if self._dialect is None:
            doubts.append("the SQL dialect is not known")
        columns_certain = statement.certain and not doubts
        # Without a problem the tables stand, also where a star hides the names of columns.
        certain = columns_certain or not (statement.problems or doubts)
        if any(edges.output.column == "*" for edges in statement.columns):
            doubts.append("a * stands for columns that are not known")
        return NamedStatement(
            place,
            statement,
            {name: settled[name] for name in names if name in settled},
            certain,
            columns_certain,
            (*statement.problems, *doubts),
        )


def _table(name: str) -> Table:
    return Table(tuple(name.split(".")))


def _without_ends(
    schemas: Mapping[str, Sequence[str]], told: Mapping[str, Sequence[str]]
) -> dict[str, Sequence[str]]:
    """Return the schemas but for those of the tables that were told of: two of one would be in doubt."""
    ends = tuple(f".{name}".casefold() for name in told)
    return {name: columns for name, columns in schemas.items() if not f".{name}".casefold().endswith(ends)}


def _schemas(listed: Iterable[tuple[Name, Sequence[str]]]) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield the columns of the listed datasets by name, where one name is one dataset."""
    known: dict[str, dict[Name, Sequence[str]]] = {}
    for name, columns in listed:
        if columns:
            known.setdefault(name[1], {})[name] = columns
    for text, datasets in known.items():
        if len(datasets) == 1:
            yield text, next(iter(datasets.values()))


def _hand_on(parts: Sequence[SqlLineage]) -> bool:
    """Tell whether a text reads what one before it writes."""
    written: set[str] = set()
    for part in parts:
        read = {table.name.casefold() for statement in part.statements for table in statement.inputs}
        if written & read:
            return True
        written |= {table.name.casefold() for statement in part.statements for table in statement.outputs}
    return False


def _placed(places: Sequence[int], lineage: SqlLineage) -> Iterator[tuple[int, StatementLineage]]:
    """Yield the collapsed statements, each with the place of the text it stands in."""
    origin = iter(zip(places, lineage.statements, strict=False))
    place = places[0]
    for statement in lineage.collapsed:
        for at, written in origin:
            place = at
            if (written.kind, written.text) == (statement.kind, statement.text):
                break
        yield place, statement
