"""A script's temporary tables collapsed into what they were made from.

A table is temporary that is declared so, or that the script both makes and drops. What reads it gets the
tables and columns it was made from, composed as OpenLineage's transformations compose: IDENTITY of X is X,
the strongest direct subtype wins, INDIRECT stays INDIRECT. A table that the script fills and then renames
is known by its new name from the start.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field, replace

from lineage.sql.lifetimes import DROPS, MAKING, RENAME, SWAP, Spans, table_key, temporary_tables
from lineage.sql.relations import Flow
from lineage.sql.results import Column, ColumnEdges, Source, StatementLineage, Table, renamed_tables

_OF_ROWS = frozenset({"JOIN", "FILTER", "GROUP_BY", "SORT"})


@dataclass
class _Made:
    """What a temporary table is made of so far: its tables, columns, and what decided about its rows."""

    tables: dict[Table, None] = field(default_factory=dict)
    columns: dict[str, Flow] = field(default_factory=dict)
    rows: Flow = field(default_factory=Flow)


@dataclass
class _Read:
    """What a statement reads and writes: tables, the flow of each written column, what decides about rows.

    The flows lack what decides about the rows of temporary tables; `rows` has that for all of them.
    """

    inputs: dict[Table, None]
    columns: list[tuple[ColumnEdges, Flow]]
    rows: Flow = field(default_factory=Flow)


def collapse(statements: Sequence[StatementLineage]) -> tuple[StatementLineage, ...]:
    """Return a script's statements without its temporary tables.

    A text of one statement is no script: its temporary table is left as it is, for there is no other
    statement that it could be collapsed into.
    """
    if len(statements) < 2:
        return tuple(statements)
    temporary = temporary_tables(statements)
    if not temporary and not any(statement.kind in (RENAME, SWAP) for statement in statements):
        return tuple(statements)
    script = _Script(temporary)
    for number, statement in enumerate(statements):
        script.take(number, statement)
    return tuple(statement for statement in script.kept if statement is not None)


class _Script:
    def __init__(self, temporary: Spans) -> None:
        self._temporary = temporary
        self._made: dict[str, _Made] = {}
        self._written: dict[str, list[int]] = {}  # which kept statements write a table
        self.kept: list[StatementLineage | None] = []

    def take(self, number: int, statement: StatementLineage) -> None:
        if statement.kind == RENAME and self._renamed(number, statement):
            return
        if statement.kind == SWAP and self._swapped(statement):
            return
        if statement.kind in DROPS:
            left = tuple(table for table in statement.outputs if not self._is_temporary(table, number))
            for table in statement.outputs:
                self._made.pop(table_key(table), None)
            if left or not statement.outputs:
                self._keep(replace(statement, outputs=left, temporary=()))
            return
        hidden = [table for table in statement.outputs if self._is_temporary(table, number)]
        if not hidden and not self._touches(statement):
            self._keep(replace(statement, temporary=()))
            return
        read = self._read(statement)
        for table in hidden:
            self._fill(table, read, statement.kind)
        left = tuple(table for table in statement.outputs if table not in hidden)
        if left or not statement.outputs:
            names = {table.name for table in hidden}
            composed = _composed(statement, read, names)
            self._keep(replace(composed, outputs=left, temporary=()))

    def _keep(self, statement: StatementLineage) -> None:
        for table in statement.outputs:
            self._written.setdefault(table_key(table), []).append(len(self.kept))
        self.kept.append(statement)

    def _is_temporary(self, table: Table, number: int) -> bool:
        return any(start <= number <= end for start, end in self._temporary.get(table_key(table), ()))

    # Reading

    def _read(self, statement: StatementLineage) -> _Read:
        """Return what a statement reads where its temporary tables are what they are made of."""
        inputs: dict[Table, None] = {}
        rows = Flow()
        for table in statement.inputs:
            made = self._made.get(table_key(table))
            inputs.update({table: None} if made is None else made.tables)
            if made is not None:
                rows.add_rows(made.rows)
        flow_of = self._composed_flow if self._touches(statement) else _flow_of
        return _Read(inputs, [(edges, flow_of(edges)) for edges in statement.columns], rows)

    def _touches(self, statement: StatementLineage) -> bool:
        """Whether a statement reads or writes a temporary table that is made of something by now."""
        return any(table_key(table) in self._made for table in (*statement.inputs, *statement.outputs))

    def _composed_flow(self, edges: ColumnEdges) -> Flow:
        flow = Flow()
        for source in (*edges.inputs, *edges.indirect):
            flow.add(self._flow(source), source.subtype, source.masking)
        return flow

    def _flow(self, source: Source) -> Flow:
        made = self._made.get(source.table.casefold())
        if made is None:
            return Flow.of(source.table, source.column)
        found = made.columns.get(source.column.casefold())
        if found is not None:
            return found
        star = made.columns.get("*")
        if source.column == "*":
            return _all(made)
        if star is None:
            return Flow()
        starred = Flow()
        for table, column in star.direct:
            if column == "*":
                starred.add(Flow.of(table, source.column))
        if len(starred.direct) > 1:
            return Flow.doubtful(f"the column {source.column} of {source.table} may be of several tables")
        starred.add_rows(star)
        return starred

    # Writing

    def _fill(self, table: Table, read: _Read, kind: str) -> None:
        """Add what a statement writes to a temporary table.

        What it adds to one that it reads itself grows by what the table is made of so far.
        """
        key, anew = table_key(table), kind in MAKING
        made = _Made() if anew or key not in self._made else self._made[key]
        if read.columns or kind != "CREATE TABLE":  # else it has another's columns and no rows
            made.tables.update(read.inputs)
            if not anew:
                made.tables.pop(table, None)
        flows = {
            edges.output.column.casefold(): flow
            for edges, flow in read.columns
            if edges.output.table == table.name
        }
        if flows:
            made.rows.add_rows(read.rows)
            of_rows = set.intersection(*(set(flow.indirect) for flow in flows.values()))
            made.rows.indirect.update((source, None) for source in of_rows if source[2] in _OF_ROWS)
        for column, flow in flows.items():
            for source in [each for each in flow.indirect if each in made.rows.indirect]:
                del flow.indirect[source]
            if column in made.columns:
                made.columns[column].add(flow)
            else:
                made.columns[column] = flow
        self._made[key] = made

    # New names

    def _renamed(self, number: int, statement: StatementLineage) -> bool:
        """Take a RENAME over into what wrote the table before; False where nothing in the script did."""
        if not (statement.inputs and statement.outputs):
            return False
        (old, *_), (new, *_) = statement.inputs, statement.outputs
        made = self._made.pop(table_key(old), None)
        if made is not None:
            self._made[table_key(new)] = made
            return True
        if self._is_temporary(new, number):  # the table renamed is dropped under its new name
            star = _star(old, new)
            self._fill(new, _Read({old: None}, [(star, _flow_of(star))]), "CREATE TABLE AS")
            return True
        return self._rewritten(old, new)

    def _swapped(self, statement: StatementLineage) -> bool:
        """Take a SWAP with a table that the script has filled over into what filled it."""
        if len(statement.outputs) != 2:
            return False
        one, other = statement.outputs
        filled_here = {*self._written, *self._made}
        if table_key(one) in filled_here and table_key(other) not in filled_here:
            one, other = other, one
        made = self._made.pop(table_key(other), None)
        if made is not None:
            # What filled the dropped table fills the other: nothing else keeps it.
            filled = replace(statement, inputs=tuple(made.tables), outputs=(one,), kind="INSERT", columns=())
            columns = tuple(
                edges_of(Column(one.name, name), flow, None) for name, flow in made.columns.items()
            )
            self._keep(replace(filled, columns=columns))
            return True
        return table_key(one) not in self._written and self._rewritten(other, one)

    def _rewritten(self, old: Table, new: Table) -> bool:
        numbers = self._written.pop(table_key(old), [])
        for number in numbers:
            statement = self.kept[number]
            if statement is not None:
                self.kept[number] = renamed_tables(statement, {old.name: new})
        if numbers:
            self._written.setdefault(table_key(new), []).extend(numbers)
        return bool(numbers)


def _composed(statement: StatementLineage, read: _Read, hidden: Container[str]) -> StatementLineage:
    """Return a statement with what it reads, without the columns of hidden tables."""
    columns = [(edges, flow) for edges, flow in read.columns if edges.output.table not in hidden]
    doubts: dict[str, None] = {}
    for _, flow in columns:
        flow.add_rows(read.rows)
    for _, flow in read.columns:
        doubts.update(flow.doubts)
    problems = (*statement.problems, *(doubt for doubt in doubts if doubt not in statement.problems))
    return replace(
        statement,
        inputs=tuple(read.inputs),
        columns=tuple(edges_of(edges.output, flow, edges.expression) for edges, flow in columns),
        problems=problems,
        certain=statement.certain and not doubts,
    )


def edges_of(output: Column, flow: Flow, expression: str | None) -> ColumnEdges:
    """Return a flow as the edges of a written column."""
    return ColumnEdges(
        output,
        tuple(Source(*key, subtype, masking=key in flow.masked) for key, subtype in flow.direct.items()),
        tuple(Source(*key, masking=key in flow.masked) for key in flow.indirect),
        expression,
    )


def _flow_of(edges: ColumnEdges) -> Flow:
    flow = Flow()
    for source in edges.inputs:
        flow.direct[source.table, source.column] = source.subtype
        if source.masking:
            flow.masked.add((source.table, source.column))
    for source in edges.indirect:
        flow.indirect[source.table, source.column, source.subtype] = None
        if source.masking:
            flow.masked.add((source.table, source.column, source.subtype))
    return flow


def _all(made: _Made) -> Flow:
    flow = Flow()
    for column in made.columns.values():
        flow.add(column)
    return flow


def _star(old: Table, new: Table) -> ColumnEdges:
    return ColumnEdges(Column(new.name, "*"), (Source(old.name, "*", "IDENTITY"),))
