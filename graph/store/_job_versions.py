"""The versions of a job: what its runs read and wrote, and where its code was, each combination once."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from graph.nodes import Node
from graph.records import RunState
from graph.store import _version_ids as ids
from graph.store._log import LogReader
from graph.store._memory import Memory
from graph.store._projecting import LATEST_TIME
from graph.store._reading import moment, nodes
from graph.store._run_ends import Ends, ends_of_shapes, locations_of, union_of, urls_in
from graph.store._run_rows import COLUMNS, load_sets, run_of
from graph.store._writers import Known
from graph.store.changes import Role
from graph.store.database import Database
from graph.store.log_format import packed_run_id, run_id_of
from graph.store.runs import Run
from graph.store.versions import JobVersion


@dataclass(frozen=True, slots=True)
class _Said:
    """What made a version: `run_id` is None for JobEvents."""

    ends: Ends
    location: str | None
    first: int
    last: int
    run_id: str | None = None

    @property
    def lateness(self) -> tuple[int, bytes]:
        """Greater for what came later; of two at the same time for the lesser run id, as in lists of runs."""
        packed = packed_run_id(self.run_id) if self.run_id is not None else b""
        return self.last, bytes(255 - byte for byte in packed)


def versions_of(known: Known, log: LogReader, job: int) -> list[JobVersion]:
    """See `LineageReader.job_versions`."""
    said = [*_said_by_runs(known, log, job), *_declared(known, log, job)]
    names = nodes(known.db, {job} | {key for one in said for side in one.ends for key in side})
    versions: dict[tuple[Ends, str | None], list[_Said]] = {}
    for one in said:
        versions.setdefault((one.ends, one.location), []).append(one)
    found = [_version(job, each, names) for each in versions.values()]
    found.sort(key=lambda version: version.id)
    return sorted(found, key=lambda version: version.last, reverse=True)


def _version(job: int, said: list[_Said], names: Mapping[int, Node]) -> JobVersion:
    first, last = moment(min(one.first for one in said)), moment(max(one.last for one in said))
    assert first is not None
    assert last is not None
    by_runs = [one for one in said if one.run_id is not None]
    latest = max(by_runs, key=lambda one: one.lateness).run_id if by_runs else None
    inputs, outputs = (tuple(sorted(side, key=names.__getitem__)) for side in said[0].ends)
    id_ = ids.of_job(names[job], ([names[key] for key in side] for side in said[0].ends), said[0].location)
    return JobVersion(id_, job, first, last, inputs, outputs, said[0].location, latest)


def _said_by_runs(known: Known, log: LogReader, job: int) -> Iterator[_Said]:
    said = _runs(known, job)
    ends = _ends_of_sets(known.db, {shapes for *_, shapes in said})
    locations = locations_of(known, log, [run for _, run, _ in said]) if _tells_place(known, job) else {}
    for run_id, run, shapes in said:
        # A run that has just begun says nothing of what it will do.
        if run.claims_outputs and (any(ends[shapes]) or run.state is RunState.COMPLETE):
            yield _Said(ends[shapes], locations.get(run.number), run.first_time, run.first_time, run_id)


def _runs(known: Known, job: int) -> list[tuple[str, Run, frozenset[int]]]:
    """Return the runs of a job, each with its id and the shapes that it gave."""
    rows = known.db.execute(
        f"SELECT i.id, j.shapes, {COLUMNS} FROM job_run AS j"
        f" JOIN run AS r ON r.number = j.run AND r.job = j.job AND {LATEST_TIME} <= :until"
        " JOIN run_id AS i ON i.number = r.number WHERE j.job = :job AND j.first_time <= :until",
        {"job": job, "until": known.until},
    ).fetchall()
    sets = Memory()
    load_sets(known.db, {row[1] for row in rows}, sets)
    found = [(run_id_of(bytes(row[0])), run_of(row[2:]), sets.shape_sets[row[1]]) for row in rows]
    if known.past is not None:
        crossing = (past for past in known.past.crossing([job]) if past.run.job == job)
        found += [(past.run_id, past.run, past.shapes(job)) for past in crossing]
    return found


def _ends_of_sets(db: Database, sets: Collection[frozenset[int]]) -> dict[frozenset[int], Ends]:
    ends = ends_of_shapes(db, {shape for each in sets for shape in each})
    return {shapes: union_of(ends, shapes) for shapes in sets}


def _tells_place(known: Known, job: int) -> bool:
    row = known.db.execute(
        f"SELECT 1 FROM form_entity WHERE entity = ? AND role = {int(Role.JOB)} AND said IS NOT NULL LIMIT 1",
        (job,),
    ).fetchone()
    return row is not None


def _declared(known: Known, log: LogReader, job: int) -> Iterator[_Said]:
    rows = known.db.execute(
        "SELECT f.number, f.shape, f.first_time, max(e.event_time) FROM form AS f"
        " JOIN event AS e ON e.form = f.number AND e.run IS NULL AND e.event_time <= :until"
        " WHERE f.owner = :job AND f.declares = 1 GROUP BY f.number, f.shape, f.first_time",
        {"job": job, "until": known.until},
    ).fetchall()
    ends = ends_of_shapes(known.db, {shape for _, shape, _, _ in rows})
    places = {key: log.facets_in(key).get((job, "sourceCodeLocation")) for key, *_ in rows}
    urls = urls_in(log, {content for content in places.values() if content is not None})
    for key, shape, first, last in rows:
        content = places[key]
        location = urls[content] if content is not None else None
        reads, writes = ends[shape]
        yield _Said((frozenset(reads), frozenset(writes)), location, first, last)
