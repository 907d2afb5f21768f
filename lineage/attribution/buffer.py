"""Finished queries on their way from the application's threads to the sinks.

`put` appends to a list in memory and returns. A thread hands on what waits, every second or when 1,000
queries wait: what a process that is killed loses of its queries is that window. The thread is started by
the first query; a forked child starts its own and takes nothing of its parent's with it, no lock either.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable

from lineage._guard import guard, logger
from lineage.attribution.query import Query, capture_nothing_here, capturing_nothing

WINDOW_SECONDS = 1.0
WINDOW_QUERIES = 1_000
LIMIT_QUERIES = 50_000
LIMIT_CHARACTERS = 64_000_000
"""More waiting queries are dropped and counted: a sink that hangs must not fill the host's memory."""

EXIT_SECONDS = 1.0

Handle = Callable[[list[Query]], None]


class Buffer:
    """The queries that wait, and the thread that hands them on."""

    def __init__(self, attribute: Handle, tell: Handle, look: Callable[[], None] = lambda: None) -> None:
        """`attribute` is called by whoever asks, at once; `tell` by the thread alone: it may take long.

        `look` is called each time when all was told, by both.
        """
        self._attribute = attribute
        self._tell = tell
        self._look = look
        self._reset()

    def _reset(self) -> None:
        self.dropped: Counter[str] = Counter()
        self._fresh: deque[Query] = deque()
        self._untold: deque[Query] = deque()
        self._characters = 0
        # Reentrant: a signal handler may run queries and end runs wherever the thread stands.
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._told = threading.Condition()
        self._telling = 0
        self._thread: threading.Thread | None = None

    def put(self, query: Query) -> None:
        """Take a finished query over without waiting for anything; drops it when too much waits."""
        fresh = self._fresh
        waiting = len(fresh)
        if query.text is not None:
            self._characters += len(query.text)
        if waiting + len(self._untold) >= LIMIT_QUERIES or self._characters > LIMIT_CHARACTERS:
            self._drop(query)
            return
        fresh.append(query)
        if self._thread is None:
            self._start()
        if waiting >= WINDOW_QUERIES and not self._wake.is_set():
            self._wake.set()

    def _drop(self, query: Query) -> None:
        self._characters -= len(query.text or "")
        self.dropped["queries"] += 1
        if self.dropped["queries"] == 1:
            logger.warning("Queries come faster than they can be told: some are lost. Told once, counted.")

    def attribute(self) -> None:
        """Count every query that has finished by now to its run."""
        with self._lock:
            taken = []
            while self._fresh:
                taken.append(self._fresh.popleft())
            if taken:
                with guard("attributing queries"):
                    self._attribute(taken)
                self._untold.extend(taken)

    def flush(self, timeout: float | None = EXIT_SECONDS) -> bool:
        """Have all sinks told of every query that has finished by now; returns whether they were in time."""
        self.attribute()
        if self._thread is threading.current_thread():
            return False  # a sink that flushes: what comes after its events waits for it to return
        if self._thread is None or not self._thread.is_alive():
            with capturing_nothing():
                self._tell_all()
                self._look()
            return True
        self._wake.set()
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._told:
            while self._untold or self._telling:
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    return False
                self._told.wait(left)
        with capturing_nothing():
            self._look()
        return True

    def _tell_all(self) -> None:
        while self._untold:
            batch: list[Query] = []
            with self._told:
                while self._untold and len(batch) < WINDOW_QUERIES:
                    batch.append(self._untold.popleft())
                self._telling += 1
            try:
                with guard("telling sinks of queries"):
                    self._tell(batch)
            finally:
                self._forget_characters(batch)
                with self._told:
                    self._telling -= 1
                    self._told.notify_all()

    def _forget_characters(self, batch: list[Query]) -> None:
        # Threads count without a lock, which may lose a few: begun anew whenever nothing waits.
        told = sum(len(query.text) for query in batch if query.text is not None)
        self._characters = max(0, self._characters - told) if self._untold or self._fresh else 0

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                with guard("starting the thread of the queries"):
                    thread = threading.Thread(target=self._run, name="lineage-queries", daemon=True)
                    thread.start()
                    self._thread = thread

    def _run(self) -> None:
        capture_nothing_here()
        while True:
            self._wake.wait(WINDOW_SECONDS)
            self._wake.clear()
            self.attribute()
            self._tell_all()
            self._look()

    def forget(self) -> None:
        """Begin anew with nothing waiting, as a forked child does: its parent tells of its own queries."""
        self._reset()
