"""Nodes and claims as rows. Every function takes a connection inside an open transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import astuple

from graph.nodes import Node, NodeType, dataset
from graph.store._reading import TYPE_NUMBER, nodes
from graph.store.changes import Claim, transformation_key
from graph.store.claim_format import claims_of, keys_in_claims, packed_claims
from graph.store.database import Database
from graph.store.projection import ClaimRow

BY_EVENT = 1
BY_SCHEMA = 2
BY_LINEAGE = 4

BY_EVENTS = 0
BY_SQL = 1
"""Whose claims a row of the table `claims` has."""


class KeyCollisionError(ValueError):
    """One integer key stands for two identities."""


def put_nodes(db: Database, wanted: Mapping[int, Node], named: Mapping[int, int] | None = None) -> None:
    """Write nodes that are not there yet; KeyCollisionError when a key already stands for something else.

    `named` has by key who names a node, as bits: BY_EVENT, BY_SCHEMA, BY_LINEAGE; without it SQL alone does.
    """
    named = named or {}
    rows: list[tuple[int | str | None, ...]] = []
    for key, node in wanted.items():
        by = named.get(key, 0)
        if node.type is NodeType.FIELD:
            parent = dataset(node.namespace, node.name).key
            rows.append((key, TYPE_NUMBER[node.type], None, None, None, parent, node.field, by))
        else:
            name = node.name
            rows.append((key, TYPE_NUMBER[node.type], node.namespace, name, name[::-1], None, None, by))
    written = db.executemany(
        "INSERT INTO node (key, type, namespace, name, reversed, dataset, field, named)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        rows,
    )
    if written == len(rows):
        return
    for key, node in nodes(db, wanted.keys()).items():
        if node != wanted[key]:
            raise KeyCollisionError(f"{node.id} and {wanted[key].id} have the same key {key}")
    db.executemany(
        "UPDATE node SET named = named | ? WHERE key = ? AND (named | ?) <> named",
        [(by, key, by) for key, by in named.items()],
    )


def put_named(db: Database, shape: int, named: Collection[int], listed: Collection[int]) -> None:
    """Write what a shape names besides what its event lists."""
    db.executemany(
        "INSERT INTO named_entity VALUES (?, ?) ON CONFLICT DO NOTHING",
        [(key, shape) for key in sorted(set(named) - set(listed))],
    )


def put_claims(db: Database, claims: Mapping[int, Collection[Claim]]) -> None:
    """Write what the events of new shapes claim, by shape."""
    _put_transformations(db, claims.values())
    rows = [(shape, BY_EVENTS, packed_claims(map(_row, each))) for shape, each in claims.items()]
    db.executemany("INSERT INTO claims VALUES (?, ?, ?)", rows)


def put_read_claims(db: Database, shape: int, claims: Collection[Claim]) -> None:
    """Write what the SQL of a shape claims."""
    if not claims:
        return
    _put_transformations(db, [claims])
    (body,) = db.execute(
        f"SELECT body FROM claims WHERE shape = ? AND by_sql = {BY_EVENTS}", (shape,)
    ).fetchone()
    kept = packed_claims(set(map(_row, claims)), keys_in_claims(bytes(body)))
    db.execute("INSERT INTO claims VALUES (?, ?, ?)", (shape, BY_SQL, kept))


def drop_read_claims(db: Database, shape: int) -> None:
    """Remove what the SQL of a shape claims."""
    db.execute(f"DELETE FROM claims WHERE shape = ? AND by_sql = {BY_SQL}", (shape,))


def claims_by_shape(db: Database, shapes: Collection[int]) -> dict[int, list[ClaimRow]]:
    """Return what these shapes claim."""
    found: dict[int, list[ClaimRow]] = {}
    known: dict[int, list[int]] = {}
    for shape, by_sql, kept in db.execute(
        "SELECT c.shape, c.by_sql, c.body FROM each_key(?) AS k CROSS JOIN claims AS c ON c.shape = k.value"
        " ORDER BY c.by_sql",
        (list(shapes),),
    ):
        body = bytes(kept)
        if by_sql == BY_EVENTS:
            known[shape] = keys_in_claims(body)
            found[shape] = claims_of(body)
        else:
            found[shape] = found[shape] + claims_of(body, known[shape])
    return found


def _put_transformations(db: Database, claims: Iterable[Iterable[Claim]]) -> None:
    used = {claim.transformation for each in claims for claim in each} - {None}
    rows = [(transformation_key(one), *astuple(one)) for one in used if one is not None]
    db.executemany(
        "INSERT INTO transformation (key, type, subtype, description, masking) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        rows,
    )


def _row(claim: Claim) -> ClaimRow:
    key = transformation_key(claim.transformation)
    return ClaimRow(int(claim.origin), int(claim.kind), claim.source, claim.target, claim.dataset, key)
