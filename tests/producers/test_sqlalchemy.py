"""SQLAlchemy engines on SQLite: core, exec_driver_sql, failures, other listeners, threads."""

from __future__ import annotations

import gc
import sqlite3
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Engine

import producers
from lineage import context, trace_query
from producers import sqlalchemy as producer

Told = Callable[[], list[dict[str, Any]]]

metadata = sa.MetaData()
orders = sa.Table(
    "orders", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("note", sa.String)
)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = sa.create_engine(f"sqlite:///{tmp_path / 'shop.db'}")
    metadata.create_all(made)
    with made.begin() as connection:
        connection.execute(orders.insert(), [{"id": n, "note": "x"} for n in range(1, 6)])
    producers.install("sqlalchemy")
    yield made
    made.dispose()


def here() -> int:
    return sys._getframe(1).f_lineno


def ran(told: Told) -> list[tuple[Any, ...]]:
    return [(one["query_text"], one["status"], one.get("rows")) for one in told()]


def test_each_statement_is_one_event(engine: Engine, told: Told) -> None:
    """DC-26: select, DML, text() and exec_driver_sql; rows where the driver says them."""
    with engine.begin() as connection:
        assert len(connection.execute(sa.select(orders.c.id)).all()) == 5
        assert connection.execute(sa.update(orders).values(note="y").where(orders.c.id < 3)).rowcount == 2
        assert connection.execute(sa.delete(orders).where(orders.c.id == 5)).rowcount == 1
        assert connection.execute(sa.text("SELECT count(*) FROM orders")).scalar() == 4
        assert connection.exec_driver_sql("SELECT max(id) FROM orders").scalar() == 4

    assert ran(told) == [
        ("select orders.id from orders", "ok", None),
        ("update orders set note = ? where orders.id < ?", "ok", 2),
        ("delete from orders where orders.id = ?", "ok", 1),
        ("select count(*) from orders", "ok", None),
        ("select max(id) from orders", "ok", None),
    ]
    assert {(one["db_system"], one["client"]) for one in told()} == {("sqlite", "sqlalchemy")}


def test_executemany_is_one_query_with_all_its_rows(engine: Engine, told: Told) -> None:
    """DC-26: many sets of parameters are one event."""
    with engine.begin() as connection:
        connection.execute(orders.insert(), [{"id": n, "note": "x"} for n in range(10, 30)])

    assert ran(told) == [("insert into orders(id, note) values (?)", "ok", 20)]


def test_batched_inserts_are_one_query_a_batch(engine: Engine, told: Told) -> None:
    """DC-26: insertmanyvalues gives the driver one statement a batch, each with its rows."""
    statement = orders.insert().returning(orders.c.id)
    if not engine.dialect.insert_returning:
        pytest.skip("this SQLite has no INSERT ... RETURNING")
    with engine.begin() as connection:
        options = connection.execution_options(insertmanyvalues_page_size=10)
        returned = options.execute(statement, [{"note": "x"} for _ in range(25)]).all()

    assert len(returned) == 25
    assert len(told()) == 3
    assert {one["query_fingerprint"] for one in told()} == {told()[0]["query_fingerprint"]}


def test_a_failed_statement_is_one_error(engine: Engine, told: Told) -> None:
    """DC-26, DC-16: one event with the driver's own error, there before the caller sees it."""
    with engine.connect() as connection:
        with pytest.raises(sa.exc.OperationalError) as caught:
            connection.execute(sa.text("SELECT * FROM missing"))
        assert isinstance(caught.value.orig, sqlite3.OperationalError)
        assert [one["status"] for one in told()] == ["error"]

    assert told()[0]["error"] == {"type": "OperationalError", "message": "no such table: missing"}


def test_a_failure_to_connect_is_no_query(told: Told, tmp_path: Path) -> None:
    """DC-26: fault 2.1.3-18: what never reached a database is not told."""
    producers.install("sqlalchemy")
    nowhere = sa.create_engine(f"sqlite:///{tmp_path / 'no' / 'such' / 'folder.db'}")
    with pytest.raises(sa.exc.OperationalError):
        nowhere.connect()

    assert told() == []


def test_a_statement_that_cannot_be_compiled_is_no_query(engine: Engine, told: Told) -> None:
    """fault 3-11: what fails before a driver gets it is not told."""
    with engine.connect() as connection, pytest.raises(sa.exc.StatementError):
        connection.execute(sa.text("SELECT :a"), {"b": 1})

    assert told() == []


def test_transactions_are_no_queries_and_savepoints_are(engine: Engine, told: Told) -> None:
    """fault 3-11: BEGIN, COMMIT and ROLLBACK are the driver's; a savepoint is a statement like others."""
    with engine.connect() as connection:
        with connection.begin():
            connection.execute(sa.text("SELECT 1"))
        with connection.begin() as outer:
            with connection.begin_nested():
                connection.execute(sa.text("SELECT 1"))
            outer.rollback()

    assert [one["query_text"].split(" ")[0] for one in told()] == ["select", "savepoint", "select", "release"]


def test_engines_made_before_and_after_are_captured(engine: Engine, told: Told) -> None:
    """DC-26: and connections that were open, and engines made of an engine by its options."""
    producers.uninstall("sqlalchemy")
    with engine.connect() as early:
        producers.install("sqlalchemy")
        early.execute(sa.text("SELECT 'early'"))
    later = sa.create_engine("sqlite://")
    with later.connect() as connection:
        connection.execute(sa.text("SELECT 'later'"))
    with later.execution_options(stream_results=True).connect() as connection:
        connection.execute(sa.text("SELECT 'optioned'"))
    later.dispose()

    assert len(told()) == 3


def test_an_engine_is_watched_with_all_its_forms(engine: Engine, told: Told) -> None:
    """DC-26: a target's options engines and open connections are its own; another engine is not."""
    producers.uninstall("sqlalchemy")
    other = sa.create_engine("sqlite://")
    with engine.connect() as early:
        producers.install("sqlalchemy", engine)
        early.execute(sa.text("SELECT 1"))
    with engine.execution_options(logging_token="t").connect() as connection:
        connection.execute(sa.text("SELECT 1"))
    with other.connect() as connection:
        connection.execute(sa.text("SELECT 1"))
    other.dispose()

    assert len(told()) == 2


def test_an_engine_is_captured_until_it_is_uninstalled_whatever_others_are(told: Told) -> None:
    """fault 2.3-5: what was decided about an engine is decided anew when others come and go."""
    mine, other = sa.create_engine("sqlite://"), sa.create_engine("sqlite://")
    with mine.connect() as one, other.connect() as two:
        producers.install("sqlalchemy", mine)
        assert [one.exec_driver_sql("select 1").scalar(), two.exec_driver_sql("select 2").scalar()] == [1, 2]
        producers.install("sqlalchemy", other)
        assert [one.exec_driver_sql("select 3").scalar(), two.exec_driver_sql("select 4").scalar()] == [3, 4]
        producers.uninstall("sqlalchemy", mine)
        assert [one.exec_driver_sql("select 5").scalar(), two.exec_driver_sql("select 6").scalar()] == [5, 6]
    assert len(told()) == 4


def test_nothing_is_kept_of_an_engine_that_is_gone(told: Told) -> None:
    """What is known of an engine goes with it: a later one at the same place in memory is another one."""
    producers.install("sqlalchemy")
    for number in range(3):
        engine = sa.create_engine("sqlite://")
        with engine.connect() as connection:
            connection.exec_driver_sql(f"select {number}")
        assert len(producer._sources) == 1
        engine.dispose()
        del engine, connection
        gc.collect()
        assert not producer._sources
    assert len(told()) == 3


def test_the_line_is_the_application_s(engine: Engine, told: Told) -> None:
    """DC-14: fault 2.1.3-4: of execute, scalar, exec_driver_sql and a function in between."""
    lines = []

    def in_between(connection: sa.Connection) -> int:
        connection.execute(sa.select(orders))
        return here() - 1

    with engine.connect() as connection:
        connection.execute(sa.text("SELECT 1"))
        lines.append(here() - 1)
        connection.scalar(sa.select(orders.c.id))
        lines.append(here() - 1)
        connection.exec_driver_sql("SELECT 1")
        lines.append(here() - 1)
        lines.append(in_between(connection))
        called = here() - 1

    assert [one["callsite"]["line"] for one in told()] == lines
    assert {one["callsite"]["path"] for one in told()} == {__file__}
    assert told()[-1]["callsite"]["stack"].startswith(
        f"test_sqlalchemy:{lines[-1]} in_between -> "
        f"test_sqlalchemy:{called} test_the_line_is_the_application_s"
    )


def test_context_reaches_every_query(engine: Engine, told: Told) -> None:
    """DC-19: what is said of the work is said of its queries."""
    with engine.connect() as connection, context.use(operation="checkout", actor="ann"):
        connection.execute(sa.text("SELECT 1"))

    assert (told()[0]["operation"], told()[0]["actor"]) == ("checkout", "ann")


def test_threads_keep_to_themselves(engine: Engine, told: Told) -> None:
    """DC-18, DC-19: many threads over one engine: one event a query, each with its own context."""

    def work(number: int) -> None:
        with context.use(operation=f"thread-{number}"), engine.connect() as connection:
            for _ in range(20):
                connection.execute(sa.select(orders).where(orders.c.id == number)).all()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))

    counted = [one["operation"] for one in told()]
    assert sorted(counted) == sorted([f"thread-{number}" for number in range(8)] * 20)
    assert all("parent_event_id" not in one for one in told())


def test_all_the_application_s_rows_are_there(engine: Engine, told: Told) -> None:
    """fault 2.3-1: rows and counts are the application's alone: nothing of a result is consumed."""
    with engine.connect() as connection:
        assert connection.execute(sa.select(orders.c.id)).scalars().all() == [1, 2, 3, 4, 5]
        assert connection.execute(sa.text("SELECT count(*) FROM orders")).scalar() == 5
        result = connection.execute(sa.select(orders.c.id))
        assert result.fetchone() == (1,)
        assert result.fetchmany(2) == [(2,), (3,)]
        assert [row[0] for row in result] == [4, 5]
        assert isinstance(connection.connection.dbapi_connection, sqlite3.Connection)

    assert len(told()) == 3


def test_a_query_inside_a_traced_one_is_that_one(engine: Engine, told: Told) -> None:
    """DC-18: fault 2.1.3-8: trace_query around an engine's call is one event, with what the engine knows."""
    with engine.connect() as connection, trace_query("SELECT 1"):
        connection.execute(sa.text("SELECT 1"))

    (one,) = told()
    assert (one["db_system"], one["client"]) == ("sqlite", "sqlalchemy")


@pytest.mark.parametrize("moment", ["before_cursor_execute", "after_cursor_execute", "handle_error"])
def test_a_listener_of_the_host_that_raises_confuses_nothing(engine: Engine, told: Told, moment: str) -> None:
    """DC-18: its exception reaches the host, and the next query is an event of its own."""
    boom = ZeroDivisionError("mine")

    def fail(*args: Any) -> None:
        raise boom

    event.listen(engine, moment, fail)
    with engine.connect() as connection, pytest.raises(ZeroDivisionError) as caught:
        connection.execute(sa.text("SELECT * FROM missing" if moment == "handle_error" else "SELECT 1"))
    event.remove(engine, moment, fail)
    assert caught.value is boom
    failed = len(told())
    assert failed <= 1
    statement_ran = moment == "after_cursor_execute"
    assert all(one["status"] == ("ok" if statement_ran else "error") for one in told())

    with trace_query("SELECT 2, 2"):
        pass
    with engine.connect() as connection:
        connection.execute(sa.text("SELECT 3, 3, 3"))

    assert [one["query_text"] for one in told()[failed:]] == ["select ?, ?", "select ?, ?, ?"]
    assert all("parent_event_id" not in one for one in told()[failed:])


def test_listeners_of_the_host_see_and_change_what_they_did(engine: Engine, told: Told) -> None:
    """A listener that rewrites statements still does, and the driver's text is what is told."""

    def rewrite(conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> Any:
        return statement.replace("'a'", "'b'"), parameters

    event.listen(engine, "before_cursor_execute", rewrite, retval=True)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT 'a'").scalar() == "b"

    assert len(told()) == 1


def test_autocommit_is_captured_as_well(told: Told) -> None:
    """DC-26: without transactions of the database a statement is an event as with them."""
    producers.install("sqlalchemy")
    engine = sa.create_engine("sqlite://", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text("SELECT 1"))
        connection.exec_driver_sql("SELECT 2, 2")
    engine.dispose()

    assert len(told()) == 2


def test_a_begin_of_the_host_s_own_is_none(engine: Engine, told: Told) -> None:
    """fault 3-11: the BEGIN that an application writes for its driver is no query, what follows is."""
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    with engine.connect() as connection:
        connection.connection.dbapi_connection.isolation_level = None  # type: ignore[union-attr]
        connection.execute(sa.text("SELECT 1"))

    assert [one["query_text"] for one in told()] == ["select ?"]


@pytest.mark.parametrize("handles", [True, False])
def test_listeners_of_the_host_that_execute_still_do(engine: Engine, told: Told, handles: bool) -> None:
    """DC-05, DC-18: a listener behind ours is asked as before, and what it executes is the query."""
    asked: list[str] = []

    def answer(cursor: Any, statement: str, parameters: Any, context: Any) -> bool:
        asked.append(statement)
        if handles:
            cursor.execute("SELECT 'theirs'")
        return handles

    event.listen(engine, "do_execute", answer)
    with engine.connect() as connection:
        found = connection.execute(sa.text("SELECT 'ours'")).scalar()
    event.remove(engine, "do_execute", answer)

    assert asked == ["SELECT 'ours'"]
    assert found == ("theirs" if handles else "ours")
    assert len(told()) == 1


def test_nothing_is_kept_of_what_has_been_executed(engine: Engine, told: Told) -> None:
    """A result that is dropped is gone at once, without a garbage collection, as without us."""
    import gc
    import weakref

    gc.disable()
    try:
        with engine.connect() as connection:
            result = connection.execute(sa.text("SELECT 1"))
            context_of_it = weakref.ref(result.context)
            result.close()
            del result
            assert context_of_it() is None
    finally:
        gc.enable()
