"""Which runs wrote a dataset, the latest first: each has made a version of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from graph.store._past_runs import PastRuns
from graph.store._projecting import LATEST_TIME
from graph.store._run_rows import COLUMNS, run_of, shapes_in
from graph.store._run_said import EVER
from graph.store.database import Database
from graph.store.log_format import packed_run_id, run_id_of
from graph.store.runs import Run


@dataclass(frozen=True, slots=True)
class Known:
    """What is looked at: the events up to a time, and the runs that go on after it as they were then."""

    db: Database
    until: int = EVER
    past: PastRuns | None = None


@dataclass(frozen=True, slots=True, eq=False)
class WrittenBy:
    """A run that wrote a dataset."""

    run: Run
    run_id: str

    @property
    def place(self) -> tuple[int, bytes]:
        """Where it stands among others, the latest first."""
        return -self.run.first_time, packed_run_id(self.run_id)

    def is_there(self, time: int) -> bool:
        """Tell whether a run that begins at a time finds what this one wrote: it has ended, or has no end."""
        end = self.run.ended_at
        return self.run.first_time <= time and (end is None or end <= time)


Shapes = Collection[tuple[int, int, int]]
"""What `shapes_that_write` gives for a dataset: jobs, shapes and owners."""


def writing_runs(known: Known, writers: Shapes, until: int, limit: int) -> list[WrittenBy]:
    """Return up to `limit` runs, begun by `until`, that named a dataset as output and did not fail.

    `writers` are the shapes that write the dataset.
    """
    until = min(until, known.until)
    shapes, jobs = _parts(writers)
    crossing = _crossing(known, jobs, shapes, until)
    found = _kept(known, jobs, shapes, until, limit + len(crossing)) + crossing
    return sorted(found, key=lambda each: each.place)[:limit]


def count_writing_runs(known: Known, writers: Shapes) -> int:
    """Return how many runs there are that `writing_runs` would give."""
    shapes, jobs = _parts(writers)
    if not shapes:
        return 0
    (kept,) = known.db.execute(
        f"""
        SELECT count(DISTINCT j.run) FROM each_key(:jobs) AS k
        CROSS JOIN job_run AS j ON j.job = k.value AND j.claims_outputs = 1 AND j.first_time <= :known
        CROSS JOIN run AS r ON r.number = j.run AND {LATEST_TIME} <= :known
        WHERE EXISTS ({_WRITES} AND s.shapes = j.shapes)
        """,
        {"jobs": list(jobs), "shapes": list(shapes), "known": known.until},
    ).fetchone()
    return int(kept) + len(_crossing(known, jobs, shapes, known.until))


@dataclass(frozen=True, slots=True)
class LatestOfJob:
    """A run of a job with which it wrote something last, and the shapes that it gave."""

    job: int
    made: WrittenBy
    shapes: frozenset[int]


def latest_by_job(known: Known, writers: Shapes) -> list[LatestOfJob]:
    """Return the latest run of each job that gave one of these shapes and did not fail.

    Of several that began at the same time all are given.
    """
    shapes, jobs = _parts(writers)
    if not shapes:
        return []
    rows = known.db.execute(
        f"""
        SELECT j.job, j.shapes, i.id, {COLUMNS} FROM each_key(:jobs) AS k
        CROSS JOIN job_run AS j ON j.job = k.value AND j.claims_outputs = 1 AND j.first_time = (
            SELECT x.first_time FROM job_run AS x WHERE x.job = k.value AND x.claims_outputs = 1
            AND EXISTS ({_WRITES} AND s.shapes = x.shapes) ORDER BY x.first_time DESC LIMIT 1)
        CROSS JOIN run AS r ON r.number = j.run
        JOIN run_id AS i ON i.number = r.number
        WHERE EXISTS ({_WRITES} AND s.shapes = j.shapes)
        """,
        {"jobs": list(jobs), "shapes": list(shapes)},
    ).fetchall()
    sets = shapes_in(known.db, {row[1] for row in rows})
    return [
        LatestOfJob(row[0], WrittenBy(run_of(row[3:]), run_id_of(bytes(row[2]))), sets[row[1]])
        for row in rows
    ]


_WRITES = "SELECT 1 FROM shape_set AS s WHERE s.shape IN (SELECT value FROM each_key(:shapes) AS w)"


def _parts(writers: Shapes) -> tuple[set[int], set[int]]:
    """Return the shapes, and the jobs that they are of."""
    return {shape for _, shape, _ in writers}, {owner for _, _, owner in writers if owner > 0}


def _crossing(known: Known, jobs: Collection[int], shapes: set[int], until: int) -> list[WrittenBy]:
    """Return those of the runs that go on after the time that is known."""
    crossing = known.past.crossing(jobs) if known.past is not None else []
    found = []
    for past in crossing:
        run = past.run
        said = {item.form.shape_key for item in past.events}
        if run.claims_outputs and run.first_time <= until and not shapes.isdisjoint(said):
            found.append(WrittenBy(run, past.run_id))
    return found


def _kept(
    known: Known, jobs: Collection[int], shapes: Collection[int], until: int, limit: int
) -> list[WrittenBy]:
    """Return the runs that are now what they were then."""
    if not shapes:
        return []
    rows = known.db.execute(
        f"""
        SELECT DISTINCT i.id, {COLUMNS} FROM each_key(:jobs) AS k
        CROSS JOIN job_run AS j ON j.job = k.value AND j.claims_outputs = 1 AND j.first_time <= :until
            AND j.first_time >= coalesce((
                SELECT x.first_time FROM job_run AS x
                WHERE x.job = k.value AND x.claims_outputs = 1 AND x.first_time <= :until
                AND EXISTS ({_WRITES} AND s.shapes = x.shapes)
                ORDER BY x.first_time DESC LIMIT 1 OFFSET :rest), -9223372036854775808)
        CROSS JOIN run AS r ON r.number = j.run AND {LATEST_TIME} <= :known
        JOIN run_id AS i ON i.number = r.number
        WHERE EXISTS ({_WRITES} AND s.shapes = j.shapes)
        """,
        {
            "jobs": list(jobs),
            "shapes": list(shapes),
            "until": until,
            "known": known.until,
            "rest": max(0, limit - 1),
        },
    )
    return [WrittenBy(run_of(row[1:]), run_id_of(bytes(row[0]))) for row in rows]
