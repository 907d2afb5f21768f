"""psycopg2 on a real PostgreSQL: connections and cursors of every class, COPY, the extras."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from postgres_server import PostgresServer

import producers
from lineage import context

psycopg2 = pytest.importorskip("psycopg2")
extras = pytest.importorskip("psycopg2.extras")
sql = pytest.importorskip("psycopg2.sql")

Told = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def connection(postgres: PostgresServer, told: Told) -> Iterator[Any]:
    producers.install("psycopg2")
    with closing(psycopg2.connect(postgres.dsn())) as opened:
        opened.autocommit = True
        with opened.cursor() as cursor:
            cursor.execute("CREATE TABLE orders (id int PRIMARY KEY, note text)")
            cursor.execute("INSERT INTO orders SELECT n, 'x' FROM generate_series(1, 5) n")
        told().clear()
        yield opened


def ran(told: Told) -> list[tuple[Any, ...]]:
    return [(one["query_text"], one["status"], one.get("rows")) for one in told()]


def test_a_query_names_where_it_went(connection: Any, told: Told, postgres: PostgresServer) -> None:
    """DC-28, DC-30: system, client, database, host, rows, line and operation, on a live server."""
    with context.use(operation="checkout"), connection.cursor() as cursor:
        cursor.execute("SELECT * FROM orders WHERE id < %s", (4,))
        assert cursor.fetchall() == [(1, "x"), (2, "x"), (3, "x")]

    (event,) = told()
    assert ran(told) == [("select * from orders where id < ?", "ok", 3)]
    assert (event["db_system"], event["client"]) == ("postgresql", "psycopg2")
    assert (event["db_name"], event["db_host"]) == ("postgres", postgres.host)
    assert (event["callsite"]["path"], event["operation"]) == (__file__, "checkout")


def test_every_way_to_run_a_statement_is_one_query(connection: Any, told: Told) -> None:
    """DC-29: one event for each call, with all its rows."""
    cursor = connection.cursor()
    cursor.executemany("INSERT INTO orders VALUES (%s, %s)", [(7, "a"), (8, "b")])
    cursor.copy_expert("COPY orders TO STDOUT", out := io.StringIO())
    cursor.copy_from(io.StringIO("9\tc\n"), "orders", columns=("id", "note"))
    cursor.copy_to(io.StringIO(), table="orders")
    cursor.callproc("upper", ["x"])
    assert cursor.fetchone() == ("X",)
    cursor.execute(
        sql.SQL("DELETE FROM {} WHERE note = {}").format(sql.Identifier("orders"), sql.Literal("a"))
    )
    cursor.execute(b"SELECT 1; SELECT 2")
    assert cursor.fetchall() == [(2,)]

    assert out.getvalue().count("\n") == 7
    assert ran(told) == [
        ("insert into orders values (?)", "ok", 2),
        ("copy orders to stdout", "ok", 7),
        ('copy "orders" from stdin', "ok", 1),
        ('copy "orders" to stdout', "ok", 8),
        ("select * from upper()", "ok", 1),
        ('delete from "orders" where note = ?', "ok", 1),
        ("select ?; select ?", "ok", 1),
    ]


def test_pages_of_the_extras_are_one_text_each(connection: Any, told: Told) -> None:
    """DC-29: `execute_values` and `execute_batch`; neither values nor what they return change."""
    cursor = connection.cursor()
    rows = extras.execute_values(
        cursor,
        "INSERT INTO orders VALUES %s RETURNING id",
        [(n, "secret") for n in range(10, 15)],
        page_size=3,
        fetch=True,
    )
    extras.execute_batch(cursor, "UPDATE orders SET note = %s WHERE id = %s", [("b", 1), ("c", 2)])

    assert rows == [(n,) for n in range(10, 15)]
    assert [rows for _, _, rows in ran(told)] == [3, 2, 1]
    assert "secret" not in repr(told())


def test_cursors_of_every_class_stay(connection: Any, told: Told, postgres: PostgresServer) -> None:
    """DC-05: by the cursor's factory, the connection's, and connection classes of the extras."""
    found = []
    for factory in (extras.DictCursor, extras.RealDictCursor, extras.NamedTupleCursor):
        with connection.cursor(cursor_factory=factory) as cursor:
            cursor.execute("SELECT 1 AS one")
            found.append(cursor.fetchone())
            assert isinstance(cursor, factory)
            assert repr(type(cursor)) == repr(factory)
    for options in ({"cursor_factory": extras.RealDictCursor}, {"connection_factory": extras.DictConnection}):
        with closing(psycopg2.connect(postgres.dsn(), **options)) as other, other.cursor() as cursor:
            assert isinstance(other, options.get("connection_factory", psycopg2.extensions.connection))
            cursor.execute("SELECT 1 AS one")
            found.append(cursor.fetchone())
    assert [found[2].one, *(row["one"] for row in (*found[:2], *found[3:]))] == [1] * 5
    with closing(psycopg2.extensions.connection(postgres.dsn())) as bare:
        assert repr(type(connection)) == repr(type(bare))
        assert repr(type(connection.cursor())) == repr(type(bare.cursor()))
    assert connection.cursor().connection is connection
    extras.register_uuid(conn_or_curs=connection)
    assert sql.Identifier("a b").as_string(connection) == '"a b"'

    assert len(told()) == 5


def test_a_named_cursor_is_one_query_whatever_is_fetched(connection: Any, told: Told) -> None:
    """DC-29: how many rows will be fetched is not known at its `execute`."""
    connection.autocommit = False
    with connection.cursor("reader") as cursor:
        cursor.itersize = 2
        cursor.execute("SELECT id FROM orders ORDER BY id")
        assert [row[0] for row in cursor] == [1, 2, 3, 4, 5]
    with connection.cursor(name="second", cursor_factory=extras.DictCursor, scrollable=True) as cursor:
        cursor.execute("SELECT id FROM orders ORDER BY id")
        assert cursor.fetchone()["id"] == 1

    assert ran(told) == [("select id from orders order by id", "ok", None)] * 2


def test_a_failed_statement_is_one_error(connection: Any, told: Told) -> None:
    """DC-29: with the library's own error, its code and diagnostics."""
    with pytest.raises(psycopg2.errors.UniqueViolation) as caught:
        connection.cursor().execute("INSERT INTO orders VALUES (1, 'bob@corp.example')")

    assert caught.value.diag.constraint_name == "orders_pkey"
    assert caught.value.pgcode == "23505"
    (event,) = told()
    assert event["error"]["type"] == "UniqueViolation"
    assert "corp.example" not in repr(event)


def test_an_asynchronous_connection_tells_of_what_it_submits(
    connection: Any, told: Told, postgres: PostgresServer
) -> None:
    from psycopg2.extras import wait_select

    with closing(psycopg2.connect(postgres.dsn(), async_=1)) as waiting:
        wait_select(waiting)
        cursor = waiting.cursor()
        cursor.execute("SELECT 42")
        wait_select(waiting)
        assert cursor.fetchone() == (42,)

    assert ran(told) == [("select ?", "ok", None)]


def test_sqlalchemy_over_it_is_one_query(connection: Any, told: Told, postgres: PostgresServer) -> None:
    import sqlalchemy as sa

    producers.install("sqlalchemy")
    engine = sa.create_engine(postgres.dsn().replace("postgresql:", "postgresql+psycopg2:"))
    with engine.connect() as asking:
        told().clear()
        assert asking.execute(sa.text("SELECT id FROM orders")).all()
    engine.dispose()

    (event,) = told()
    assert (event["client"], event["rows"]) == ("sqlalchemy", 5)


def test_nothing_of_ours_reaches_the_server(connection: Any, postgres: PostgresServer) -> None:
    cursor = connection.cursor()
    cursor.execute("SELECT 'mark-one'")
    cursor.execute("SELECT count(*) FROM orders")
    cursor.execute("SELECT 'mark-two'")

    log = postgres.log.read_text()
    between = log[log.rindex("'mark-one'") : log.rindex("'mark-two'")]
    assert between.count("statement:") == 2
