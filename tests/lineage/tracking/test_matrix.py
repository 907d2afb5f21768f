"""Every kind of callable, ended in every way, beside an untracked twin."""

from __future__ import annotations

import asyncio
import functools
import gc
import subprocess
import sys
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import lineage
from lineage import current_run, track_lineage, track_run
from lineage.testing import CapturedEvents

LINEAGE = str(Path(lineage.__file__).parent)


def returns() -> str:
    return "done"


def raises() -> str:
    raise ValueError("broken")


def raises_while_handling() -> str:
    try:
        raise KeyError("first")
    except KeyError:
        raise ValueError("second")  # noqa: B904 - the implicit context is what is tested


def raises_from() -> str:
    raise ValueError("second") from KeyError("first")


def raises_a_group() -> str:
    raise ExceptionGroup("several", [ValueError("a"), KeyError("b")])


def exits_well() -> str:
    sys.exit(0)


def exits_badly() -> str:
    sys.exit(3)


def is_interrupted() -> str:
    raise KeyboardInterrupt


def is_cancelled() -> str:
    raise asyncio.CancelledError


ENDINGS: dict[Callable[[], str], str] = {
    returns: "COMPLETE",
    raises: "FAIL",
    raises_while_handling: "FAIL",
    raises_from: "FAIL",
    raises_a_group: "FAIL",
    exits_well: "COMPLETE",
    exits_badly: "FAIL",
    is_interrupted: "ABORT",
    is_cancelled: "ABORT",
}

Track = Callable[[Any], Any]


def untracked(target: Any) -> Any:
    return target


def function(track: Track, end: Callable[[], str]) -> Any:
    @track
    def work() -> str:
        return end()

    return work()


def recursion(track: Track, end: Callable[[], str]) -> Any:
    @track
    def work(depth: int = 0) -> str:
        return work(1) if depth == 0 else end()

    return work()


def method(track: Track, end: Callable[[], str]) -> Any:
    class Pipeline:
        @track
        def work(self) -> str:
            return end()

    return Pipeline().work()


def static_method(track: Track, end: Callable[[], str]) -> Any:
    class Pipeline:
        @track
        @staticmethod
        def work() -> str:
            return end()

    return Pipeline.work()


def class_method(track: Track, end: Callable[[], str]) -> Any:
    class Pipeline:
        @track
        @classmethod
        def work(cls) -> str:
            return end()

    return Pipeline().work()


def partial(track: Track, end: Callable[[], str]) -> Any:
    def work(one: Callable[[], str]) -> str:
        return one()

    return track(functools.partial(work, end))()


def callable_object(track: Track, end: Callable[[], str]) -> Any:
    class Work:
        def __call__(self) -> str:
            return end()

    return track(Work())()


def coroutine(track: Track, end: Callable[[], str]) -> Any:
    @track
    async def work() -> str:
        await asyncio.sleep(0)
        return end()

    return driven(work())


def generator(track: Track, end: Callable[[], str]) -> Any:
    @track
    def work() -> Iterator[str]:
        yield "first"
        yield end()

    return list(work())


def async_generator(track: Track, end: Callable[[], str]) -> Any:
    @track
    async def work() -> AsyncIterator[str]:
        yield "first"
        yield end()

    async def read() -> list[str]:
        return [item async for item in work()]

    return driven(read())


def block(track: Track, end: Callable[[], str]) -> Any:
    if track is untracked:
        return end()
    with track_run("work", outputs="orders"):
        return end()


def async_block(track: Track, end: Callable[[], str]) -> Any:
    async def work() -> str:
        if track is untracked:
            return end()
        async with track_run("work", outputs="orders"):
            return end()

    return driven(work())


def driven(awaitable: Any) -> Any:
    """Drive a coroutine by hand: an event loop has its own ways with SystemExit and KeyboardInterrupt."""
    try:
        while True:
            awaitable.send(None)
    except StopIteration as stop:
        return stop.value


KINDS = [
    function,
    recursion,
    method,
    static_method,
    class_method,
    partial,
    callable_object,
    coroutine,
    generator,
    async_generator,
    block,
    async_block,
]


def outcome(
    kind: Callable[[Track, Callable[[], str]], Any], track: Track, end: Callable[[], str]
) -> tuple[Any, ...]:
    """Return everything of how a call ended that its caller could see, but for frames of this package."""
    try:
        return ("returned", kind(track, end))
    except BaseException as error:
        frames = [
            (frame.f_code.co_name, line)
            for frame, line in traceback.walk_tb(error.__traceback__)
            if not frame.f_code.co_filename.startswith(LINEAGE) and frame.f_code.co_name not in {"outcome"}
        ]
        related = type(error.__cause__), type(error.__context__), error.__suppress_context__
        return ("raised", type(error), repr(error), related, frames)


def same_lines(one: tuple[Any, ...]) -> tuple[Any, ...]:
    """Leave out the lines of the block kinds, which stand elsewhere with and without tracking."""
    if one[0] == "returned":
        return one
    return (*one[:-1], [name for name, _ in one[-1]])


@pytest.mark.parametrize("end", ENDINGS, ids=lambda end: end.__name__)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_tracking_changes_nothing_and_says_how_it_ended(
    kind: Callable[[Track, Callable[[], str]], Any], end: Callable[[], str], lineage_events: CapturedEvents
) -> None:
    """DD-07: sync, async, generators, cancelled: START before, one end after, the outcome as it was."""
    expected = outcome(kind, untracked, end)
    got = outcome(kind, track_lineage(outputs="orders"), end)

    blocks = kind in {block, async_block}
    assert (same_lines(got) if blocks else got) == (same_lines(expected) if blocks else expected)
    runs = 2 if kind is recursion else 1
    state = ENDINGS[end]
    assert lineage_events.types == ["START"] * runs + [state] * runs
    assert [len(event["outputs"]) for event in lineage_events[runs:]] == [int(state == "COMPLETE")] * runs


@pytest.mark.parametrize("how", ["closed", "collected"])
@pytest.mark.parametrize("kind", ["generator", "async_generator"])
def test_a_generator_left_early_is_complete_and_partial(
    kind: str, how: str, lineage_events: CapturedEvents
) -> None:
    cleaned: list[bool] = []

    @track_lineage
    def work() -> Iterator[int]:
        try:
            yield 1
        finally:
            cleaned.append(True)

    @track_lineage
    async def async_work() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            cleaned.append(True)

    async def leave_early() -> None:
        items: Any = async_work()
        assert await anext(items) == 1
        if how == "closed":
            await items.aclose()
        del items
        gc.collect()
        await asyncio.sleep(0.01)

    if kind == "async_generator":
        asyncio.run(leave_early())
    else:
        items: Any = work()
        assert next(items) == 1
        if how == "closed":
            items.close()
        del items
        gc.collect()

    assert cleaned == [True]
    assert lineage_events.types == ["START", "COMPLETE"]
    assert lineage_events[1]["run"]["facets"]["lineageGraph_partial"]["reason"] == "closed early"


SCRIPT = """
import asyncio, sys
from lineage import track_lineage
def track(function):
    return track_lineage(function) if sys.argv[1] == "tracked" else function
@track
def work():
    {action}
work()
"""


@pytest.mark.parametrize(
    "action",
    [
        "pass",
        "raise ValueError('x')",
        "sys.exit(0)",
        "sys.exit(5)",
        "sys.exit('words')",
        "raise KeyboardInterrupt",
    ],
)
def test_the_exit_status_of_a_process_is_the_same(action: str, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(action=action))
    tracked, bare = (
        subprocess.run([sys.executable, str(script), how], capture_output=True, text=True, check=False)
        for how in ("tracked", "untracked")
    )

    assert tracked.returncode == bare.returncode
    assert tracked.stdout == bare.stdout
    assert tracked.stderr.splitlines()[-1:] == bare.stderr.splitlines()[-1:]


def test_a_run_opened_in_one_thread_and_closed_in_another(lineage_events: CapturedEvents) -> None:
    import threading

    opened = track_run("work")
    opened.__enter__()
    closing = threading.Thread(target=opened.__exit__, args=(None, None, None))
    closing.start()
    closing.join()
    assert current_run().job_name == ""
    with track_run("after"):
        pass

    assert lineage_events.types == ["START", "COMPLETE", "START", "COMPLETE"]
    assert "parent" not in lineage_events[2]["run"]["facets"]


def test_a_run_opened_in_one_task_and_closed_in_another(lineage_events: CapturedEvents) -> None:
    async def main() -> None:
        opened = track_run("work")
        await asyncio.create_task(asyncio.to_thread(opened.__enter__))
        await asyncio.create_task(opened.__aexit__(None, None, None))
        with track_run("after"):
            pass

    asyncio.run(main())

    assert lineage_events.types == ["START", "COMPLETE", "START", "COMPLETE"]
    assert "parent" not in lineage_events[2]["run"]["facets"]


def test_a_task_that_outlives_its_run_still_belongs_to_it(lineage_events: CapturedEvents) -> None:
    @track_lineage(name="late")
    async def late() -> None:
        await asyncio.sleep(0)

    async def start_late(after: asyncio.Event) -> None:
        await after.wait()
        await late()

    async def main() -> None:
        after = asyncio.Event()
        async with track_run("early"):
            task = asyncio.create_task(start_late(after))
        after.set()
        await task

    asyncio.run(main())

    parent = lineage_events.of_job("late")[0]["run"]["facets"]["parent"]
    assert parent["job"]["name"] == "early"
