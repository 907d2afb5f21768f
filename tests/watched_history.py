"""Sixty days of fifty jobs as OpenLineage events, with anomalies planted in them or without any.

Everything varies by the seed: when jobs run and how late, how long they take and how much they write (by
factors, with weekdays, growth and a rare long run), which fail and are tried again. Among them are jobs that
run every two hours, on working days, weekly, once a month or at any time, one that loads all on some days and
little on others, one that writes a new dataset each day, and one that reads a dataset only now and then. The
generator knows nothing of how a check judges, but that it needs two weeks and seven runs to learn.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

NAMESPACE = "postgres://warehouse:5432"
JOBS = "shop"
START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 60
END = START + timedelta(days=DAYS)
LEARNT = START + timedelta(days=21)
"""Nothing is planted before."""

KINDS = ("new-edge", "missing-edge", "schema", "volume", "duration", "missing-run", "new-reader")
MOST = 3
"""How many of each kind are planted; of the last one two, so that there are twenty."""

_DAY = timedelta(days=1)


@dataclass
class Job:
    """A job of the history: when it runs, what it reads and writes, and how its amounts vary."""

    name: str
    plan: str
    reads: list[str]
    writes: str
    hour: float
    days: frozenset[int]
    rows: float
    seconds: float
    noise: float
    time_noise: float
    growth: float
    weekend: float
    tells_rows: bool = True
    under_dag: bool = False
    columns: int = 4

    @property
    def has_rhythm(self) -> bool:
        """Whether a run of it can be missed."""
        return self.plan not in ("any time", "monthly")


@dataclass
class Planted:
    """An anomaly: what is wrong with which job in which of its runs, and by when it is to be found.

    `begin` is when the first of the runs ends that it shows in, `found_by` when the second does, `end` when
    its effects are over.
    """

    kind: str
    job: str
    runs: tuple[int, ...]
    dataset: str
    factor: float = 1.0
    begin: datetime = END
    found_by: datetime = END
    end: datetime = END


@dataclass
class WatchedHistory:
    """The events of one history; `planted` is what is wrong in it."""

    seed: int
    anomalies: bool
    planted: list[Planted] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = Random(f"watched {self.seed}")
        self.jobs = list(self._jobs())
        self.planned = {job.name: list(self._times(job)) for job in self.jobs}
        if self.anomalies:
            self._plant()

    def bodies(self) -> list[bytes]:
        """Return the events in the order of their times."""
        events = [event for job in self.jobs for event in self._of_job(job)]
        events += [event for one in self.planted if one.kind == "new-reader" for event in self._reading(one)]
        events.sort(key=lambda event: event["eventTime"])
        return [json.dumps(event).encode() for event in events if event["eventTime"] <= _text(END)]

    def _jobs(self) -> Iterator[Job]:
        plans = ["daily"] * 26 + ["working days"] * 6 + ["six hours"] * 3 + ["two hours"] + ["weekly"] * 5
        plans += ["twice a week"] * 3 + ["any time"] * 2 + ["monthly", "bimodal", "dated", "lookup"]
        pick = self.random
        known = [f"raw.source_{number}" for number in range(12)]
        for number, plan in enumerate(plans):
            name = f"{plan.replace(' ', '_')}_{number}"
            day = pick.randrange(7)
            days = {
                "working days": frozenset(range(5)),
                "two hours": frozenset(range(5)),
                "weekly": frozenset([day]),
                "twice a week": frozenset([day, (day + 3) % 7]),
            }.get(plan, frozenset(range(7)))
            yield Job(
                name=name,
                plan=plan,
                reads=pick.sample(known, pick.randint(1, 3)),
                writes=f"mart.{name}",
                hour=pick.uniform(0.5, 20),
                days=days,
                rows=10 ** pick.uniform(2.5, 7),
                seconds=10 ** pick.uniform(0.8, 3.2),
                noise=pick.uniform(0.04, 0.25),
                time_noise=pick.uniform(0.06, 0.25),
                growth=pick.choice([0.0, 0.0, 0.003, 0.006, 0.012, -0.002]),
                weekend=pick.choice([1.0, 1.0, 0.85, 0.6, 0.4]),
                tells_rows=pick.random() < 0.85,
                under_dag=plan == "daily" and pick.random() < 0.4,
                columns=pick.randint(3, 8),
            )
            if number % 3 == 0:
                known.append(f"mart.{name}")

    def _times(self, job: Job) -> Iterator[datetime]:
        """Yield when a job is to run; now and then it is late."""
        pick, at = self.random, START
        if job.plan == "any time":
            while (at := at + timedelta(days=pick.expovariate(0.7))) < END - _DAY:
                yield at
            return
        hours = {"six hours": (0.0, 6.0, 12.0, 18.0), "two hours": (0.0, 2.0, 4.0, 6.0, 8.0, 10.0)}.get(
            job.plan, (0.0,)
        )
        first = {"six hours": job.hour % 6, "two hours": 8.0}.get(job.plan, job.hour)
        apart = hours[1] if len(hours) > 1 else 24.0
        for day in range(DAYS):
            date = START + day * _DAY
            if date.weekday() not in job.days or (job.plan == "monthly" and date.day != 5):
                continue
            for hour in hours:
                late = abs(pick.gauss(0, 0.01)) * apart
                if pick.random() < 0.03:
                    late = pick.uniform(0.1, 0.35) * apart
                yield date + timedelta(hours=first + hour + late)

    def _plant(self) -> None:
        pick = Random(f"planted {self.seed}")
        free = [job for job in self.jobs if job.plan != "monthly"]
        pick.shuffle(free)
        for kind in KINDS:
            for number in range(MOST if kind != "new-reader" else 20 - MOST * (len(KINDS) - 1)):
                self.planted.append(self._planted(kind, number, free, pick))

    def _planted(self, kind: str, number: int, free: list[Job], pick: Random) -> Planted:
        """Take a job that nothing is wrong with yet, and say what goes wrong in which of its runs."""
        while True:
            job = free.pop(0)
            times = self.planned[job.name]
            able = [at for at in range(7, len(times) - 2) if times[at] >= LEARNT]
            fits = {
                "volume": job.tells_rows and job.plan not in ("bimodal", "dated"),
                "missing-run": job.has_rhythm,
                "new-edge": True,
                "schema": job.plan != "dated",
            }.get(kind, True)
            if fits and able:
                break
            free.append(job)
        begin = pick.choice(able)
        span = min(pick.randint(2, 5), len(times) - begin)
        if kind in ("schema", "new-edge", "missing-edge") and pick.random() < 0.6:
            span = len(times) - begin
        factor = math.exp(pick.uniform(math.log(3), math.log(10)))
        down = pick.random() < (0.6 if kind == "volume" else 0.15)
        dataset = job.writes
        if kind == "new-edge":
            dataset = f"raw.secret_{number}"
        elif kind in ("missing-edge", "new-reader"):
            dataset = pick.choice(job.reads)
        if kind == "volume" and pick.random() < 0.15:
            down, factor = True, math.inf
        return Planted(
            kind, job.name, tuple(range(begin, begin + span)), dataset, 1 / factor if down else factor
        )

    def _of_job(self, job: Job) -> Iterator[dict[str, Any]]:
        pick = Random(f"{self.seed} {job.name}")
        planted = next((p for p in self.planted if p.job == job.name and p.kind != "new-reader"), None)
        for place, at in enumerate(self.planned[job.name]):
            wrong = planted if planted is not None and place in planted.runs else None
            rows, seconds = self._amounts(job, at, pick)
            reads = list(job.reads)
            writes = f"{job.writes}_{at:%Y%m%d}" if job.plan == "dated" else job.writes
            if job.plan == "lookup" and pick.random() < 0.3:
                reads.append("raw.lookup")
            columns = [(f"c{number}", "text") for number in range(job.columns)]
            fails, dag, spike = pick.random() < 0.02, _uuid(pick), pick.random()
            if spike < 0.01:
                seconds *= pick.uniform(1.4, 2.0)
            retried, ids = pick.uniform(300, 1200), [_uuid(pick), _uuid(pick)]
            if wrong is not None:
                rows = rows * wrong.factor if wrong.kind == "volume" else rows
                seconds = seconds * wrong.factor if wrong.kind == "duration" else seconds
                reads += [wrong.dataset] if wrong.kind == "new-edge" else []
                if wrong.kind == "missing-edge":
                    reads = [name for name in reads if name != wrong.dataset]
                if wrong.kind == "schema":
                    columns = _other_columns(columns, self.seed + place - (place - wrong.runs[0]))
            if fails:
                failed = at + timedelta(seconds=seconds * 0.4)
                yield from self._run(job, ids[1], at, failed, reads, None, [], None, dag)
                at = failed + timedelta(seconds=retried)
            end = at + timedelta(seconds=seconds)
            if planted is not None:
                self._note(planted, place, end)
            if wrong is not None and wrong.kind == "missing-run":
                continue
            yield from self._run(
                job, ids[0], at, end, reads, writes, columns, round(rows) if job.tells_rows else None, dag
            )

    def _note(self, planted: Planted, place: int, end: datetime) -> None:
        """Keep when the runs of an anomaly end; of those that do not come, when they would have."""
        if place == planted.runs[0]:
            planted.begin = end
        if place == planted.runs[0] + 1:
            planted.found_by = end
        if place <= planted.runs[-1] + 2:
            planted.end = end
        if planted.runs[-1] + 2 >= len(self.planned[planted.job]):
            planted.end = END

    def _amounts(self, job: Job, at: datetime, pick: Random) -> tuple[float, float]:
        share = job.weekend if at.weekday() >= 5 else 1.0
        share *= (1 + job.growth) ** ((at - START) / _DAY)
        varied = math.exp(pick.gauss(0, job.noise))
        if job.plan == "bimodal" and pick.random() < 0.2:
            varied *= 20
        took = (share * varied) ** 0.4 * math.exp(pick.gauss(0, job.time_noise))
        return job.rows * share * varied, job.seconds * took

    def _reading(self, planted: Planted) -> Iterator[dict[str, Any]]:
        """Yield the runs of a job that never was there and reads a dataset."""
        pick = Random(f"{self.seed} reader {planted.dataset}")
        at = self.planned[planted.job][planted.runs[0]]
        name = f"stranger_of_{planted.job}"
        for place in range(2):
            start = at + place * _DAY + timedelta(hours=1)
            end = start + timedelta(seconds=30)
            planted.begin = end if place == 0 else planted.begin
            planted.found_by = planted.end = end
            job = Job(name, "any time", [], "", 0, frozenset(), 0, 0, 0, 0, 0, 0)
            yield from self._run(
                job, _uuid(pick), start, end, [planted.dataset], None, [], None, _uuid(pick), "COMPLETE"
            )

    def _run(
        self,
        job: Job,
        run: str,
        start: datetime,
        end: datetime,
        reads: list[str],
        writes: str | None,
        columns: list[tuple[str, str]],
        rows: int | None,
        dag: str,
        state: str | None = None,
    ) -> Iterator[dict[str, Any]]:
        inputs = [{"namespace": NAMESPACE, "name": name} for name in reads]
        facets: dict[str, Any] = {}
        if job.under_dag:
            facets["parent"] = {"run": {"runId": dag}, "job": {"namespace": JOBS, "name": "nightly"}}
        yield _event("START", start, run, job.name, facets, inputs, [])
        if writes is None:
            yield _event(state or "FAIL", end, run, job.name, facets, inputs, [])
            return
        output: dict[str, Any] = {"namespace": NAMESPACE, "name": writes, "facets": {}}
        output["facets"]["schema"] = {"fields": [{"name": name, "type": type_} for name, type_ in columns]}
        if rows is not None:
            output["outputFacets"] = {"outputStatistics": {"rowCount": rows}}
        yield _event("COMPLETE", end, run, job.name, facets, inputs, [output])


def _other_columns(columns: list[tuple[str, str]], pick: int) -> list[tuple[str, str]]:
    match pick % 3:
        case 0:
            return [*columns, ("added", "integer")]
        case 1:
            return columns[:-1]
    return [*columns[:-1], (columns[-1][0], "integer")]


def _uuid(pick: Random) -> str:
    return str(UUID(int=pick.getrandbits(128), version=4))


def _text(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _event(
    type_: str,
    when: datetime,
    run: str,
    job: str,
    run_facets: dict[str, Any],
    inputs: list[Any],
    outputs: list[Any],
) -> dict[str, Any]:
    return {
        "eventType": type_,
        "eventTime": _text(when),
        "producer": "https://example.com/tests",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": run, "facets": run_facets},
        "job": {"namespace": JOBS, "name": job, "facets": {}},
        "inputs": inputs,
        "outputs": outputs,
    }
