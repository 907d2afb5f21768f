"""Bounds of cost in what this machine can do now: machines differ, and so do hours on one of them."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from typing import Any

TRIES = 3
"""Of so many the least counts: what other programs do costs too, now and then."""


def million_additions() -> float:
    """Return what a million additions cost here, in seconds of CPU: 0.05 where the bounds were set."""
    started = time.process_time()
    sum(number + 1 for number in range(1_000_000))
    return time.process_time() - started


def seconds_of(work: Callable[[], object]) -> float:
    """Return the seconds of CPU that the work takes at the least."""
    return min(_once(work) for _ in range(TRIES))


def costs_less_than(millions: float, work: Callable[[], Any]) -> bool:
    """Tell whether the work takes less CPU than so many million additions, once in three tries.

    What remembers its answers must forget them in between: `work` is called up to three times.
    """
    return any(_once(work) < millions * million_additions() for _ in range(TRIES))


def command_costs_less_than(millions: float, command: Callable[[], Any]) -> bool:
    """The same of the processes that a work starts and waits for, which load their code each time."""
    for _ in range(TRIES):
        started = _cpu_of_children()
        command()
        if _cpu_of_children() - started < millions * million_additions():
            return True
    return False


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _once(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started
