"""The edges of the current graph: how questions walk them, and how those of an owner come to be others.

The table has the numbers of nodes: rows and indexes with them take half the room of those with keys. They are
no matter of the store's callers, who give and get keys.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import chain

from graph.records import Direction, Edge, EdgeKind, Origin, Transformation
from graph.store.database import Database
from graph.store.projection import EdgeRow

Row = tuple[int, int, int, int, int]
"""Keys of source, target and owner, 0 for an owner that does not matter; transformation and origin."""

_ORIGIN: dict[int, Origin | None] = {0: None, **{int(origin): origin for origin in Origin}}

# A lineage facet may name another job than its own at the end of an edge.
_JOB_AT_TARGET = frozenset({EdgeKind.READS, EdgeKind.USES, EdgeKind.UNDERSTOOD})
_JOB_AT_SOURCE = frozenset({EdgeKind.WRITES})


def _ends(direction: Direction) -> tuple[str, str]:
    return ("source", "target") if direction is Direction.DOWNSTREAM else ("target", "source")


def _columns(kind: EdgeKind) -> str:
    """Return the columns of a `Row`, of tables `edge AS e`, `node AS source` and `node AS target`."""
    owner = "coalesce((SELECT o.key FROM node AS o WHERE o.number = e.owner), 0)"
    if kind in _JOB_AT_TARGET | _JOB_AT_SOURCE:
        owner = "0"
    return f"source.key, target.key, {owner}, e.transformation, e.origin"


def closure(db: Database, keys: Collection[int], kind: EdgeKind, direction: Direction) -> list[Row]:
    """Return the rows of every edge that can be reached, each once: one recursive query over numbers."""
    here, there = _ends(direction)
    # CROSS JOIN keeps SQLite from walking the edge table as the outer loop.
    sql = f"""
        WITH RECURSIVE reach (node) AS (
            SELECT n.number FROM each_key(:keys) AS k CROSS JOIN node AS n ON n.key = k.value
            UNION
            SELECT e.{there} FROM reach CROSS JOIN edge AS e ON e.kind = :kind AND e.{here} = reach.node
        )
        SELECT {_columns(kind)} FROM reach CROSS JOIN node AS {here} ON {here}.number = reach.node
        CROSS JOIN edge AS e ON e.kind = :kind AND e.{here} = reach.node
        CROSS JOIN node AS {there} ON {there}.number = e.{there}
    """
    return db.execute(sql, {"keys": list(keys), "kind": int(kind)}).fetchall()


def closure_to_depth(
    db: Database, keys: Collection[int], kind: EdgeKind, direction: Direction, depth: int
) -> list[Row]:
    """Return the rows of every edge within `depth` hops, each once: level by level."""
    found: list[Row] = []
    seen, frontier = set(keys), set(keys)
    there = 1 if direction is Direction.DOWNSTREAM else 0
    for _ in range(depth):
        if not frontier:
            break
        rows = incident(db, frontier, kind, direction)
        found += rows
        frontier = {row[there] for row in rows} - seen
        seen |= frontier
    return found


def incident(db: Database, keys: Collection[int], kind: EdgeKind, direction: Direction) -> list[Row]:
    """Return the rows of the edges one hop away."""
    here, there = _ends(direction)
    sql = f"""
        SELECT {_columns(kind)} FROM each_key(:keys) AS k CROSS JOIN node AS {here} ON {here}.key = k.value
        CROSS JOIN edge AS e ON e.kind = :kind AND e.{here} = {here}.number
        CROSS JOIN node AS {there} ON {there}.number = e.{there}
    """
    return db.execute(sql, {"keys": list(set(keys)), "kind": int(kind)}).fetchall()


def ends(db: Database, keys: Collection[int], kind: EdgeKind, direction: Direction) -> list[tuple[int, int]]:
    """See `Catalog.ends`."""
    here, there = _ends(direction)
    sql = f"""
        SELECT DISTINCT source.key, target.key FROM each_key(:keys) AS k
        CROSS JOIN node AS {here} ON {here}.key = k.value
        CROSS JOIN edge AS e ON e.kind = :kind AND e.{here} = {here}.number
        CROSS JOIN node AS {there} ON {there}.number = e.{there}
    """
    return db.execute(sql, {"keys": list(set(keys)), "kind": int(kind)}).fetchall()


def links(db: Database, fields: Collection[int], direction: Direction) -> list[tuple[int, int, int]]:
    """Return source, target and transformation of the edges between fields one hop away."""
    here, there = _ends(direction)
    sql = f"""
        SELECT source.key, target.key, e.transformation FROM each_key(:keys) AS k
        CROSS JOIN node AS {here} ON {here}.key = k.value
        CROSS JOIN edge AS e ON e.kind = {EdgeKind.FIELD:d} AND e.{here} = {here}.number
        CROSS JOIN node AS {there} ON {there}.number = e.{there}
    """
    return db.execute(sql, {"keys": list(fields)}).fetchall()


def whole(db: Database, kind: EdgeKind) -> Iterator[Row]:
    """Yield the rows of all edges of a kind."""
    sql = f"""
        SELECT {_columns(kind)} FROM edge AS e JOIN node AS source ON source.number = e.source
        JOIN node AS target ON target.number = e.target WHERE e.kind = ?
    """
    yield from db.stream(sql, (int(kind),))


def to_edges(
    kind: EdgeKind, rows: Iterable[Row], transformation: Callable[[int], Transformation | None]
) -> Iterator[Edge]:
    """Yield the edges of rows; an owner that is no job is a dataset that declared the edge.

    `transformation` gives what the rows have the number of, or the key.
    """
    at_target, at_source = kind in _JOB_AT_TARGET, kind in _JOB_AT_SOURCE
    made: dict[int, Transformation | None] = {0: None}
    for source, target, owner, said, origin in rows:
        if said not in made:
            made[said] = transformation(said)
        job = target if at_target else source if at_source else owner if owner > 0 else None
        yield Edge(kind, source, target, job, made[said], _ORIGIN[origin])


def transformation(db: Database, key: int) -> Transformation | None:
    """Return one transformation by its key."""
    return _transformation(db, "key", key)


def numbered_transformation(db: Database, number: int) -> Transformation | None:
    """Return one transformation by its number."""
    return _transformation(db, "number", number)


def _transformation(db: Database, by: str, value: int) -> Transformation | None:
    row = db.execute(
        f"SELECT type, subtype, description, masking FROM transformation WHERE {by} = ?", (value,)
    ).fetchone()
    return Transformation(row[0], row[1], row[2], bool(row[3])) if row else None


def owners_at(db: Database, keys: Collection[int]) -> set[int]:
    """Return the owners of the edges that begin or end at nodes."""
    found: set[int] = set()
    for end in ("source", "target"):
        rows = db.execute(
            "SELECT DISTINCT CASE WHEN e.owner > 0 THEN o.key ELSE -o.key END"
            " FROM each_key(?) AS k CROSS JOIN node AS n ON n.key = k.value"
            f" CROSS JOIN edge AS e ON e.{end} = n.number CROSS JOIN node AS o ON o.number = abs(e.owner)",
            (list(keys),),
        )
        found.update(owner for (owner,) in rows)
    return found


def replace_edges(db: Database, owner: int, edges: Collection[EdgeRow]) -> None:
    """Have an owner (by key; minus that of a dataset) have these edges and no others."""
    nodes = _numbers(db, "node", {abs(owner), *chain.from_iterable(edge[1:3] for edge in edges)})
    made = _numbers(db, "transformation", {edge.transformation for edge in edges} - {0}) | {0: 0}
    mine = nodes[owner] if owner > 0 else -nodes[-owner]
    new = {
        (nodes[edge.source], edge.kind, nodes[edge.target], made[edge.transformation], edge.origin)
        for edge in edges
    }
    old = set(
        db.execute("SELECT source, kind, target, transformation, origin FROM edge WHERE owner = ?", (mine,))
    )
    db.executemany(
        "DELETE FROM edge WHERE source = ? AND kind = ? AND target = ? AND transformation = ? AND origin = ?"
        " AND owner = ?",
        [(*edge, mine) for edge in old - new],
    )
    db.executemany(
        "INSERT INTO edge (source, kind, target, transformation, origin, owner) VALUES (?, ?, ?, ?, ?, ?)",
        [(*edge, mine) for edge in sorted(new - old)],
    )


def _numbers(db: Database, table: str, keys: Collection[int]) -> dict[int, int]:
    """Return by key the numbers of nodes or transformations."""
    rows = db.execute(
        f"SELECT t.key, t.number FROM each_key(?) AS k CROSS JOIN {table} AS t ON t.key = k.value",
        (list(keys),),
    )
    return dict(rows.fetchall())
