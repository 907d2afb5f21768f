"""psycopg 3 on a real PostgreSQL: connections and cursors of every kind, synchronous."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from postgres_server import PostgresServer
from psycopg import sql
from psycopg.rows import dict_row, namedtuple_row

import producers
from lineage import context

Connection = psycopg.Connection[Any]
Told = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def connection(postgres: PostgresServer) -> Iterator[Connection]:
    with psycopg.connect(postgres.dsn(), autocommit=True) as opened:
        opened.execute("CREATE TABLE orders (id int PRIMARY KEY, note text)")
        opened.execute("INSERT INTO orders SELECT n, 'x' FROM generate_series(1, 5) n")
        producers.install("psycopg")
        yield opened


def only(told: Told) -> dict[str, Any]:
    (event,) = told()
    return event


def here() -> int:
    import sys

    return sys._getframe(1).f_lineno


def ran(event: dict[str, Any]) -> tuple[Any, ...]:
    return event["query_text"], event["status"], event.get("rows")


def test_a_query_of_a_connection_names_where_it_went(
    connection: Connection, told: Told, postgres: PostgresServer
) -> None:
    """DC-28, DC-30: system, client, database, host and rows, on a live server."""
    connection.execute("SELECT * FROM orders").fetchall()

    event = only(told)
    assert ran(event) == ("select * from orders", "ok", 5)
    assert (event["db_system"], event["client"]) == ("postgresql", "psycopg")
    assert (event["db_name"], event["db_host"]) == ("postgres", postgres.host)


def test_a_unix_socket_is_a_host(connection: Connection, told: Told, postgres: PostgresServer) -> None:
    """DC-30: over a socket, the host is the folder the socket is in."""
    with psycopg.connect(postgres.socket_dsn()) as local:
        local.execute("SELECT 1")

    assert only(told)["db_host"] == str(postgres.socket_folder)


def test_every_way_of_the_readme_example_is_captured(connection: Connection, told: Told) -> None:
    """fault 2.1.3-1: cursors have slots and still tell: of a connection, with a block, and made by hand."""
    cursor = connection.cursor()
    cursor.execute("SELECT 1")
    with connection.cursor() as second:
        second.execute("SELECT 2, 2")
    psycopg.Cursor(connection).execute("SELECT 3, 3, 3")
    connection.execute("SELECT 4, 4, 4, 4")
    cursor.executemany("INSERT INTO orders VALUES (%s, %s)", [(7, "a"), (8, "b")])
    list(cursor.stream("SELECT id FROM orders"))
    with cursor.copy("COPY orders TO STDOUT") as copying:
        list(copying)

    assert [event["query_text"] for event in told()] == [
        "select ?",
        "select ?, ?",
        "select ?, ?, ?",
        "select ?, ?, ?, ?",
        "insert into orders values (?)",
        "select id from orders",
        "copy orders to stdout",
    ]
    assert type(cursor) is psycopg.Cursor


@pytest.mark.parametrize("kind", ["Cursor", "ClientCursor", "RawCursor"])
def test_every_kind_of_cursor_is_captured_once(connection: Connection, told: Told, kind: str) -> None:
    """DC-28, DC-29: one event for each `execute`."""
    if not hasattr(psycopg, kind):
        pytest.skip(f"psycopg {psycopg.__version__} has no {kind}")
    cursor = getattr(psycopg, kind)(connection)

    cursor.execute("SELECT id FROM orders WHERE id = " + ("$1" if kind == "RawCursor" else "%s"), [3])

    assert cursor.fetchall() == [(3,)]
    assert only(told)["rows"] == 1


@pytest.mark.parametrize("kind", ["ServerCursor", "RawServerCursor"])
def test_a_server_cursor_is_one_query_whatever_is_fetched(
    connection: Connection, told: Told, kind: str
) -> None:
    """DC-29: a named cursor tells of its `execute`; how many rows will be fetched is not known then."""
    if not hasattr(psycopg, kind):
        pytest.skip(f"psycopg {psycopg.__version__} has no {kind}")
    with connection.transaction(), getattr(psycopg, kind)(connection, "reader") as cursor:
        cursor.execute("SELECT id FROM orders ORDER BY id")
        assert cursor.fetchmany(2) == [(1,), (2,)]
        assert len(list(cursor)) == 3

    event = only(told)
    assert event["query_text"] == "select id from orders order by id"
    assert "rows" not in event


def test_executemany_is_one_query_with_all_its_rows(connection: Connection, told: Told) -> None:
    """DC-29: one event for the call, not one for each set of parameters, which may be an iterator."""
    cursor = connection.cursor()

    cursor.executemany(
        "INSERT INTO orders VALUES (%s, %s) RETURNING id", ((n, "x") for n in range(10, 13)), returning=True
    )

    returned = [cursor.fetchone()]
    while cursor.nextset():
        returned.append(cursor.fetchone())
    assert returned == [(10,), (11,), (12,)]
    assert only(told)["status"] == "ok"


def test_executemany_counts_all_rows(connection: Connection, told: Told) -> None:
    """DC-29: the rows are those of all sets of parameters."""
    connection.cursor().executemany("INSERT INTO orders VALUES (%s, 'x')", [(20,), (21,), (22,)])

    assert only(told)["rows"] == 3


def test_several_statements_in_one_call_are_one_query(connection: Connection, told: Told) -> None:
    """DC-29: `execute` with two statements is one event; the results are all there."""
    cursor = connection.execute("SELECT id FROM orders WHERE id < 3; SELECT 'second'")

    assert cursor.fetchall() == [(1,), (2,)]
    assert cursor.nextset()
    assert cursor.fetchall() == [("second",)]
    assert only(told)["rows"] == 2


def test_no_rows_is_nought_and_not_unknown(connection: Connection, told: Told) -> None:
    """DC-17: `rows` is 0 where there were none, and absent where the driver does not say."""
    connection.execute("SELECT * FROM orders WHERE false")
    assert told()[0]["rows"] == 0

    connection.execute("CREATE TABLE nothing ()")
    assert "rows" not in told()[1]


def test_a_failed_statement_is_one_error(connection: Connection, told: Told) -> None:
    """DC-29: one event for a failed `execute`, and one for a failed `executemany`."""
    with pytest.raises(psycopg.errors.UndefinedTable):
        connection.execute("SELECT * FROM missing")
    with pytest.raises(psycopg.errors.UniqueViolation):
        connection.cursor().executemany("INSERT INTO orders VALUES (%s, 'bob@corp.example')", [(1,)])

    undefined, unique = told()
    assert undefined["error"]["type"] == "UndefinedTable"
    assert unique["error"]["type"] == "UniqueViolation"
    assert "corp.example" not in repr(unique)


def test_a_statement_the_server_cancels_is_an_error(connection: Connection, told: Told) -> None:
    """fault 3-11: a statement that runs into its time limit fails, as the host sees it."""
    connection.execute("SET statement_timeout = 50")
    with pytest.raises(psycopg.errors.QueryCanceled):
        connection.execute("SELECT pg_sleep(5)")

    assert told()[1]["error"]["type"] == "QueryCanceled"
    assert 40 < told()[1]["duration_ms"] < 4000


def test_a_statement_another_thread_cancels_ends_when_it_ends(connection: Connection, told: Told) -> None:
    timer = threading.Timer(0.2, connection.cancel)
    timer.start()
    with pytest.raises(psycopg.errors.QueryCanceled):
        connection.execute("SELECT pg_sleep(5)")
    timer.join()

    assert only(told)["status"] == "error"


def test_a_failure_to_connect_is_no_query(connection: Connection, told: Told) -> None:
    """fault 2.1.3-18: what never reached a server is not told."""
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect("host=127.0.0.1 port=1 connect_timeout=2")

    assert told() == []


def test_a_closed_connection_gives_its_own_error(connection: Connection, told: Told, postgres: Any) -> None:
    closed = psycopg.connect(postgres.dsn())
    cursor = closed.cursor()
    closed.close()

    with pytest.raises(psycopg.OperationalError, match="closed"):
        cursor.execute("SELECT 1")

    assert only(told)["status"] == "error"


def test_transactions_are_no_queries(connection: Connection, told: Told) -> None:
    """fault 3-11: BEGIN, COMMIT, ROLLBACK and savepoints that psycopg sends by itself are not told."""
    with connection.transaction():
        connection.execute("SELECT 1")
        with connection.transaction():
            connection.execute("SELECT 1")
            raise psycopg.Rollback
    connection.autocommit = False
    connection.execute("SELECT 1")
    connection.commit()
    connection.autocommit = True

    assert [event["query_text"] for event in told()] == ["select ?"] * 3


def test_rows_come_as_the_row_factory_makes_them(connection: Connection, told: Told) -> None:
    """DC-05: row factories, binary results and prepared statements give what they give without us."""
    assert connection.cursor(row_factory=dict_row).execute("SELECT 1 AS one").fetchone() == {"one": 1}
    assert connection.cursor(row_factory=namedtuple_row).execute("SELECT 2 AS two").fetchone().two == 2  # type: ignore[union-attr]
    assert connection.execute("SELECT %s", [3], binary=True).fetchone() == (3,)
    for number in range(3):
        assert connection.execute("SELECT %s", [number], prepare=True).fetchone() == (number,)

    assert len(told()) == 6


def test_composed_and_bytes_queries_have_a_fingerprint_each(connection: Connection, told: Told) -> None:
    """DC-12: another table is another fingerprint; another value is the same."""
    connection.execute("CREATE TABLE items (id int)")
    for table in ("orders", "items"):
        connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table)))
        connection.execute(f"SELECT id FROM {table}".encode())
    connection.execute(sql.SQL("SELECT * FROM orders WHERE note = {}").format(sql.Literal("planted")))
    connection.execute(sql.SQL("SELECT * FROM orders WHERE note = {}").format(sql.Literal("another")))

    prints = [event["query_fingerprint"] for event in told()[1:]]
    assert len(set(prints)) == 5
    assert prints[-1] == prints[-2]
    assert "planted" not in repr(told())


def test_notices_reach_the_host(connection: Connection, told: Told) -> None:
    seen: list[str] = []
    connection.add_notice_handler(lambda notice: seen.append(notice.message_primary or ""))

    connection.execute("DO $$ BEGIN RAISE NOTICE 'told you'; END $$")

    assert seen == ["told you"]
    assert "told you" not in repr(told())


def test_the_line_is_the_application_s(connection: Connection, told: Told) -> None:
    """DC-14: of a connection's `execute`, a cursor's, a stream's and a copy's."""
    lines = []
    cursor = connection.cursor()
    connection.execute("SELECT 1")
    lines.append(here() - 1)
    cursor.execute("SELECT 1")
    lines.append(here() - 1)
    list(cursor.stream("SELECT 1"))
    lines.append(here() - 1)
    with cursor.copy("COPY orders TO STDOUT") as copying:
        lines.append(here() - 1)
        list(copying)

    assert [event["callsite"]["line"] for event in told()] == lines
    assert {event["callsite"]["path"] for event in told()} == {__file__}
    assert {event["callsite"]["function"] for event in told()} == {"test_the_line_is_the_application_s"}


def test_context_reaches_every_query(connection: Connection, told: Told) -> None:
    """DC-19, DC-20: the operation and the actor of the code that runs the query."""
    with context.use(operation="checkout", actor="ann"):
        connection.execute("SELECT 1")
        list(connection.cursor().stream("SELECT 1"))
    connection.execute("SELECT 1")

    assert [event.get("operation") for event in told()] == ["checkout", "checkout", None]


def test_what_somebody_else_put_on_top_stays(connection: Connection, told: Told) -> None:
    """fault 2.3-5: undoing takes away our own alone, and what stands on top of it goes on working."""
    ours = psycopg.Cursor.execute

    def theirs(cursor: Any, *args: Any, **kwargs: Any) -> Any:
        return ours(cursor, *args, **kwargs)

    psycopg.Cursor.execute = theirs  # type: ignore[method-assign]
    try:
        producers.uninstall("psycopg")
        assert psycopg.Cursor.execute is theirs
        assert connection.execute("SELECT 1").fetchone() == (1,)
        assert told() == []
        producers.install("psycopg")
        connection.execute("SELECT 1")
        assert len(told()) == 1
    finally:
        producers.uninstall("psycopg")
        psycopg.Cursor.execute = ours.__wrapped__  # type: ignore[attr-defined, method-assign]


def test_nothing_of_ours_reaches_the_server(connection: Connection, told: Told, postgres: Any) -> None:
    """No query and no connection of ours: the server's own log has those of the host alone."""
    connection.execute("SELECT 'mark-one'")
    connection.execute("SELECT count(*) FROM orders")
    with connection.cursor() as cursor:
        list(cursor.stream("SELECT id FROM orders"))
    told()
    connection.execute("SELECT 'mark-two'")

    log = postgres.log.read_text()
    between = log[log.rindex("'mark-one'") : log.rindex("'mark-two'")]
    statements = [line for line in between.splitlines()[1:] if "statement:" in line or "execute" in line]
    assert [line.split(": ")[-1].split(" FROM")[0] for line in statements] == [
        "SELECT count(*)",
        "SELECT id",
        "SELECT ",
    ]
    clients = connection.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
    )
    assert clients.fetchone() == (1,)
