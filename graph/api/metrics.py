"""What a server counts of itself, for Prometheus."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache, partial
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

SEVERAL = "PROMETHEUS_MULTIPROC_DIR"
"""The variable by which prometheus_client learns of the folder where several processes count together."""


class Metrics:
    """The counts of one server process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "lineage_requests",
            "Requests answered, by method, route and status.",
            ["method", "route", "status"],
            registry=self._registry,
        )
        self.seconds = Histogram(
            "lineage_request_seconds",
            "How long requests took, by method and route.",
            ["method", "route"],
            registry=self._registry,
        )
        self.events = Counter(
            "lineage_events",
            "Events that came in, by what became of them: accepted, duplicate, rejected.",
            ["outcome"],
            registry=self._registry,
        )
        self.commits = Counter("lineage_commits", "Transactions that kept events.", registry=self._registry)
        self.waiting = Gauge(
            "lineage_requests_waiting",
            "Requests with events that wait for a commit.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        if SEVERAL not in os.environ:
            ProcessCollector(registry=self._registry)
        self._answered = lru_cache(maxsize=1_000)(self._counters)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request that was answered."""
        requests, durations = self._answered(method, route, status)
        requests.inc()
        durations.observe(seconds)

    def _counters(self, method: str, route: str, status: int) -> tuple[Counter, Histogram]:
        return self.requests.labels(method, route, status), self.seconds.labels(method, route)

    def text(self) -> bytes:
        """Return all counts in Prometheus' text format; of several workers, those of all of them."""
        if SEVERAL not in os.environ:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        together.register(_Processes(_living(Path(os.environ[SEVERAL]))))
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)


def _living(folder: Path) -> list[int]:
    """Return the processes that count together; what one that is dead had waiting waits no longer."""
    counting = {int(file.stem.rpartition("_")[2]) for file in folder.glob("*.db")}
    living = []
    for process in sorted(counting):
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            with suppress(FileNotFoundError):  # another process is looking, too
                mark_process_dead(process)  # type: ignore[no-untyped-call]
        else:
            living.append(process)
    return living


class _Processes(Collector):
    """What prometheus_client tells of a process, of several: sums, and when the first one started."""

    def __init__(self, processes: Iterable[int]) -> None:
        self._each = [ProcessCollector(pid=partial(int, one), registry=None) for one in processes]

    def collect(self) -> Iterable[Metric]:
        """Return the metrics."""
        together: dict[str, Metric] = {}
        for each in self._each:
            for metric in each.collect():
                known = together.setdefault(metric.name, metric)
                if known is metric:
                    continue
                put = min if metric.name.endswith("start_time_seconds") else sum
                known.samples = [
                    one._replace(value=put((one.value, other.value)))
                    for one, other in zip(known.samples, metric.samples, strict=True)
                ]
        return together.values()
