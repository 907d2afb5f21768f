"""Nodes, facets and counts: questions of `LineageReader` as SQL. Every function takes an open connection."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from heapq import merge
from typing import Any

import msgspec

from graph.nodes import Node, NodeType, dataset
from graph.records import (
    EdgeKind,
    StoreCounts,
)
from graph.store._contents import all_contents
from graph.store._hidden import SHOWN, shown
from graph.store._other_names import names_of, stands_for
from graph.store.database import Database
from graph.store.field_names import field_names
from graph.store.texts import may_have_nul, without_nul

TYPE_NUMBER = {NodeType.DATASET: 1, NodeType.FIELD: 2, NodeType.JOB: 3}
_TYPE = {number: type_ for type_, number in TYPE_NUMBER.items()}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_NODE = """
    n.key, n.type, coalesce(d.namespace, n.namespace), coalesce(d.name, n.name), n.field
    FROM node AS n LEFT JOIN node AS d ON d.key = n.dataset
"""


def moment(nanoseconds: int | None) -> datetime | None:
    """Return a time of the store as a datetime in UTC (to the microsecond)."""
    return None if nanoseconds is None else EPOCH + timedelta(microseconds=nanoseconds // 1000)


def nanoseconds(time: datetime) -> int:
    """Return a time as the store has it: the beginning of its microsecond."""
    return (time - EPOCH) // timedelta(microseconds=1) * 1000


def _keyed(rows: Iterable[tuple[Any, ...]]) -> list[tuple[int, Node]]:
    return [(key, Node(_TYPE[type_], namespace, name, field)) for key, type_, namespace, name, field in rows]


def nodes(db: Database, keys: Collection[int]) -> dict[int, Node]:
    """See `LineageReader.nodes`."""
    rows = db.execute(
        "SELECT n.key, n.type, n.namespace, n.name, n.dataset, n.field FROM each_key(?) AS k"
        " CROSS JOIN node AS n ON n.key = k.value",
        (list(keys),),
    ).fetchall()
    # The names of a dataset come once, however many of its fields there are.
    of_fields = {row[4] for row in rows if row[4] is not None}
    holders = nodes(db, of_fields) if of_fields else {}
    found = {}
    for key, type_, namespace, name, of, field in rows:
        if of is None:
            found[key] = Node(_TYPE[type_], namespace, name)
        elif of in holders:
            _, namespace, name, _ = holders[of]
            found[key] = Node(NodeType.FIELD, namespace, name, field)
    return found


def all_nodes(db: Database, types: Collection[NodeType], after: int, limit: int) -> list[tuple[int, Node]]:
    """See `LineageReader.all_nodes`."""
    # One query a type keeps each of them on an index that is already in key order.
    found = [
        _keyed(
            db.execute(
                f"SELECT {_NODE} WHERE n.type = {TYPE_NUMBER[type_]} AND n.key > ? AND {SHOWN}"
                " AND NOT EXISTS (SELECT 1 FROM other_name AS o WHERE o.key = n.key)"
                " ORDER BY n.key LIMIT ?",
                (after, limit),
            )
        )
        for type_ in sorted(set(types))
    ]
    return list(merge(*found, key=lambda pair: pair[0]))[:limit]


def lookup(db: Database, node: Node) -> Node | None:
    """See `LineageReader.lookup`."""
    found = _found(db, node)
    return found if found is not None and shown(db, {found.key: found}) else None


def _found(db: Database, node: Node) -> Node | None:
    if node.type is NodeType.JOB:
        return node if nodes(db, [node.key]) else None
    holder = _dataset_called(db, dataset(node.namespace, node.name))
    if holder is None or node.field is None:
        return holder
    field = Node(NodeType.FIELD, holder.namespace, holder.name, node.field)
    return field if nodes(db, [field.key]) else None


def _dataset_called(db: Database, asked: Node) -> Node | None:
    stands = stands_for(db, [asked.key])
    found = nodes(db, stands.values() if stands else [asked.key])
    if found:
        return next(iter(found.values()))
    target = _alias_target(db, asked.namespace, asked.name)
    stands = stands_for(db, [target.key]) if target is not None else {}
    return next(iter(nodes(db, stands.values()).values())) if stands else target


def _alias_target(db: Database, namespace: str, name: str) -> Node | None:
    rows = db.execute(
        "SELECT symlink, target FROM alias WHERE namespace = ? AND name = ? ORDER BY symlink",
        (namespace, name),
    ).fetchall()
    if not rows:
        return None
    targets = {target for symlink, target in rows if symlink == rows[0][0]}
    # A symlink of several datasets stands for none of them.
    return next(iter(nodes(db, targets).values())) if len(targets) == 1 else None


def named(
    db: Database,
    name: str,
    types: Collection[NodeType],
    known: Callable[[set[int]], set[int]] = lambda keys: keys,
) -> list[Node]:
    """See `LineageReader.named`; `known` tells which of the nodes count."""
    backwards = name[::-1]
    # "0" is the character behind "/", which is the one behind ".": one range holds both endings.
    whole = known(_named(db, "reversed = ?", (backwards,), types))
    keys = whole or known(
        _named(db, "reversed >= ? AND reversed < ?", (backwards + ".", backwards + "0"), types)
    )
    stands = stands_for(db, keys)
    keys = {stands.get(key, key) for key in keys}
    found = shown(db, nodes(db, keys))
    return sorted(found.values(), key=lambda node: (node.namespace, node.name, node.type))


def _named(db: Database, where: str, values: tuple[str, ...], types: Collection[NodeType]) -> set[int]:
    numbers = ", ".join(str(TYPE_NUMBER[type_]) for type_ in types if type_ is not NodeType.FIELD)
    rows = db.execute(f"SELECT key FROM node WHERE {where} AND type IN ({numbers})", values)
    keys = {key for (key,) in rows}
    if NodeType.DATASET in types:
        for namespace, alias, target in db.execute(
            f"SELECT namespace, name, target FROM alias WHERE {where}", values
        ).fetchall():
            if not nodes(db, [dataset(namespace, alias).key]):
                keys.add(target)
    return keys


def fields(db: Database, of: Node) -> list[Node]:
    """See `LineageReader.fields`."""
    rows = db.execute(
        """
        SELECT field FROM node WHERE dataset = ? AND (
            EXISTS (SELECT 1 FROM edge WHERE kind = 2 AND source = node.number)
            OR EXISTS (SELECT 1 FROM edge WHERE kind = 2 AND target = node.number)
            OR EXISTS (SELECT 1 FROM edge WHERE kind = 6 AND source = node.number))
        """,
        (of.key,),
    )
    schema = facets(db, [of.key], "schema").get(of.key, {})
    return in_order(of, schema, {name for (name,) in rows})


def in_order(of: Node, schema: Mapping[str, Any], linked: Collection[str]) -> list[Node]:
    """Return the fields of a dataset: of its schema facet, then those that only lineage names."""
    names = dict.fromkeys(field_names(schema.get("fields")))
    names |= dict.fromkeys(sorted(name for name in linked if name not in names))
    return [Node(NodeType.FIELD, of.namespace, of.name, name) for name in names]


def facets(db: Database, keys: Collection[int], name: str) -> dict[int, Mapping[str, Any]]:
    """See `LineageReader.facets`."""
    return under_one_name(db, keys, lambda names: own_facets(db, names, name))


def under_one_name(
    db: Database,
    keys: Collection[int],
    own: Callable[[Collection[int]], dict[int, Mapping[str, Any]]],
) -> dict[int, Mapping[str, Any]]:
    """Return facets of datasets and jobs; `own` gives those that are said under a name itself."""
    asked = names_of(db, keys)
    found = own(asked)
    # What is said under the name that stands for a dataset comes before what is said under its others.
    for key in sorted(found, key=lambda key: (asked[key] != key, key)):
        found.setdefault(asked[key], found[key])
    return {key: found[key] for key in set(keys) if found.get(key)}


def own_facets(db: Database, keys: Collection[int], name: str) -> dict[int, Mapping[str, Any]]:
    """Return facets that are said under these names themselves; an empty one where it was deleted."""
    rows = db.execute(
        "SELECT f.entity, f.gone, f.body, f.content FROM each_key(?) AS k"
        " CROSS JOIN facet AS f ON f.entity = k.value AND f.name = ?",
        (list(set(keys)), name),
    ).fetchall()
    texts = all_contents(db, {key for _, gone, body, key in rows if not gone and body is None})
    return {
        entity: {} if gone else _facet(texts[key] if body is None else bytes(body))
        for entity, gone, body, key in rows
    }


def _facet(raw: bytes) -> Any:
    value = msgspec.json.decode(raw)
    return without_nul(value) if may_have_nul(raw) else value


def counts(db: Database) -> StoreCounts:
    """See `LineageReader.counts`."""

    def count(what: str) -> int:
        return int(db.execute(f"SELECT count(*) FROM {what}").fetchone()[0])

    last = db.execute("SELECT received_at FROM receipt ORDER BY seq DESC LIMIT 1").fetchone()
    jobs, datasets = count("node WHERE type = 3"), count("node WHERE type = 1")
    others = count("other_name AS o JOIN node AS n ON n.key = o.key WHERE o.dataset IS NULL")
    other_fields = count("other_name WHERE dataset IS NOT NULL")
    return StoreCounts(
        events=count("event"),
        runs=count("run"),
        jobs=jobs,
        datasets=datasets - others,
        fields=count("node") - jobs - datasets - other_fields,
        edges=count(f"edge WHERE kind < {int(EdgeKind.OVERRULED)}"),
        dead_letters=count("dead_letter"),
        underived=count("shape WHERE waiting = 1"),
        last_ingest=moment(last[0]) if last else None,
    )
