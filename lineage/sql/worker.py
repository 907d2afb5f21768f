"""The worker: `python -m lineage.sql.worker`, started by `lineage.sql.process` with a socket as stdin.

A text is parsed in a thread with a stack that bears the recursion limit set here. The main thread
watches over memory and over the asking process meanwhile, so that neither a text nor an orphan lives long.
"""

from __future__ import annotations

import os
import sys
import threading
import warnings
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from lineage._guard import guard
from lineage.sql import fence
from lineage.sql.process import DONE, LOADED, OUT_OF_MEMORY, READY, Opinion, Request
from lineage.sql.reading import first_reading

STACK_BYTES = 1000 << 20
RECURSION_LIMIT = 200_000
"""Enough for 10,000 brackets, of which each takes the parser a dozen frames; the stack bears it.

On a compiled parser a bracket takes about 10 kB of it. Only what is used of it becomes resident.
"""

MEMORY_BYTES = 850 << 20
"""The worker ends itself when more than this is resident: with the asking process it stays under 1 GiB."""

WATCH_SECONDS = 0.02
IDLE_SECONDS = 5.0

_asker = os.getppid()


def main() -> None:
    """Answer requests until the asking process closes the connection or is gone."""
    warnings.simplefilter("ignore")
    fence.widen()
    sys.setrecursionlimit(RECURSION_LIMIT)
    threading.stack_size(STACK_BYTES)
    connection = Connection(os.dup(0))
    connection.send(READY)
    while _waits(connection):
        try:
            request = connection.recv()
            _watched(partial(_answer, request, connection.send), connection)
            connection.send(DONE)
        except (EOFError, OSError):
            return


def _waits(connection: Connection) -> bool:
    """Wait for a request; False when the asking process is gone, though a fork of it holds the connection."""
    while not connection.poll(IDLE_SECONDS):
        if os.getppid() != _asker:
            return False
    return True


def _watched(work: Callable[[], None], connection: Connection) -> None:
    """Run work in a thread with the deep stack; ends the process for want of memory or of an asking one."""
    done = threading.Event()

    def run() -> None:
        try:
            with guard("reading SQL in the worker"):
                work()
        finally:
            done.set()

    threading.Thread(target=run, daemon=True).start()
    while not done.wait(WATCH_SECONDS):
        if _resident_bytes() > MEMORY_BYTES:
            os._exit(OUT_OF_MEMORY)
        if os.getppid() != _asker or connection.poll():  # it says nothing before it has its answer: closed
            os._exit(0)


def _resident_bytes() -> int:
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
    except OSError:  # no Linux
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _answer(request: Request, send: Callable[[object], None]) -> None:
    first = first_reading(request)
    send(first)
    if first.asking:
        from lineage.sql.second_reading import second_reading  # loads sqllineage, which takes seconds

        send(LOADED)
        for place in first.asking:
            send(Opinion(place, second_reading(first.lineage.statements[place], request)))


if __name__ == "__main__":
    main()
