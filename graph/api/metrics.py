"""What a server counts of itself, for Prometheus."""

from __future__ import annotations

import os
from functools import lru_cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

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
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)
