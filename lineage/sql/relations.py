"""Where values come from, and relations: the columns that queries and tables offer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from lineage.sql.identifiers import Name
from lineage.sql.results import Subtype
from lineage.sql.tree import Node

DIRECT: dict[Subtype, int] = {"IDENTITY": 0, "TRANSFORMATION": 1, "AGGREGATION": 2}
"""OpenLineage's subtypes of DIRECT, weakest first; all others are INDIRECT."""


class Flow:
    """What one value depends on: `direct` and `indirect` sources, and `doubts` about what was not found.

    `masked` holds the keys of those sources whose value a hash or mask hides on every way they take,
    `fields` the flows of the fields of a STRUCT that the statement itself makes.
    """

    __slots__ = ("defined_by", "direct", "doubts", "fields", "indirect", "masked")

    def __init__(self, defined_by: Node | None = None) -> None:
        self.defined_by = defined_by  # the expression it is the value of; not taken over by `add`
        self.direct: dict[tuple[str, str], Subtype] = {}
        self.indirect: dict[tuple[str, str, Subtype], None] = {}
        self.masked: set[tuple[str, ...]] = set()
        self.doubts: dict[str, None] = {}
        self.fields: dict[str, Flow] | None = None

    @classmethod
    def of(cls, table: str, column: str) -> Flow:
        """Return the flow of a table's own column."""
        flow = cls()
        flow.direct[table, column] = "IDENTITY"
        return flow

    @classmethod
    def doubtful(cls, doubt: str) -> Flow:
        """Return the flow of something that was not found."""
        flow = cls()
        flow.doubts[doubt] = None
        return flow

    @property
    def is_copy(self) -> bool:
        """Whether the value is that of a column, unchanged."""
        return bool(self.direct) and all(subtype == "IDENTITY" for subtype in self.direct.values())

    @property
    def aggregates(self) -> bool:
        """Whether values of several rows enter it."""
        return "AGGREGATION" in self.direct.values()

    def add(self, other: Flow, use: Subtype = "IDENTITY", hidden: bool = False) -> None:
        """Take over another flow that is used in this one as `use` says, hidden where it is hashed or masked.

        Used directly, what decided about it keeps its subtype and the strongest direct one counts.
        Used indirectly, all it depends on becomes that indirect subtype.
        """
        self.doubts.update(other.doubts)
        masked = hidden or bool(other.masked) or bool(self.masked)
        if use not in DIRECT:
            for origin in (*other.direct, *other.indirect):
                used = (origin[0], origin[1], use)
                if masked:
                    self._mask(used, hidden or origin in other.masked, used in self.indirect)
                self.indirect[used] = None
            return
        for origin, subtype in other.direct.items():
            before = self.direct.get(origin)
            if masked:
                self._mask(origin, hidden or origin in other.masked, before is not None)
            if before is None:
                self.direct[origin] = max(subtype, use, key=DIRECT.__getitem__)
            else:
                self.direct[origin] = max(subtype, use, before, key=DIRECT.__getitem__)
        self._add_indirect(other, masked)

    def add_rows(self, other: Flow) -> None:
        """Take over what decides about another's rows, as it is."""
        self.doubts.update(other.doubts)
        self._add_indirect(other, bool(other.masked) or bool(self.masked))

    def _add_indirect(self, other: Flow, masked: bool) -> None:
        if masked:
            for origin in other.indirect:
                self._mask(origin, origin in other.masked, origin in self.indirect)
        self.indirect.update(other.indirect)

    def _mask(self, origin: tuple[str, ...], hidden: bool, known: bool) -> None:
        if not hidden:
            self.masked.discard(origin)
        elif not known:
            self.masked.add(origin)


@dataclass(frozen=True, slots=True)
class Output:
    """A column of a relation; `name` is "" where the statement gives it none."""

    name: str
    flow: Flow


@dataclass(frozen=True, slots=True)
class Rest:
    """The unknown columns of tables read as one, or of a function whose columns all come from `flow`."""

    tables: tuple[str, ...] = ()
    flow: Flow | None = None
    without: frozenset[str] = frozenset()

    def column(self, name: str) -> Flow | None:
        """Return the flow of a column of this name, None when it is known not to be here."""
        return self._flow(name) if self.may_have(name) else None

    def may_have(self, name: str) -> bool:
        """Whether a column of this name may be among them."""
        return not self.without or name.casefold() not in self.without

    def star(self) -> Flow:
        """Return the flow of all of them as "*"."""
        return self._flow("*")

    def _flow(self, name: str) -> Flow:
        if self.flow is not None:
            return self.flow
        if len(self.tables) == 1:
            return Flow.of(self.tables[0], name)
        return united(Flow.of(table, name) for table in self.tables)


@dataclass
class Relation:
    """Columns in order and `rows`, the indirect sources of every row."""

    columns: Sequence[Output | Rest]
    rows: Flow = field(default_factory=Flow)

    @cached_property
    def _outputs(self) -> list[Output]:
        return [column for column in self.columns if isinstance(column, Output) and column.name]

    @cached_property
    def _by_key(self) -> dict[str, Flow]:
        return {c.name.key: c.flow for c in reversed(self._outputs) if isinstance(c.name, Name)}

    @cached_property
    def _unkeyed(self) -> dict[str, Flow]:
        unkeyed = (c for c in reversed(self._outputs) if not isinstance(c.name, Name))
        return {column.name.casefold(): column.flow for column in unkeyed}

    @cached_property
    def _folded(self) -> dict[str, Flow]:
        return {column.name.casefold(): column.flow for column in reversed(self._outputs)}

    @cached_property
    def is_open(self) -> bool:
        """Whether any column may be here and none is known, as of a table without a schema."""
        if not self.columns:
            return False
        return all(isinstance(column, Rest) and not column.without for column in self.columns)

    @cached_property
    def rests(self) -> list[Rest]:
        """The parts whose columns are unknown."""
        return [column for column in self.columns if isinstance(column, Rest)]

    def known(self, name: str) -> Flow | None:
        """Return the flow of a column that is known by name, or None."""
        if not isinstance(name, Name):
            return self._folded.get(name.casefold())
        exact = self._by_key.get(name.key)
        return exact if exact is not None else self._unkeyed.get(name.casefold())

    def alike(self, name: str) -> Flow | None:
        """Return the flow of a column that differs from the name in case alone, or None."""
        return self._folded.get(name.casefold())

    def possible(self, name: str) -> Flow | None:
        """Return the flow of a column that may be one of the unknown ones of exactly one part, or None."""
        found = [flow for rest in self.rests if (flow := rest.column(name)) is not None]
        return found[0] if len(found) == 1 else None

    def may_have(self, name: str) -> bool:
        """Whether a column of this name may be among the unknown ones."""
        return self.is_open or any(rest.may_have(name) for rest in self.rests)

    def has(self, name: str) -> bool:
        """Whether a column of this name is, or may be, here."""
        return self.known(name) is not None or self.may_have(name)

    def named(self, names: Sequence[str]) -> Relation:
        """Return this relation under the column names of an alias, as far as they reach.

        A name that falls on unknown columns is one of them, nobody knows which: it comes from their star.
        """
        if not names:
            return self
        before = next((i for i, column in enumerate(self.columns) if isinstance(column, Rest)), None)
        listed = self.columns[:before]
        renamed: list[Output | Rest] = [
            Output(names[i], column.flow) if i < len(names) else column
            for i, column in enumerate(listed)
            if isinstance(column, Output)
        ]
        if before is not None:
            star = united(rest.star() for rest in self.rests)
            renamed += [Output(name, star) for name in names[before:]]
        return Relation(renamed, self.rows)

    def renamed(self, names: Sequence[str]) -> Sequence[Output | Rest]:
        """Return the columns under a target's names where these are exactly as many, else as they are."""
        if self.rests or len(names) != len(self.columns):
            return self.columns
        return self.named(names).columns


def united(flows: Iterable[Flow], use: Subtype = "IDENTITY") -> Flow:
    """Return one flow of several, defined as the first of them that is defined by an expression."""
    result = Flow()
    for flow in flows:
        result.defined_by = result.defined_by or flow.defined_by
        result.add(flow, use)
    return result
