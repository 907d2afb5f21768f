"""Nodes and claims as rows. Every function takes a connection inside an open transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import astuple

from graph.nodes import Node, NodeType, dataset
from graph.records import Origin
from graph.store._reading import TYPE_NUMBER, nodes
from graph.store.changes import Claim, transformation_key
from graph.store.database import Database

BY_EVENT = 1
BY_SCHEMA = 2
BY_LINEAGE = 4


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
    written = db.executemany("INSERT INTO node VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", rows)
    if written == len(rows):
        return
    for key, node in nodes(db, wanted.keys()).items():
        if node != wanted[key]:
            raise KeyCollisionError(f"{node.id} and {wanted[key].id} have the same key {key}")
    db.executemany(
        "UPDATE node SET named = named | :by WHERE key = :key AND (named | :by) <> named",
        [{"key": key, "by": by} for key, by in named.items()],
    )


def put_named(db: Database, shape: int, named: Collection[int]) -> None:
    """Write what a shape names besides what its event lists."""
    db.execute(
        f"""
        INSERT INTO named_entity SELECT k.value, CAST(:shape AS BIGINT) FROM each_key(:keys) AS k
        WHERE NOT EXISTS (
            SELECT 1 FROM shape_edge AS e WHERE e.shape = :shape AND e.origin = {int(Origin.LISTED)}
            AND (e.source = k.value OR e.target = k.value))
        ON CONFLICT DO NOTHING
        """,
        {"shape": shape, "keys": list(named)},
    )


def put_claims(db: Database, claims: Iterable[tuple[int, Claim]]) -> None:
    """Write what shapes claim; each claim comes with the key of its shape."""
    rows, transformations = [], {}
    for shape, claim in claims:
        key = transformation_key(claim.transformation)
        if claim.transformation is not None:
            transformations[key] = (key, *astuple(claim.transformation))
        ends = (claim.source, claim.target, claim.dataset, key)
        rows.append((shape, int(claim.origin), int(claim.kind), *ends))
    db.executemany(
        "INSERT INTO transformation VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", transformations.values()
    )
    db.executemany("INSERT INTO shape_edge VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", rows)
