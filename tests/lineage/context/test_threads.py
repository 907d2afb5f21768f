"""`bind`, `run_with_context` and `ContextThreadPoolExecutor`: context is added, and nothing else changed."""

from __future__ import annotations

import asyncio
import functools
import gc
import inspect
import threading
import time
import weakref
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from contextvars import ContextVar, copy_context
from pathlib import Path
from typing import Any

import pytest

from lineage import ContextThreadPoolExecutor, bind
from lineage.context import current, run_with_context, use

Who = str | None

theirs: ContextVar[Any] = ContextVar("theirs", default=None)


def who() -> Who:
    here = current()
    return here.actor if here is not None else None


def test_run_with_context_carries_every_variable_and_restores_the_worker() -> None:
    """DR-11: fault 2.3-5: result, exception and all context variables; the worker is as it was."""
    theirs.set("of another library")
    with use(actor="ada"):
        context = copy_context()
    with ThreadPoolExecutor(1) as pool:
        both = pool.submit(run_with_context, context, lambda *a, **k: (who(), theirs.get(), a, k), 1, x=2)
        failed = pool.submit(run_with_context, context, int, "no number")

        assert both.result() == ("ada", "of another library", (1,), {"x": 2})
        with pytest.raises(ValueError, match="no number"):
            failed.result()
        assert pool.submit(lambda: (who(), theirs.get())).result() == (None, None)
    theirs.set(None)


def test_one_context_serves_many_calls_at_once() -> None:
    """DR-13: fault 3-25: a Context cannot be entered twice, so every call gets a copy."""
    together = threading.Barrier(4, timeout=10)

    def task() -> Who:
        together.wait()
        found = who()
        theirs.set("inside")
        together.wait()
        return found

    with use(actor="ada"), ThreadPoolExecutor(4) as pool:
        context, bound = copy_context(), bind(task)
        assert [one.result() for one in [pool.submit(run_with_context, context, task) for _ in range(4)]] == [
            "ada"
        ] * 4
        assert [one.result() for one in [pool.submit(bound) for _ in range(4)]] == ["ada"] * 4
        with ContextThreadPoolExecutor(4) as ours:
            assert [one.result() for one in [ours.submit(task) for _ in range(4)]] == ["ada"] * 4
    assert theirs.get() is None


def test_the_explicit_way_is_public() -> None:
    """DR-12: no magic: functions anybody can call, exported and documented."""
    import lineage

    page = (Path(__file__).resolve().parents[3] / "docs" / "context.md").read_text(encoding="utf-8")
    for name in ("bind", "ContextThreadPoolExecutor", "inject", "attach", "context"):
        assert name in lineage.__all__
        assert inspect.getdoc(getattr(lineage, name))
        assert any(name in line for line in page.splitlines() if line.startswith("from lineage import"))
    assert "context.run_with_context" in page


def test_bind_leaves_a_function_what_it_was() -> None:
    def named(first: int, *, second: int = 2) -> int:
        """Add."""
        return first + second

    bound = bind(named)

    assert (bound.__name__, bound.__doc__, bound.__module__) == ("named", "Add.", __name__)
    assert inspect.signature(bound) == inspect.signature(named)
    assert bound(1, second=5) == 6
    assert bind(functools.partial(named, 1))() == 3
    assert bind(len)("abc") == 3
    with pytest.raises(TypeError):
        bound()  # type: ignore[call-arg]


def test_a_bound_coroutine_function_stays_one() -> None:
    """fault 3-26: every step of it runs in its own context, through results, exceptions and cancellation."""
    seen: list[Any] = []

    async def work(fail: bool) -> str:
        seen.append(who())
        await asyncio.sleep(0)
        seen.append(who())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await asyncio.sleep(10)
        if fail:
            raise KeyError("theirs")
        try:
            await asyncio.sleep(10)
        finally:
            seen.append(who())
        return "never"

    with use(actor="ada"):
        bound = bind(work)
    assert inspect.iscoroutinefunction(bound)

    async def main() -> None:
        with use(actor="bob"):
            with pytest.raises(KeyError):
                await bound(True)
            task = asyncio.create_task(bound(False))
            await asyncio.sleep(0.05)
            assert who() == "bob"
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert who() == "bob"

    asyncio.run(main())
    assert seen == ["ada"] * 5


def test_context_is_taken_at_submit_and_not_when_a_thread_becomes_free() -> None:
    """DR-13: fault 3-25: what waits in the queue keeps the context it was submitted from."""
    go_on = threading.Event()
    with ContextThreadPoolExecutor(1) as pool:
        blocker = pool.submit(go_on.wait, 10)
        found = []
        for actor in ("ada", "bob"):
            with use(actor=actor):
                found.append(pool.submit(who))
                found += [pool.submit(next, pool.map(lambda _: who(), [1]))] if not found else []
        nobody = pool.submit(who)
        go_on.set()
        assert blocker.result()
        assert [one.result() for one in as_completed([found[0], found[-1]])] in (
            ["ada", "bob"],
            ["bob", "ada"],
        )
        assert (found[0].result(), found[-1].result(), nobody.result()) == ("ada", "bob", None)


def test_what_a_task_sets_stays_in_it() -> None:
    """DR-16: workers keep the parent they are given, and nothing of the task before."""

    def task(number: int) -> tuple[Who, Any]:
        before = theirs.get()
        theirs.set(number)
        use(actor="leaked").__enter__()
        return who(), before

    with use(actor="ada"), ContextThreadPoolExecutor(1) as pool:
        assert list(pool.map(task, range(3))) == [("leaked", None)] * 3
        assert pool.submit(who).result() == "ada"


def test_three_workers_keep_the_context_they_are_given() -> None:
    """DR-16: three threads at once, each request's own; and a thousand requests over eight threads."""

    def request(number: int) -> list[Who]:
        with use(actor=f"actor {number}"):
            futures = [pool.submit(who), pool.submit(lambda: who()), plain.submit(bind(who))]
            return [one.result() for one in futures]

    with (
        ContextThreadPoolExecutor(8) as pool,
        ThreadPoolExecutor(8) as plain,
        ThreadPoolExecutor(16) as requests,
    ):
        found = list(requests.map(request, range(1000)))
    assert found == [[f"actor {number}"] * 3 for number in range(1000)]


def test_it_is_an_executor_as_its_parent_class_is() -> None:
    """DR-13: results, exceptions, initializer, cancelled futures, shutdown, timeouts of map."""
    started: list[str] = []

    def initializer(name: str) -> None:
        started.append(name)
        use(actor="the worker's own, stale").__enter__()

    pool = ContextThreadPoolExecutor(1, "named", initializer, ("first",))
    assert isinstance(pool, ThreadPoolExecutor)
    assert pool.submit(lambda *a, **k: (a, k), 1, fn=2, self=3).result() == ((1,), {"fn": 2, "self": 3})
    assert pool.submit(lambda: threading.current_thread().name).result().startswith("named")
    assert started == ["first"]
    with use(actor="ada"):
        assert pool.submit(who).result() == "ada"
    assert pool.submit(who).result() is None
    with pytest.raises(ZeroDivisionError) as raised:
        pool.submit(lambda: 1 / 0).result()
    assert type(raised.value) is ZeroDivisionError
    assert list(pool.map(pow, [2, 3], [3, 2], timeout=10)) == [8, 9]
    assert list(pool.map(str, [1, 2], chunksize=2)) == ["1", "2"]
    with pytest.raises(TimeoutError):
        list(pool.map(time.sleep, [0.2], timeout=0.01))

    has_begun, go_on = threading.Event(), threading.Event()
    running, waiting = pool.submit(lambda: has_begun.set() or go_on.wait(10)), pool.submit(who)
    assert has_begun.wait(10)
    pool.shutdown(wait=False, cancel_futures=True)
    go_on.set()
    assert running.result()
    with pytest.raises(CancelledError):
        waiting.result()
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.submit(who)
    pool.shutdown(wait=True)


def test_it_is_the_executor_of_a_loop() -> None:
    """DR-13: as run_in_executor's, and as the loop's default one."""

    async def main() -> list[Who]:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ContextThreadPoolExecutor(2))

        async def request(actor: str) -> Who:
            with use(actor=actor):
                return await loop.run_in_executor(None, who)

        return await asyncio.gather(*(request(f"actor {number}") for number in range(50)))

    assert asyncio.run(main()) == [f"actor {number}" for number in range(50)]


def test_the_context_is_given_up_when_the_task_has_ended() -> None:
    """DR-13: fault 3-25: a pool that idles holds nobody's request in memory, nor does a kept future."""

    class Request:
        """Something large."""

    def submit(pool: ContextThreadPoolExecutor, fail: bool) -> tuple[Any, weakref.ref[Request]]:
        request = Request()
        token = theirs.set(request)
        future = pool.submit(lambda: 1 / 0 if fail else 1)
        theirs.reset(token)
        return future, weakref.ref(request)

    with ContextThreadPoolExecutor(1) as pool:
        for fail in (False, True):
            future, request = submit(pool, fail)
            assert isinstance(future.exception(), ZeroDivisionError) is fail
            deadline = time.monotonic() + 10
            while request() is not None and time.monotonic() < deadline:
                gc.collect()
                time.sleep(0.01)
            assert request() is None
            assert future.done()


def test_a_worker_that_inherits_its_creators_context_does_not_show_it() -> None:
    """fault 3-26: where threads inherit (free-threaded builds), tasks see only what they were given."""

    def inherit() -> None:
        use(actor="whoever started the thread").__enter__()

    with ContextThreadPoolExecutor(1, initializer=inherit) as pool:
        assert pool.submit(who).result() is None
        with use(actor="ada"):
            assert pool.submit(who).result() == "ada"
