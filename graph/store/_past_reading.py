"""The questions about runs as of an earlier time: the rows of now, but for runs that go on after it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime

from graph.records import RunRecord, RunState
from graph.store import _history as history
from graph.store import _run_reading as run_reading
from graph.store._hidden import hidden_of
from graph.store._past_runs import PastRun, PastRuns
from graph.store._projecting import LATEST_TIME
from graph.store._reading import nanoseconds, nodes
from graph.store.changes import Changes
from graph.store.database import Database
from graph.store.history import Assertions, JobRun, Observed
from graph.store.log_format import packed_run_id
from graph.store.runs import STATES, Run

_PAGE = 100
_WRITTEN = (Observed.STATISTICS, Observed.STATEMENT_STATISTICS)


class PastReading:
    """The runs of a store at a time, as questions get them."""

    def __init__(self, db: Database, runs: PastRuns, time: datetime) -> None:
        self._db = db
        self._runs = runs
        self._time = time
        self._until = history.nanoseconds_until(time)

    def runs(
        self,
        jobs: Collection[int],
        states: Collection[RunState],
        began: tuple[datetime | None, datetime | None],
        after: str | None,
        limit: int,
    ) -> list[RunRecord]:
        """See `LineageReader.runs`."""
        since, until = began[0], self._at_most(began[1])
        crossing = {past.run.number: past for past in self._runs.crossing(jobs)} if jobs else {}
        found: list[tuple[Run, RunRecord]] = []
        if crossing:
            found = [each for each in self._records(crossing.values()) if each[0].job in set(jobs)]
            found = [each for each in found if _is_within(each[0], since, until)]
            if after is not None:
                behind = (-run_reading.place_of(self._db, after), packed_run_id(after))
                found = [each for each in found if _place(each) > behind]
        wanted = set(states or RunState)
        found = [each for each in found if each[1].state in wanted]
        settled, last = 0, after
        while settled < limit and (
            page := run_reading.found(self._db, jobs, (), (since, until), last, max(limit, _PAGE))
        ):
            last = page[-1][1].run_id
            if jobs:
                page = [each for each in page if each[0].job_time <= self._until]
            else:
                later = [run.number for run, _ in page if run.job_time > self._until]
                then = {each[0].number: each for each in self._records(self._runs.as_they_were(later))}
                page = [then.get(each[0].number, each) for each in page]
            page = [each for each in page if each[1].state in wanted]
            found += page
            settled += len(page)
        return [record for _, record in sorted(found, key=_place)[:limit]]

    def _records(self, runs: Collection[PastRun]) -> list[tuple[Run, RunRecord]]:
        ids = self._runs.ids({past.run.parent for past in runs if past.run.parent is not None})
        names = nodes(self._db, {past.run.job for past in runs})
        found = []
        for past in runs:
            run, job = past.run, names[past.run.job]
            parent = None if run.parent is None else ids[run.parent]
            found.append((run, run_reading.record_of(run, past.run_id, (job.namespace, job.name), parent)))
        return found

    def count_runs(self, since: datetime, until: datetime) -> dict[RunState, int]:
        """See `LineageReader.count_runs`."""
        end = history.nanoseconds_until(min(until, self._time))
        rows = self._db.execute(
            "SELECT r.state, count(*) FROM run AS r WHERE r.first_time >= ? AND r.first_time <= ?"
            f" AND {LATEST_TIME} <= ? AND r.job NOT IN (SELECT entity FROM hidden) GROUP BY r.state",
            (nanoseconds(since), end, self._until),
        )
        counts = Counter({STATES[state]: count for state, count in rows})
        begun = self._runs.begun_between(nanoseconds(since), end)
        gone = hidden_of(self._db, {past.run.job for past in begun})
        counts.update(past.run.state for past in begun if past.run.job not in gone)
        return dict(counts)

    def job_runs(self, jobs: Collection[int], until: datetime, limit: int) -> list[JobRun]:
        """See `LineageReader.job_runs`."""
        end = min(until, self._time)
        crossing = self._runs.crossing(jobs)
        ids = {past.run_id for past in crossing}
        kept = history.job_runs(self._db, jobs, end, limit + len(crossing))
        found = [run for run in kept if run.run_id not in ids]
        found += [
            run
            for past in crossing
            if (run := self._job_run(past, end)).job in set(jobs) and run.began <= end
        ]
        found.sort(key=lambda run: packed_run_id(run.run_id))
        found.sort(key=lambda run: run.began, reverse=True)
        seen: Counter[int] = Counter()
        listed = []
        for run in found:
            seen[run.job] += 1
            if seen[run.job] <= limit:
                listed.append(run)
        return listed

    def _job_run(self, past: PastRun, until: datetime) -> JobRun:
        run = past.run
        parent = None if run.parent is None else self._runs.ids([run.parent])[run.parent]
        touched = history.together(history.touched_by(self._db, past.shapes(run.job)).values())
        told = _observed(past.events)
        rows = [
            (run.number, entity, kind, body) for (entity, kind), (_, body) in told.items() if kind in _WRITTEN
        ]
        amounts = history.amounts_of(self._db, rows).get(run.number, {})
        return history.job_run(run, past.run_id, parent, touched, amounts, until)

    def assertions(
        self, datasets: Collection[int], owners: Collection[int], until: datetime, limit: int
    ) -> list[Assertions]:
        """See `LineageReader.assertions`; `owners` are who may have tested these datasets."""
        end = min(until, self._time)
        wanted = set(datasets)
        crossing = self._runs.crossing(owners)
        ids = {past.run_id for past in crossing}
        kept = history.assertions(self._db, datasets, end, limit + len(crossing))
        found = [tests for tests in kept if tests.run_id not in ids]
        for past in crossing:
            parent = None if past.run.parent is None else self._runs.ids([past.run.parent])[past.run.parent]
            for (entity, kind), (when, body) in _observed(past.events).items():
                if (
                    kind is Observed.ASSERTIONS
                    and entity in wanted
                    and when <= history.nanoseconds_until(end)
                ):
                    found.append(history.tests_of(entity, past.run_id, past.run.job, parent, when, body))
        found.sort(key=lambda tests: (packed_run_id(tests.run_id), tests.dataset))
        found.sort(key=lambda tests: tests.at, reverse=True)
        seen: Counter[int] = Counter()
        listed = []
        for tests in found:
            seen[tests.dataset] += 1
            if seen[tests.dataset] <= limit:
                listed.append(tests)
        return listed

    def parents(self, jobs: Collection[int]) -> dict[int, int]:
        """Return the key of the parent job of those of the jobs that had one."""
        named: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for job, parent, last in self._db.execute(
            "SELECT p.job, p.parent, p.last_time FROM each_key(?) AS k"
            " CROSS JOIN job_parent AS p ON p.job = k.value WHERE p.first_time <= ?",
            (list(set(jobs)), self._until),
        ).fetchall():
            named[job].append((last, parent))
        found = {}
        for job, parents in named.items():
            is_clear = len(parents) == 1 or max(parents)[0] <= self._until
            then = max(parents)[1] if is_clear else self._parent_then(job)
            if then is not None:
                found[job] = then
        return found

    def _parent_then(self, job: int) -> int | None:
        runs: list[tuple[int, int]] = self._db.execute(
            f"SELECT least({LATEST_TIME}, :until), r.number FROM job_run AS j"
            " CROSS JOIN run AS r ON r.number = j.run WHERE j.job = :job AND j.first_time <= :until"
            " ORDER BY 1 DESC",
            {"job": job, "until": self._until},
        ).fetchall()
        best: tuple[int, int] | None = None
        for start in range(0, len(runs), _PAGE):
            if best is not None and runs[start][0] < best[0]:
                break
            for item in self._runs.events([number for _, number in runs[start : start + _PAGE]]):
                if item.owner == job and item.parent is not None:
                    said = item.event_time, item.parent.key
                    best = max(said, best or said)
        return None if best is None else best[1]

    def _at_most(self, time: datetime | None) -> datetime:
        return self._time if time is None else min(time, self._time)


def _is_within(run: Run, since: datetime | None, until: datetime) -> bool:
    first = run.first_time
    return (since is None or first >= nanoseconds(since)) and first <= history.nanoseconds_until(until)


def _place(each: tuple[Run, RunRecord]) -> tuple[int, bytes]:
    return -each[0].first_time, packed_run_id(each[1].run_id)


def _observed(events: Collection[Changes]) -> Mapping[tuple[int, Observed], tuple[int, bytes]]:
    """Return what a run observed, by entity and kind: the latest counts, then the greater body."""
    found: dict[tuple[int, Observed], tuple[int, bytes]] = defaultdict(lambda: (-(2**63), b""))
    for item in events:
        for one in item.observed:
            slot = one.entity, one.kind
            found[slot] = max(found[slot], (item.event_time, one.body))
    return found
