"""Which runs wrote a dataset, the latest first: each has made a version of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from graph.store._history import shapes_that_write
from graph.store._past_runs import PastRuns
from graph.store._projecting import LATEST_TIME
from graph.store._run_rows import COLUMNS, run_of
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


def writing_runs(known: Known, dataset: int, until: int, limit: int) -> list[WrittenBy]:
    """Return up to `limit` runs, begun by `until`, that named a dataset as output and did not fail."""
    until = min(until, known.until)
    writers = shapes_that_write(known.db, [dataset]).get(dataset, ())
    shapes, jobs = {shape for _, shape, _ in writers}, {owner for _, _, owner in writers if owner > 0}
    crossing = known.past.crossing(jobs) if known.past is not None else []
    found = _kept(known, jobs, shapes, until, limit + len(crossing))
    for past in crossing:
        run = past.run
        said = {item.form.shape_key for item in past.events}
        if run.claims_outputs and run.first_time <= until and not shapes.isdisjoint(said):
            found.append(WrittenBy(run, past.run_id))
    return sorted(found, key=lambda each: each.place)[:limit]


def _kept(
    known: Known, jobs: Collection[int], shapes: Collection[int], until: int, limit: int
) -> list[WrittenBy]:
    """Return the runs that are now what they were then."""
    writes = "SELECT 1 FROM shape_set AS s WHERE s.shape IN (SELECT value FROM each_key(:shapes) AS w)"
    rows = known.db.execute(
        f"""
        SELECT DISTINCT i.id, {COLUMNS} FROM each_key(:jobs) AS k
        CROSS JOIN job_run AS j ON j.job = k.value AND j.claims_outputs = 1 AND j.first_time <= :until
            AND j.first_time >= coalesce((
                SELECT x.first_time FROM job_run AS x
                WHERE x.job = k.value AND x.claims_outputs = 1 AND x.first_time <= :until
                AND EXISTS ({writes} AND s.shapes = x.shapes)
                ORDER BY x.first_time DESC LIMIT 1 OFFSET :rest), -9223372036854775808)
        CROSS JOIN run AS r ON r.number = j.run AND {LATEST_TIME} <= :known
        JOIN run_id AS i ON i.number = r.number
        WHERE EXISTS ({writes} AND s.shapes = j.shapes)
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
