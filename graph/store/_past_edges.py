"""The graph as of an earlier time, owner by owner: only those that a walk touches are worked out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

from graph.records import Direction, EdgeKind
from graph.store._hidden import visible
from graph.store._memory import Memory
from graph.store._past_facets import PastForms
from graph.store._past_runs import PastRuns
from graph.store._projecting import Past, current_sayings, edges_of
from graph.store.database import Database
from graph.store.projection import EdgeRow, KnownShape, undominated

EdgeAt = tuple[int, int, int, int, int]
"""Source, target, owner, transformation, origin: as `_edges.to_edges` takes them."""

_Ends = dict[tuple[int, int], list[EdgeAt]]


class PastEdges:
    """The edges of a store at a time; those of an owner are worked out once."""

    def __init__(self, db: Database, memory: Memory, until: int, runs: PastRuns, forms: PastForms) -> None:
        self._db = db
        self._memory = memory
        self._until = until
        self._runs = runs
        self._forms = forms
        self._shapes: dict[int, KnownShape] = {}
        self._owners: set[int] = set()
        self._asked: set[int] = set()
        self._forwards: _Ends = defaultdict(list)
        self._backwards: _Ends = defaultdict(list)

    def incident(self, keys: Collection[int], kind: EdgeKind, direction: Direction) -> list[EdgeAt]:
        """See `LineageReader.incident`."""
        self._know(keys)
        ends = self._forwards if direction is Direction.DOWNSTREAM else self._backwards
        return [edge for key in set(keys) for edge in ends.get((kind, key), ())]

    def closure(
        self, keys: Collection[int], kind: EdgeKind, direction: Direction, depth: int | None
    ) -> list[EdgeAt]:
        """See `LineageReader.closure`."""
        found: list[EdgeAt] = []
        seen, frontier = set(keys), set(keys)
        there = 1 if direction is Direction.DOWNSTREAM else 0
        while frontier and (depth is None or depth > 0):
            edges = self.incident(frontier, kind, direction)
            found += edges
            frontier = {edge[there] for edge in edges} - seen
            seen |= frontier
            depth = None if depth is None else depth - 1
        return found

    def whole(self, kind: EdgeKind) -> Iterable[EdgeAt]:
        """Return all edges of a kind."""
        rows = self._db.execute("SELECT DISTINCT owner FROM form WHERE first_time <= ?", (self._until,))
        self._work_out({owner for (owner,) in rows})
        for (of, _), edges in self._forwards.items():
            if of == kind:
                yield from edges

    def _know(self, keys: Collection[int]) -> None:
        new = set(keys) - self._asked
        if new:
            self._asked |= new
            self._work_out(self._forms.owners_at(new))

    def _work_out(self, owners: Collection[int]) -> None:
        new = sorted(set(owners) - self._owners)
        if not new:
            return
        self._owners.update(new)
        past = Past(self._until, self._runs.rows(new), self._forms.declared(new), self._runs.on_days(new))
        for owner, sayings in current_sayings(self._db, new, self._memory, past).items():
            edges = edges_of(self._db, undominated(sayings), self._shapes)
            for edge in visible(self._db, owner, edges):
                self._note(owner, edge)

    def _note(self, owner: int, edge: EdgeRow) -> None:
        row = (edge.source, edge.target, owner, edge.transformation, edge.origin)
        self._forwards[edge.kind, edge.source].append(row)
        self._backwards[edge.kind, edge.target].append(row)
