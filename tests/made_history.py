"""Ten days of a pipeline of twelve tables as OpenLineage events, healthy or with causes planted in it.

Everything that varies (start times, durations, row counts, how often the pipeline runs) varies by the seed,
by 5 to 15 %, and row counts may fall at weekends. The generator knows nothing of how a diagnosis judges.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

NAMESPACE = "postgres://warehouse:5432"
JOBS = "shop"
START = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
DAYS = 10
METRIC = "shop.gold.kpi_report.revenue"

TABLES: dict[str, tuple[str, ...]] = {
    "raw.customers": (),
    "raw.orders": (),
    "raw.payments": (),
    "raw.products": (),
    "staging.customers": ("raw.customers",),
    "staging.orders": ("raw.orders",),
    "staging.payments": ("raw.payments",),
    "staging.products": ("raw.products",),
    "silver.orders": ("staging.orders", "staging.customers", "staging.products"),
    "silver.payments": ("staging.payments",),
    "gold.daily_revenue": ("silver.orders", "silver.payments"),
    "gold.kpi_report": ("gold.daily_revenue",),
}
"""By table: what it is made from, sources first."""

DISTANCE = {
    "gold.kpi_report": 0,
    "gold.daily_revenue": 1,
    **dict.fromkeys(("silver.orders", "silver.payments"), 2),
    **dict.fromkeys((name for name in TABLES if name.startswith("staging.")), 3),
    **dict.fromkeys((name for name in TABLES if name.startswith("raw.")), 4),
}
"""By table: hops from the metric, counted by hand."""

COLUMNS = {
    "raw.customers": ("id", "country"),
    "raw.orders": ("id", "customer_id", "product_id", "amount"),
    "raw.payments": ("id", "order_id", "paid"),
    "raw.products": ("id", "price"),
    "staging.customers": ("id", "country"),
    "staging.orders": ("id", "customer_id", "product_id", "amount"),
    "staging.payments": ("id", "order_id", "paid"),
    "staging.products": ("id", "price"),
    "silver.orders": ("id", "country", "amount"),
    "silver.payments": ("order_id", "paid"),
    "gold.daily_revenue": ("day", "revenue", "paid"),
    "gold.kpi_report": ("day", "revenue"),
}
MADE_FROM = {
    "staging.customers": {"id": ["raw.customers.id"], "country": ["raw.customers.country"]},
    "staging.orders": {name: [f"raw.orders.{name}"] for name in COLUMNS["raw.orders"]},
    "staging.payments": {name: [f"raw.payments.{name}"] for name in COLUMNS["raw.payments"]},
    "staging.products": {name: [f"raw.products.{name}"] for name in COLUMNS["raw.products"]},
    "silver.orders": {
        "id": ["staging.orders.id"],
        "country": ["staging.customers.country", "?staging.orders.customer_id"],
        "amount": ["staging.orders.amount", "staging.products.price", "?staging.customers.id"],
    },
    "silver.payments": {"order_id": ["staging.payments.order_id"], "paid": ["staging.payments.paid"]},
    "gold.daily_revenue": {
        "revenue": ["silver.orders.amount", "silver.payments.paid", "?silver.payments.order_id"],
        "paid": ["silver.payments.paid"],
    },
    "gold.kpi_report": {"day": ["gold.daily_revenue.day"], "revenue": ["gold.daily_revenue.revenue"]},
}
"""By table and column: the columns it is made from; `?` marks those that only join or filter."""

KINDS = ("failed_run", "stale", "schema_change", "row_count", "duration", "failed_test", "code_change")


@dataclass(frozen=True)
class Cause:
    """One planted cause: what goes wrong with which table in the last `cycles` rounds of the pipeline."""

    kind: str
    table: str
    cycles: int


@dataclass
class History:
    """The events of one history; `causes` is what was planted."""

    seed: int
    causes: Sequence[Cause] = ()
    skip_downstream: bool = False
    """Whether what depends on a failed run is left out, as a scheduler does, or runs on old data."""
    random: Random = field(init=False)
    noise: float = field(init=False)
    interval: timedelta = field(init=False)

    def __post_init__(self) -> None:
        self.random = Random(f"{self.seed} {[(cause.kind, cause.table) for cause in self.causes]}")
        self.noise = self.random.uniform(0.05, 0.15)
        self.interval = timedelta(hours=self.random.choice([8, 12, 24]))
        self.weekend = self.random.choice([1.0, 0.85])
        self.rows = {name: 10 ** self.random.uniform(2.5, 6) for name in TABLES}
        self.seconds = {name: 10 ** self.random.uniform(0.7, 3) for name in TABLES}

    def bodies(self) -> list[bytes]:
        """Return the events in the order of their times."""
        events = sorted(self._events(), key=lambda event: event["eventTime"])
        return [json.dumps(event).encode() for event in events]

    def _events(self) -> Iterator[dict[str, Any]]:
        cycles = int(timedelta(days=DAYS) / self.interval)
        for cycle in range(cycles):
            left = cycles - cycle
            jitter = self.random.uniform(-self.noise, self.noise)
            yield from self._cycle(START + (cycle + jitter) * self.interval, left)

    def _cycle(self, clock: datetime, left: int) -> Iterator[dict[str, Any]]:
        """Yield one round of the pipeline; `left` is 1 in the last one."""
        dag = self._uuid()
        skipped: set[str] = set()
        for name, sources in TABLES.items():
            here = {cause.kind for cause in self.causes if cause.table == name and left <= cause.cycles}
            if skipped.intersection(sources):
                skipped.add(name)
                continue
            if "stale" in here:
                continue
            seconds = self._noisy(self.seconds[name]) * (3.0 if "duration" in here else 1.0)
            end = clock + timedelta(seconds=seconds)
            failed = "failed_run" in here
            yield from self._run(name, clock, end, dag, left, failed)
            if failed and self.skip_downstream:
                skipped.add(name)
            clock = end + timedelta(seconds=self._noisy(5))
            if not failed and (
                "failed_test" in {c.kind for c in self.causes if c.table == name} or is_tested(name)
            ):
                yield self._test(name, clock, dag, passed="failed_test" not in here)

    def _run(
        self, name: str, start: datetime, end: datetime, dag: str, left: int, failed: bool
    ) -> Iterator[dict[str, Any]]:
        run = self._uuid()
        inputs = [self._dataset(source, left) for source in TABLES[name]]
        output = {"namespace": NAMESPACE, "name": f"shop.{name}"}
        job = {
            "sourceCodeLocation": {
                "type": "git",
                "url": "https://example.com",
                "version": self._version(name, left),
            }
        }
        yield self._event("START", start, run, f"build_{name}", dag, job, inputs, [output])
        if failed:
            error = {"errorMessage": {"message": "relation is locked", "programmingLanguage": "SQL"}}
            yield self._event("FAIL", end, run, f"build_{name}", dag, job, inputs, [output], error)
            return
        written = self._dataset(name, left)
        if name in MADE_FROM:
            written["facets"]["columnLineage"] = {"fields": self._lineage(name)}
        written["outputFacets"] = {"outputStatistics": {"rowCount": self._row_count(name, start, left)}}
        yield self._event("COMPLETE", end, run, f"build_{name}", dag, job, inputs, [written])

    def _test(self, name: str, when: datetime, dag: str, *, passed: bool) -> dict[str, Any]:
        tested = self._dataset(name, 10**6)
        checks = [
            {"assertion": "not_null", "column": COLUMNS[name][0], "success": True},
            {"assertion": "not_negative", "column": COLUMNS[name][-1], "success": passed},
        ]
        tested["inputFacets"] = {"dataQualityAssertions": {"assertions": checks}}
        type_ = "COMPLETE" if passed else "FAIL"
        return self._event(type_, when, self._uuid(), f"test_{name}", dag, {}, [tested], [])

    def _row_count(self, name: str, when: datetime, left: int) -> int:
        weekend = self.weekend if when.weekday() >= 5 else 1.0
        return round(self._noisy(self.rows[name]) * weekend * self._share(name, left))

    def _share(self, name: str, left: int) -> float:
        """Return what part of its rows a table has: half where that is planted or where its first source has.

        Gold tables are aggregates: they have as many rows as ever.
        """
        share = 0.5 if self._planted("row_count", name, left) else 1.0
        if name.startswith("gold."):
            return share
        return share * min((self._share(source, left) for source in TABLES[name][:1]), default=1.0)

    def _planted(self, kind: str, name: str, left: int) -> bool:
        return any(c.kind == kind and c.table == name and left <= c.cycles for c in self.causes)

    def _version(self, name: str, left: int) -> str:
        return "9d31f2c" if self._planted("code_change", name, left) else "41c07aa"

    def _dataset(self, name: str, left: int) -> dict[str, Any]:
        columns = [[column, "text"] for column in COLUMNS[name]]
        if self._planted("schema_change", name, left):
            columns[-1] = [["amount_eur", "text"], [columns[-1][0], "bigint"]][self.seed % 2]
        fields = [{"name": column, "type": type_} for column, type_ in columns]
        return {"namespace": NAMESPACE, "name": f"shop.{name}", "facets": {"schema": {"fields": fields}}}

    def _lineage(self, name: str) -> dict[str, Any]:
        fields = {}
        for column, sources in MADE_FROM[name].items():
            inputs = []
            for source in sources:
                table, _, origin = source.removeprefix("?").rpartition(".")
                how = {"type": "INDIRECT", "subtype": "JOIN"} if source[0] == "?" else {"type": "DIRECT"}
                named = {"namespace": NAMESPACE, "name": f"shop.{table}", "field": origin}
                inputs.append({**named, "transformations": [how]})
            fields[column] = {"inputFields": inputs}
        return fields

    def _noisy(self, value: float) -> float:
        return value * math.exp(self.random.gauss(0, self.noise))

    def _uuid(self) -> str:
        return str(UUID(int=self.random.getrandbits(128), version=4))

    def _event(
        self,
        type_: str,
        when: datetime,
        run: str,
        job: str,
        dag: str,
        job_facets: dict[str, Any],
        inputs: list[Any],
        outputs: list[Any],
        run_facets: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        parent = {"run": {"runId": dag}, "job": {"namespace": JOBS, "name": "shop_dag"}}
        return {
            "eventType": type_,
            "eventTime": when.isoformat(),
            "producer": "https://example.com/tests",
            "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
            "run": {"runId": run, "facets": {"parent": parent, **(run_facets or {})}},
            "job": {"namespace": JOBS, "name": job, "facets": job_facets},
            "inputs": inputs,
            "outputs": outputs,
        }


def is_tested(name: str) -> bool:
    """Tell whether a table is tested in every history: about half of them are."""
    return len(name) % 2 == 0


def healthy(seed: int) -> History:
    """Return a history in which nothing goes wrong."""
    return History(seed)


def with_cause(seed: int, kind: str) -> History:
    """Return a history with one cause of a kind, in a table and for as long as the seed says."""
    random = Random(f"{seed} {kind}")
    return History(seed, [_cause(random, kind)], skip_downstream=random.random() < 0.5)


def with_two_causes(seed: int) -> History:
    """Return a history with two causes of different kinds at different distances, the nearer one first."""
    random = Random(f"{seed} two")
    while True:
        causes = [_cause(random, kind) for kind in random.sample(KINDS, 2)]
        causes.sort(key=lambda cause: DISTANCE[cause.table])
        if DISTANCE[causes[0].table] < DISTANCE[causes[1].table]:
            return History(seed, causes)


def _cause(random: Random, kind: str) -> Cause:
    if kind == "stale":
        # The loader stops, everything else runs on.
        return Cause(kind, random.choice([name for name in TABLES if name.startswith("raw.")]), 4)
    return Cause(kind, random.choice(list(TABLES)), random.randint(1, 2))
