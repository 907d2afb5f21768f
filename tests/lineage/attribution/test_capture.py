"""`trace_query` and `capture_query`: every way to use them, and what they tell."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from lineage import capture_query, trace_query

Event = dict[str, Any]
Told = Callable[[], list[Event]]


def test_a_block_is_measured_and_told_once(told: Told) -> None:
    """DC-04, DC-23, DC-25: nothing is instrumented; nothing is told at its start."""
    with trace_query("select 1", db_system="sqlite", client="sqlite3", db_name="shop.db") as query:
        assert told() == []
        time.sleep(0.02)
        query.set(rows=3)
    (event,) = told()
    assert (event["db_system"], event["client"], event["db_name"]) == ("sqlite", "sqlite3", "shop.db")
    assert (event["rows"], event["status"]) == (3, "ok")
    assert 20 <= event["duration_ms"] < 5000


def test_a_block_that_raises_passes_the_very_exception_on(told: Told) -> None:
    """DC-06, DC-23: one event with status error."""
    error = ValueError("no such table")
    error.__cause__ = cause = KeyError("x")
    with pytest.raises(ValueError, match="no such table") as raised, trace_query("select 1"):
        raise error
    assert raised.value is error
    assert (error.__cause__, error.__context__) == (cause, None)
    (event,) = told()
    assert event["status"] == "error"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ValueError("x"), "error"),
        (asyncio.CancelledError(), "cancelled"),
        (KeyboardInterrupt(), "cancelled"),
        (SystemExit(1), "cancelled"),
        (GeneratorExit(), "ok"),
    ],
)
def test_how_a_query_ended_follows_from_its_exception(told: Told, error: BaseException, status: str) -> None:
    """Fault 2.1.3-18, fault 3-11: cancelled and closed early are no errors."""
    with pytest.raises(type(error)), trace_query("q"):
        raise error
    (event,) = told()
    assert event["status"] == status
    assert ("error" in event) == (status == "error")


def test_an_async_block_is_measured_to_its_end(told: Told) -> None:
    """DC-23: `async with`, and `with` in a coroutine."""

    async def main() -> None:
        async with trace_query("select a") as query:
            await asyncio.sleep(0.02)
            query.set(rows=1)
        with trace_query("select b"):
            await asyncio.sleep(0.02)

    asyncio.run(main())
    assert [event["query_text"] for event in told()] == ["select a", "select b"]
    assert all(event["duration_ms"] >= 20 for event in told())


def test_as_a_decorator_each_call_is_a_query(told: Told) -> None:
    """DC-05, DC-23: fault 2.1.3-6: functions, coroutine functions, generators of both kinds, to the end."""
    traced = trace_query("select 1", db_system="sqlite")

    @traced
    def plain(result: object) -> object:
        time.sleep(0.02)
        return result

    @traced
    async def awaited(result: object) -> object:
        await asyncio.sleep(0.02)
        return result

    @traced
    def generated() -> Iterator[int]:
        time.sleep(0.02)
        yield 1

    @traced
    async def generated_async() -> AsyncIterator[int]:
        await asyncio.sleep(0.02)
        yield 1

    async def consume() -> list[int]:
        return [number async for number in generated_async()]

    result = object()
    assert plain(result) is result
    assert inspect.iscoroutinefunction(awaited)
    assert asyncio.run(awaited(result)) is result
    assert inspect.isgeneratorfunction(generated) or inspect.isgenerator(generated())
    assert list(generated()) == [1]
    assert asyncio.run(consume()) == [1]
    assert plain.__name__ == "plain"
    assert [event["duration_ms"] >= 20 for event in told()] == [True] * 4


def test_a_generator_is_not_measured_before_its_first_step(told: Told) -> None:
    @trace_query("select 1")
    def rows() -> Iterator[int]:
        yield from (1, 2)

    unused = rows()
    assert told() == []
    assert list(rows()) == [1, 2]
    assert len(told()) == 1
    unused.close()


def test_one_object_is_used_by_many_tasks_at_once(told: Told) -> None:
    """Each block ends its own query, in whatever order they leave; as do nested ones."""
    traced = trace_query("select 1")

    async def work(number: int) -> None:
        async with traced as query:
            await asyncio.sleep(0.01 + number * 0.004)
            query.set(rows=number, attributes={"task": number})

    async def main() -> None:
        await asyncio.gather(*(work(number) for number in range(20)))

    asyncio.run(main())
    assert sorted(event["rows"] for event in told()) == list(range(20))
    assert all(event["attributes"]["task"] == event["rows"] for event in told())
    assert all(event["duration_ms"] < 1000 for event in told())
    durations = {event["rows"]: event["duration_ms"] for event in told()}
    assert durations[0] + 20 < durations[19]


def test_one_object_is_used_by_many_threads_at_once(told: Told) -> None:
    traced = trace_query("select 1")
    together = threading.Barrier(8)

    def work(number: int) -> None:
        together.wait()
        for _ in range(50):
            with traced as query:
                query.set(rows=number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(event["rows"] for event in told()) == sorted(list(range(8)) * 50)


START = datetime(2026, 3, 1, 9, 0, 0, 500_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (START, START + timedelta(milliseconds=250)),
        (START.timestamp(), START.timestamp() + 0.25),
        ("2026-03-01T09:00:00.500Z", "2026-03-01T10:00:00.750+01:00"),
        (START.astimezone(timezone(timedelta(hours=-5))), "2026-03-01 09:00:00.75+00:00"),
    ],
)
def test_times_taken_elsewhere_appear_as_they_were_given(told: Told, start: Any, end: Any) -> None:
    """DC-24: datetimes, seconds and texts; a third of the three follows from the other two."""
    capture_query("q", started_at=start, ended_at=end)
    capture_query("q", started_at=start, duration_ms=250)
    capture_query("q", ended_at=end, duration_ms=250)
    for event in told():
        assert event["started_at"] == "2026-03-01T09:00:00.500Z"
        assert event["ended_at"] == event["timestamp"] == "2026-03-01T09:00:00.750Z"
        assert event["duration_ms"] == 250.0


def test_every_value_given_appears(told: Told) -> None:
    """DC-24, DC-25: nothing is instrumented; also a duration of its own, a status without an exception."""
    capture_query(
        "select 1",
        started_at=START,
        ended_at=START + timedelta(seconds=2),
        duration_ms=1500.0,
        status="error",
        rows=0,
        bytes_read=10,
        bytes_written=20,
        query_id="job_1",
        db_system="bigquery",
        client="own",
        db_name="project",
        db_host="eu",
        attributes={"slot": 7},
    )
    (event,) = told()
    expected = {
        "started_at": "2026-03-01T09:00:00.500Z",
        "ended_at": "2026-03-01T09:00:02.500Z",
        "duration_ms": 1500.0,
        "status": "error",
        "rows": 0,
        "bytes_read": 10,
        "bytes_written": 20,
        "query_id": "job_1",
        "db_system": "bigquery",
        "client": "own",
        "db_name": "project",
        "db_host": "eu",
        "attributes": {"slot": 7},
    }
    assert {name: event[name] for name in expected} == expected
    assert "error" not in event


def test_values_that_cannot_be_read_cost_themselves_only(told: Told) -> None:
    """DC-24, DC-58: no exception, and the rest of the event stays."""
    capture_query(
        "select 1",
        started_at="yesterday",
        ended_at=float("nan"),
        duration_ms="long",  # type: ignore[arg-type]
        status="failed",
        rows="none",  # type: ignore[arg-type]
        bytes_read=5,
        attributes=5,  # type: ignore[arg-type]
        error=ValueError("x"),
    )
    (event,) = told()
    assert (event["status"], event["error"]["type"], event["bytes_read"]) == ("error", "ValueError", 5)
    assert "rows" not in event


def test_a_query_that_took_less_than_nothing_took_nothing(told: Told) -> None:
    capture_query("q", started_at=START, ended_at=START - timedelta(seconds=1))
    assert told()[0]["duration_ms"] == 0.0


def test_a_misspelt_argument_is_an_error_of_the_call_that_has_it(told: Told) -> None:
    with pytest.raises(TypeError, match="db_nmae"):
        trace_query("q", db_nmae="shop")
    with pytest.raises(TypeError, match="db_nmae"):
        capture_query("q", db_nmae="shop")


def test_a_query_still_running_is_not_told(told: Told) -> None:
    """DC-18: one event at the end, none at the start."""

    @contextmanager
    def holding() -> Iterator[None]:
        with trace_query("select 1"):
            yield

    with holding():
        assert told() == []
    assert len(told()) == 1
