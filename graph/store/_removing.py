"""Some events taken out of the log, and what they said of runs. Needs the transaction that writes it.

Which forms, facets and names nobody gives any more is found out when all have gone (_sweeping.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from graph.store._artifacts import write_artifacts
from graph.store._chain import bury, items_of
from graph.store._dropping import note_drops
from graph.store._event_spans import measure_spans
from graph.store._log import LogBatch, LogReader
from graph.store._memory import Memory
from graph.store._naming import note_renames
from graph.store._observing import write_observations
from graph.store._projecting import refresh, say_on_day
from graph.store._queries import RunsQueries, forget_runs
from graph.store._run_rows import write_runs
from graph.store.chain import event_item
from graph.store.changes import Changes, Rejected
from graph.store.commands import Command
from graph.store.database import Database
from graph.store.log_format import DamagedError

Understand = Callable[[bytes], Changes | Rejected | Command]

_DAY = 86_400 * 10**9
_EVER = 2**63 - 1


class UnreadableLogError(ValueError):
    """An event of the log is none for this release."""


@dataclass(slots=True)
class Taken:
    """What was taken out so far, as far as the rest has to be looked through for it."""

    events: int = 0
    times: set[int] = field(default_factory=set)
    forms: set[int] = field(default_factory=set)
    owners: set[int] = field(default_factory=set)
    sets: set[tuple[int, int]] = field(default_factory=set)
    """Jobs with keys of the sets of shapes that runs gave about them."""
    queries: set[int] = field(default_factory=set)
    renamed: set[int] = field(default_factory=set)
    """What datasets were called before."""

    def add(self, other: Taken) -> None:
        """Take in what another step took out."""
        self.events += other.events
        for name in ("times", "forms", "owners", "sets", "queries", "renamed"):
            getattr(self, name).update(getattr(other, name))


def remove(
    db: Database, numbers: Collection[int], understand: Understand, now: int, memory: Memory, log: LogReader
) -> Taken:
    """Take the events with these numbers out of the log, and what they said of runs out of the graph."""
    rows = db.execute(
        "SELECT e.seq, e.event_time, e.form, e.run, f.owner FROM each_key(?) AS k"
        " CROSS JOIN event AS e ON e.seq = k.value CROSS JOIN form AS f ON f.number = e.form",
        (list(numbers),),
    ).fetchall()
    runs = {row[3] for row in rows if row[3] is not None}
    loose = {row[1] for row in rows if row[3] is None}
    taken = Taken(len(rows), {row[1] for row in rows}, {row[2] for row in rows}, {row[4] for row in rows})
    jobs = _jobs_of(db, runs)
    operations = _days_said(db, {(row[4], row[1] // _DAY) for row in rows})
    _bury(db, [row[0] for row in rows], understand, now, log)
    db.executemany("DELETE FROM event WHERE seq = ?", [(row[0],) for row in rows])
    measure_spans(db, [row[0] for row in rows])
    db.execute("UPDATE log_end SET removals = removals + 1")
    _forget(db, runs, jobs, taken)
    _forget_states(db, runs, loose, understand, log, taken)
    _take_in_again(db, runs, understand, LogBatch(db, memory, now), memory, log)
    for job in operations:
        _say_again(db, job, understand, log)
    refresh(db, taken.owners | {job for each in jobs.values() for job in each}, memory)
    return taken


def _bury(db: Database, numbers: Sequence[int], understand: Understand, now: int, log: LogReader) -> None:
    """Leave of each of these events what the chain has of it; of an unreadable one that it was there."""

    def read(some: Collection[int]) -> list[tuple[int, bytes]]:
        bodies = log.bodies_at(some)
        changes = understood(bodies, understand)
        return [(number, event_item(item.digest)) for (number, _), item in zip(bodies, changes, strict=True)]

    items = items_of(numbers, read, (DamagedError, UnreadableLogError))
    bury(db, now, len(items), items)


def understood(bodies: Sequence[tuple[int, bytes]], understand: Understand) -> list[Changes]:
    """Return what these events of the log change; UnreadableLogError where one is none any more."""
    found = []
    for number, body in bodies:
        item = understand(body)
        if not isinstance(item, Changes):
            reasons = "; ".join(item.reasons) if isinstance(item, Rejected) else "it is a command"
            raise UnreadableLogError(f"event {number} of the log is none: {reasons}")
        found.append(item)
    return found


def _jobs_of(db: Database, runs: Collection[int]) -> dict[int, set[int]]:
    """Return the jobs that each run has said something about."""
    found: dict[int, set[int]] = defaultdict(set)
    for run, job in db.execute(
        "SELECT DISTINCT e.run, f.owner FROM each_key(?) AS k CROSS JOIN event AS e ON e.run = k.value"
        " CROSS JOIN form AS f ON f.number = e.form",
        (list(runs),),
    ):
        found[run].add(job)
    return found


def _days_said(db: Database, said: Collection[tuple[int, int]]) -> set[int]:
    """Return the operations that windows said something of on days that count, of these jobs and days."""
    rows = db.execute(
        "SELECT DISTINCT s.job, s.day FROM each_key(?) AS k CROSS JOIN said_on_day AS s ON s.job = k.value",
        (list({job for job, _ in said}),),
    )
    return {job for job, day in rows if (job, day) in said}


def _forget(db: Database, runs: Collection[int], jobs: Mapping[int, set[int]], taken: Taken) -> None:
    firsts = db.execute(
        "SELECT r.number, r.first_time FROM each_key(?) AS k CROSS JOIN run AS r ON r.number = k.value",
        (list(runs),),
    ).fetchall()
    places = [(job, first, run) for run, first in firsts for job in jobs[run]]
    for job, first, run in places:
        row = db.execute(
            "SELECT shapes FROM job_run WHERE job = ? AND first_time = ? AND run = ?", (job, first, run)
        ).fetchone()
        if row is not None:
            taken.sets.add((job, row[0]))
    db.executemany("DELETE FROM job_run WHERE job = ? AND first_time = ? AND run = ?", places)
    taken.queries |= forget_runs(db, runs)
    of_runs = (("observation", "run"), ("artifact", "run"), ("queries_of_run", "run"), ("run", "number"))
    for table, column in of_runs:
        db.executemany(f"DELETE FROM {table} WHERE {column} = ?", [(run,) for run in runs])


def _forget_states(
    db: Database,
    runs: Collection[int],
    loose: Collection[int],
    understand: Understand,
    log: LogReader,
    taken: Taken,
) -> None:
    """Forget what these runs, and events without a run at these times, have renamed and dropped."""
    where = (
        "run IN (SELECT value FROM each_key(:runs) AS k)"
        " OR (run = 0 AND event_time IN (SELECT value FROM each_key(:times) AS t))"
    )
    values = {"runs": list(runs), "times": list(loose)}
    rows = db.execute(f"SELECT previous, run FROM renamed WHERE {where}", values).fetchall()
    taken.renamed |= {previous for previous, _ in rows}
    rows += db.execute(f"SELECT dataset, run FROM drop_said WHERE {where}", values).fetchall()
    if not rows:
        return
    for table in ("renamed", "drop_said"):
        db.execute(f"DELETE FROM {table} WHERE {where}", values)
    if any(run == 0 for _, run in rows):
        others = db.execute(
            "SELECT seq FROM event WHERE run IS NULL AND event_time IN (SELECT value FROM each_key(?) AS k)",
            (list(loose),),
        ).fetchall()
        left = understood(log.bodies_at([seq for (seq,) in others]), understand)
        note_renames(db, left, {})
        note_drops(db, left, {})


def _take_in_again(
    db: Database,
    runs: Collection[int],
    understand: Understand,
    batch: LogBatch,
    memory: Memory,
    log: LogReader,
) -> None:
    """Write those of the runs of which events are left."""
    left = understood(log.bodies_of(runs, _EVER), understand)
    if not left:
        return
    ids = {item.run.run_id for item in left if item.run} | {
        item.run.parent_run_id for item in left if item.run and item.run.parent_run_id
    }
    batch.number_runs(ids)
    write_runs(db, left, batch.numbers, memory)
    write_observations(db, left, batch.numbers)
    write_artifacts(db, left, batch.numbers)
    note_renames(db, left, batch.numbers)
    note_drops(db, left, batch.numbers)
    queries = RunsQueries()
    for item in left:
        queries.note(item, batch.numbers)
    queries.flush(db)


def _say_again(db: Database, job: int, understand: Understand, log: LogReader) -> None:
    """Work out again what the windows of an operation said on its latest days."""
    db.execute("DELETE FROM said_on_day WHERE job = ?", (job,))
    for form, day in db.execute(
        f"""
        SELECT DISTINCT e.form, e.event_time / {_DAY} FROM job_run AS j CROSS JOIN event AS e ON e.run = j.run
        CROSS JOIN form AS f ON f.number = e.form AND f.owner = j.job WHERE j.job = ?
        """,
        (job,),
    ).fetchall():
        item = understand(log.example(form))
        window = item.run.window if isinstance(item, Changes) and item.run is not None else None
        if window is not None and window.day is not None:
            say_on_day(db, job, day, [part.shape_key for part in window.parts])
