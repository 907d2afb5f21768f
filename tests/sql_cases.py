"""SQL statements with their lineage worked out by hand, from `fixtures/sql`; its README is the format."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

from lineage.sql import SqlLineage, extract

FOLDER = Path(__file__).parent / "fixtures" / "sql"
PARSER = int(version("sqlglot").partition(".")[0])
DIRECT = frozenset({"IDENTITY", "TRANSFORMATION", "AGGREGATION"})
INDIRECT = frozenset({"JOIN", "GROUP_BY", "FILTER", "SORT", "WINDOW", "CONDITIONAL"})

Edges = frozenset[str]
"""Edges as the cases write them, `orders.total <- staging.amount SUBTYPE`, without regard to case."""

_NOTE = re.compile(
    r"(?P<key>schema|default schema|in|out|rows(?: of (?P<table>.+?))?"
    r"|miss (?P<missed>tables|columns)(?: \(sqlglot < (?P<before>\d+)\))?)"
    r":\s+(?P<value>.+)"
)
_SCHEMA = re.compile(r"(?P<table>[^\s(]+)\s*\((?P<columns>[^()]+)\)")
_SOURCE = re.compile(r"(?P<column>.+?)\s+(?P<subtype>[A-Z_]+)(?P<masked> masked)?")

_Source = tuple[str, str]  # "orders.id", "JOIN"


@dataclass(slots=True)
class Case:
    """One script, what is known beside it, and the lineage it has."""

    path: Path
    line: int
    title: str
    sql: str
    schema: dict[str, tuple[str, ...]] = field(default_factory=dict)
    default_schema: str | None = None
    inputs: frozenset[str] = frozenset()
    outputs: frozenset[str] = frozenset()
    columns: Edges = frozenset()
    misses: dict[str, str] = field(default_factory=dict)  # "tables" or "columns" -> why

    @property
    def dialect(self) -> str:
        """The name of the directory."""
        return self.path.parent.name

    @property
    def name(self) -> str:
        """What tells it from all others: `oracle/merges: with a delete branch`."""
        return f"{self.dialect}/{self.path.stem}: {self.title}"


class MalformedCaseError(ValueError):
    """A case that is not written as the README says."""

    def __init__(self, path: Path, line: int, problem: str) -> None:
        super().__init__(f"{path}:{line}: {problem}")


def all_cases(folder: Path = FOLDER) -> list[Case]:
    """Return the cases of all dialects; raises MalformedCaseError."""
    return [case for path in sorted(folder.glob("*/*.sql")) for case in cases_of(path)]


def cases_of(path: Path) -> list[Case]:
    """Return the cases of one file; raises MalformedCaseError with the line that is wrong."""
    cases: dict[str, Case] = {}
    for line, title, lines in _blocks(path):
        if title in cases:
            raise MalformedCaseError(path, line, f"a second case is called {title!r}")
        notes, sql = _notes_and_sql(line, lines)
        cases[title] = Case(path, line, title, sql)
        _Reading(cases[title]).read(notes)
    if not cases:
        raise MalformedCaseError(path, 1, "there is no `-- case:` in it")
    return list(cases.values())


def _blocks(path: Path) -> Iterator[tuple[int, str, list[str]]]:
    """Yield the number of each `-- case:` line, its title and the lines below it."""
    lines = path.read_text(encoding="utf-8").splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("-- case:")]
    for number, line in enumerate(lines[: min(starts, default=None)], 1):
        if line.strip() and not line.startswith("--"):
            raise MalformedCaseError(path, number, "a statement before the first `-- case:`")
    for start, end in pairwise([*starts, len(lines)]):
        yield start + 1, lines[start].removeprefix("-- case:").strip(), lines[start + 1 : end]


def _notes_and_sql(line: int, lines: list[str]) -> tuple[list[tuple[int, str]], str]:
    """Return the notes at the head of a case with their line numbers, and the statement below them."""
    count = next((i for i, text in enumerate(lines) if not text.startswith("--")), len(lines))
    notes: list[tuple[int, str]] = []
    for number, text in enumerate(lines[:count], line + 1):
        if text.startswith("--    ") and notes:
            notes[-1] = (notes[-1][0], f"{notes[-1][1]} {text[2:].strip()}")
        else:
            notes.append((number, text[2:].strip()))
    return notes, "\n".join(lines[count:]).strip()


class _Reading:
    """Fills a case from the notes above its statement."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.line = case.line
        self.columns: dict[str, list[_Source]] = {}
        self.rows: list[tuple[str | None, list[_Source]]] = []
        self.no_columns = False
        self.said: set[str] = set()

    def read(self, notes: list[tuple[int, str]]) -> None:
        for self.line, note in notes:
            self.note(note)
        self.line = self.case.line
        if not self.case.title or not self.case.sql:
            raise self.error("a case has a title and a statement")
        if not {"in", "out"} <= self.said:
            raise self.error("a case has `-- in:` and `-- out:`, `(none)` where there are none")
        if self.no_columns == bool(self.columns):
            raise self.error("a case has either columns or `-- (none)`")
        self.check_tables()
        self.case.columns = frozenset(self.edges())

    def note(self, note: str) -> None:
        named = _NOTE.fullmatch(note)
        if named is not None:
            self.named(named)
        elif " <- " in note:
            self.column(note)
        elif note == "(none)":
            self.no_columns = True
        else:
            raise self.error(f"this is neither a note nor a column: {note!r}")

    def named(self, note: re.Match[str]) -> None:
        key, table, value = note["key"], note["table"], note["value"].strip()
        self.said.add(key)
        listed = frozenset(name.casefold() for name in _split(value)) - {"(none)"}
        if key == "schema":
            known = _SCHEMA.fullmatch(value)
            if known is None:
                raise self.error(f"a schema is written `table(column, column)`, not {value!r}")
            self.case.schema[known["table"]] = tuple(_split(known["columns"]))
        elif key == "default schema":
            self.case.default_schema = value
        elif key == "in":
            self.case.inputs = listed
        elif key == "out":
            self.case.outputs = listed
        elif note["missed"]:
            if note["before"] is None or int(note["before"]) > PARSER:
                self.case.misses[note["missed"]] = value
        elif not value.startswith("~ "):
            raise self.error("rows are written `rows: ~ table.column SUBTYPE, ...`")
        else:
            self.rows.append((table.casefold() if table else None, self.sources(value[2:], INDIRECT)))

    def column(self, note: str) -> None:
        output, _, text = note.partition(" <- ")
        direct, tilde, indirect = text.partition("; ~ ")
        output = output.strip().casefold()
        if output in self.columns:
            raise self.error(f"the column {output} is listed twice")
        sources = [] if direct.strip() == "nothing" else self.sources(direct, DIRECT)
        self.columns[output] = sources + (self.sources(indirect, INDIRECT) if tilde else [])

    def sources(self, text: str, subtypes: frozenset[str]) -> list[_Source]:
        found = []
        for item in _split(text):
            source = _SOURCE.fullmatch(item)
            if source is None or source["subtype"] not in subtypes:
                wanted = ", ".join(sorted(subtypes))
                raise self.error(f"a source is `table.column SUBTYPE`, one of {wanted}, not {item!r}")
            column, kind = source["column"].casefold(), f"{source['subtype']}{source['masked'] or ''}"
            found.append((column, kind))
        if not found or len(set(found)) < len(found):
            raise self.error(
                f"sources are listed once each, `nothing` where there are none: {text.strip()!r}"
            )
        return found

    def check_tables(self) -> None:
        inputs, outputs = self.case.inputs, self.case.outputs
        written = {output.rpartition(".")[0] for output in self.columns}
        written |= {table for table, _ in self.rows if table is not None}
        if unknown := written - outputs - {""}:
            raise self.error(f"{', '.join(sorted(unknown))} is written and not listed in `out`")
        sources = [source for listed in self.columns.values() for source in listed]
        sources += [source for _, listed in self.rows for source in listed]
        read = {column.rpartition(".")[0] for column, _ in sources}
        if unknown := read - inputs - outputs:
            raise self.error(f"{', '.join(sorted(unknown))} is a source and listed in neither `in` nor `out`")

    def edges(self) -> Iterator[str]:
        for output, sources in self.columns.items():
            table = output.rpartition(".")[0]
            rows = (source for of, listed in self.rows if of in (None, table) for source in listed)
            for column, kind in (*sources, *rows):
                yield f"{output} <- {column} {kind}"

    def error(self, problem: str) -> MalformedCaseError:
        return MalformedCaseError(self.case.path, self.line, problem)


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def lineage_of(case: Case) -> SqlLineage:
    """Return what `lineage.sql.extract` says about a case."""
    return extract(case.sql, dialect=case.dialect, schema=case.schema, default_schema=case.default_schema)


def wrong_tables(case: Case) -> list[str]:
    """Return what is missing or too much among a case's tables."""
    found = lineage_of(case)
    inputs = frozenset(table.name.casefold() for table in found.inputs)
    outputs = frozenset(table.name.casefold() for table in found.outputs)
    return [
        *_differences("in: ", case.inputs, inputs),
        *_differences("out: ", case.outputs, outputs),
    ]


def wrong_columns(case: Case) -> list[str]:
    """Return what is missing or too much among a case's column edges, DIRECT and INDIRECT."""
    return list(_differences("", case.columns, edges_of(lineage_of(case))))


def edges_of(found: SqlLineage) -> Edges:
    """Return the column edges of an answer as the cases write them."""
    edges = set()
    for column in found.columns:
        output = f"{column.output.table}.{column.output.column}".lstrip(".").casefold()
        for source in (*column.inputs, *column.indirect):
            masked = " masked" if source.subtype in DIRECT and source.masking else ""
            edges.add(f"{output} <- {source.table}.{source.column}".casefold() + f" {source.subtype}{masked}")
    return frozenset(edges)


def _differences(label: str, expected: frozenset[str], found: frozenset[str]) -> Iterator[str]:
    yield from (f"missing  {label}{each}" for each in sorted(expected - found))
    yield from (f"too much {label}{each}" for each in sorted(found - expected))
