"""Where values come from, and the named things of a FROM clause they are looked up in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from lineage.sql.results import Subtype
from lineage.sql.tree import Node

DIRECT: dict[Subtype, int] = {"IDENTITY": 0, "TRANSFORMATION": 1, "AGGREGATION": 2}
"""OpenLineage's subtypes of DIRECT, weakest first; all others are INDIRECT."""


class Flow:
    """What one value depends on: `direct` and `indirect` sources, and `doubts` about what was not found."""

    __slots__ = ("defined_by", "direct", "doubts", "indirect")

    def __init__(self, defined_by: Node | None = None) -> None:
        self.defined_by = defined_by  # the expression it is the value of; not taken over by `add`
        self.direct: dict[tuple[str, str], Subtype] = {}
        self.indirect: dict[tuple[str, str, Subtype], None] = {}
        self.doubts: dict[str, None] = {}

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

    def add(self, other: Flow, use: Subtype = "IDENTITY") -> None:
        """Take over another flow that is used in this one as `use` says.

        Used directly, what decided about it keeps its subtype and the strongest direct one counts.
        Used indirectly, all it depends on becomes that indirect subtype.
        """
        self.doubts.update(other.doubts)
        if use not in DIRECT:
            self.indirect.update({(table, column, use): None for table, column in other.direct})
            self.indirect.update({(table, column, use): None for table, column, _ in other.indirect})
            return
        for origin, subtype in other.direct.items():
            strongest = max(subtype, use, self.direct.get(origin, "IDENTITY"), key=DIRECT.__getitem__)
            self.direct[origin] = strongest
        self.indirect.update(other.indirect)

    def add_rows(self, other: Flow) -> None:
        """Take over what decides about another's rows, as it is."""
        self.doubts.update(other.doubts)
        self.indirect.update(other.indirect)


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
        if name.casefold() in self.without:
            return None
        return self.flow if self.flow is not None else united(Flow.of(table, name) for table in self.tables)

    def star(self) -> Flow:
        """Return the flow of all of them as "*"."""
        return self.flow if self.flow is not None else united(Flow.of(table, "*") for table in self.tables)


@dataclass
class Relation:
    """Columns in order and `rows`, the indirect sources of every row."""

    columns: Sequence[Output | Rest]
    rows: Flow = field(default_factory=Flow)

    @cached_property
    def _by_name(self) -> dict[str, Flow]:
        named: dict[str, Flow] = {}
        for column in self.columns:
            if isinstance(column, Output) and column.name:
                named.setdefault(column.name, column.flow)
                named.setdefault(column.name.casefold(), column.flow)
        return named

    @cached_property
    def rests(self) -> list[Rest]:
        """The parts whose columns are unknown."""
        return [column for column in self.columns if isinstance(column, Rest)]

    def known(self, name: str) -> Flow | None:
        """Return the flow of a column that is known by name, or None."""
        exact = self._by_name.get(name)
        return exact if exact is not None else self._by_name.get(name.casefold())

    def possible(self, name: str) -> Flow | None:
        """Return the flow of a column that may be one of the unknown ones of exactly one part, or None."""
        found = [flow for rest in self.rests if (flow := rest.column(name)) is not None]
        return found[0] if len(found) == 1 else None

    def may_have(self, name: str) -> bool:
        """Whether a column of this name may be among the unknown ones."""
        return any(rest.column(name) is not None for rest in self.rests)

    def has(self, name: str) -> bool:
        """Whether a column of this name is, or may be, here."""
        return self.known(name) is not None or self.may_have(name)

    def named(self, names: Sequence[str]) -> Relation:
        """Return this relation under the column names of an alias, as far as they reach."""
        if not names or self.rests:
            return self
        renamed = [
            Output(names[i], column.flow) if i < len(names) else column
            for i, column in enumerate(self.columns)
            if isinstance(column, Output)
        ]
        return Relation(renamed, self.rows)

    def renamed(self, names: Sequence[str]) -> Sequence[Output | Rest]:
        """Return the columns under a target's names where these are exactly as many, else as they are."""
        return self.named(names).columns if len(names) == len(self.columns) else self.columns


@dataclass(frozen=True, slots=True)
class Source:
    """A relation in a FROM clause: its alias or name, and the table's parts where it is one.

    The columns of a `loose` one are only found when qualified, or when there is no other source.
    """

    alias: str
    relation: Relation
    parts: tuple[str, ...] = ()
    loose: bool = False

    def unlisted(self, name: str) -> Flow:
        """Return the flow of a column that is not among those known of the source.

        It is the table's nevertheless where this is one: what is known of a table may be old.
        """
        flow = Flow.of(".".join(self.parts), name) if self.parts else Flow()
        flow.doubts[f"the column {name} of {self.alias} is not one of its known columns"] = None
        return flow


@dataclass
class Scope:
    """Where names are looked up: the sources of a query, then those of the query around it."""

    parent: Scope | None = None
    ctes: Mapping[str, Relation] = field(default_factory=dict)
    sources: list[Source] = field(default_factory=list)
    merged: dict[str, list[Source]] = field(default_factory=dict)  # columns of USING
    aliases: dict[str, Flow] = field(default_factory=dict)  # names of projections, used when visible
    aliases_visible: bool = False

    @property
    def reads_stage(self) -> bool:
        """Whether a source is a Snowflake stage, whose columns are called $1, $2, ..."""
        return any(source.parts and source.parts[0].startswith("@") for source in self.sources)

    def resolve(self, parts: Sequence[str]) -> Flow:
        """Return the flow of a column reference, by its dotted parts."""
        *qualifier, name = parts
        if not qualifier:
            found = self._unqualified(name)
            if found is None and len(self.sources) == 1:
                found = self.sources[0].unlisted(name)
            return found or Flow.doubtful(f"no table of the statement has the column {name}")
        found = self._qualified(qualifier, name) or self._struct(parts)
        return found or Flow.doubtful(f"{'.'.join(qualifier)}, the owner of the column {name}, is not known")

    def source(self, qualifier: Sequence[str]) -> Source | None:
        """Return the source an alias or a table's dotted name means, here or around."""
        wanted = tuple(part.casefold() for part in qualifier)
        scope: Scope | None = self
        while scope is not None:
            for source in scope.sources:
                if len(wanted) == 1 and source.alias.casefold() == wanted[0]:
                    return source
            for source in scope.sources:
                if len(wanted) > 1 and tuple(p.casefold() for p in source.parts[-len(wanted) :]) == wanted:
                    return source
            scope = scope.parent
        return None

    def _qualified(self, qualifier: Sequence[str], name: str) -> Flow | None:
        source = self.source(qualifier)
        if source is None:
            return None
        found = source.relation.known(name) or source.relation.possible(name)
        return found or source.unlisted(name)

    def _struct(self, parts: Sequence[str]) -> Flow | None:
        """Read `a.b.c` as a field: of column b of source a, else of a column a."""
        source = self.source(parts[:1])
        flow = self._qualified(parts[:1], parts[1]) if source else self._unqualified(parts[0])
        if flow is None:
            return None
        value = united([flow], "TRANSFORMATION")
        if source is None and all(each.relation.known(parts[0]) is None for each in self.sources):
            value.doubts[f"{parts[0]} may be a column with fields or a table that is not there"] = None
        return value

    def _unqualified(self, name: str) -> Flow | None:
        """Return the flow of a bare name: a column here, an alias, a column of the query around."""
        folded = name.casefold()
        if folded in self.merged:
            return united(
                found
                for source in self.merged[folded]
                if (found := source.relation.known(name) or source.relation.possible(name))
            )
        known = [flow for source in self.sources if (flow := source.relation.known(name)) is not None]
        if len(known) > 1:
            return Flow.doubtful(f"the column {name} is in several tables of the statement")
        if known:
            return known[0]
        if self.aliases_visible and folded in self.aliases:
            return self.aliases[folded]
        return self._unlisted(name) or (self.parent._unqualified(name) if self.parent is not None else None)

    def _unlisted(self, name: str) -> Flow | None:
        may = [s for s in self.sources if not s.loose and s.relation.may_have(name)]
        may = may or [s for s in self.sources if s.relation.may_have(name)]
        if not may:
            return None
        found = may[0].relation.possible(name) if len(may) == 1 else None
        return found or Flow.doubtful(f"the column {name} may be of several tables: {_listed(may)}")


def united(flows: Iterable[Flow], use: Subtype = "IDENTITY") -> Flow:
    """Return one flow of several, defined as the first of them that is defined by an expression."""
    result = Flow()
    for flow in flows:
        result.defined_by = result.defined_by or flow.defined_by
        result.add(flow, use)
    return result


def _listed(sources: Iterable[Source]) -> str:
    tables = (table for source in sources for rest in source.relation.rests for table in rest.tables)
    return ", ".join(dict.fromkeys(tables))
