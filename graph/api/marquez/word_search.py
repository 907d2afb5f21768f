"""The search of `/api/v2beta`: by words of names, columns, descriptions, tags, owners and SQL."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from graph.nodes import NodeType
from graph.queries import search
from graph.records import RunState
from graph.store.base import LineageStore
from graph.store.search import Matched, SearchHit

_MOST = 10
"""How many hits OpenSearch gives where nothing is said."""

_PLACES = {
    Matched.NAME: "name",
    Matched.COLUMN: "facets.schema.fields.name",
    Matched.DESCRIPTION: "facets.documentation.description",
    Matched.TAG: "facets.tags.tags.key",
    Matched.OWNER: "facets.ownership.owners.name",
    Matched.SQL: "facets.sql.query",
}
_OF_OUTPUTS = {"outputStatistics", "lineageGraph_outputStatistics"}
_OF_INPUTS = {"dataQualityMetrics", "dataQualityAssertions", "inputStatistics"}
_EVENT_TYPES = {RunState.RUNNING: "START"}


def jobs(store: LineageStore, text: str) -> dict[str, Any]:
    """Return the best jobs for some words, each with its latest run."""
    hits, _ = search(store, text, types=[NodeType.JOB], limit=_MOST)
    keys = [hit.node.key for hit in hits]
    facets = store.catalog.facets(keys)
    latest = store.catalog.latest_runs(keys, 1)
    details = store.run_details([runs[0].record.run_id for runs in latest.values()])
    found = []
    for hit, key in zip(hits, keys, strict=True):
        record = latest[key][0].record if key in latest else None
        said = details.get(record.run_id) if record is not None else None
        found.append(
            {
                "run_id": None if record is None else record.run_id,
                "eventType": None if record is None else _EVENT_TYPES.get(record.state, record.state.value),
                "name": hit.node.name,
                "type": "STREAM" if b'"STREAMING"' in facets.get(key, {}).get("jobType", b"") else "BATCH",
                "namespace": hit.node.namespace,
                "facets": _raw(facets.get(key, {})),
                "runFacets": {} if said is None else said.facets,
            }
        )
    return _answer(found, hits, text)


def datasets(store: LineageStore, text: str) -> dict[str, Any]:
    """Return the best datasets for some words, each with the run that wrote it last."""
    hits, _ = search(store, text, types=[NodeType.DATASET], limit=_MOST)
    keys = [hit.node.key for hit in hits]
    facets, versions = store.catalog.facets(keys), store.current_versions(keys)
    found = []
    for hit, key in zip(hits, keys, strict=True):
        own = facets.get(key, {})
        run_id = versions[key].run_id if key in versions else None
        sides = _OF_INPUTS | _OF_OUTPUTS
        found.append(
            {
                "run_id": run_id,
                "eventType": None if run_id is None else "COMPLETE",
                "name": hit.node.name,
                "namespace": hit.node.namespace,
                "facets": _raw({name: own[name] for name in own if name not in sides}),
                "inputFacets": _raw({name: own[name] for name in own if name in _OF_INPUTS}),
                "outputFacets": _raw({name: own[name] for name in own if name in _OF_OUTPUTS}),
            }
        )
    return _answer(found, hits, text)


def _raw(texts: Mapping[str, bytes]) -> dict[str, msgspec.Raw]:
    return {name: msgspec.Raw(text) for name, text in texts.items()}


def _answer(found: list[dict[str, Any]], hits: Sequence[SearchHit], text: str) -> dict[str, Any]:
    words = "|".join(sorted(map(re.escape, re.findall(r"\w+", text)), key=len, reverse=True))
    marked = re.compile(rf"(?<![^\W_])(?:{words})\w*", re.IGNORECASE)
    highlights = [
        {_PLACES[hit.matched]: [marked.sub(lambda word: f"<em>{word[0]}</em>", hit.excerpt)]} for hit in hits
    ]
    return {"hits": found, "highlights": highlights}
