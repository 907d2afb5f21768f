"""Search by parts of names, and the search of `/api/v2beta` by words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from graph.api.marquez.times import instant
from graph.nodes import NodeType
from graph.store.base import LineageStore
from graph.store.catalog import Named

_NEVER = datetime.min.replace(tzinfo=UTC)


def found(
    store: LineageStore,
    text: str,
    *,
    kind: NodeType | None,
    by_time: bool,
    limit: int,
    namespace: str | None,
    before: datetime | None,
    after: datetime | None,
) -> dict[str, Any]:
    """Return datasets and jobs in whose name the text stands: datasets before jobs, both by name.

    With `by_time` those that were heard of last come first. `kind` and `namespace` restrict them, `before`
    and `after` the time when they were heard of last.
    """
    types = [kind] if kind is not None else [NodeType.DATASET, NodeType.JOB]
    hits = store.catalog.named_like(text, types, namespace)
    hits = [hit for hit in hits if _within(hit, before, after)]
    hits.sort(key=lambda hit: (hit.node.type, hit.node.name))
    if by_time:
        hits.sort(key=lambda hit: hit.last or _NEVER, reverse=True)
    results = [
        {
            "type": hit.node.type.value,
            "name": hit.node.name,
            "updatedAt": instant(hit.last),
            "namespace": hit.node.namespace,
            "nodeId": hit.node.id,
        }
        for hit in hits[:limit]
    ]
    return {"totalCount": len(results), "results": results}


def _within(hit: Named, before: datetime | None, after: datetime | None) -> bool:
    last = hit.last or _NEVER
    return (before is None or last < before) and (after is None or last > after)
