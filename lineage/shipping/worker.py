"""The shipper thread of a process: it delivers while the host works, and never makes it wait."""

from __future__ import annotations

import math
import os
import threading
import time

from lineage._guard import guard, logger
from lineage.config import Config
from lineage.destination import Destination
from lineage.shipping.route import Route, ShipCounts
from lineage.shipping.verdicts import pause

GATHER_SECONDS = 0.2
POLL_SECONDS = 1.0
IDLE_POLL_SECONDS = 5.0
"""How often an idle thread looks for what forked children left, which start no thread of their own."""


def ship_once(destination: Destination, config: Config, *, seconds: float | None = None) -> ShipCounts:
    """Deliver what waits for a destination now, and return what became of it.

    Ends when nothing is left that may go now, when the backend ails (`error` says why), or after
    `seconds`, which a request under way may exceed by its own timeout. Raises ConfigError for the
    embedded store, whose events are not shipped. For a process of ours: SQL may be read in another one.
    """
    route = Route(destination, config, apart=True)
    try:
        return route.ship(seconds)
    finally:
        route.close()


def follow(destination: Destination, config: Config, stop: threading.Event) -> None:
    """Deliver what comes, until `stop` is set; after failures with growing pauses.

    Raises ConfigError for the embedded store. For a process of ours, as `ship_once`.
    """
    route = Route(destination, config, apart=True)
    failures = 0
    try:
        while not stop.is_set():
            counts = route.ship(stopped=stop.is_set)
            failures = failures + 1 if counts.error else 0
            _tell(failures, counts)
            stop.wait(_rest(counts, failures))
    finally:
        route.close()


def _rest(counts: ShipCounts, failures: int) -> float:
    if counts.retry_after is not None:
        return counts.retry_after
    return pause(failures) if failures else POLL_SECONDS


class Shipper:
    """Delivers the events of one destination from a daemon thread, started by the first `wake`.

    In a forked child `wake` does nothing: no thread of ours is started there unasked.
    """

    def __init__(self, destination: Destination, config: Config) -> None:
        self.destination = destination
        self.config = config
        self._start_over()

    def _start_over(self) -> None:
        self.failed = False
        self._pid = os.getpid()
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._changed = threading.Condition()
        self._requested = 0
        self._served = 0
        self._last = ShipCounts()

    @property
    def is_forked(self) -> bool:
        """Whether this process is a child of the one that made this shipper."""
        return self._pid != os.getpid()

    def wake(self) -> None:
        """Say that an event was appended. Costs a few hundred nanoseconds and never waits for a delivery."""
        if not self.is_forked:
            if self._thread is None:
                self._start()
            if not self._wake.is_set():
                self._wake.set()

    def _start(self) -> None:
        with self._changed:
            if self._thread is None:
                self._ended = threading.Event()
                thread = threading.Thread(
                    target=self._run, args=(self._ended,), name="lineage-shipper", daemon=True
                )
                thread.start()
                self._thread = thread

    def _run(self, ended: threading.Event) -> None:
        route = Route(self.destination, self.config)
        failures = 0
        while not ended.is_set():
            # A run's START and COMPLETE often follow each other: one request for both.
            self._hurry.wait(GATHER_SECONDS)
            self._hurry.clear()
            self._wake.clear()
            request = self._requested
            counts = ShipCounts(error="a fault of the shipper")
            with guard("delivering events"):
                counts = route.ship(stopped=ended.is_set)
            failures = failures + 1 if counts.error else 0
            _tell(failures, counts)
            with self._changed:
                self.failed, self._last, self._served = bool(counts.error), counts, request
                self._changed.notify_all()
            self._pause(counts, failures, route)
        with guard("closing the connection to a backend"):
            route.close()

    def _pause(self, counts: ShipCounts, failures: int, route: Route) -> None:
        """Wait for a reason for the next pass; `flush` and `stop` are one even after failures."""
        if failures:
            self._hurry.wait(_rest(counts, failures))
            return
        left = True
        with guard("looking into the outbox"):
            left = not route.is_empty()
        self._wake.wait(POLL_SECONDS if left else IDLE_POLL_SECONDS)

    def flush(self, timeout: float | None) -> bool:
        """Have everything delivered; True when nothing waits any more.

        False after `timeout` seconds, or sooner when an attempt made for this call failed or left only
        events that are to be sent later. A forked child may call it: a thread runs there as long as this.
        """
        if self.is_forked:
            self._start_over()
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        if self.is_empty():
            return True
        borrowed = self._thread is None
        self._start()
        try:
            while self._attempted(deadline) and not self.is_empty():
                if self.failed or not (self._last.sent or self._last.leased_elsewhere):
                    return False
                if self._last.leased_elsewhere:
                    time.sleep(POLL_SECONDS / 20)
        finally:
            if borrowed:
                self.stop()
        return self.is_empty()

    def _attempted(self, deadline: float) -> bool:
        """Ask for a pass and wait for its end; False when the deadline came first."""
        with self._changed:
            self._requested += 1
            request = self._requested
        self._interrupt()
        with self._changed:
            remaining = max(0.0, deadline - time.monotonic())
            return self._changed.wait_for(
                lambda: self._served >= request, None if remaining == math.inf else remaining
            )

    def is_empty(self) -> bool:
        """Return whether nothing waits for this destination; False when the outbox cannot be read."""
        empty = False
        with guard("looking into the outbox"):
            empty = Route(self.destination, self.config).is_empty()
        return empty

    def finish(self, timeout: float) -> bool:
        """Wait for the last deliveries before the process ends; True when nothing waits.

        Not at all when the last attempt failed or in a forked child, else at most `timeout` seconds.
        """
        if self.failed or self.is_forked:
            return self.is_empty()
        return self.flush(timeout)

    def stop(self) -> None:
        """End the thread after the request it is in; the next `wake` starts another."""
        thread, self._thread = self._thread, None
        if thread is not None and not self.is_forked:
            self._ended.set()
            self._interrupt()

    def _interrupt(self) -> None:
        self._hurry.set()
        self._wake.set()


def _tell(failures: int, counts: ShipCounts) -> None:
    if failures == 1:
        logger.warning("Delivery is interrupted, events wait in the outbox: %s", counts.error)
