"""What integrations elsewhere got wrong, on the same drivers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from opentelemetry.sdk.trace import TracerProvider
from postgres_server import PostgresServer
from psycopg import sql
from psycopg.types import TypeInfo
from psycopg.types.composite import CompositeInfo, register_composite
from yardstick import million_additions

import producers
from lineage import configure, context

Connection = psycopg.Connection[Any]
Told = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def connection(postgres: PostgresServer) -> Iterator[Connection]:
    with psycopg.connect(postgres.dsn(), autocommit=True) as opened:
        opened.execute("CREATE TABLE orders (id int PRIMARY KEY, note text)")
        opened.execute("INSERT INTO orders SELECT n, 'x' FROM generate_series(1, 5) n")
        producers.install("psycopg")
        yield opened


class Hostile:
    """An object of the host that raises whatever is asked of it."""

    def __str__(self) -> str:
        raise RuntimeError("not for you")

    __repr__ = __str__

    @property
    def text(self) -> str:
        raise RuntimeError("not for you")


def test_a_connection_stays_one(connection: Connection, told: Told) -> None:
    """DC-05: fault 2.3-2: quoting, type registries and scrolling take what is instrumented as it is."""
    assert type(connection) is psycopg.Connection
    assert sql.Identifier("a b").as_string(connection) == '"a b"'
    connection.execute("CREATE TYPE pair AS (a int, b int)")
    info = CompositeInfo.fetch(connection, "pair")
    assert isinstance(info, TypeInfo)
    register_composite(info, connection)
    cursor = connection.execute("SELECT id FROM orders ORDER BY id")
    assert isinstance(cursor, psycopg.Cursor)
    assert type(cursor) is psycopg.Cursor
    assert cursor.fetchone() == (1,)
    cursor.scroll(0, "absolute")
    assert cursor.fetchone() == (1,)
    assert connection.execute("SELECT (1, 2)::pair").fetchone() == ((1, 2),)
    connection.execute("DROP TYPE pair")


def test_the_parameters_of_many_are_taken_as_they_come(connection: Connection, told: Told) -> None:
    """DC-05: fault 2.3-2: an iterator is the driver's to consume, once."""
    taken: list[int] = []

    def parameters() -> Iterator[tuple[int]]:
        for number in (30, 31, 32):
            taken.append(number)
            yield (number,)

    connection.cursor().executemany("INSERT INTO orders VALUES (%s, 'x')", parameters())

    assert taken == [30, 31, 32]


def test_all_rows_of_sqlite_are_the_application_s(told: Told, tmp_path: Path) -> None:
    """DC-05: fault 2.3-1: `select *` gives its rows and `count(*)` its number, as without us."""
    producers.install("sqlalchemy")
    engine = sa.create_engine(f"sqlite:///{tmp_path / 't.db'}")
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE t (a int)"))
        connection.execute(sa.text("INSERT INTO t VALUES (1), (2), (3)"))
        assert connection.execute(sa.text("SELECT * FROM t")).all() == [(1,), (2,), (3,)]
        assert connection.execute(sa.text("SELECT count(*) FROM t")).scalar() == 3
    engine.dispose()


def test_rows_that_a_driver_does_not_know_are_absent(connection: Connection, told: Told) -> None:
    """DC-17: fault 3-13: SQLite says -1 for a SELECT, PostgreSQL the number: unknown is absent, never -1."""
    producers.install("sqlalchemy")
    engine = sa.create_engine("sqlite://")
    with engine.connect() as lite:
        lite.execute(sa.text("SELECT 1")).all()
    engine.dispose()
    connection.execute("SELECT 1")
    connection.execute("SELECT 1 WHERE false")

    assert [one.get("rows", "absent") for one in told()] == ["absent", 1, 0]


def test_a_query_that_is_none_is_the_driver_s_to_refuse(connection: Connection, told: Told) -> None:
    """DC-07: fault 2.1.3-14: an object that raises when it is read gives the driver's own error."""
    producers.uninstall("psycopg")
    with pytest.raises(Exception) as bare:  # noqa: PT011 - which one is the driver's to say
        connection.execute(Hostile())  # type: ignore[call-overload]
    producers.install("psycopg")
    with pytest.raises(type(bare.value)):
        connection.execute(Hostile())  # type: ignore[call-overload]
    with pytest.raises(TypeError, match=r"missing 1 required positional argument: 'query'"):
        connection.cursor().execute()  # type: ignore[call-overload]

    assert [one["status"] for one in told()] == ["error", "error"]
    assert {one["query_text"] for one in told()} == {"<unknown>"}


@pytest.mark.usefixtures("faults_expected")
def test_attributes_that_cannot_be_read_stop_no_query(connection: Connection, told: Told) -> None:
    """DC-07: fault 2.1.3-14: what is said of the work may be hostile: the query runs and is told."""
    with context.use(operation="checkout", attributes={"bad": Hostile(), "good": 1}):
        assert connection.execute("SELECT 1").fetchone() == (1,)
    with context.use(attributes=5):  # type: ignore[arg-type]
        assert connection.execute("SELECT 2").fetchone() == (2,)

    assert [one["query_text"] for one in told()] == ["select ?"] * 2


def test_procedures_are_statements(connection: Connection, told: Told) -> None:
    """DC-29: fault 3-11: CALL is one query, whatever it runs inside."""
    connection.execute(
        "CREATE PROCEDURE add_two() LANGUAGE sql AS 'INSERT INTO orders VALUES (40, NULL), (41, NULL)'"
    )
    connection.execute("CALL add_two()")
    connection.execute("DROP PROCEDURE add_two()")

    assert [one["query_text"] for one in told()][1] == "call add_two()"
    assert len(told()) == 3


def test_the_flagship_example_captures_its_queries(connection: Connection, told: Told) -> None:
    """DC-28: fault 3-1: cursors that take no attributes are instrumented, with the driver's own rows."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM orders")
        cursor.executemany("UPDATE orders SET note = %s WHERE id = %s", [("a", 1), ("b", 2)])

    assert [one["rows"] for one in told()] == [5, 2]


@pytest.mark.parametrize("traced", [True, False])
def test_a_query_joins_the_trace_there_is(connection: Connection, told: Told, traced: bool) -> None:
    """DC-20: with a span around, an event has its ids, over one layer or two; without, none."""
    producers.install("sqlalchemy")
    tracer = TracerProvider().get_tracer("shop")
    engine = sa.create_engine("sqlite://")

    def ask() -> None:
        connection.execute("SELECT 1")
        with engine.connect() as lite:
            lite.execute(sa.text("SELECT 1"))

    if traced:
        with tracer.start_as_current_span("request") as span:
            ask()
        expected = {format(span.get_span_context().trace_id, "032x")}
    else:
        ask()
        expected = {None}
    engine.dispose()

    assert {one.get("trace_id") for one in told()} == expected
    assert len(told()) == 2


def seconds_of_a_query(connection: sa.Connection, depth: int) -> float:
    """Return the shortest time that a query takes below that many frames, of a hundred times ten."""
    if depth:
        return seconds_of_a_query(connection, depth - 1)
    best = float("inf")
    statement = sa.text("SELECT 1")
    for _ in range(100):
        start = time.perf_counter()
        for _ in range(10):
            connection.execute(statement).scalar()
        best = min(best, time.perf_counter() - start)
    return best / 10


def test_a_query_costs_microseconds_however_deep_the_stack_is() -> None:
    """fault 2.3-6: what SQLAlchemy on SQLite takes is not many times as long, nor longer below 60 frames."""
    configure(sink=lambda event: None)
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        bare = {depth: seconds_of_a_query(connection, depth) for depth in (0, 60)}
        producers.install("sqlalchemy", engine)
        watched = {depth: seconds_of_a_query(connection, depth) for depth in (0, 60)}
    producers.uninstall("sqlalchemy", engine)
    engine.dispose()

    extra = {depth: watched[depth] - bare[depth] for depth in bare}
    assert extra[0] < 0.002 * million_additions()
    assert extra[60] < 2 * extra[0] + 0.0004 * million_additions()
