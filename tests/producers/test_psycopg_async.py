"""psycopg 3 with asyncio, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import pytest
from postgres_server import PostgresServer

import producers
import producers.psycopg
from lineage import context

Told = Callable[[], list[dict[str, Any]]]
AsyncConnection = psycopg.AsyncConnection[Any]


@pytest.fixture
def run(postgres: PostgresServer) -> Callable[[Callable[[AsyncConnection], Awaitable[Any]]], Any]:
    """Give a function that runs a coroutine function with a connection."""
    with psycopg.connect(postgres.dsn(), autocommit=True) as setting_up:
        setting_up.execute("CREATE TABLE orders (id int PRIMARY KEY, note text)")
        setting_up.execute("INSERT INTO orders SELECT n, 'x' FROM generate_series(1, 5) n")
    producers.install("psycopg")

    def run_with_a_connection(body: Callable[[AsyncConnection], Awaitable[Any]]) -> Any:
        async def main() -> Any:
            async with await psycopg.AsyncConnection.connect(postgres.dsn(), autocommit=True) as connection:
                return await body(connection)

        return asyncio.run(main())

    return run_with_a_connection


def test_a_query_lasts_until_it_has_been_awaited(run: Any, told: Told) -> None:
    """DC-28: fault 2.1.3-2, fault 3-1: the event comes after the await and has its time."""

    async def body(connection: AsyncConnection) -> Any:
        awaiting = connection.execute("SELECT pg_sleep(0.1), 'x'")
        assert inspect.iscoroutine(awaiting)
        assert told() == []
        cursor = await awaiting
        return await cursor.fetchone()

    assert run(body) == ("", "x")
    (event,) = told()
    assert 95 < event["duration_ms"] < 2000
    assert (event["client"], event["db_name"], event["rows"]) == ("psycopg", "postgres", 1)


def test_a_statement_that_fails_is_an_error(run: Any, told: Told) -> None:
    """DC-28: fault 2.1.3-2: its status is that of its end."""

    async def body(connection: AsyncConnection) -> None:
        with pytest.raises(psycopg.errors.UndefinedTable):
            await connection.execute("SELECT * FROM missing")

    run(body)
    (event,) = told()
    assert (event["status"], event["error"]["type"]) == ("error", "UndefinedTable")


@pytest.mark.parametrize("kind", ["AsyncCursor", "AsyncClientCursor", "AsyncRawCursor"])
def test_every_kind_of_cursor_is_captured_once(run: Any, told: Told, kind: str) -> None:
    """DC-28, DC-29: made by hand, or by the connection."""
    if not hasattr(psycopg, kind):
        pytest.skip(f"psycopg {psycopg.__version__} has no {kind}")

    async def body(connection: AsyncConnection) -> None:
        async with getattr(psycopg, kind)(connection) as cursor:
            await cursor.execute("SELECT id FROM orders WHERE id < 3 ORDER BY id")
            assert await cursor.fetchall() == [(1,), (2,)]

    run(body)
    (event,) = told()
    assert event["rows"] == 2


def test_a_server_cursor_is_one_query(run: Any, told: Told) -> None:
    """DC-29: a named cursor tells of its `execute`, however its rows are fetched."""

    async def body(connection: AsyncConnection) -> None:
        async with connection.transaction(), connection.cursor("reader") as cursor:
            await cursor.execute("SELECT id FROM orders")
            assert len([row async for row in cursor]) == 5

    run(body)
    assert [event["query_text"] for event in told()] == ["select id from orders"]


def test_streams_copies_and_many_parameters_are_one_query_each(run: Any, told: Told) -> None:
    """DC-29: `stream`, `copy` and `executemany` end where their work does."""

    async def body(connection: AsyncConnection) -> None:
        cursor = connection.cursor()
        seen = [row async for row in cursor.stream("SELECT id FROM orders ORDER BY id")]
        assert seen == [(n,) for n in range(1, 6)]
        async with cursor.copy("COPY orders FROM STDIN") as copying:
            await copying.write_row((70, "x"))
            assert len(told()) == 1
        async with cursor.copy("COPY orders TO STDOUT") as copying:
            assert len([block async for block in copying]) >= 1
        await cursor.executemany("INSERT INTO orders VALUES (%s, 'x')", [(80,), (81,)])

    run(body)
    assert [(event["query_text"], event["status"]) for event in told()] == [
        ("select id from orders order by id", "ok"),
        ("copy orders from stdin", "ok"),
        ("copy orders to stdout", "ok"),
        ("insert into orders values (?)", "ok"),
    ]
    assert told()[3]["rows"] == 2


def test_an_error_inside_a_copy_is_the_host_s_own(run: Any, told: Told) -> None:
    """DC-06: what leaves the block is what leaves it without us; psycopg 3.1 made a QueryCanceled of it."""

    async def copy_and_fail(connection: AsyncConnection, boom: BaseException) -> BaseException:
        with pytest.raises((ZeroDivisionError, psycopg.errors.QueryCanceled)) as caught:
            async with connection.cursor().copy("COPY orders FROM STDIN"):
                raise boom
        return caught.value

    async def body(connection: AsyncConnection) -> None:
        bare, watched = ZeroDivisionError("mine"), ZeroDivisionError("mine")
        producers.uninstall("psycopg")
        bare_is_the_same = await copy_and_fail(connection, bare) is bare
        producers.install("psycopg")
        assert (await copy_and_fail(connection, watched) is watched) == bare_is_the_same

    run(body)
    assert [event["status"] for event in told()] == ["error"]


def test_a_task_that_is_cancelled_cancels_its_query(run: Any, told: Told) -> None:
    """fault 2.1.3-18: CancelledError is told as cancelled, and reaches the host."""

    async def body(connection: AsyncConnection) -> None:
        task = asyncio.ensure_future(connection.execute("SELECT pg_sleep(10)"))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await connection.close()

    started = time.monotonic()
    run(body)
    assert time.monotonic() - started < 8
    (event,) = told()
    assert event["status"] == "cancelled"
    assert "error" not in event


def test_each_task_s_queries_are_its_own(run: Any, told: Told, postgres: PostgresServer) -> None:
    """DC-19, DC-20: of tasks that run at once, each has its own context and line."""

    async def one(number: int) -> None:
        with context.use(operation=f"task-{number}"):
            async with await psycopg.AsyncConnection.connect(postgres.dsn()) as connection:
                await connection.execute("SELECT pg_sleep(0.01)")
                await connection.execute("SELECT %s::int", [number])

    async def body(connection: AsyncConnection) -> None:
        await asyncio.gather(*(one(number) for number in range(10)))

    run(body)
    operations = sorted(event["operation"] for event in told())
    assert operations == sorted([f"task-{number}" for number in range(10)] * 2)
    assert {event["callsite"]["function"].rpartition(".")[2] for event in told()} == {"one"}
    assert all("parent_event_id" not in event for event in told())


def test_a_pipeline_says_so(run: Any, told: Told) -> None:
    """DC-29: in a pipeline the call submits, and the event says that."""
    if not psycopg.AsyncPipeline.is_supported():
        pytest.skip("the libpq of this psycopg has no pipelines")

    async def body(connection: AsyncConnection) -> Any:
        async with connection.pipeline():
            cursor = await connection.execute("SELECT 5")
            return await cursor.fetchone()

    assert run(body) == (5,)
    assert [event["attributes"] for event in told()] == [{"pipeline": True}]


def test_what_is_a_coroutine_function_stays_one() -> None:
    """DC-05: the hooks are of the kind of what they stand for, under its name and signature."""

    def shown(method: Any) -> list[Any]:
        kinds = (inspect.iscoroutinefunction, inspect.isasyncgenfunction, inspect.isgeneratorfunction)
        return [*(kind(method) for kind in kinds), inspect.signature(method), method.__qualname__]

    bare = {
        (cls.__name__, name): shown(method)
        for cls in producers.psycopg.cursor_classes()
        for name in ("execute", "executemany", "stream", "copy")
        if (method := vars(cls).get(name)) is not None
    }
    producers.install("psycopg")

    for (cls, name), before in bare.items():
        assert shown(vars(getattr(psycopg, cls))[name]) == before, (cls, name)
