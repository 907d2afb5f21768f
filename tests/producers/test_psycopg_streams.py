"""psycopg 3 where a call is not the whole query: streams, COPY, pipelines, targets."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from postgres_server import PostgresServer

import producers
import producers.psycopg

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


def test_a_stream_is_told_when_it_is_consumed(connection: Connection, told: Told) -> None:
    """DC-29: fault 2.1.3-1: a stream ends with its last row, and not before."""
    stream = connection.cursor().stream("SELECT id FROM orders ORDER BY id")
    assert next(stream) == (1,)
    time.sleep(0.05)
    assert told() == []

    assert [row[0] for row in stream] == [2, 3, 4, 5]

    event = only(told)
    assert event["status"] == "ok"
    assert event["duration_ms"] > 45


def test_a_stream_that_is_never_consumed_is_no_query(connection: Connection, told: Told) -> None:
    connection.cursor().stream("SELECT 1")

    assert told() == []


def test_a_stream_that_is_closed_early_has_what_it_wanted(connection: Connection, told: Told) -> None:
    """fault 2.1.3-18: leaving a stream is no error."""
    stream = connection.cursor().stream("SELECT * FROM generate_series(1, 100000)")
    next(stream)
    stream.close()

    assert only(told)["status"] == "ok"
    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_an_error_in_the_middle_of_a_stream_is_its_error(connection: Connection, told: Told) -> None:
    """fault 3-11: rows that cannot be fetched are the failure of their query."""
    with pytest.raises(psycopg.errors.DivisionByZero):
        list(connection.cursor().stream("SELECT 1 / (3 - n) FROM generate_series(1, 5) n"))

    assert only(told)["error"]["type"] == "DivisionByZero"


def test_queries_between_the_rows_of_a_stream_are_their_own(
    connection: Connection, told: Told, postgres: PostgresServer
) -> None:
    """DC-18: what the consumer asks of another connection meanwhile is not part of the stream."""
    with psycopg.connect(postgres.dsn()) as other:
        for row in connection.cursor().stream("SELECT id FROM orders WHERE id < 3 ORDER BY id"):
            other.execute("SELECT note FROM orders WHERE id = %s", row).fetchall()

    texts = [event["query_text"] for event in told()]
    assert texts[:2] == ["select note from orders where id = ?"] * 2
    assert texts[2].startswith("select id from orders")
    assert all("parent_event_id" not in event for event in told())


def test_copying_out_ends_with_its_block(connection: Connection, told: Told) -> None:
    """DC-29: COPY is one query, read to its end, with its rows."""
    with connection.cursor().copy("COPY orders TO STDOUT") as copying:
        assert len(list(copying.rows())) == 5
        assert told() == []

    event = only(told)
    assert (event["query_text"], event["status"], event["rows"]) == ("copy orders to stdout", "ok", 5)


@pytest.mark.parametrize("how", ["write", "write_row"])
def test_copying_in_ends_with_its_block(connection: Connection, told: Told, how: str) -> None:
    """DC-29: COPY is one query, whatever is written in it, and none of that is kept."""
    cursor = connection.cursor()
    with cursor.copy("COPY orders FROM STDIN") as copying:
        for number in range(50, 60):
            if how == "write":
                copying.write(f"{number}\tplanted-secret\n")
            else:
                copying.write_row((number, "planted-secret"))
    assert cursor.rowcount == 10

    event = only(told)
    assert (event["query_text"], event["rows"]) == ("copy orders from stdin", 10)
    assert "planted" not in repr(event)


def test_an_error_of_the_host_inside_a_copy_is_its_own(connection: Connection, told: Told) -> None:
    """DC-06: what leaves the block is what leaves it without us; psycopg 3.1 made a QueryCanceled of it."""

    def copy_and_fail(boom: BaseException) -> BaseException:
        with pytest.raises((ZeroDivisionError, psycopg.errors.QueryCanceled)) as caught:  # noqa: PT012, SIM117
            with connection.cursor().copy("COPY orders FROM STDIN") as copying:
                copying.write_row((99, "x"))
                raise boom
        return caught.value

    bare, watched = ZeroDivisionError("mine"), ZeroDivisionError("mine")
    producers.uninstall("psycopg")
    bare_is_the_same = copy_and_fail(bare) is bare
    producers.install("psycopg")

    raised = copy_and_fail(watched)

    assert (raised is watched) == bare_is_the_same
    assert only(told)["error"]["type"] == type(raised).__name__
    assert connection.execute("SELECT count(*) FROM orders").fetchone() == (5,)


def test_an_error_of_the_server_inside_a_copy_is_its_error(connection: Connection, told: Told) -> None:
    """fault 3-11: a COPY that the server refuses is one failed query."""
    copy = connection.cursor().copy("COPY orders FROM STDIN")
    with pytest.raises(psycopg.errors.UniqueViolation), copy as copying:
        copying.write_row((1, "bob@corp.example"))

    event = only(told)
    assert event["error"]["type"] == "UniqueViolation"
    assert "corp.example" not in repr(event)


def test_a_copy_that_is_never_opened_is_no_query(connection: Connection, told: Told) -> None:
    connection.cursor().copy("COPY orders TO STDOUT")

    assert told() == []


def test_queries_of_a_pipeline_say_so(connection: Connection, told: Told) -> None:
    """DC-29: fault 3-11: in a pipeline a call submits; the event says that this is what it measured."""
    if not psycopg.Pipeline.is_supported():
        pytest.skip("the libpq of this psycopg has no pipelines")
    with connection.pipeline():
        cursor = connection.execute("SELECT id FROM orders WHERE id = 3")
        connection.execute("SELECT 1")
        assert cursor.fetchone() == (3,)
    connection.execute("SELECT 1")

    assert [event.get("attributes") for event in told()] == [{"pipeline": True}] * 2 + [None]
    assert [event["query_text"] for event in told()][1:] == ["select ?"] * 2


def test_the_path_that_is_searched_names_the_tables(connection: Connection, told: Told) -> None:
    """A connection that changes its search_path is known by the new one, where its server says so."""
    if connection.info.server_version < 180000:
        pytest.skip("servers before PostgreSQL 18 do not tell of it")
    seen = []

    def remember(cursor: Any) -> None:
        seen.append(producers.psycopg._source(cursor.connection).default_schema)

    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        remember(cursor)
        cursor.execute("CREATE SCHEMA mart")
        cursor.execute("SET search_path TO mart, public")
        remember(cursor)
        cursor.execute("DROP SCHEMA mart")

    assert seen == ["public", "mart"]


def test_one_connection_is_watched_with_all_its_cursors(told: Told, postgres: PostgresServer) -> None:
    """DC-28: cursors that were there before, and such as are made by hand, belong to it; no other does."""
    with psycopg.connect(postgres.dsn()) as watched, psycopg.connect(postgres.dsn()) as other:
        early = watched.cursor()
        producers.install("psycopg", watched)
        early.execute("SELECT 1")
        psycopg.ClientCursor(watched).execute("SELECT 1, 2")
        watched.execute("SELECT 1, 2, 3")
        other.execute("SELECT 'other'")
        assert len(told()) == 3
        assert type(watched.cursor()) is psycopg.Cursor

        producers.uninstall("psycopg", watched)
        early.execute("SELECT 1")
        assert len(told()) == 3


def test_classes_made_of_a_cursor_are_captured_once(connection: Connection, told: Told) -> None:
    """fault 2.1.3-8: a subclass that calls the method above it gives one event."""

    class Mine(psycopg.Cursor[Any]):
        def execute(self, *args: Any, **kwargs: Any) -> Any:
            return super().execute(*args, **kwargs)

    connection.cursor_factory = Mine
    cursor = connection.execute("SELECT 7")

    assert isinstance(cursor, Mine)
    assert cursor.fetchone() == (7,)
    assert len(told()) == 1
