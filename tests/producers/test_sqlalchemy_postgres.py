"""SQLAlchemy on a real PostgreSQL: over psycopg, over an instrumented psycopg, over asyncpg, streaming."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from postgres_server import PostgresServer
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import NullPool

import producers
from lineage import context

Told = Callable[[], list[dict[str, Any]]]

metadata = sa.MetaData()
orders = sa.Table(
    "orders", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("n", sa.Integer)
)


def url(postgres: PostgresServer, driver: str) -> str:
    return postgres.dsn().replace("postgresql:", f"postgresql+{driver}:")


@pytest.fixture
def engine(postgres: PostgresServer) -> Iterator[sa.Engine]:
    made = sa.create_engine(url(postgres, "psycopg"))
    metadata.create_all(made)
    with made.begin() as connection:
        connection.execute(orders.insert(), [{"id": n, "n": 3 - n} for n in range(1, 6)])
    producers.install("sqlalchemy")
    yield made
    made.dispose()


def here() -> int:
    return sys._getframe(1).f_lineno


def test_an_engine_names_where_its_queries_went(
    engine: sa.Engine, told: Told, postgres: PostgresServer
) -> None:
    """DC-26: fault 2.1.3-18: `postgresql`, as psycopg itself says, and the driver's rows."""
    with engine.begin() as connection:
        connection.execute(sa.select(orders)).all()
        connection.execute(sa.update(orders).values(n=0).where(orders.c.id < 3))

    assert [one["rows"] for one in told()] == [5, 2]
    assert {(one["db_system"], one["client"], one["db_name"], one["db_host"]) for one in told()} == {
        ("postgresql", "sqlalchemy", "postgres", postgres.host)
    }


def test_what_sqlalchemy_asks_by_itself_is_not_told(postgres: PostgresServer, told: Told) -> None:
    """DC-18: the first connection's questions for the version and such are no query of the application."""
    producers.install("sqlalchemy")
    made = sa.create_engine(url(postgres, "psycopg"))
    with made.connect() as connection:
        connection.execute(sa.text("SELECT 1"))
    made.dispose()

    assert [one["query_text"] for one in told()] == ["select ?"]


def test_over_an_instrumented_driver_a_query_is_one_event(
    engine: sa.Engine, told: Told, postgres: PostgresServer
) -> None:
    """DC-18: fault 2.1.3-8: SQLAlchemy over psycopg: the outer one is told, with what the driver knows."""
    with engine.connect():
        pass  # psycopg tells of what SQLAlchemy asks on the first connection
    producers.install("psycopg")
    with engine.begin() as connection:
        connection.execute(sa.select(orders).where(orders.c.id > 2)).all()
        connection.execute(orders.insert(), [{"id": n, "n": 1} for n in range(10, 15)])
        streamed = sa.text("SELECT id FROM orders").execution_options(stream_results=True)
        assert len(connection.execute(streamed).all()) == 10
        with pytest.raises(sa.exc.ProgrammingError), connection.begin_nested():
            connection.execute(sa.text("SELECT * FROM missing"))

    texts = [one["query_text"].split(" ")[0] for one in told()]
    assert texts == ["select", "insert", "select", "savepoint", "select", "rollback"]
    assert {one["client"] for one in told()} == {"sqlalchemy"}
    assert {one["db_host"] for one in told()} == {postgres.host}
    assert (told()[0]["rows"], told()[1]["rows"]) == (3, 5)
    assert told()[4]["error"]["type"] == "UndefinedTable"
    assert all("parent_event_id" not in one for one in told())


def test_the_driver_completes_what_an_engine_cannot_know(told: Told, postgres: PostgresServer) -> None:
    """DC-18, DC-30: the address of connections that a function of the host makes is the driver's to tell."""
    import psycopg

    producers.install("sqlalchemy")
    made = sa.create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(postgres.dsn()))
    with made.connect():
        producers.install("psycopg")
    with made.connect() as connection:
        connection.execute(sa.text("SELECT 1"))
    made.dispose()

    one = told()[-1]
    assert (one["client"], one["db_name"], one["db_host"]) == ("sqlalchemy", "postgres", postgres.host)


def test_streamed_rows_are_one_query(engine: sa.Engine, told: Told) -> None:
    """DC-26: a server-side cursor: one event, and all rows reach the application."""
    with engine.connect() as connection:
        streaming = connection.execution_options(stream_results=True, max_row_buffer=2)
        assert len(list(streaming.execute(sa.select(orders.c.id)))) == 5
        parts = connection.execution_options(yield_per=2).execute(sa.select(orders.c.id))
        assert [len(part) for part in parts.partitions()] == [2, 2, 1]

    assert [one["status"] for one in told()] == ["ok", "ok"]


def test_a_failure_while_rows_are_fetched_is_told(engine: sa.Engine, told: Told) -> None:
    """DC-26: fault 3-11: it has an event of its own, which says `fetch` and names that of the execution."""
    with engine.connect() as connection:
        streaming = connection.execution_options(stream_results=True, max_row_buffer=1)
        rows = streaming.execute(sa.text("SELECT 1 / n FROM orders ORDER BY id"))
        with pytest.raises(sa.exc.DataError) as caught:
            list(rows)
        fetched = here() - 1

    executed, failed = told()
    assert (executed["status"], failed["status"]) == ("ok", "error")
    assert failed["error"]["type"] == type(caught.value.orig).__name__ == "DivisionByZero"
    assert failed["attributes"] == {"phase": "fetch"}
    assert failed["parent_event_id"] == executed["event_id"]
    assert failed["query_fingerprint"] == executed["query_fingerprint"]
    assert failed["callsite"]["line"] == fetched


def test_batched_inserts_are_one_query_a_batch(engine: sa.Engine, told: Told) -> None:
    """DC-26: insertmanyvalues with RETURNING; the rows of each batch."""
    with engine.begin() as connection:
        batched = connection.execution_options(insertmanyvalues_page_size=10)
        statement = orders.insert().returning(orders.c.id)
        assert len(batched.execute(statement, [{"id": n, "n": n} for n in range(100, 125)]).all()) == 25

    assert [one["rows"] for one in told()] == [10, 10, 5]


@pytest.fixture(params=["asyncpg", "psycopg", "aiosqlite"])
def run(request: pytest.FixtureRequest, postgres: PostgresServer) -> Any:
    """Give a function that runs a coroutine function with an async engine that has the table `orders`."""
    address = "sqlite+aiosqlite://" if request.param == "aiosqlite" else url(postgres, request.param)

    def run_with_an_engine(body: Callable[[AsyncEngine], Awaitable[Any]]) -> Any:
        async def main() -> Any:
            pooled: Any = {} if request.param == "aiosqlite" else {"poolclass": NullPool}
            engine = create_async_engine(address, **pooled)
            try:
                async with engine.begin() as connection:
                    await connection.run_sync(metadata.create_all)
                    await connection.execute(orders.insert(), [{"id": n, "n": 3 - n} for n in range(1, 6)])
                producers.install("sqlalchemy")
                return await body(engine)
            finally:
                await engine.dispose()

        return asyncio.run(main())

    return run_with_an_engine


async def ask(connection: AsyncConnection | AsyncSession) -> list[int]:
    found = await connection.execute(sa.select(orders.c.id))
    return [row[0] for row in found]


def test_an_async_engine_s_query_is_one_event_at_the_awaiting_line(run: Any, told: Told) -> None:
    """DC-27, DC-14: fault 2.1.3-4: context and line of the frame that awaits, through greenlets."""
    lines = []

    async def body(engine: AsyncEngine) -> None:
        async with engine.connect() as connection:
            with context.use(operation="checkout"):
                await connection.execute(sa.text("SELECT 1"))
                lines.append(here() - 1)
                assert await ask(connection) == [1, 2, 3, 4, 5]
                lines.append(here() - 1)

    run(body)
    first, second = told()
    assert first["callsite"]["line"] == lines[0]
    assert first["callsite"]["path"] == __file__
    assert first["operation"] == second["operation"] == "checkout"
    assert second["callsite"]["function"] == "ask"
    assert second["callsite"]["stack"].split(" -> ")[1] == f"test_sqlalchemy_postgres:{lines[1]} body"


def test_an_async_session_s_queries_are_one_event_each(run: Any, told: Told) -> None:
    """DC-27: the ORM's session with asyncio."""

    async def body(engine: AsyncEngine) -> None:
        async with AsyncSession(engine) as session:
            assert await ask(session) == [1, 2, 3, 4, 5]
            await session.execute(sa.update(orders).values(n=1))
            await session.commit()

    run(body)
    assert [one["query_text"].split(" ")[0] for one in told()] == ["select", "update"]


def test_an_async_engine_s_failure_is_one_error(run: Any, told: Told) -> None:
    """DC-27: one event for a statement that fails, and the next one is its own."""

    async def body(engine: AsyncEngine) -> None:
        async with engine.connect() as connection:
            with pytest.raises(sa.exc.DBAPIError):
                await connection.execute(sa.text("SELECT * FROM missing"))
            await connection.rollback()
            await connection.execute(sa.text("SELECT 1"))

    run(body)
    assert [one["status"] for one in told()] == ["error", "ok"]


def test_async_streams_are_one_query(run: Any, told: Told) -> None:
    """DC-27: rows that are streamed with asyncio are one event and all there."""

    async def body(engine: AsyncEngine) -> None:
        async with engine.connect() as connection:
            streamed = await connection.stream(sa.select(orders.c.id))
            assert len([row async for row in streamed]) == 5

    run(body)
    assert len(told()) == 1


def test_async_tasks_keep_to_themselves(run: Any, told: Told) -> None:
    """DC-27, DC-19: tasks that run at once over one engine, each with its own context."""

    async def one(engine: AsyncEngine, number: int) -> None:
        with context.use(operation=f"task-{number}"):
            async with engine.connect() as connection:
                for _ in range(3):
                    await ask(connection)

    async def body(engine: AsyncEngine) -> None:
        await asyncio.gather(*(one(engine, number) for number in range(8)))

    run(body)
    counted = sorted(event["operation"] for event in told())
    assert counted == sorted([f"task-{number}" for number in range(8)] * 3)
    assert all("parent_event_id" not in event for event in told())


def test_an_async_engine_is_a_target(run: Any, told: Told) -> None:
    """DC-27: the engine inside it is the one that is watched."""

    async def body(engine: AsyncEngine) -> None:
        producers.uninstall("sqlalchemy")
        producers.install("sqlalchemy", engine)
        other = create_async_engine("sqlite+aiosqlite://")
        async with engine.connect() as connection, other.connect() as elsewhere:
            await ask(connection)
            await elsewhere.execute(sa.text("SELECT 1"))
        await other.dispose()
        producers.uninstall("sqlalchemy", engine)

    run(body)
    assert len(told()) == 1


def test_asyncio_over_an_instrumented_driver_is_one_event(told: Told, postgres: PostgresServer) -> None:
    """DC-18, DC-27: SQLAlchemy's async engine over psycopg's async connection."""

    async def main() -> None:
        engine = create_async_engine(url(postgres, "psycopg"))
        async with engine.connect() as connection:
            producers.install("sqlalchemy")
            producers.install("psycopg")
            await connection.execute(sa.text("SELECT n FROM generate_series(1, 4) n"))
            with pytest.raises(sa.exc.DBAPIError):
                await connection.execute(sa.text("SELECT * FROM missing"))
        await engine.dispose()

    asyncio.run(main())
    assert [(one["client"], one.get("rows"), one["status"]) for one in told()] == [
        ("sqlalchemy", 4, "ok"),
        ("sqlalchemy", None, "error"),
    ]


def test_a_cancelled_task_is_a_cancelled_query(told: Told, postgres: PostgresServer) -> None:
    """DC-27: fault 2.1.3-18: CancelledError is told as cancelled, and reaches the host."""

    async def main() -> None:
        engine = create_async_engine(url(postgres, "asyncpg"), poolclass=NullPool)
        producers.install("sqlalchemy")
        async with engine.connect() as connection:
            task = asyncio.ensure_future(connection.execute(sa.text("SELECT pg_sleep(10)")))
            await asyncio.sleep(0.2)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        await engine.dispose()

    asyncio.run(main())
    assert [one["status"] for one in told()] == ["cancelled"]
