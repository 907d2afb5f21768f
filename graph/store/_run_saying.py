"""What one run said, on its own: the lineage that its events give together, its schemas, its code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from graph.records import EdgeKind, Transformation
from graph.store._edges import to_edges
from graph.store._log import LogReader
from graph.store._past_runs import Understand
from graph.store._projecting import edges_of
from graph.store.changes import Changes
from graph.store.database import Database
from graph.store.history import RunSaying
from graph.store.log_format import run_key
from graph.store.projection import Saying

_EVER = 2**63 - 1


def run_saying(
    db: Database,
    log: LogReader,
    run_id: str,
    understand: Understand,
    transformation: Callable[[int], Transformation | None],
) -> RunSaying | None:
    """See `LineageStore.run_saying`."""
    row = db.execute("SELECT number FROM run_id WHERE key = ?", (run_key(run_id),)).fetchone()
    bodies = log.bodies_of([row[0]], _EVER) if row is not None else []
    events = [item for _, body in bodies if isinstance(item := understand(body), Changes)]
    if not events:
        return None
    events.sort(key=lambda item: item.event_time)
    owner = events[-1].owner
    shapes = {item.form.shape_key for item in events if item.owner == owner}
    for item in events:
        if item.run is not None and item.run.window is not None:
            shapes.update(part.shape_key for part in item.run.window.parts)
    rows: dict[EdgeKind, list[tuple[int, int, int, int, int]]] = {}
    for edge in edges_of(db, [Saying(frozenset(shapes))], {}):
        place = (edge.source, edge.target, owner, edge.transformation, edge.origin)
        rows.setdefault(EdgeKind(edge.kind), []).append(place)
    facets = _facets(log, events)
    version = facets.get((owner, "sourceCodeLocation"), {}).get("version")
    return RunSaying(
        run_id,
        owner,
        tuple(edge for kind, of_kind in rows.items() for edge in to_edges(kind, of_kind, transformation)),
        {entity: facet for (entity, name), facet in facets.items() if name == "schema"},
        version if isinstance(version, str) else None,
    )


def _facets(log: LogReader, events: list[Changes]) -> dict[tuple[int, str], Mapping[str, Any]]:
    """Return the schemas and code places that these events gave, the latest of each; without deleted ones."""
    said: dict[tuple[int, str], int] = {}
    for item in events:
        for one in item.form.facets:
            if one.name in ("schema", "sourceCodeLocation"):
                said[one.entity, one.name] = one.content
    texts = log.contents(set(said.values()))
    found = {slot: msgspec.json.decode(texts[content]) for slot, content in said.items()}
    return {slot: facet for slot, facet in found.items() if facet.get("_deleted") is not True}
