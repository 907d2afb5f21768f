"""Which boundaries carry context: one cell per row of the table in docs/context.md.

Every cell is run for one request and then for another, over the same warm pools, threads and loops: what it
sees for the second is that one's context or none, and never the first one's.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import Context, copy_context
from pathlib import Path
from typing import Any

import pytest

from lineage.context import ContextThreadPoolExecutor, bind, current, run_with_context, use

Who = str | None

PAGE = Path(__file__).resolve().parents[3] / "docs" / "context.md"


class Host:
    """What a program has before its first request: pools, and a loop in a thread."""

    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(1)
        self.ours = ContextThreadPoolExecutor(1)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.pool.shutdown()
        self.ours.shutdown()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


@pytest.fixture
def host() -> Iterator[Host]:
    host = Host()
    yield host
    host.close()


def who() -> Who:
    here = current()
    return here.actor if here is not None else None


async def who_later() -> Who:
    await asyncio.sleep(0)
    return who()


def in_thread(function: Callable[[], Any]) -> Any:
    seen: list[Any] = []
    thread = threading.Thread(target=lambda: seen.append(function()))
    thread.start()
    thread.join()
    return seen[0]


def heard(start: Callable[[Callable[..., None]], Any]) -> Who:
    """Return what a callback sees; `start` is given the callback and arranges its call."""
    seen: list[Who] = []
    called = threading.Event()

    def callback(*_: Any) -> None:
        seen.append(who())
        called.set()

    start(callback)
    assert called.wait(10)
    return seen[0]


def in_loop(start: Callable[[asyncio.AbstractEventLoop, Callable[..., None]], Any]) -> Who:
    """Return what a callback sees that is arranged from within a running loop."""

    async def main() -> Who:
        seen: list[Who] = []
        called = asyncio.Event()

        def callback(*_: Any) -> None:
            seen.append(who())
            called.set()

        start(asyncio.get_running_loop(), callback)
        await asyncio.wait_for(called.wait(), 10)
        return seen[0]

    return asyncio.run(main())


Cell = Callable[[Host], Who]
CELLS: dict[str, tuple[str, str, Cell]] = {}


def cell(row: str, boundary: str, answer: str) -> Callable[[Cell], Cell]:
    def register(run: Cell) -> Cell:
        CELLS[boundary] = (row, answer, run)
        return run

    return register


@cell("DR-02", "`await`", "kept")
def _(host: Host) -> Who:
    return asyncio.run(who_later())


@cell("DR-02", "`asyncio.gather`", "kept")
def _(host: Host) -> Who:
    async def main() -> Who:
        first, second = await asyncio.gather(who_later(), who_later())
        assert first == second
        return first

    return asyncio.run(main())


@cell("DR-02", "`create_task`, `TaskGroup`", "kept")
def _(host: Host) -> Who:
    async def main() -> Who:
        async with asyncio.TaskGroup() as group:
            grouped = group.create_task(who_later())
        assert await asyncio.create_task(who_later()) == grouped.result()
        return grouped.result()

    return asyncio.run(main())


@cell("DR-02", "`create_task(context=)`", "that context")
def _(host: Host) -> Who:
    async def main() -> Who:
        given = copy_context()
        with use(actor="inner"):
            assert await asyncio.create_task(who_later(), context=Context()) is None
            return await asyncio.create_task(who_later(), context=given)

    return asyncio.run(main())


@cell("DR-02", "`asyncio.Runner.run(context=)`", "that context")
def _(host: Host) -> Who:
    given = copy_context()
    with asyncio.Runner() as runner, use(actor="inner"):
        return runner.run(who_later(), context=given)


@cell("DR-02", "eager tasks (Python 3.12)", "kept")
def _(host: Host) -> Who:
    if sys.version_info < (3, 12):
        pytest.skip("eager tasks came with Python 3.12")

    async def main() -> Who:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        return await asyncio.create_task(who_later())

    return asyncio.run(main())


@cell("DR-06", "`asyncio.to_thread`", "kept")
def _(host: Host) -> Who:
    async def main() -> Who:
        return await asyncio.to_thread(who)

    return asyncio.run(main())


@cell("DR-05", "`run_in_executor`, `ThreadPoolExecutor`", "lost")
def _(host: Host) -> Who:
    async def main() -> Who:
        return await asyncio.get_running_loop().run_in_executor(host.pool, who)

    return asyncio.run(main())


@cell("DR-05", "`run_in_executor`, `ContextThreadPoolExecutor`", "kept")
def _(host: Host) -> Who:
    async def main() -> Who:
        return await asyncio.get_running_loop().run_in_executor(host.ours, who)

    return asyncio.run(main())


@cell("DR-07", "`threading.Thread`", "lost")
def _(host: Host) -> Who:
    return in_thread(who)


@cell("DR-07", "`threading.Thread`, `bind`", "kept")
def _(host: Host) -> Who:
    return in_thread(bind(who))


@cell("DR-07", "`threading.Timer`", "lost")
def _(host: Host) -> Who:
    return heard(lambda callback: threading.Timer(0, callback).start())


@cell("DR-07", "`threading.Timer`, `bind`", "kept")
def _(host: Host) -> Who:
    return heard(lambda callback: threading.Timer(0, bind(callback)).start())


@cell("DR-03", "`ThreadPoolExecutor.submit`", "lost")
def _(host: Host) -> Who:
    return host.pool.submit(who).result()


@cell("DR-03", "`ThreadPoolExecutor.map`", "lost")
def _(host: Host) -> Who:
    return next(host.pool.map(lambda _: who(), [1]))


@cell("DR-03", "`ThreadPoolExecutor`, `bind`", "kept")
def _(host: Host) -> Who:
    return host.pool.submit(bind(who)).result()


@cell("DR-11", "`ThreadPoolExecutor`, `run_with_context`", "kept")
def _(host: Host) -> Who:
    return host.pool.submit(run_with_context, copy_context(), who).result()


@cell("DR-13", "`ContextThreadPoolExecutor.submit`", "kept")
def _(host: Host) -> Who:
    return host.ours.submit(who).result()


@cell("DR-13", "`ContextThreadPoolExecutor.map`", "kept")
def _(host: Host) -> Who:
    return next(host.ours.map(lambda _: who(), [1]))


@cell("DR-07", "callbacks of `concurrent.futures.Future`, in its worker", "lost")
def _(host: Host) -> Who:
    return heard(lambda callback: _callback_of_running(host.pool, callback))


@cell("DR-07", "callbacks of `concurrent.futures.Future`, `bind`", "kept")
def _(host: Host) -> Who:
    return heard(lambda callback: _callback_of_running(host.pool, bind(callback)))


def _callback_of_running(pool: ThreadPoolExecutor, callback: Callable[..., None]) -> None:
    go_on = threading.Event()
    future: Future[bool] = pool.submit(go_on.wait, 10)
    future.add_done_callback(callback)
    go_on.set()


@cell("DR-07", "`call_soon`, `call_later`, `call_at`", "kept")
def _(host: Host) -> Who:
    found = {
        in_loop(lambda loop, callback: loop.call_soon(callback)),
        in_loop(lambda loop, callback: loop.call_later(0, callback)),
        in_loop(lambda loop, callback: loop.call_at(loop.time(), callback)),
    }
    assert len(found) == 1
    return found.pop()


@cell("DR-07", "callbacks of asyncio's tasks and futures", "kept")
def _(host: Host) -> Who:
    def task(loop: asyncio.AbstractEventLoop, callback: Callable[..., None]) -> None:
        loop.create_task(asyncio.sleep(0)).add_done_callback(callback)

    def future(loop: asyncio.AbstractEventLoop, callback: Callable[..., None]) -> None:
        waiting = loop.create_future()
        waiting.add_done_callback(callback)
        waiting.set_result(None)

    seen = in_loop(task)
    assert in_loop(future) == seen
    return seen


@cell("DR-07", "`call_soon_threadsafe`, `run_coroutine_threadsafe` from code with context", "kept")
def _(host: Host) -> Who:
    seen = heard(host.loop.call_soon_threadsafe)
    assert asyncio.run_coroutine_threadsafe(who_later(), host.loop).result(10) == seen
    return seen


@cell("DR-07", "`call_soon_threadsafe`, `run_coroutine_threadsafe` from a plain thread", "lost")
def _(host: Host) -> Who:
    seen = in_thread(lambda: heard(host.loop.call_soon_threadsafe))
    assert in_thread(lambda: asyncio.run_coroutine_threadsafe(who_later(), host.loop).result(10)) == seen
    return seen


@cell("DR-07", "`call_soon_threadsafe` from a plain thread, `bind`", "kept")
def _(host: Host) -> Who:
    def start(callback: Callable[..., None]) -> None:
        bound = bind(callback)
        in_thread(lambda: host.loop.call_soon_threadsafe(bound))

    return heard(start)


@cell("DR-07", "a coroutine function, `bind`, awaited by whoever", "kept")
def _(host: Host) -> Who:
    bound = bind(who_later)

    async def awaited_by_another() -> Who:
        with use(actor="inner"):
            return await bound()

    return asyncio.run_coroutine_threadsafe(awaited_by_another(), host.loop).result(10)


@cell("DR-07", "`weakref.finalize`, `bind`", "kept")
def _(host: Host) -> Who:
    class Thing:
        pass

    def start(callback: Callable[..., None]) -> None:
        thing = Thing()
        weakref.finalize(thing, bind(callback))
        with use(actor="inner"):
            del thing

    return heard(start)


@pytest.mark.parametrize("boundary", CELLS)
def test_a_boundary_carries_context_as_documented_and_never_anothers(boundary: str, host: Host) -> None:
    """DR-01, DR-02, DR-03, DR-05, DR-06, DR-07, DR-11, DR-13: the propagation matrix, one cell per boundary.

    The documented answer for two requests in turn and for none, so that nothing goes stale in between.
    """
    _, answer, run = CELLS[boundary]
    lost = answer == "lost"
    for actor in ("first", "second"):
        with use(actor=actor):
            assert run(host) == (None if lost else actor)
    assert run(host) is None


def test_callbacks_of_a_loop_keep_what_callbacks_of_threads_lose(host: Host) -> None:
    """fault 3-24: a blanket "no" for callbacks is wrong: loops take the context when they are asked."""
    kept = ("`call_soon`, `call_later`, `call_at`", "callbacks of asyncio's tasks and futures")
    lost = (
        "`threading.Thread`",
        "`threading.Timer`",
        "callbacks of `concurrent.futures.Future`, in its worker",
        "`call_soon_threadsafe`, `run_coroutine_threadsafe` from a plain thread",
    )
    with use(actor="ada"):
        assert [CELLS[boundary][2](host) for boundary in kept] == ["ada"] * 2
        assert [CELLS[boundary][2](host) for boundary in lost] == [None] * 4


def rows_of_the_page() -> dict[str, tuple[str, str]]:
    rows = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [one.strip() for one in line.strip().strip("|").split("|")]
        if line.startswith("| ") and len(cells) == 3:
            rows[cells[0]] = (cells[1], cells[2])
    return rows


def test_the_documented_table_is_the_one_that_is_tested() -> None:
    """DR-01, DR-21: every boundary of this file stands in docs/context.md with its answer, beside Node's."""
    (_, beside), *documented = rows_of_the_page().values()
    answers = {boundary: answer for boundary, (answer, _) in rows_of_the_page().items()}

    assert "Node.js" in beside
    assert [node for _, node in documented if not node] == []
    assert {boundary: answer for boundary, (_, answer, _) in CELLS.items()}.items() <= answers.items()
    assert "threads, and callbacks in threads, need to be told" in " ".join(PAGE.read_text("utf-8").split())
