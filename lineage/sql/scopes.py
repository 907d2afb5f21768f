"""The named things of a FROM clause and the names that are looked up in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

from lineage.sql.catalog import Catalog
from lineage.sql.identifiers import key, same
from lineage.sql.relations import Flow, Output, Relation, united
from lineage.sql.results import Subtype
from lineage.sql.tree import Node

# Columns that tables and stages have beside those they are made with.
_PSEUDO_COLUMN = re.compile(
    r"_PARTITION(TIME|DATE)|_TABLE_SUFFIX|_FILE_NAME|METADATA\$\w+|\$\w+|_METADATA|ROWID|CTID|OID|XMIN|ORA_ROWSCN",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Source:
    """A relation in a FROM clause: its alias or name, and the table's parts where it is one.

    The columns of a `loose` one are only found when qualified, or when there is no other source.
    """

    alias: str
    relation: Relation
    parts: tuple[str, ...] = ()
    loose: bool = False

    def column(self, name: str) -> Flow | None:
        """Return the flow of a column that is known or may be here, or None."""
        found = self.relation.known(name)
        if found is None and name.startswith("$"):
            found = self._at(name[1:])
        return found if found is not None else self.relation.possible(name)

    def _at(self, position: str) -> Flow | None:
        """Return the flow of the column that Snowflake calls by its place: $2."""
        columns = self.relation.columns
        if self.relation.rests or not position.isdigit() or not 0 < int(position) <= len(columns):
            return None
        column = columns[int(position) - 1]
        return column.flow if isinstance(column, Output) else None

    def unlisted(self, name: str) -> Flow:
        """Return the flow of a column that is not among those known of the source.

        It is the table's nevertheless where this is one: what is known of a table may be old.
        """
        alike = self.relation.alike(name)
        if alike is not None:
            return alike
        flow = Flow.of(".".join(self.parts), name) if self.parts else Flow()
        if self.parts and _PSEUDO_COLUMN.fullmatch(name):
            return flow
        flow.doubts[f"the column {name} of {self.alias} is not one of its known columns"] = None
        return flow

    def row(self) -> Flow:
        """Return the flow of the whole row as one value."""
        columns = (c.flow if isinstance(c, Output) else c.star() for c in self.relation.columns)
        return united(columns, "TRANSFORMATION")


@dataclass
class Scope:
    """Where names are looked up: the sources of a query, then those of the query around it."""

    parent: Scope | None = None
    ctes: Mapping[str, Relation] = field(default_factory=dict)
    sources: list[Source] = field(default_factory=list)
    merged: dict[str, list[Source]] = field(default_factory=dict)  # columns of USING
    aliases: dict[str, Flow] = field(default_factory=dict)  # names of projections, used when visible
    aliases_visible: bool = False
    aliases_first: bool = False
    no_columns: frozenset[str] = frozenset()  # what looks like a column in this query and is none
    _read: set[str] = field(default_factory=set)  # bare names that were columns of an unknown table

    def resolve(self, parts: Sequence[str]) -> Flow:
        """Return the flow of a column reference, by its dotted parts."""
        *qualifier, name = parts
        if not qualifier:
            found = self._unqualified(name)
            if found is None and len(self.sources) == 1:
                found = self.sources[0].unlisted(name)
            return found or Flow.doubtful(f"no table of the statement has the column {name}")
        found = self._qualified(qualifier, name)
        found = found or self._field(parts)
        return found or Flow.doubtful(f"{'.'.join(qualifier)}, the owner of the column {name}, is not known")

    def source(self, qualifier: Sequence[str]) -> Source | None:
        """Return the source an alias or a table's dotted name means, here or around."""
        return next(self._sources_called(qualifier), None)

    def knows(self, name: str) -> bool:
        """Whether a source here or around is known to have a column of this name."""
        return any(s.relation.known(name) is not None for scope in self._outwards() for s in scope._listing())

    def row(self, name: str) -> Flow | None:
        """Return the flow of a whole row where a name means a source, not a column of one."""
        for source in (each for scope in self._outwards() for each in scope.sources):
            is_alias = bool(source.alias) and not (source.parts and same(source.parts[-1], source.alias))
            if same(source.alias, name) and (is_alias or not source.relation.rests):
                return None if source.loose or self.knows(name) else source.row()
        return None

    def has_read(self, name: str) -> bool:
        """Whether a bare name was found to be a column before an alias could have been meant by it."""
        return not self.aliases_first and name.casefold() in self._read

    def _outwards(self) -> Iterator[Scope]:
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    def _sources_called(self, qualifier: Sequence[str]) -> Iterator[Source]:
        """Yield what the qualifier may mean, best first: an alias, a table's name, both without case."""
        *owner, alias = qualifier
        for scope in self._outwards():
            if owner:
                yield from (s for s in scope.sources if _ends(s.parts, qualifier))
            else:
                yield from (s for s in scope.sources if same(s.alias, alias))
        wanted = tuple(part.casefold() for part in qualifier)
        for scope in self._outwards():
            for source in scope.sources:
                parts = source.parts[-len(wanted) :] if owner else (source.alias,)
                if tuple(map(str.casefold, parts)) == wanted:
                    yield source
        if not owner:  # a table that has an alias, by its name
            yield from (s for scope in self._outwards() for s in scope.sources if _ends(s.parts, qualifier))

    def _qualified(self, qualifier: Sequence[str], name: str) -> Flow | None:
        source = self.source(qualifier)
        if source is None:
            return None
        found = source.column(name)
        return found if found is not None else source.unlisted(name)

    def _field(self, parts: Sequence[str]) -> Flow | None:
        """Read `a.b.c` as a field: of column b of source a, else of a column a.

        A schema may list the fields of a column under their dotted path: then the path is the column.
        """
        source, column = None, 0
        for column in range(len(parts) - 2, 0, -1):
            if (source := self.source(parts[:column])) is not None:
                break
        else:
            column = 0
        for end in range(len(parts), column + 1, -1):
            path = ".".join(parts[column:end])
            for each in [source] if source else self.sources:
                listed = each.relation.known(path)
                if listed is not None:
                    return listed if end == len(parts) else united([listed], "TRANSFORMATION")
        flow = self._qualified(parts[:column], parts[column]) if source else self._unqualified(parts[0])
        if flow is None:
            return None
        made = flow.fields.get(parts[column + 1]) if flow.fields else None
        if made is not None:
            return made if len(parts) == column + 2 else united([made], "TRANSFORMATION")
        value = united([flow], "TRANSFORMATION")
        if source is None and not self.knows(parts[0]) and not all(each.loose for each in self.sources):
            value.doubts[f"{parts[0]} may be a column with fields or a table that is not there"] = None
        return value

    def _unqualified(self, name: str) -> Flow | None:
        """Return the flow of a bare name: a column here, an alias, a row, a column of the query around."""
        merged = self.merged.get(name.casefold())
        if merged is not None:
            return united(found for source in merged if (found := source.column(name)) is not None)
        if name.startswith("$") and len(self.sources) == 1:
            return self.sources[0].column(name)
        alias = self.aliases.get(key(name)) if self.aliases_visible else None
        if alias is not None and self.aliases_first:
            return alias
        known = [flow for source in self._listing() if (flow := source.relation.known(name)) is not None]
        if len(known) > 1:
            return Flow.doubtful(f"the column {name} is in several tables of the statement")
        if known:
            return known[0]
        if alias is not None:
            return alias
        return self._unlisted(name) or (self.parent._unqualified(name) if self.parent is not None else None)

    def _listing(self) -> list[Source]:
        """Return the sources that have columns known by name."""
        return [source for source in self.sources if not source.relation.is_open]

    def _unlisted(self, name: str) -> Flow | None:
        may = [s for s in self.sources if not s.loose and s.relation.may_have(name)]
        may = may or [s for s in self.sources if s.relation.may_have(name)]
        if not may:
            alike = [flow for s in self.sources if (flow := s.relation.alike(name)) is not None]
            return alike[0] if len(alike) == 1 else None
        self._read.add(name.casefold())
        found = may[0].relation.possible(name) if len(may) == 1 else None
        return found or Flow.doubtful(f"the column {name} may be of several tables: {_listed(may)}")


_LISTED = 8
"""Tables that a doubt names."""


class Evaluator(Protocol):
    """What evaluates the queries and expressions of a statement."""

    catalog: Catalog
    dialect: str | None
    no_columns: frozenset[str]

    def relation(self, node: Node, around: Scope) -> Relation:
        """Return the columns of a query."""

    def flow(self, node: Node, scope: Scope, use: Subtype = "IDENTITY") -> Flow:
        """Return the flow of an expression."""

    def with_ctes(self, node: Node, around: Scope) -> Scope:
        """Return a scope that sees the common table expressions a node begins with."""


def _ends(parts: Sequence[str], qualifier: Sequence[str]) -> bool:
    last = parts[-len(qualifier) :]
    return len(last) == len(qualifier) and all(map(same, last, qualifier))


def _listed(sources: Iterable[Source]) -> str:
    tables = (table for source in sources for rest in source.relation.rests for table in rest.tables)
    listed = list(islice(dict.fromkeys(tables), _LISTED + 1))
    return ", ".join(listed[:_LISTED]) + (", ..." if len(listed) > _LISTED else "")
