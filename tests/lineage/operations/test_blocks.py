"""Operations around code of every kind, and how they end."""

from __future__ import annotations

import asyncio
import multiprocessing
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from operation_facets import facet, only

from lineage import (
    ContextThreadPoolExecutor,
    configure,
    context,
    set_data_metrics,
    track_db_operation,
    track_lineage,
    track_llm_call,
    track_messaging_operation,
    track_run,
    track_storage_operation,
)
from lineage.operations.metrics import innermost_operation
from lineage.testing import CapturedEvents

Told = Callable[[], list[dict[str, Any]]]

TRACKS = [
    pytest.param(lambda: track_db_operation(system="pg", operation="select"), "database", id="BT-02"),
    pytest.param(lambda: track_storage_operation(system="S3", operation="get"), "storage", id="BT-11"),
    pytest.param(
        lambda: track_messaging_operation(system="kafka", operation="CONSUME", destination="orders"),
        "messaging",
        id="BT-16",
    ),
    pytest.param(lambda: track_llm_call(provider="openai", model="gpt-4o"), "llm", id="BT-28"),
]
Track = Callable[[], Any]


@pytest.mark.parametrize(("track", "kind"), TRACKS)
def test_a_block_is_one_operation(track: Track, kind: str, told: Told) -> None:
    """BT-02, BT-11, BT-16: measured from its beginning to its end, on its line and for whom it works."""
    with context.use(operation="POST /orders", actor="anna"), track() as operation:
        time.sleep(0.02)
        assert innermost_operation() is operation
    assert innermost_operation() is None

    (event,) = told()
    assert (event["event_name"], event["kind"], event["status"]) == ("lineage.operation", kind, "ok")
    assert (event["operation"], event["actor"], event["service_name"]) == ("POST /orders", "anna", "shop")
    assert event["duration_ms"] >= 20
    assert event["callsite"]["file"] == "test_blocks.py"
    assert event["callsite"]["function"] == "test_a_block_is_one_operation"
    assert not {"query_fingerprint", "db_system", "client"} & set(event)


@pytest.mark.parametrize(("track", "kind"), TRACKS)
@pytest.mark.parametrize("asynchronous", [False, True], ids=["with", "async with"])
def test_a_body_may_await(track: Track, kind: str, asynchronous: bool, told: Told) -> None:
    """BT-02, BT-11, BT-16: `with` and `async with` in a coroutine, both measured to the end."""

    async def work() -> None:
        if asynchronous:
            async with track() as operation:
                await asyncio.sleep(0.02)
                assert innermost_operation() is operation
        else:
            with track():
                await asyncio.sleep(0.02)

    asyncio.run(work())

    (event,) = told()
    assert event["kind"] == kind
    assert event["duration_ms"] >= 20
    assert event["callsite"]["function"].endswith("work")


class RefusedError(Exception):
    pass


@pytest.mark.parametrize(("track", "kind"), TRACKS)
def test_an_exception_is_recorded_by_itself_and_goes_on(track: Track, kind: str, told: Told) -> None:
    """BT-07: the very exception leaves the block, with its context; its message is kept without values."""
    error = RefusedError("duplicate key value: Key (email)=(anna@example.com)")
    with pytest.raises(RefusedError) as caught, track():
        raise error
    assert caught.value is error
    assert error.__context__ is None
    assert error.__cause__ is None

    (event,) = told()
    assert (event["kind"], event["status"], event["error"]["type"]) == (kind, "error", "RefusedError")
    assert "duplicate key" in event["error"]["message"]
    assert "anna@" not in str(event)


@pytest.mark.parametrize(("track", "kind"), TRACKS)
def test_an_error_set_by_hand_is_recorded_and_leaves_the_block_as_it_is(
    track: Track, kind: str, told: Told, lineage_events: CapturedEvents
) -> None:
    """BT-07: by hand, for what the application handles itself."""
    with track_run("job"), track() as operation:
        operation.set_error(RefusedError("first"))
        operation.set_error(ValueError("second"))

    assert only(lineage_events)["counts"]["errors"] == 1
    (event,) = told()
    assert (event["kind"], event["status"]) == (kind, "error")
    assert event["error"] == {"type": "RefusedError", "message": "first"}


def test_an_error_set_by_hand_and_raised_is_recorded_once(told: Told, lineage_events: CapturedEvents) -> None:
    """BT-07, fault 3-16: both ways, one error in counts and events, the one that was set."""

    def work() -> None:
        with track_db_operation("pg", "SELECT") as db:
            try:
                raise RefusedError("inside")
            except RefusedError as error:
                db.set_error(error)
                raise ValueError("around") from error

    with track_run("job"), pytest.raises(ValueError, match="around"):
        work()

    assert only(lineage_events)["counts"]["errors"] == 1
    (event,) = told()
    assert event["error"] == {"type": "RefusedError", "message": "inside"}


@pytest.mark.parametrize("error", [asyncio.CancelledError(), KeyboardInterrupt()])
@pytest.mark.parametrize("by_hand", [False, True])
def test_what_was_cancelled_is_neither_ok_nor_an_error(
    error: BaseException, by_hand: bool, told: Told, lineage_events: CapturedEvents
) -> None:
    """BT-07, fault 2.2-5: CancelledError and KeyboardInterrupt are told apart from success and failure."""

    def work() -> None:
        with track_db_operation("pg", "SELECT") as db:
            if by_hand:
                db.set_error(error)
            raise error

    with track_run("job"), pytest.raises(type(error)):
        work()

    counts = only(lineage_events)["counts"]
    assert (counts["count"], counts["errors"], counts["cancelled"]) == (1, 0, 1)
    (event,) = told()
    assert event["status"] == "cancelled"
    assert "error" not in event


def test_a_cancelled_task_ends_its_operation_at_once(told: Told) -> None:
    """BT-02: cancelled from outside, in the middle of an await."""

    async def work() -> None:
        async with track_db_operation("pg", "SELECT"):
            await asyncio.sleep(60)

    async def main() -> None:
        task = asyncio.create_task(work())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert [event["status"] for event in told()] == ["cancelled"]


def test_a_decorated_function_of_any_kind_is_measured_to_its_end(told: Told) -> None:
    """fault 2.2-8: functions, coroutines, generators and async generators, for as long as they work."""
    track = track_db_operation("pg", "SELECT")

    @track
    def plain() -> int:
        time.sleep(0.02)
        return 1

    @track
    async def coroutine() -> int:
        await asyncio.sleep(0.02)
        return 2

    @track
    def generator() -> Iterator[int]:
        yield 3
        time.sleep(0.02)

    @track
    async def async_generator() -> AsyncIterator[int]:
        yield 4
        await asyncio.sleep(0.02)

    async def consume() -> list[int]:
        return [one async for one in async_generator()]

    assert plain() == 1
    assert asyncio.run(coroutine()) == 2
    assert list(generator()) == [3]
    assert asyncio.run(consume()) == [4]
    durations = [event["duration_ms"] for event in told()]
    assert len(durations) == 4
    assert min(durations) >= 20


def test_a_decorated_generator_is_not_open_in_its_consumer(told: Told) -> None:
    """fault 2.2-8: the consumer's code between two items is its own."""

    @track_db_operation("pg", "SELECT")
    def rows() -> Iterator[int]:
        assert innermost_operation() is not None
        set_data_metrics(rows_returned=2)
        yield 1
        assert innermost_operation() is not None
        yield 2

    for _ in rows():
        assert innermost_operation() is None

    (event,) = told()
    assert event["rows_returned"] == 2


def test_an_async_generator_closed_by_another_task_ends_quietly(
    told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    """fault 2.2-8: nothing is logged, nothing is raised, and the operation has its end."""

    @track_db_operation("pg", "SELECT")
    async def rows() -> AsyncIterator[int]:
        yield 1
        yield 2

    async def main() -> None:
        found = rows()
        assert await anext(found) == 1
        await asyncio.create_task(found.aclose())  # type: ignore[attr-defined]

    asyncio.run(main())
    assert [event["status"] for event in told()] == ["ok"]
    assert caplog.records == []


def test_one_object_may_be_entered_again_and_by_many_at_once(told: Told) -> None:
    """fault 2.2-12: nested, again, and by tasks that leave in any order; nothing leaks."""
    track = track_db_operation("pg", "SELECT")

    with track as outer, track as inner:
        assert inner is not outer
        assert innermost_operation() is inner
    assert innermost_operation() is None

    async def work(number: int) -> None:
        async with track as db:
            await asyncio.sleep(0.001 * (5 - number))
            db.set_result(rows_returned=number)

    async def main() -> None:
        await asyncio.gather(*(work(number) for number in range(5)))

    asyncio.run(main())
    told_of = told()
    assert len(told_of) == 7
    assert sorted(event["rows_returned"] for event in told_of[2:]) == list(range(5))
    assert all("rows_returned" not in event for event in told_of[:2])


def test_a_decorated_coroutine_that_is_cancelled_has_its_end(
    told: Told, lineage_events: CapturedEvents
) -> None:
    """fault 2.2-12: the run aborts and the operation ends, not when somebody collects garbage."""

    @track_lineage(name="job")
    @track_db_operation("pg", "SELECT")
    async def work() -> None:
        await asyncio.sleep(60)

    async def main() -> None:
        task = asyncio.create_task(work())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert lineage_events.types == ["START", "ABORT"]

    asyncio.run(main())
    assert only(lineage_events)["counts"]["cancelled"] == 1


def test_a_thread_pool_keeps_the_run_and_the_operation_around(
    told: Told, lineage_events: CapturedEvents
) -> None:
    """fault 2.2-9: in an executor that carries context an operation belongs to the run that submitted it."""

    def read(number: int) -> None:
        with track_db_operation("pg", "SELECT") as db:
            db.set_result(rows_returned=number)

    with track_run("job") as run, ContextThreadPoolExecutor(2) as pool:
        list(pool.map(read, range(4)))

    assert only(lineage_events)["counts"]["rowsReturned"] == 6
    assert {event["run_id"] for event in told()} == {run.run_id}


def test_a_plain_thread_pool_attributes_to_nobody(told: Told) -> None:
    """fault 2.2-9: where context is not carried there is no run, rather than a wrong one."""

    def read() -> None:
        with track_db_operation("pg", "SELECT"):
            pass

    with ThreadPoolExecutor(1) as pool:
        pool.submit(read).result()
        with track_run("job"):
            pool.submit(read).result()

    assert all("run_id" not in event for event in told())


def _work_in_a_child(queue: Any) -> None:
    operation = innermost_operation()
    set_data_metrics(rows_returned=99)
    queue.put(operation is None or operation.measures)


def test_a_forked_child_tells_nothing_of_its_parents_operation(told: Told) -> None:
    """fault 3-23: what is open in the parent is not open in the child."""
    fork = multiprocessing.get_context("fork")
    queue = fork.Queue()
    with track_db_operation("pg", "SELECT") as db:
        child = fork.Process(target=_work_in_a_child, args=(queue,))
        child.start()
        assert queue.get(timeout=10) is True
        child.join()
        db.set_result(rows_returned=1)

    (event,) = told()
    assert event["rows_returned"] == 1


def test_what_is_said_after_the_block_still_counts(lineage_events: CapturedEvents) -> None:
    """fault 2.2-7: lazy results, set while the run goes on."""
    with track_run("job"):
        with track_db_operation("pg", "SELECT") as db:
            pass
        db.set_result(rows_returned=5)
        db.set_table("orders")
        db.set_error(RefusedError("while fetching"))

    entry = only(lineage_events)
    assert entry["target"] == "orders"
    assert entry["counts"]["rowsReturned"] == 5
    assert entry["counts"]["errors"] == 1


def test_what_is_said_after_the_run_is_left_out(lineage_events: CapturedEvents) -> None:
    """fault 2.2-7: the facet has gone out; nothing raises."""
    with track_run("job"), track_db_operation("pg", "SELECT") as db:
        db.set_result(rows_returned=5)
    db.set_result(rows_returned=6)
    db.add_metadata(late=True)

    assert only(lineage_events)["counts"]["rowsReturned"] == 5


def test_nothing_is_recorded_while_lineage_is_disabled(told: Told) -> None:
    configure(disabled=True)
    with track_db_operation("pg", "SELECT") as db:
        db.set_result(rows_returned=5)
        db.set_table("orders")
        assert db.measures == {}
        assert innermost_operation() is None
    configure(disabled=False)
    assert told() == []


def test_a_sink_that_tracks_operations_does_not_feed_itself() -> None:
    """Told of one operation, a sink that does one itself is not told of that."""
    from lineage.attribution import flush_queries

    events: list[dict[str, Any]] = []

    def sink(event: dict[str, Any]) -> None:
        events.append(event)
        with track_db_operation("pg", "INSERT") as db:
            db.set_result(rows_affected=1)

    configure(sink=sink)
    with track_db_operation("pg", "SELECT"):
        pass
    assert flush_queries(10)
    assert flush_queries(10)
    assert [event["operation_name"] for event in events] == ["SELECT"]


def test_threads_may_say_results_of_one_operation(lineage_events: CapturedEvents) -> None:
    with track_run("job"), track_storage_operation("s3", "PUT", "lake") as storage:
        threads = [
            threading.Thread(target=storage.set, kwargs={name: number})
            for number, name in enumerate(("objects", "bytes_read", "bytes_written"), 1)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    counts = facet(lineage_events)["total"]
    assert (counts["objects"], counts["bytesRead"], counts["bytesWritten"]) == (1, 2, 3)
