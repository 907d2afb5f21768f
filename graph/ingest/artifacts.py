"""Which contents of datasets an event says that its run read and wrote."""

from __future__ import annotations

import re
from collections.abc import Iterator

from graph.ingest.event import Entity, Event
from graph.store.artifacts import ARTIFACT_FACET, Artifact
from graph.store.changes import EventKind
from graph.store.form_facets import dataset_node

_CONTENT = re.compile(r"(?!artifact-)[a-z]{1,20}-sha256:[0-9a-f]{64}")
_ARTIFACT = re.compile(r"artifact-sha256:[0-9a-f]{64}")


def artifacts(event: Event) -> Iterator[Artifact]:
    """Yield what the event says: in our facet, or in `version` where that is a content hash of ours."""
    if event.kind is not EventKind.RUN:
        return
    for written, listed in ((False, event.inputs), (True, event.outputs)):
        for entity in listed or ():
            if entity.measures:
                yield from _of(entity, written)


def _of(entity: Entity, written: bool) -> Iterator[Artifact]:
    facet = entity.facets.get(ARTIFACT_FACET, {})
    said = facet.get("contentHash")
    version = entity.facets.get("version", {}).get("datasetVersion")
    id_ = facet.get("artifactId")
    dataset, _ = dataset_node(entity.namespace, entity.name)
    if _is(_CONTENT, said):
        yield Artifact(said, dataset, written, id_ if _is(_ARTIFACT, id_) else "")
    if version != said and _is(_CONTENT, version):
        yield Artifact(version, dataset, written)


def _is(what: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and what.fullmatch(value) is not None
