"""What runs read and wrote, and where the code of their jobs was."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import msgspec

from graph.records import EdgeKind
from graph.store._claims import claims_by_shape
from graph.store._log import LogReader
from graph.store._other_names import stands_for
from graph.store._writers import Known
from graph.store.changes import Role
from graph.store.database import Database
from graph.store.runs import Run

Ends = tuple[frozenset[int], frozenset[int]]
"""The datasets that are read and those that are written, by keys."""


def ends_of_runs(known: Known, runs: Collection[Run]) -> dict[int, Ends]:
    """Return by number what each run reads and writes, from what its events list and its SQL says.

    A run whose events name several jobs counts by what they say of the last one.
    """
    shapes = _shapes_of(known, runs)
    ends = ends_of_shapes(known.db, {shape for each in shapes.values() for shape in each})
    return {number: union_of(ends, each) for number, each in shapes.items()}


def union_of(ends: Mapping[int, tuple[set[int], set[int]]], shapes: Iterable[int]) -> Ends:
    """Return what several shapes read and write together."""
    reads: set[int] = set()
    writes: set[int] = set()
    for shape in shapes:
        reads |= ends[shape][0]
        writes |= ends[shape][1]
    return frozenset(reads), frozenset(writes)


def _shapes_of(known: Known, runs: Collection[Run]) -> dict[int, set[int]]:
    jobs = {run.number: run.job for run in runs}
    rows = known.db.execute(
        "SELECT DISTINCT e.run, f.owner, f.shape FROM each_key(?) AS k"
        " CROSS JOIN event AS e ON e.run = k.value AND e.event_time <= ?"
        " CROSS JOIN form AS f ON f.number = e.form",
        (list(jobs), known.until),
    )
    found: dict[int, set[int]] = {number: set() for number in jobs}
    for number, owner, shape in rows:
        if owner == jobs[number]:
            found[number].add(shape)
    return found


def ends_of_shapes(db: Database, shapes: Collection[int]) -> dict[int, tuple[set[int], set[int]]]:
    """Return the datasets that each shape reads and writes."""
    found: dict[int, tuple[set[int], set[int]]] = {}
    for shape, claims in claims_by_shape(db, shapes).items():
        reads = {claim.source for claim in claims if claim.kind == EdgeKind.READS}
        found[shape] = reads, {claim.target for claim in claims if claim.kind == EdgeKind.WRITES}
    names = stands_for(db, {key for ends in found.values() for side in ends for key in side})
    return {
        shape: ({names.get(key, key) for key in reads}, {names.get(key, key) for key in writes})
        for shape, (reads, writes) in found.items()
    }


def locations_of(known: Known, log: LogReader, runs: Collection[Run]) -> dict[int, str]:
    """Return by number the URL of its job's code that each run tells last, of those that tell one."""
    jobs = {run.number: run.job for run in runs}
    rows = known.db.execute(
        "SELECT e.run, f.owner, e.event_time, m.said FROM each_key(?) AS k"
        " CROSS JOIN event AS e ON e.run = k.value AND e.event_time <= ?"
        " CROSS JOIN form AS f ON f.number = e.form"
        " CROSS JOIN form_entity AS m ON m.entity = f.owner AND m.form = f.number"
        f" AND m.role = {int(Role.JOB)} AND m.said IS NOT NULL",
        (list(jobs), known.until),
    ).fetchall()
    latest: dict[int, tuple[int, int]] = {}
    for number, owner, time, content in rows:
        if owner != jobs[number]:
            continue
        latest[number] = max((time, content), latest.get(number, (time, content)))
    urls = urls_in(log, {content for _, content in latest.values()})
    return {number: url for number, (_, content) in latest.items() if (url := urls[content]) is not None}


def urls_in(log: LogReader, contents: Collection[int]) -> dict[int, str | None]:
    """Return the URL in each of these sourceCodeLocation facets."""
    texts = log.contents(contents)
    found: dict[int, str | None] = {}
    for key in contents:
        facet = msgspec.json.decode(texts[key])
        url = facet.get("url")
        told = isinstance(url, str) and url.strip() and facet.get("_deleted") is not True
        found[key] = url if told else None
    return found
