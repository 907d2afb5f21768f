"""Runs as they were at an earlier time, by event time.

A run whose events are all no later is what it is now. One that crosses the time is put together again from
its events until then, by the rules that ingest has.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from graph.store._log import LogReader
from graph.store._memory import Memory
from graph.store._projecting import LATEST_TIME, RunRow
from graph.store._run_rows import id_of, shape_set_key
from graph.store.changes import Changes, Rejected
from graph.store.commands import Command
from graph.store.database import Database
from graph.store.log_format import run_id_of, run_key
from graph.store.projection import CURRENT_GROUPS
from graph.store.runs import Run, merge

Understand = Callable[[bytes], Changes | Rejected | Command]

_WINDOWS_SEARCHED = 30 * 86_400 * 10**9
_DAY = 86_400 * 10**9


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run as it was, with its events until then."""

    run: Run
    events: tuple[Changes, ...]

    @property
    def run_id(self) -> str:
        """The id of the run."""
        assert self.events[0].run is not None
        return self.events[0].run.run_id

    def shapes(self, job: int) -> frozenset[int]:
        """Return what the run had said about a job."""
        return frozenset(item.form.shape_key for item in self.events if item.owner == job)


class PastRuns:
    """The runs of a store as they were at a time."""

    def __init__(
        self, db: Database, log: LogReader, memory: Memory, until: int, understand: Understand
    ) -> None:
        self._db = db
        self._log = log
        self._memory = memory
        self._until = until
        self._understand = understand
        self._runs: dict[int, PastRun] = {}
        self._parts: dict[int, tuple[int, ...]] = {}

    def crossing(self, jobs: Collection[int]) -> list[PastRun]:
        """Return the runs that have said something about these jobs and have later events too."""
        rows = self._db.execute(
            "SELECT DISTINCT j.run FROM each_key(:jobs) AS k"
            " CROSS JOIN job_run AS j ON j.job = k.value AND j.first_time <= :until"
            f" CROSS JOIN run AS r ON r.number = j.run AND {LATEST_TIME} > :until",
            {"jobs": list(jobs), "until": self._until},
        )
        return self.as_they_were([number for (number,) in rows])

    def begun_between(self, since: int, until: int) -> list[PastRun]:
        """Return the runs that began in this time and have later events than the time that is asked for."""
        rows = self._db.execute(
            "SELECT r.number FROM run AS r WHERE r.first_time >= ? AND r.first_time <= ?"
            f" AND {LATEST_TIME} > ?",
            (since, min(until, self._until), self._until),
        )
        return self.as_they_were([number for (number,) in rows])

    def as_they_were(self, numbers: Sequence[int]) -> list[PastRun]:
        """Return these runs as they were; they had begun."""
        missing = [number for number in numbers if number not in self._runs]
        if missing:
            self._load(missing)
        return [self._runs[number] for number in numbers]

    def rows(self, jobs: Collection[int]) -> list[RunRow]:
        """Return what crossing runs had said about these jobs, as rows of `job_run`."""
        found = []
        runs = self.crossing(jobs)
        wanted = set(jobs)
        groups = self._keys({_group(past.run) for past in runs})
        for past in runs:
            run = past.run
            for job in {item.owner for item in past.events} & wanted:
                shapes = past.shapes(job)
                key = shape_set_key(shapes)
                self._memory.shape_sets[key] = shapes
                group = groups[_group(run)]
                found.append(
                    RunRow(job, run.first_time, run.standing, run.claims_outputs, key, group, run.parent)
                )
        return found

    def ids(self, numbers: Collection[int]) -> dict[int, str]:
        """Return the ids of runs."""
        return {number: run_id_of(id_of(self._db, number)) for number in numbers}

    def events(self, numbers: Sequence[int]) -> list[Changes]:
        """Return the events of these runs until then."""
        return self._understood(self._log.bodies_of(numbers, self._until))

    def _keys(self, numbers: Collection[int]) -> dict[int, int]:
        return dict(
            self._db.execute(
                "SELECT r.number, r.key FROM each_key(?) AS k CROSS JOIN run_id AS r ON r.number = k.value",
                (list(numbers),),
            ).fetchall()
        )

    def _load(self, numbers: Sequence[int]) -> None:
        events = self.events(numbers)
        ids = {item.run.run_id for item in events if item.run}
        ids |= {item.run.parent_run_id for item in events if item.run and item.run.parent_run_id}
        keys = {run_key(run_id): run_id for run_id in ids}
        numbered = {
            keys[key]: number
            for key, number in self._db.execute(
                "SELECT r.key, r.number FROM each_key(?) AS k CROSS JOIN run_id AS r ON r.key = k.value",
                (list(keys),),
            )
        }
        runs: dict[int, Run] = {}
        said: dict[int, list[Changes]] = {}
        for item in events:
            assert item.run is not None, "events are found by their run"
            number = numbered[item.run.run_id]
            parent = numbered[item.run.parent_run_id] if item.run.parent_run_id else None
            runs[number] = merge(
                runs.get(number),
                number,
                item.owner,
                item.event_time,
                item.run,
                parent,
                partial(id_of, self._db),
            )
            said.setdefault(number, []).append(item)
        self._runs.update((number, PastRun(run, tuple(said[number]))) for number, run in runs.items())

    def _understood(self, bodies: Iterable[tuple[int, bytes]]) -> list[Changes]:
        return [item for _, body in bodies if isinstance(item := self._understand(body), Changes)]

    def on_days(self, jobs: Collection[int]) -> list[tuple[int, int]]:
        """Return the jobs that are operations of a service, with the shapes said on their latest days."""
        operations = self._db.execute(
            "SELECT DISTINCT s.job FROM each_key(?) AS k CROSS JOIN said_on_day AS s ON s.job = k.value",
            (list(jobs),),
        ).fetchall()
        return [(job, shape) for (job,) in operations for shape in self._said_on_days(job)]

    def _said_on_days(self, job: int) -> set[int]:
        # Windows last seconds: where the last weeks have enough days, none that began earlier adds one.
        days = self._days(job, self._until - _WINDOWS_SEARCHED)
        if len(days) < CURRENT_GROUPS:
            days = self._days(job, -(2**63))
        latest = sorted(days, reverse=True)[:CURRENT_GROUPS]
        return {shape for day in latest for form in days[day] for shape in self.parts(form)}

    def _days(self, job: int, since: int) -> dict[int, set[int]]:
        """Return by day the forms with which windows that began since then have ended."""
        days: dict[int, set[int]] = {}
        for form, day in self._db.execute(
            f"""
            SELECT DISTINCT e.form, e.event_time / {_DAY} FROM job_run AS j
            CROSS JOIN event AS e ON e.run = j.run AND e.event_time <= :until
            CROSS JOIN form AS f ON f.number = e.form AND f.owner = :job
            WHERE j.job = :job AND j.first_time <= :until AND j.first_time >= :since
            """,
            {"job": job, "until": self._until, "since": since},
        ):
            if self.parts(form):
                days.setdefault(day, set()).add(form)
        return days

    def parts(self, form: int) -> tuple[int, ...]:
        """Return the shapes of which a window of this form says each on its own; none where it is none."""
        if form not in self._parts:
            item = self._understand(self._log.example(form))
            window = item.run.window if isinstance(item, Changes) and item.run is not None else None
            self._parts[form] = tuple(part.shape_key for part in window.parts) if window is not None else ()
        return self._parts[form]


def _group(run: Run) -> int:
    return run.number if run.parent is None else run.parent
