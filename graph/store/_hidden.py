"""What is deleted and was not heard of since: it is left out of answers."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from graph.nodes import Node, NodeType, dataset
from graph.store.database import Database
from graph.store.projection import EdgeRow

SHOWN = (
    "n.key NOT IN (SELECT entity FROM hidden) AND coalesce(n.dataset, 0) NOT IN (SELECT entity FROM hidden)"
)
"""The condition on a table `node AS n` that leaves out what is hidden, with its fields."""


def hidden_of(db: Database, entities: Collection[int]) -> set[int]:
    """Return those of these datasets and jobs that are hidden."""
    rows = db.execute(
        "SELECT h.entity FROM each_key(?) AS k CROSS JOIN hidden AS h ON h.entity = k.value",
        (list(set(entities)),),
    )
    return {entity for (entity,) in rows}


def shown(db: Database, nodes: Mapping[int, Node]) -> dict[int, Node]:
    """Return the nodes without those that are hidden and their fields."""
    whole = {
        key: dataset(node.namespace, node.name).key if node.type is NodeType.FIELD else key
        for key, node in nodes.items()
    }
    gone = hidden_of(db, whole.values())
    return {key: node for key, node in nodes.items() if whole[key] not in gone}


def visible(db: Database, owner: int, edges: set[EdgeRow]) -> set[EdgeRow]:
    """Return the edges of an owner without those that hidden datasets and jobs have to do with."""
    if not edges or db.execute("SELECT 1 FROM hidden LIMIT 1").fetchone() is None:
        return edges
    if hidden_of(db, [abs(owner)]):
        return set()
    ends = list({end for edge in edges for end in (edge.source, edge.target)})
    gone = hidden_of(db, ends)
    gone |= {
        key
        for (key,) in db.execute(
            "SELECT n.key FROM each_key(?) AS k CROSS JOIN node AS n ON n.key = k.value"
            " CROSS JOIN hidden AS h ON h.entity = n.dataset",
            (ends,),
        )
    }
    return {edge for edge in edges if edge.source not in gone and edge.target not in gone}
