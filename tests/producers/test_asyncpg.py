"""asyncpg on a real PostgreSQL: connections, pools, prepared statements, cursors, COPY."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from postgres_server import PostgresServer

import producers
from lineage import context

asyncpg = pytest.importorskip("asyncpg")

Told = Callable[[], list[dict[str, Any]]]
Ask = Callable[[Callable[[Any], Awaitable[None]]], None]


@pytest.fixture
def ask(postgres: PostgresServer, told: Told) -> Ask:
    """Run a coroutine function with a connection, instrumented after it was opened."""

    def run(asking: Callable[[Any], Awaitable[None]]) -> None:
        async def main() -> None:
            connection = await asyncpg.connect(postgres.dsn())
            await connection.execute("CREATE TABLE orders (id int PRIMARY KEY, note text)")
            await connection.execute("INSERT INTO orders SELECT n, 'x' FROM generate_series(1, 5) n")
            producers.install("asyncpg")
            await asking(connection)
            await connection.close()

        asyncio.run(main())

    return run


def ran(told: Told) -> list[tuple[Any, ...]]:
    return [(one["query_text"], one["status"], one.get("rows")) for one in told()]


def test_a_query_names_where_it_went(ask: Ask, told: Told, postgres: PostgresServer) -> None:
    """DC-27, DC-30: system, client, database, host, rows; the line and the operation of the awaiting code."""

    async def asking(connection: Any) -> None:
        with context.use(operation="checkout"):
            rows = await connection.fetch("SELECT * FROM orders WHERE id < $1", 4)
        assert [tuple(row) for row in rows] == [(1, "x"), (2, "x"), (3, "x")]
        assert type(rows[0]) is asyncpg.Record

    ask(asking)

    (event,) = told()
    assert ran(told) == [("select * from orders where id < ?", "ok", 3)]
    assert (event["db_system"], event["client"]) == ("postgresql", "asyncpg")
    assert (event["db_name"], event["db_host"]) == ("postgres", postgres.host)
    assert event["callsite"]["path"] == __file__
    assert event["callsite"]["function"].endswith("asking")
    assert event["operation"] == "checkout"


def test_every_way_to_run_a_statement_is_one_query(ask: Ask, told: Told) -> None:
    """DC-29: one event for each call, with the rows that its result tells of."""

    async def asking(connection: Any) -> None:
        assert await connection.execute("INSERT INTO orders VALUES ($1, $2)", 7, "a") == "INSERT 0 1"
        await connection.executemany("INSERT INTO orders VALUES ($1, $2)", [(8, "b"), (9, "c")])
        assert await connection.fetchval("SELECT count(*) FROM orders") == 8
        assert tuple(await connection.fetchrow("SELECT id FROM orders WHERE id = 7")) == (7,)
        assert await connection.fetchrow("SELECT id FROM orders WHERE id = 70") is None
        assert await connection.execute("DELETE FROM orders WHERE id = 7; SELECT 1") == "SELECT 1"
        await connection.copy_records_to_table("orders", records=[(20, "d"), (21, "e")])
        await connection.copy_from_table("orders", output=(out := io.BytesIO()), schema_name="public")
        await connection.copy_from_query("SELECT id FROM orders WHERE id > $1", 19, output=io.BytesIO())
        await connection.copy_to_table("orders", source=io.BytesIO(b"30\tf\n"))
        assert out.getvalue().count(b"\n") == 9

    ask(asking)

    assert ran(told) == [
        ("insert into orders values (?)", "ok", 1),
        ("insert into orders values (?)", "ok", None),
        ("select count(*) from orders", "ok", None),
        ("select id from orders where id = ?", "ok", 1),
        ("select id from orders where id = ?", "ok", 0),
        ("delete from orders where id = ?; select ?", "ok", 1),
        ('copy "orders" from stdin', "ok", 2),
        ('copy "public"."orders" to stdout', "ok", 9),
        ("copy(select id from orders where id > ?) to stdout", "ok", 2),
        ('copy "orders" from stdin', "ok", 1),
    ]


def test_prepared_statements_and_cursors_are_queries_when_they_run(ask: Ask, told: Told) -> None:
    """DC-29: preparing is none; a cursor is one, whatever is fetched."""

    async def asking(connection: Any) -> None:
        statement = await connection.prepare("SELECT id FROM orders WHERE id > $1 ORDER BY id")
        assert isinstance(statement, asyncpg.prepared_stmt.PreparedStatement)
        assert told() == []
        assert len(await statement.fetch(3)) == 2
        assert await statement.fetchval(3) == 4
        async with connection.transaction():
            assert [row["id"] async for row in connection.cursor("SELECT id FROM orders", prefetch=2)] == [
                1,
                2,
                3,
                4,
                5,
            ]
            cursor = await connection.cursor("SELECT note FROM orders")
            assert len(await cursor.fetch(3)) == 3
            assert len(await cursor.fetch(3)) == 2

    ask(asking)

    assert ran(told) == [
        ("select id from orders where id > ? order by id", "ok", 2),
        ("select id from orders where id > ? order by id", "ok", None),
        ("select id from orders", "ok", None),
        ("select note from orders", "ok", None),
    ]


def test_pools_tell_of_the_application_s_queries_alone(
    ask: Ask, told: Told, postgres: PostgresServer
) -> None:
    """DC-29: not of what a pool asks when a connection comes back."""

    async def asking(connection: Any) -> None:
        async with asyncpg.create_pool(postgres.dsn(), min_size=1, max_size=2) as pool:
            assert await pool.fetchval("SELECT 1") == 1
            async with pool.acquire() as lent, lent.transaction():
                await lent.execute("SELECT 2, 2")
                producers.uninstall("asyncpg")
                producers.install("asyncpg", lent)
                await lent.execute("SELECT 3, 3, 3")
            await connection.execute("SELECT 'of another'")

    ask(asking)

    assert [text for text, _, _ in ran(told)] == ["select ?", "select ?, ?", "select ?, ?, ?"]


def test_failures_and_cancellations_are_told_apart(ask: Ask, told: Told) -> None:
    """DC-29: a time limit of the call is an error, a cancelled task is cancelled."""

    async def asking(connection: Any) -> None:
        with pytest.raises(asyncpg.UniqueViolationError) as caught:
            await connection.execute("INSERT INTO orders VALUES (1, 'bob@corp.example')")
        assert caught.value.constraint_name == "orders_pkey"
        with pytest.raises(asyncio.TimeoutError):
            await connection.execute("SELECT pg_sleep(5)", timeout=0.05)
        task = asyncio.create_task(connection.execute("SELECT pg_sleep(5)"))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(TypeError):
            await connection.execute()

    ask(asking)

    assert [status for _, status, _ in ran(told)] == ["error", "error", "cancelled"]
    assert "corp.example" not in repr(told())


def test_a_released_connection_is_refused_at_once(ask: Ask, told: Told) -> None:
    """DC-06: what asyncpg refuses before anything is awaited, it still refuses there."""

    async def asking(connection: Any) -> None:
        statement = await connection.prepare("SELECT 1")
        await connection.reset()
        await connection.close()
        with pytest.raises(asyncpg.InterfaceError):
            await statement.fetch()
        with pytest.raises(asyncpg.InterfaceError):
            await connection.fetch("SELECT 1")

    ask(asking)

    assert "ok" not in {status for _, status, _ in ran(told)}


def test_queries_at_once_keep_their_own_lines_and_context(
    ask: Ask, told: Told, postgres: PostgresServer
) -> None:
    async def one(pool: Any, number: int) -> None:
        with context.use(operation=f"op{number}"):
            await pool.fetchval("SELECT pg_sleep(0.01)")

    async def asking(connection: Any) -> None:
        async with asyncpg.create_pool(postgres.dsn(), min_size=1, max_size=4) as pool:
            await asyncio.gather(*(one(pool, number) for number in range(8)))

    ask(asking)

    assert {event["operation"] for event in told()} == {f"op{number}" for number in range(8)}
    assert {event["callsite"]["function"].rpartition(".")[2] for event in told()} == {"one"}


def test_sqlalchemy_over_it_is_one_query(ask: Ask, told: Told, postgres: PostgresServer) -> None:
    import sqlalchemy as sa
    from sqlalchemy.ext.asyncio import create_async_engine

    async def asking(connection: Any) -> None:
        producers.install("sqlalchemy")
        engine = create_async_engine(postgres.dsn().replace("postgresql:", "postgresql+asyncpg:"))
        async with engine.connect() as other:
            told().clear()
            assert len((await other.execute(sa.text("SELECT id FROM orders"))).all()) == 5
        await engine.dispose()

    ask(asking)

    (event,) = told()
    assert event["client"] == "sqlalchemy"
    assert event["rows"] == 5
