"""The statements of one event or run, with their tables as datasets.

Three readers share this: ingest, the shipper, and a run that wants its columns at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from lineage.datasets import normalise
from lineage.redaction import mask_sql
from lineage.sql import extract
from lineage.sql.naming import Context, Name, settle
from lineage.sql.results import SqlLineage, StatementLineage

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


def statements_of(job_facets: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the statements in the facets of an event's job, as the statements facet has them.

    OpenLineage's own sql facet is one statement, which counts where ours is absent.
    """
    ours = job_facets.get(STATEMENTS_FACET)
    listed = ours.get("statements") if isinstance(ours, dict) else None
    found = _objects(listed) or _objects([job_facets.get("sql")])
    kept = [
        {key: one[key] for key in _STATEMENT_KEYS if isinstance(one.get(key), str) and one[key].strip()}
        for one in found
    ]
    return [one for one in kept if "query" in one]


def text_of(statement: Mapping[str, str]) -> SqlText:
    """Return a statement that `statements_of` has given as a text to be read."""
    return SqlText(
        statement["query"],
        statement.get("dialect"),
        statement.get("namespace"),
        statement.get("database"),
        statement.get("defaultSchema"),
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

    def statements(self) -> Iterator[NamedStatement]:
        schema: dict[str, Sequence[str]] = dict(_schemas(self._listed))
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
        return settled

    def _known_columns(self, settled: Mapping[str, Name]) -> dict[str, Sequence[str]]:
        """Return by table the columns that the event does not give and `columns_of` knows."""
        given = {normalise(*name) for name, columns in self._listed if columns}
        asked = set(settled.values()) - given
        if self._columns_of is None or not asked:
            return {}
        known = self._columns_of(asked)
        return {table: known[name] for table, name in settled.items() if known.get(name)}

    def _named(
        self, places: list[int], lineage: SqlLineage, settled: Mapping[str, Name]
    ) -> Iterator[NamedStatement]:
        if not lineage.statements:
            nothing = StatementLineage(
                "UNKNOWN", (), (), (), False, lineage.problems, lineage.engine, lineage.dialect
            )
            yield NamedStatement(places[0], nothing, {}, False, False, lineage.problems)
        for place, statement in _placed(places, lineage):
            yield self._statement(place, statement, settled)

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
