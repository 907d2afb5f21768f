"""What `lineage.sql.extract` answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

DirectSubtype = Literal["IDENTITY", "TRANSFORMATION", "AGGREGATION"]
IndirectSubtype = Literal["JOIN", "GROUP_BY", "FILTER", "SORT", "WINDOW", "CONDITIONAL"]
Subtype = DirectSubtype | IndirectSubtype


@dataclass(frozen=True, slots=True)
class Table:
    """A table, view or file, named as the statement writes it (quotes removed, case kept).

    `name` is the dotted name, or the path when `is_path`. `namespace` is that of the path, or the default one
    that the caller gave, None where neither is known. `confirmed` is as in `Source`. Tables are equal when
    their parts are.
    """

    parts: tuple[str, ...]
    is_path: bool = field(default=False, compare=False)
    namespace: str | None = field(default=None, compare=False)
    confirmed: bool | None = field(default=None, compare=False)

    @property
    def name(self) -> str:
        """The parts joined by dots: `shop.public.orders`."""
        return ".".join(self.parts)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; `table` is "" for a bare query's result, `column` "*" for an unexpanded star."""

    table: str
    column: str


@dataclass(frozen=True, slots=True)
class Source:
    """A column something comes from, and how.

    In `ColumnEdges.inputs` the subtype is one of OpenLineage's for DIRECT, in `ColumnEdges.indirect`
    one of those for INDIRECT. `masking` says that a hash or a mask hides the value. `confirmed` says
    whether a second engine gives this source too, None where it was not asked.
    """

    table: str
    column: str
    subtype: Subtype
    masking: bool = False
    confirmed: bool | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class ColumnEdges:
    """Where one written column comes from.

    `inputs` hold what its value is made of; `indirect` what decides whether and in which row or branch
    it appears. `expression` is the text that defines it, the first one where several do (UNION, MERGE),
    None where it is a plain copy.
    """

    output: Column
    inputs: tuple[Source, ...]
    indirect: tuple[Source, ...] = ()
    expression: str | None = None


@dataclass(frozen=True, slots=True)
class StatementLineage:
    """The lineage of one statement.

    `kind` is the statement's SQL name: SELECT, INSERT, CREATE TABLE AS, MERGE, ... `certain` is True when
    nothing was guessed: the whole statement was understood, every source of every column belongs to exactly
    one table, each written column has a name and no star is left unexpanded.

    `temporary` are those of its tables that do not outlive its session or script. `engine` names what
    answered, a parser and its version. `text` is the statement as written.
    """

    kind: str
    inputs: tuple[Table, ...]
    outputs: tuple[Table, ...]
    columns: tuple[ColumnEdges, ...]
    certain: bool
    problems: tuple[str, ...]
    engine: str
    dialect: str | None
    temporary: tuple[Table, ...] = ()
    text: str = field(default="", repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class SqlLineage:
    """The lineage of a SQL text.

    `statements` are its statements as written, in order. In `collapsed` the script's temporary tables are
    gone: what reads one has the tables and columns it was made from, what only fills one is left out.
    `inputs`, `outputs` and `columns` are those of `collapsed` united, in the order they come.
    """

    statements: tuple[StatementLineage, ...]
    collapsed: tuple[StatementLineage, ...]
    inputs: tuple[Table, ...]
    outputs: tuple[Table, ...]
    columns: tuple[ColumnEdges, ...]
    problems: tuple[str, ...]
    engine: str
    dialect: str | None


def renamed_tables(statement: StatementLineage, names: Mapping[str, Table]) -> StatementLineage:
    """Return a statement in which the tables of these names are others, also in its columns."""

    def tables(named: tuple[Table, ...]) -> tuple[Table, ...]:
        return tuple(dict.fromkeys(names.get(table.name, table) for table in named))

    def sources(named: tuple[Source, ...]) -> tuple[Source, ...]:
        if not any(source.table in names for source in named):
            return named
        return tuple(
            replace(source, table=names[source.table].name) if source.table in names else source
            for source in named
        )

    columns = tuple(
        replace(
            edges,
            output=Column(names[edges.output.table].name, edges.output.column)
            if edges.output.table in names
            else edges.output,
            inputs=sources(edges.inputs),
            indirect=sources(edges.indirect),
        )
        for edges in statement.columns
    )
    return replace(
        statement,
        inputs=tables(statement.inputs),
        outputs=tables(statement.outputs),
        temporary=tables(statement.temporary),
        columns=columns,
    )
