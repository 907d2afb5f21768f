"""Test pipelines: capture the events they emit, with a fixed clock and ids, and assert their lineage.

with capture() as events:
    clean_orders("2026-01-01")
assert events.types == ["START", "COMPLETE"]
assert_lineage("s3://lake/raw/orders", "s3://lake/silver/orders", events)
"""

from __future__ import annotations

import itertools
import json
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from lineage._guard import reraise_faults
from lineage.datasets import parse_dataset
from lineage.errors import InvalidNameError

_Place = tuple[str, str, str]
"""Namespace, name and field ("" for the dataset itself)."""


class CapturedEvents(list[dict[str, Any]]):
    """The events that were captured, decoded, in the order of emission."""

    @property
    def types(self) -> list[str]:
        """The eventType of each event; JOB for what was declared of a job."""
        return [event.get("eventType", "JOB") for event in self]

    def of_job(self, name: str) -> CapturedEvents:
        """Return the events of one job."""
        return CapturedEvents(event for event in self if event["job"]["name"] == name)


class FixedClock:
    """A clock that starts at a given time and advances by a second each time it is read."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._next = start

    def __call__(self) -> datetime:
        """Return the time, and advance."""
        now, self._next = self._next, self._next + timedelta(seconds=1)
        return now


def counted_run_ids() -> Callable[[], str]:
    """Return a source of run ids that are the same in each test: UUIDs that count up from 1."""
    numbers = itertools.count(1)
    return lambda: f"00000000-0000-7000-8000-{next(numbers):012d}"


@contextmanager
def capture(*, fixed: bool = True) -> Iterator[CapturedEvents]:
    """Collect the events emitted inside the block instead of putting them into the outbox.

    `fixed` gives them a fixed clock and counted run ids. A fault of this package is raised inside
    the block rather than contained, so that a test sees it.
    """
    from lineage import events

    captured = CapturedEvents()
    before = events.sources.now, events.sources.run_id, events.sources.deliver
    events.sources.deliver = lambda body, run_id: captured.append(json.loads(body))
    if fixed:
        events.sources.now, events.sources.run_id = FixedClock(), counted_run_ids()
    reraise_faults(True)
    try:
        yield captured
    finally:
        reraise_faults(False)
        events.sources.now, events.sources.run_id, events.sources.deliver = before


def assert_lineage(source: str, target: str, events: Iterable[dict[str, Any]]) -> None:
    """Assert that `target` is made from `source`, directly or over other datasets of these events.

    Both are datasets, or fields written as `dataset.field`: as URIs, names, or unambiguous ends of
    names. Lineage is what the events say: inputs feed outputs of the same run, statement by
    statement for SQL, and fields feed fields as column lineage says.
    """
    edges = _edges(events)
    known = set(edges) | {place for places in edges.values() for place in places}
    start, end = _find(source, known), _find(target, known)
    reached = _reachable(start, edges)
    if end not in reached:
        made = ", ".join(sorted(_label(place) for place in reached - {start})) or "nothing"
        raise AssertionError(f"{_label(end)} is not made from {_label(start)}, which feeds {made}")


def _label(place: _Place) -> str:
    namespace, name, field = place
    return f"{namespace} {name}.{field}" if field else f"{namespace} {name}"


def _find(text: str, known: set[_Place]) -> _Place:
    exact = _readings(text)
    for matches in (
        {place for place in known if place in exact},
        {place for place in known if _ends(".".join(filter(None, place[1:])), text)},
    ):
        if len(matches) == 1:
            return matches.pop()
        if matches:
            raise AssertionError(f"{text!r} may be any of: {', '.join(sorted(map(_label, matches)))}")
    raise AssertionError(f"no event names {text!r}; they name: {', '.join(sorted(map(_label, known)))}")


def _readings(text: str) -> set[_Place]:
    found = set()
    for name, field in ((text, ""), text.rpartition(".")[::2]):
        try:
            dataset = parse_dataset(name)
        except InvalidNameError:
            continue
        found.add((dataset.namespace, dataset.name, field))
    return found


def _ends(name: str, text: str) -> bool:
    return name == text or name.endswith((f".{text}", f"/{text}"))


def _reachable(start: _Place, edges: dict[_Place, set[_Place]]) -> set[_Place]:
    reached, waiting = {start}, deque([start])
    while waiting:
        for place in edges.get(waiting.popleft(), set()) - reached:
            reached.add(place)
            waiting.append(place)
    return reached


def _edges(events: Iterable[dict[str, Any]]) -> dict[_Place, set[_Place]]:
    runs: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for place, event in enumerate(events):
        runs[event["run"]["runId"] if "run" in event else f"event {place}"].append(event)
    edges: dict[_Place, set[_Place]] = defaultdict(set)
    for of_run in runs.values():
        outputs = [dataset for event in of_run for dataset in event.get("outputs") or ()]
        inputs = [dataset for event in of_run for dataset in event.get("inputs") or ()]
        explicit = [entry for event in of_run for entry in _lineage_entries(event)]
        for target in explicit or outputs:
            for one in _datasets(target.get("inputs")) if explicit else inputs:
                edges[one["namespace"], one["name"], ""].add((target["namespace"], target["name"], ""))
        for output in outputs:
            _add_field_edges(output, edges)
        for event in of_run:
            _add_statement_edges(event, edges)
    return edges


def _lineage_entries(event: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what an explicit lineage facet says instead of all inputs feeding all outputs."""
    facet = ((event.get("job") or {}).get("facets") or {}).get("lineage") or {}
    return _datasets(facet.get("entries"))


def _datasets(listed: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    return [one for one in listed or () if one.get("type") != "JOB"]


def _add_field_edges(output: dict[str, Any], edges: dict[_Place, set[_Place]]) -> None:
    lineage = (output.get("facets") or {}).get("columnLineage") or {}
    for column, made in (lineage.get("fields") or {}).items():
        for one in made.get("inputFields") or ():
            source = one["namespace"], one["name"], one["field"]
            edges[source].add((output["namespace"], output["name"], column))


def _add_statement_edges(event: dict[str, Any], edges: dict[_Place, set[_Place]]) -> None:
    """Add what the statements say; a table that nothing settles is named as it is written."""
    from lineage.sql.named import named_statements, statements_of, text_of

    said = statements_of((event.get("job") or {}).get("facets") or {})
    datasets = [*(event.get("inputs") or ()), *(event.get("outputs") or ())]
    listed = [((one["namespace"], one["name"]), ()) for one in datasets]
    for statement in named_statements([text_of(one) for one in said], listed):
        namespace = said[statement.place].get("namespace") or "default"
        found, names = statement.lineage, statement.datasets
        for read in found.inputs:
            for written in found.outputs:
                source, target = (names.get(one.name, (namespace, one.name)) for one in (read, written))
                edges[*source, ""].add((*target, ""))
        for column in found.columns:
            target = names.get(column.output.table, (namespace, column.output.table))
            for one in (*column.inputs, *column.indirect):
                source = names.get(one.table, (namespace, one.table))
                edges[*source, one.column].add((*target, column.output.column))
