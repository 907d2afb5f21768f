"""Code that is called at moments of its own: signal handlers, finalizers, atexit, a library's own threads."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import functools
import queue
import signal
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from yardstick import million_additions

from lineage.context import bind, current, nobody, use

Who = str | None
Program = Callable[..., Any]

needs_signals = pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="needs POSIX signals")


def who() -> Who:
    here = current()
    return here.actor if here is not None else None


@needs_signals
@pytest.mark.parametrize(("bound", "seen_by_handler"), [(False, "interrupted"), (True, "registered")])
def test_a_signal_handler_runs_in_what_it_interrupts_unless_bound(bound: bool, seen_by_handler: str) -> None:
    """DR-07: fault 3-26: Python calls it in the interrupted code's context; `bind` keeps its own."""
    seen: list[Who] = []

    def handler(*_: object) -> None:
        seen.append(who())

    with use(actor="registered"):
        before = signal.signal(signal.SIGUSR1, bind(handler) if bound else handler)
    try:
        with use(actor="interrupted"):
            signal.raise_signal(signal.SIGUSR1)
            assert who() == "interrupted"
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert seen == [seen_by_handler]


@needs_signals
def test_a_signal_handler_for_nobody_is_nobodys() -> None:
    """DR-07: fault 3-26: as a decorator `nobody` clears whatever was interrupted."""
    seen: list[Who] = []

    @nobody()
    def handler(*_: object) -> None:
        seen.append(who())

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        with use(actor="interrupted"):
            signal.raise_signal(signal.SIGUSR1)
            assert who() == "interrupted"
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert seen == [None]


@needs_signals
def test_a_signal_handler_of_a_loop_keeps_the_context_of_its_registration() -> None:
    """DR-07: fault 3-26: `loop.add_signal_handler` takes the context itself."""
    seen: list[Who] = []

    async def main() -> None:
        loop, called = asyncio.get_running_loop(), asyncio.Event()
        with use(actor="registered"):
            loop.add_signal_handler(signal.SIGUSR1, lambda: (seen.append(who()), called.set()))
        with use(actor="interrupted"):
            signal.raise_signal(signal.SIGUSR1)
            await asyncio.wait_for(called.wait(), 10)
        loop.remove_signal_handler(signal.SIGUSR1)

    asyncio.run(main())
    assert seen == ["registered"]


ATEXIT = """
import atexit, sys

seen = []

@atexit.register
def tell():
    seen.append(who())
    print(json.dumps(seen))

with use(actor="registered"):
    atexit.register(bind(lambda: seen.append(who())))
    atexit.register(lambda: seen.append(who()))

with use(actor="whoever exits"):
    sys.exit(0)
"""


def test_at_exit_nothing_is_true_unless_bound(program: Program) -> None:
    """DR-07: fault 3-26: blocks are left before atexit runs; a bound function keeps its registration's."""
    assert program(ATEXIT) == [None, "registered", None]


def test_a_finalizer_runs_in_what_drops_the_object_unless_bound() -> None:
    """fault 3-26: weakref callbacks and `__del__` run for whoever happens to drop the last reference."""

    class Thing:
        pass

    seen: list[Who] = []
    with use(actor="maker"):
        first, second, third = Thing(), Thing(), Thing()
        weakref.finalize(first, lambda: seen.append(who()))
        weakref.finalize(second, bind(lambda: seen.append(who())))
        weakref.finalize(third, nobody()(lambda: seen.append(who())))
    with use(actor="dropper"):
        del first, second, third

    assert seen == ["dropper", "maker", None]


class Driver:
    """A library with threads of its own, which were started by whoever came first."""

    def __init__(self) -> None:
        self.jobs: queue.Queue[Callable[[], Any] | None] = queue.Queue()
        self.thread: threading.Thread | None = None

    def execute(self, job: Callable[[], Any]) -> concurrent.futures.Future[Any]:
        if self.thread is None:
            self.thread = threading.Thread(target=self._run)
            self.thread.start()
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        self.jobs.put(lambda: future.set_result(job()))
        return future

    def _run(self) -> None:
        while (job := self.jobs.get()) is not None:
            job()

    def close(self) -> None:
        self.jobs.put(None)
        if self.thread is not None:
            self.thread.join()


def test_a_library_with_threads_of_its_own_never_shows_another_request() -> None:
    """DR-17: its callbacks are nobody's; bound when they were given, they are that request's."""
    driver = Driver()
    for actor in ("first", "second", "third"):
        with use(actor=actor):
            assert driver.execute(who).result(10) is None
            assert driver.execute(bind(who)).result(10) == actor
    driver.close()


UNTOUCHED = """
import asyncio, concurrent.futures, contextvars, threading, signal, multiprocessing, atexit
import asyncio.base_events, asyncio.events, asyncio.futures, asyncio.tasks, asyncio.threads
import concurrent.futures.thread, concurrent.futures.process, concurrent.futures._base
import multiprocessing.pool, multiprocessing.process, weakref, queue, _thread

MODULES = [asyncio, concurrent.futures, contextvars, threading, signal, multiprocessing, atexit,
    asyncio.base_events, asyncio.events, asyncio.futures, asyncio.tasks, asyncio.threads,
    concurrent.futures.thread, concurrent.futures.process, concurrent.futures._base,
    multiprocessing.pool, multiprocessing.process, weakref, queue, _thread, os]

def everything():
    found = {}
    for module in MODULES:
        for name, value in vars(module).items():
            found[module.__name__, name] = value
            if isinstance(value, type) and value.__module__ == module.__name__:
                for inner, member in vars(value).items():
                    found[module.__name__, name, inner] = member
    return found

def changed(before):
    after = everything()
    return sorted(".".join(key) for key in before.keys() | after.keys()
                  if before.get(key) is not after.get(key)
                  and (callable(before.get(key)) or callable(after.get(key))))

before = everything()
import lineage
[getattr(lineage, name) for name in lineage.__all__]
import lineage.middleware
import producers
lineage.configure(service_name="shop", environment="test", sink="none", instruments=["sqlalchemy"])
with lineage.track_run("one"), use(actor="ada"):
    with lineage.trace_query("select 1"):
        pass
    lineage.ContextThreadPoolExecutor(1).submit(lineage.bind(len), "abc").result()
print(json.dumps([len(before), changed(before)]))
"""


def test_nothing_of_the_standard_library_is_changed(program: Program) -> None:
    """DR-14: importing, configuring and using all of it leaves every function and method the same object."""
    looked_at, changed = program(UNTOUCHED)

    assert looked_at > 1_000
    assert changed == []

    patch = "ours = concurrent.futures.ThreadPoolExecutor; ours.map = lambda *_: None"
    _, changed = program(UNTOUCHED.replace("import lineage.middleware", patch))
    assert changed == ["concurrent.futures.thread.ThreadPoolExecutor.map"]


@pytest.mark.parametrize("number", [3, 1000])
def test_concurrent_calls_keep_their_own_context(number: int) -> None:
    """DR-15: concurrent async calls, nested tasks and threads in each: no call sees another's."""

    async def call(index: int) -> list[Who]:
        with use(actor=f"actor {index}"):
            await asyncio.sleep(0.0001 * (index % 7))
            first = who()
            second, third = await asyncio.gather(part(), asyncio.to_thread(who))
            return [first, second, third, who()]

    async def part() -> Who:
        await asyncio.sleep(0)
        return who()

    async def main() -> list[list[Who]]:
        return await asyncio.gather(*(call(index) for index in range(number)))

    assert asyncio.run(main()) == [[f"actor {index}"] * 4 for index in range(number)]


def test_opening_a_context_costs_little() -> None:
    """fault 2.3-6: a block and a bound call are a matter of microseconds, however deep the stack is."""

    def seconds(work: Callable[[], object], depth: int) -> float:
        if depth:
            return seconds(work, depth - 1)
        best = float("inf")
        for _ in range(50):
            start = time.perf_counter()
            for _ in range(100):
                work()
            best = min(best, time.perf_counter() - start)
        return best / 100

    def block() -> None:
        with use(operation="load", actor="ada"):
            pass

    for work in (block, functools.partial(bind, who), bind(who)):
        shallow, deep = seconds(work, 0), seconds(work, 60)
        assert shallow < 0.001 * million_additions(), work
        assert deep < 3 * shallow + 0.0004 * million_additions(), work


def test_variables_of_others_are_only_carried() -> None:
    """DR-14: `bind` copies what others set, and never sets it."""
    theirs: contextvars.ContextVar[str] = contextvars.ContextVar("theirs")
    token = theirs.set("outer")
    bound = bind(lambda: theirs.get())
    theirs.set("changed")
    assert (bound(), theirs.get()) == ("outer", "changed")
    theirs.reset(token)
