"""What was read from SQL: kept, replaced and read again. All but `known_columns` runs inside a transaction.

A shape whose SQL waits keeps what was read before until it is read again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping

from graph.nodes import NodeType, hash63
from graph.nodes import dataset as dataset_node
from graph.records import EdgeKind, Origin
from graph.store._claims import (
    BY_LINEAGE,
    BY_SCHEMA,
    claims_by_shape,
    drop_read_claims,
    put_named,
    put_nodes,
    put_read_claims,
)
from graph.store._memory import Memory
from graph.store._naming import BY_OTHER_NAME, sync_fields
from graph.store._projecting import refresh
from graph.store._reading import own_facets
from graph.store.changes import Reading
from graph.store.database import Database
from graph.store.field_names import column_names

_NUMBERED = re.compile(r"_\d+")
"""What openlineage-sql calls columns of which it knows no name."""


def known_columns(db: Database, datasets: Collection[int]) -> dict[int, tuple[str, ...]]:
    """See `LineageStore.known_columns`."""
    keys = list(datasets)
    schemas = {
        key: tuple(dict.fromkeys(column_names(facet.get("fields"))))
        for key, facet in own_facets(db, keys, "schema").items()
    }
    named = db.execute(
        "SELECT dataset, field FROM node WHERE dataset IN (SELECT value FROM each_key(?) AS k)"
        f" AND named & {BY_LINEAGE} <> 0 AND named & {BY_SCHEMA} = 0",
        (list(schemas),),
    )
    for dataset, field in named:
        columns = {column.casefold() for column in schemas.get(dataset, ())}
        parts = field.casefold(), field.casefold().partition(".")[0]
        if columns.isdisjoint(parts) and not _NUMBERED.fullmatch(field):
            schemas.pop(dataset, None)
    return {key: columns for key, columns in schemas.items() if columns}


def wait_again(db: Database, datasets: Collection[int]) -> None:
    """Have SQL read again that was read with other columns of these datasets than they have now."""
    used = db.execute(
        "SELECT DISTINCT dataset FROM schema_use WHERE dataset IN (SELECT value FROM each_key(?) AS k)",
        (list(datasets),),
    )
    asked = [dataset for (dataset,) in used]
    known = known_columns(db, asked) if asked else {}
    db.executemany(
        "UPDATE shape SET waiting = 1 WHERE waiting = 0"
        " AND key IN (SELECT shape FROM schema_use WHERE dataset = ? AND columns <> ?)",
        [(dataset, _digest(known.get(dataset, ()))) for dataset in asked],
    )


def record(db: Database, readings: Mapping[int, Reading], now: int, memory: Memory) -> None:
    """See `LineageStore.record_derivations`."""
    owners, before, described = set(), set(), set()
    for shape, reading in readings.items():
        row = db.execute("SELECT owner FROM shape WHERE key = ? AND waiting = 1", (shape,)).fetchone()
        known = known_columns(db, reading.schemas)
        if row is None or any(known.get(key, ()) != columns for key, columns in reading.schemas.items()):
            continue
        owners.add(row[0])
        before |= _forget(db, shape)
        described |= _keep(db, shape, reading, now)
    described |= _drop_unnamed(db, before)
    sync_fields(db, described)
    refresh(db, owners, memory, changed=True)


def renew(db: Database, is_older: Callable[[str, str, str], bool]) -> int:
    """See `LineageStore.renew`."""
    readers = db.execute("SELECT DISTINCT engine, version, release FROM derivation").fetchall()
    renewed = 0
    for reader in readers:
        if is_older(*reader):
            renewed += db.execute(
                "UPDATE shape SET waiting = 1 WHERE waiting = 0 AND key IN"
                " (SELECT shape FROM derivation WHERE engine = ? AND version = ? AND release = ?)",
                reader,
            ).rowcount
    return renewed


def _forget(db: Database, shape: int) -> set[int]:
    """Remove what was read from a shape's SQL before; return the nodes that it named."""
    named = {key for (key,) in db.execute("SELECT node FROM derived_node WHERE shape = ?", (shape,))}
    drop_read_claims(db, shape)
    for table in ("derivation", "derived_node", "schema_use", "statement_use"):
        db.execute(f"DELETE FROM {table} WHERE shape = ?", (shape,))
    return named


def _keep(db: Database, shape: int, reading: Reading, now: int) -> set[int]:
    """Write what was read; return the datasets of which it names fields."""
    named: set[int] = set()
    ours = claims_by_shape(db, [shape])[shape]
    listed = {end for claim in ours if claim.origin == Origin.LISTED for end in (claim.source, claim.target)}
    put_read_claims(db, shape, [claim for one in reading.derivations for claim in one.claims])
    for number, one in enumerate(reading.derivations, 1):
        put_nodes(db, one.nodes)
        named |= one.nodes.keys()
        ends = {end for claim in one.claims for end in (claim.source, claim.target)}
        others = [key for key, node in one.nodes.items() if node.field is None or key not in ends]
        put_named(db, shape, others, listed)
        writes = sorted({claim.target for claim in one.claims if claim.kind is EdgeKind.WRITES})
        said = (int(one.certain), json.dumps(one.problems), json.dumps(writes), now)
        db.execute(
            "INSERT INTO derivation VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (shape, number, one.place, one.engine, one.version, one.release, *said),
        )
    uses = {
        (shape, each.place, used.entity, int(used.use)) for each in reading.derivations for used in each.uses
    }
    db.executemany("INSERT INTO statement_use VALUES (?, ?, ?, ?)", uses)
    db.execute(
        "INSERT INTO derived_node SELECT CAST(? AS BIGINT), n.key FROM each_key(?) AS k"
        f" CROSS JOIN node AS n ON n.key = k.value WHERE n.named IN (0, {BY_OTHER_NAME})",
        (shape, list(named)),
    )
    db.executemany(
        "INSERT INTO schema_use VALUES (?, ?, ?)",
        [(dataset, shape, _digest(columns)) for dataset, columns in reading.schemas.items()],
    )
    certain = int(all(one.certain for one in reading.derivations)) if reading.derivations else None
    db.execute("UPDATE shape SET waiting = 0, certain = ? WHERE key = ?", (certain, shape))
    found = [node for one in reading.derivations for node in one.nodes.values()]
    return {dataset_node(node.namespace, node.name).key for node in found if node.type is NodeType.FIELD}


def _drop_unnamed(db: Database, nodes: Collection[int]) -> set[int]:
    """Remove those of the nodes that neither an event nor any SQL names now; return their datasets."""
    holders = db.execute(
        "SELECT DISTINCT n.dataset FROM each_key(?) AS k CROSS JOIN node AS n"
        " ON n.key = k.value AND n.dataset IS NOT NULL",
        (list(nodes),),
    ).fetchall()
    db.executemany(
        "DELETE FROM node WHERE key = ? AND named = 0"
        " AND NOT EXISTS (SELECT 1 FROM derived_node WHERE derived_node.node = node.key)",
        [(key,) for key in nodes],
    )
    return {dataset for (dataset,) in holders}


def _digest(columns: Collection[str]) -> int:
    return hash63(json.dumps(list(columns)).encode("utf-8", "surrogatepass")) if columns else 0
