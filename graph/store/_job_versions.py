"""The versions of a job: what its runs read and wrote, and where its code was, each combination once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from graph.nodes import Node
from graph.records import RunState
from graph.store import _version_ids as ids
from graph.store._log import LogReader
from graph.store._projecting import LATEST_TIME
from graph.store._reading import moment, nodes
from graph.store._run_ends import Ends, ends_of_runs, ends_of_shapes, locations_of, urls_in
from graph.store._run_rows import COLUMNS, run_of
from graph.store._writers import Known
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
    versions: dict[str, list[_Said]] = {}
    for one in said:
        ends = [[names[key] for key in side] for side in one.ends]
        versions.setdefault(ids.of_job(names[job], ends, one.location), []).append(one)
    found = [_version(id_, job, each, names) for id_, each in versions.items()]
    found.sort(key=lambda version: version.id)
    return sorted(found, key=lambda version: version.last, reverse=True)


def _version(id_: str, job: int, said: list[_Said], names: Mapping[int, Node]) -> JobVersion:
    first, last = moment(min(one.first for one in said)), moment(max(one.last for one in said))
    assert first is not None
    assert last is not None
    by_runs = [one for one in said if one.run_id is not None]
    latest = max(by_runs, key=lambda one: one.lateness).run_id if by_runs else None
    inputs, outputs = (tuple(sorted(side, key=names.__getitem__)) for side in said[0].ends)
    return JobVersion(id_, job, first, last, inputs, outputs, said[0].location, latest)


def _said_by_runs(known: Known, log: LogReader, job: int) -> Iterator[_Said]:
    runs = {run_id: run for run_id, run in _runs(known, job) if run.claims_outputs and run.job == job}
    ends = ends_of_runs(known, runs.values())
    locations = locations_of(known, log, [run.number for run in runs.values()])
    for run_id, run in runs.items():
        # A run that has just begun says nothing of what it will do.
        if any(ends[run.number]) or run.state is RunState.COMPLETE:
            place = (run.first_time, run.first_time, run_id)
            yield _Said(ends[run.number], locations.get(run.number), *place)


def _runs(known: Known, job: int) -> Iterator[tuple[str, Run]]:
    rows = known.db.execute(
        f"SELECT i.id, {COLUMNS} FROM job_run AS j JOIN run AS r ON r.number = j.run"
        f" AND {LATEST_TIME} <= :until JOIN run_id AS i ON i.number = r.number"
        " WHERE j.job = :job AND j.first_time <= :until",
        {"job": job, "until": known.until},
    )
    yield from ((run_id_of(bytes(row[0])), run_of(row[1:])) for row in rows.fetchall())
    if known.past is not None:
        yield from ((past.run_id, past.run) for past in known.past.crossing([job]))


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
