"""What an event tells about how a run went: statistics of its outputs, and tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from graph.ingest.event import Entity, Event
from graph.store.changes import EventKind
from graph.store.form_facets import dataset_node
from graph.store.history import Observation, Observed
from lineage.sql.named import STATEMENTS_FACET

_OUTPUT_STATISTICS = "lineageGraph_outputStatistics"
_TESTS_KEPT = 200
"""How many tests of one dataset are kept of a run, those that failed first."""

_TEXT_KEPT = 200
_encode = msgspec.json.encode

_TestRow = list[Any]
"""`[name, passed, column, severity, expected, actual]`."""


def observations(event: Event, shape_key: int) -> Iterator[Observation]:
    """Yield what a run event observed; later events of the run replace it, kind by kind."""
    if event.kind is not EventKind.RUN:
        return
    for entity in event.outputs or ():
        if not entity.measures:
            continue
        facet = _facet(entity, "outputStatistics")
        counts = [_count(facet.get("rowCount")), _count(facet.get("size"))]
        if counts != [None, None]:
            key, _ = dataset_node(entity.namespace, entity.name)
            yield Observation(key, Observed.STATISTICS, _encode(counts))
    yield from _statement_statistics(event, shape_key)
    for key, rows in _tests(event).items():
        kept = sorted(rows, key=lambda row: row[1])[:_TESTS_KEPT]
        yield Observation(key, Observed.ASSERTIONS, _encode(kept))


def _statement_statistics(event: Event, shape_key: int) -> Iterator[Observation]:
    """Yield the statistics of outputs that only a statement names, with the shape that has the statements."""
    listed = event.run_facets.get(_OUTPUT_STATISTICS, {}).get("statistics")
    if event.job is None or STATEMENTS_FACET not in event.job.facets:
        return
    rows = [
        [one["statement"], _count(one.get("rowCount")), _count(one.get("size"))]
        for one in _objects(listed)
        if _count(one.get("statement")) is not None
    ]
    if rows:
        yield Observation(shape_key, Observed.STATEMENT_STATISTICS, _encode(rows))


def _tests(event: Event) -> dict[int, list[_TestRow]]:
    """Return the tests of each dataset: from its assertions and from the tests of the run.

    Tests of the run name no dataset. They are of what it writes or, where it writes nothing, of what it
    reads; one that the assertions name already is not repeated.
    """
    found: dict[int, dict[str, _TestRow]] = {}
    for entity in (*(event.inputs or ()), *(event.outputs or ())):
        if not entity.measures:
            continue
        for one in _objects(_facet(entity, "dataQualityAssertions").get("assertions")):
            if isinstance(one.get("success"), bool):
                key, _ = dataset_node(entity.namespace, entity.name)
                row = _row(one, one["success"], _text(one.get("column")))
                found.setdefault(key, {})[f"{row[0]}/{row[2]}"] = row
    asserted = {row[0] for rows in found.values() for row in rows.values()}
    for one in _objects(event.run_facets.get("test", {}).get("tests")):
        status = str(one.get("status")).lower()
        if status not in {"pass", "fail"} or _text(one.get("name")) in asserted:
            continue
        row = _row(one, status == "pass", None)
        for entity in event.outputs or event.inputs or ():
            key, _ = dataset_node(entity.namespace, entity.name)
            found.setdefault(key, {})[f"{row[0]}/"] = row
    return {key: list(rows.values()) for key, rows in found.items()}


def _row(one: Mapping[str, Any], passed: bool, column: str | None) -> _TestRow:
    name = _text(one.get("name")) or _text(one.get("assertion")) or _text(one.get("type")) or "test"
    said = [_text(one.get(key)) for key in ("severity", "expected", "actual")]
    return [name, passed, column, *said]


def _facet(entity: Entity, name: str) -> Mapping[str, Any]:
    return entity.extra.get(name) or entity.facets.get(name) or {}


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63 else None


def _text(value: Any) -> str | None:
    return value.strip()[:_TEXT_KEPT] or None if isinstance(value, str) else None


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
