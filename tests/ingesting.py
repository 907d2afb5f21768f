"""Processes that ingest, to be killed while they do. One that has loaded everything starts the others."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

_LOADED = (
    *("graph.ingest.batch", "graph.ingest.derive", "graph.store.postgresql", "graph.store.sqlite"),
    *("ingesting", "sqlglot"),
)


@dataclass
class Started:
    """A process, and the end of the pipe on which it tells what it has done."""

    process: Any
    told: Connection

    def kill(self) -> list[Any]:
        """End the process by SIGKILL; return what it had told and was not received yet."""
        self.process.kill()
        self.process.join()
        assert self.process.exitcode == -signal.SIGKILL, "the process ended before it was killed"
        return self.rest()

    def rest(self) -> list[Any]:
        """Return what a process that has ended had told and was not received yet."""
        found = []
        try:
            while True:
                found.append(self.told.recv())
        except (EOFError, ConnectionResetError):
            self.told.close()
        return found


def start(run: Callable[..., None], *arguments: Any) -> Started:
    """Start a process that runs `run(telling, *arguments)`; `telling` is the other end of its pipe."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_LOADED))
    told, telling = context.Pipe()
    process = context.Process(target=run, args=(telling, *arguments), daemon=True)
    process.start()
    telling.close()
    return Started(process, told)


def ingest_batches(telling: Connection, place: str, lines: Sequence[bytes], batch: int) -> None:
    """Ingest events and read their SQL; tell how many events are kept after each batch, and "done"."""
    from contextlib import closing

    from graph import open_store
    from graph.ingest import derive, ingest

    telling.send(0)
    with closing(open_store(place)) as store:
        ingest(store, lines, batch=batch, progress=lambda counts: telling.send(counts.total))
        derive(store)
    telling.send("done")
    telling.recv()
