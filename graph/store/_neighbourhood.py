"""The jobs and datasets around one of them, over what jobs read and write, either way.

The walk is one of numbers of nodes: keys are looked up of what is shown alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from graph.nodes import Node, NodeType
from graph.records import EdgeKind
from graph.store._reading import TYPE_NUMBER
from graph.store.catalog import Neighbourhood
from graph.store.database import Database

Pairs = set[tuple[int, int]]
_JOB = TYPE_NUMBER[NodeType.JOB]


def neighbourhood(db: Database, start: int, depth: int, limit: int, counted: int) -> Neighbourhood:
    """See `Catalog.neighbourhood`."""
    number, type_ = db.execute("SELECT number, type FROM node WHERE key = ?", (start,)).fetchone()
    walk = _Walk(db, limit)
    frontier: set[int]
    if type_ == _JOB:
        frontier = {number}
    else:
        walk.take([number])
        frontier = _jobs_at(db, [number])
    seen_jobs, seen_datasets = set(frontier), {number}
    for hop in range(depth + 1):
        if not frontier:
            break
        kept = walk.take(frontier)
        reads, writes = _reads(db, kept), _writes(db, kept)
        near = {dataset for dataset, _ in reads} | {dataset for _, dataset in writes}
        if walk.count < counted:
            near |= _datasets_at(db, frontier - kept)
        near -= seen_datasets
        seen_datasets |= near
        walk.take(near)
        walk.join(reads, writes)
        if hop == depth or walk.count >= counted:
            break
        frontier = _jobs_at(db, near) - seen_jobs
        seen_jobs |= frontier
    return walk.shown()


class _Walk:
    """What was reached, nearest first: up to a limit with the edges between, beyond it as a count."""

    def __init__(self, db: Database, limit: int) -> None:
        self._db = db
        self._limit = limit
        self._taken: set[int] = set()
        self._reads: Pairs = set()
        self._writes: Pairs = set()
        self.count = 0

    def take(self, new: Collection[int]) -> set[int]:
        """Take as many of these nodes as there is room for, those with the least keys first; return them."""
        self.count += len(new)
        room = self._limit - len(self._taken)
        kept = set(new) if len(new) <= room else self._least(new, room)
        self._taken |= kept
        return kept

    def _least(self, new: Collection[int], room: int) -> set[int]:
        if room <= 0:
            return set()
        rows = self._db.execute(
            "SELECT n.number FROM each_key(?) AS k CROSS JOIN node AS n ON n.number = k.value"
            " ORDER BY n.key LIMIT ?",
            (list(new), room),
        )
        return {number for (number,) in rows.fetchall()}

    def join(self, reads: Pairs, writes: Pairs) -> None:
        """Take the edges of which both ends were taken."""
        taken = self._taken
        self._reads.update(pair for pair in reads if pair[0] in taken and pair[1] in taken)
        self._writes.update(pair for pair in writes if pair[0] in taken and pair[1] in taken)

    def shown(self) -> Neighbourhood:
        """Return it by keys."""
        rows = self._db.execute(
            "SELECT n.number, n.key, n.type, n.namespace, n.name FROM each_key(?) AS k"
            " CROSS JOIN node AS n ON n.number = k.value",
            (list(self._taken),),
        )
        keys: dict[int, int] = {}
        jobs: dict[int, Node] = {}
        datasets: dict[int, Node] = {}
        for number, key, type_, namespace, name in rows.fetchall():
            keys[number] = key
            if type_ == _JOB:
                jobs[key] = Node(NodeType.JOB, namespace, name)
            else:
                datasets[key] = Node(NodeType.DATASET, namespace, name)
        beyond = self.count - len(self._taken)
        return Neighbourhood(jobs, datasets, _by_key(self._reads, keys), _by_key(self._writes, keys), beyond)


def _by_key(pairs: Iterable[tuple[int, int]], keys: dict[int, int]) -> list[tuple[int, int]]:
    return [(keys[source], keys[target]) for source, target in pairs]


def _reads(db: Database, jobs: Collection[int]) -> Pairs:
    return set(db.execute(f"SELECT e.source, e.target {_READ_BY}", (list(jobs),)).fetchall())


def _writes(db: Database, jobs: Collection[int]) -> Pairs:
    return set(db.execute(f"SELECT e.source, e.target {_WRITTEN_BY}", (list(jobs),)).fetchall())


def _datasets_at(db: Database, jobs: Collection[int]) -> set[int]:
    return _ends(db, f"SELECT e.source {_READ_BY} UNION ALL SELECT e.target {_WRITTEN_BY}", jobs)


def _jobs_at(db: Database, datasets: Collection[int]) -> set[int]:
    return _ends(db, f"SELECT e.target {_READING} UNION ALL SELECT e.source {_WRITING}", datasets)


def _ends(db: Database, sql: str, nodes: Collection[int]) -> set[int]:
    """Return the other ends of edges, each once."""
    if not nodes:
        return set()
    near = list(nodes)
    return {end for (end,) in db.execute(sql, (near, near)).fetchall()}


_FROM = "FROM each_key(?) AS k CROSS JOIN edge AS e ON"
_READ_BY = f"{_FROM} e.target = k.value AND e.kind = {EdgeKind.READS:d}"
_WRITTEN_BY = f"{_FROM} e.source = k.value AND e.kind = {EdgeKind.WRITES:d}"
_READING = f"{_FROM} e.source = k.value AND e.kind = {EdgeKind.READS:d}"
_WRITING = f"{_FROM} e.target = k.value AND e.kind = {EdgeKind.WRITES:d}"
