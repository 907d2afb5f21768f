"""An event to the changes it makes: pure, nothing is read or written here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache, partial
from typing import Any

from graph import nodes
from graph.ingest.decode import Entity, Event
from graph.ingest.observe import code_version, observations, says_schemas, schemas
from graph.ingest.queries import run_queries
from graph.ingest.shape import dataset_node
from graph.ingest.windows import is_window, part_of, window, without_statements
from graph.nodes import Node
from graph.store.changes import Alias, Changes, EventKind, FacetChange, Part, RunChange, Window
from lineage.redaction import redact_text


def plan(event: Event) -> Changes:
    """Return what an accepted event changes."""
    owner = _owner(event)
    counts_by_day = is_window(event)
    part = part_of(without_statements(event) if counts_by_day else event)
    said = window(event, part) if counts_by_day else None
    return Changes(
        event_id=event.event_id,
        event_time=event.time,
        kind=event.kind,
        body=event.body,
        owner=owner,
        shape_key=part.shape_key,
        shape=part.shape,
        run=_run(event, said) if event.kind is EventKind.RUN else None,
        declares=_declares(event),
        facets=tuple(_facets(event)),
        parent=_parent(event),
        observed=tuple(observations(event, part.shape_key)),
        schemas=partial(schemas, event) if says_schemas(event) else None,
        code_version=code_version(event),
        queries=run_queries(event, partial(_placed, part, said)),
    )


@lru_cache(maxsize=65536)
def _job_key(namespace: str, name: str) -> int:
    return nodes.job(namespace, name).key


def _owner(event: Event) -> int:
    if event.job is not None:
        return _job_key(event.job.namespace, event.job.name)
    assert event.dataset is not None
    return -dataset_node(event.dataset.namespace, event.dataset.name)[0]


def _placed(whole: Part, said: Window | None, number: int) -> tuple[int, int]:
    """Return where a statement of the event is read: the shape, and the place in it."""
    if said is None or not said.parts:
        return whole.shape_key, number
    return said.parts[1 + number].shape_key, 0  # the first one is what is said without statements


def _run(event: Event, said: Window | None) -> RunChange:
    parent_run = _mapping(event.run_facets.get("parent", {}).get("run")).get("runId")
    error = _text(event.run_facets.get("errorMessage", {}).get("message"))
    shown = redact_text(error) if error is not None else None
    return RunChange(event.run_id, event.event_type, _text(parent_run), shown, said)


def _declares(event: Event) -> bool:
    """Say whether a JobEvent or DatasetEvent speaks of lineage: one with other facets alone replaces none."""
    if event.dataset is not None:
        return bool(event.dataset.facets.keys() & {"lineage", "columnLineage"})
    if event.kind is not EventKind.JOB or event.job is None:
        return False
    return event.inputs is not None or event.outputs is not None or "lineage" in event.job.facets


def _parent(event: Event) -> Node | None:
    job = _mapping(event.run_facets.get("parent", {}).get("job"))
    namespace, name = _text(job.get("namespace")), _text(job.get("name"))
    if namespace is None or name is None or event.job is None:
        return None
    itself = (namespace, name) == (event.job.namespace, event.job.name)
    return None if itself else nodes.job(namespace, name)


def _facets(event: Event) -> Iterator[FacetChange]:
    if event.job is not None:
        yield from _entity_facets(_job_key(event.job.namespace, event.job.name), event.job)
    own = (event.dataset,) if event.dataset is not None else ()
    for dataset in (*own, *(event.inputs or ()), *(event.outputs or ())):
        key, _ = dataset_node(dataset.namespace, dataset.name)
        yield from _entity_facets(key, dataset)


def _entity_facets(key: int, entity: Entity) -> Iterator[FacetChange]:
    for name, facet in {**entity.extra, **entity.facets}.items():
        if facet.get("_deleted") is True:
            yield FacetChange(key, name, None)
        else:
            aliases = tuple(_symlinks(key, facet)) if name == "symlinks" else ()
            yield FacetChange(key, name, facet, aliases)


def _symlinks(target: int, facet: Mapping[str, Any]) -> Iterator[Alias]:
    """Yield the further names of a symlinks facet, as sent and normalised."""
    identifiers = facet.get("identifiers")
    for one in identifiers if isinstance(identifiers, list) else ():
        namespace, name = _text(_mapping(one).get("namespace")), _text(_mapping(one).get("name"))
        if namespace is None or name is None:
            continue
        key, node = dataset_node(namespace, name)
        if key != target:
            yield from {
                Alias(namespace, name, target, symlink=True),
                Alias(node.namespace, node.name, target, symlink=True),
            }


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None
