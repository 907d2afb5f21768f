"""One event per query, however many layers see it; and no open query that swallows later ones."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import os
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest

from lineage import capture_query, trace_query
from lineage.attribution import UNRECORDED, Query, Source, begin_query, flush_queries
from lineage.attribution.nesting import open_query

Event = dict[str, Any]
Told = Callable[[], list[Event]]

DRIVER = Source("postgresql", "psycopg", db_name="shop", db_host="db1")
ORM = Source("postgresql", "sqlalchemy")


@pytest.fixture(autouse=True)
def _own_context() -> Iterator[None]:
    """What a test leaves open is not open in the next one."""
    yield
    open_query.set(None)


class Cursor:
    """A driver whose `execute` is wrapped as producers do it."""

    def execute(self, sql: str, rows: int = 1) -> None:
        query = begin_query(sql, DRIVER, frame=sys._getframe(1))
        query.enter()
        try:
            query.set(rows=rows, query_id="7")
        finally:
            query.leave()
            query.end()


class Engine:
    """An ORM's engine that calls hooks before and after a statement, and a driver in between."""

    def __init__(self) -> None:
        self.query = UNRECORDED

    def before(self, sql: str, frame: FrameType | None) -> None:
        self.query = begin_query(sql, ORM, frame=sys._getframe(1))
        self.query.enter(frame)

    def after(self) -> None:
        self.query.leave()
        self.query.end()

    def run(self, sql: str, *, fails: bool = False, names_itself: bool = True) -> None:
        self.before(sql, sys._getframe(0) if names_itself else None)
        if not fails:
            Cursor().execute(sql.replace(":id", "%s"))
            self.after()


def test_layers_of_one_query_are_one_event(told: Told) -> None:
    """DC-18: hook over driver; fault 2.1.3-8. The outer one takes what only the driver knows."""
    Engine().run("select a from t where id = :id")
    (event,) = told()
    assert (event["client"], event["db_name"], event["db_host"]) == ("sqlalchemy", "shop", "db1")
    assert (event["rows"], event["query_id"]) == (1, "7")


def test_a_block_over_hook_over_driver_is_one_event(told: Told) -> None:
    """DC-18, DC-23: fault 2.1.3-8, with `trace_query` as the outermost."""
    with trace_query("SELECT a FROM t WHERE id = 5", client="own"):
        Engine().run("select a from t where id = :id")
    (event,) = told()
    assert event["client"] == "own"
    assert event["rows"] == 1
    assert "parent_event_id" not in event


def test_another_statement_inside_is_another_event_that_names_its_parent(told: Told) -> None:
    """DC-18: each query once, and the relation kept."""
    with trace_query("call refresh()"):
        Cursor().execute("select 1")
        Cursor().execute("select 2 from t")
    first, second, outer = told()
    assert first["parent_event_id"] == second["parent_event_id"] == outer["event_id"]


def test_a_block_without_a_statement_is_its_first_query_and_no_further_one(told: Told) -> None:
    """DC-18: it takes the statement; another one inside is a query of its own, also of the same client."""
    with trace_query(db_system="postgresql"):
        Cursor().execute("select a from t")
        Cursor().execute("select b from t")
    second, outer = told()
    assert outer["query_text"] == "select a from t"
    assert outer["client"] == "psycopg"
    assert second["query_text"] == "select b from t"
    assert second["parent_event_id"] == outer["event_id"]


def test_a_driver_that_calls_itself_is_one_query(told: Told) -> None:
    """DC-18: executemany that calls execute with a statement of its own making."""
    outer = begin_query("insert into t values (?)", DRIVER)
    outer.enter()
    Cursor().execute("insert into t values (?), (?)")
    outer.leave()
    outer.end()
    (event,) = told()
    assert event["query_text"] == "insert into t values (?)"


def test_a_query_told_by_hand_inside_the_same_one_adds_to_it(told: Told) -> None:
    with trace_query("select 1"):
        capture_query("select 1", rows=4)
    (event,) = told()
    assert event["rows"] == 4


@pytest.mark.parametrize("names_itself", [True, False])
def test_a_hook_that_failed_swallows_no_later_query(told: Told, names_itself: bool) -> None:
    """A query that is never left and never ended: later ones of the same client and statement are told."""
    engine = Engine()
    engine.run("select a from t", fails=True, names_itself=names_itself)
    for _ in range(3):
        Cursor().execute("select a from t")
        Engine().run("select a from t")
    assert len(told()) == 6
    assert not any("parent_event_id" in event for event in told())


def test_a_hook_that_failed_swallows_nothing_of_tasks_and_threads_begun_later(told: Told) -> None:
    Engine().run("select a from t", fails=True)

    async def main() -> None:
        await asyncio.gather(*(asyncio.to_thread(Cursor().execute, "select a from t") for _ in range(5)))

    asyncio.run(main())
    assert len(told()) == 5


def test_a_frame_that_has_ended_is_not_kept_for_a_query_that_has_not(told: Told) -> None:
    class Mine:
        pass

    seen: list[weakref.ref[Mine]] = []

    def library() -> None:
        mine = Mine()
        seen.append(weakref.ref(mine))
        begin_query("select 1", ORM).enter(sys._getframe(0))

    library()
    Cursor().execute("select 1")
    gc.collect()
    assert seen[0]() is None


def test_a_query_that_was_left_and_not_ended_is_not_open(told: Told) -> None:
    query = begin_query("select 1", DRIVER)
    query.enter()
    query.leave()
    Cursor().execute("select 1")
    query.end()
    assert len(told()) == 2


def test_a_generator_s_block_is_not_open_in_its_consumer(told: Told) -> None:
    """Fault 2.1.3-15: the consumer's queries between two rows are its own."""

    def rows() -> Iterator[int]:
        with trace_query(client="psycopg"):
            yield 1
            Cursor().execute("select a from t")
            yield 2

    for _ in rows():
        Cursor().execute("select b from t")
    consumer_1, consumer_2, generator = told()
    assert consumer_1["query_text"] == consumer_2["query_text"] == "select b from t"
    assert generator["query_text"] == "select a from t"
    assert not any("parent_event_id" in event for event in told())


def test_a_context_manager_s_block_is_open_in_the_block_it_stands_around(told: Told) -> None:
    @contextmanager
    def querying() -> Iterator[Query]:
        with trace_query("select a from t") as query:
            yield query

    with querying():
        Cursor().execute("select a from t")
    (event,) = told()
    assert event["rows"] == 1


def test_a_block_is_open_for_the_tasks_and_threads_that_work_for_it(told: Told) -> None:
    """DC-18: `wait_for` and `to_thread` run the driver with the block's context."""

    async def driver() -> None:
        Cursor().execute("select a from t")

    async def main() -> None:
        async with trace_query("select a from t"):
            await asyncio.wait_for(driver(), 5)
        with trace_query("select b from t"):
            await asyncio.to_thread(Cursor().execute, "select b from t")

    asyncio.run(main())
    assert [event["rows"] for event in told()] == [1, 1]


def test_a_task_that_outlives_the_block_has_queries_of_its_own(told: Told) -> None:
    async def main() -> None:
        left = asyncio.Event()

        async def later() -> None:
            await left.wait()
            Cursor().execute("select a from t")

        async with trace_query("select a from t"):
            task = asyncio.create_task(later())
        left.set()
        await task

    asyncio.run(main())
    assert len(told()) == 2


def test_a_query_inside_that_ends_after_the_outer_one_changes_nothing(told: Told) -> None:
    outer = begin_query("select 1", ORM)
    with outer:
        inner = begin_query("select 1", DRIVER)
        inner.set(rows=9)
    inner.end()
    (event,) = told()
    assert "rows" not in event


def test_leaving_in_another_context_than_entered_breaks_nothing(told: Told) -> None:
    query = begin_query("select 1", DRIVER)
    contextvars.copy_context().run(query.enter)
    query.leave()
    query.end()
    contextvars.copy_context().run(Cursor().execute, "select 1")
    assert len(told()) == 2


def test_a_forked_child_s_queries_are_not_the_parent_s(told: Told) -> None:
    """Fault 2.1.3-15: nothing of the parent's open query is true of the child's work."""
    read, write = os.pipe()
    with trace_query("select 1"):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                Cursor().execute("select 1")
                flush_queries(10)
                os.write(write, str(len(told())).encode())
                code = 0
            finally:
                os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    assert os.read(read, 10) == b"1"
    os.close(read)
    os.close(write)
    assert len(told()) == 1


def test_greenlets_that_work_for_one_another_are_one_query(told: Told) -> None:
    """DC-18: SQLAlchemy's engine waits in a greenlet while the driver runs outside of it."""
    greenlet = pytest.importorskip("greenlet")
    engine = Engine()

    def sync_inside() -> None:
        engine.before("select a from t", sys._getframe(0))
        outside.switch()
        engine.after()

    outside = greenlet.getcurrent()
    inside = greenlet.greenlet(sync_inside)
    inside.gr_context = contextvars.copy_context()

    def work() -> None:
        inside.switch()
        Cursor().execute("select a from t")

    inside.gr_context.run(work)
    inside.gr_context = contextvars.copy_context()
    inside.switch()
    (event,) = told()
    assert (event["client"], event["rows"]) == ("sqlalchemy", 1)


def test_statements_are_told_apart_without_reading_very_long_ones(told: Told) -> None:
    long = "select '" + "x" * 200_000 + "'"
    with trace_query(long):
        Cursor().execute(long)
        Cursor().execute(long + " ")
    assert len(told()) == 2


def test_threads_do_not_see_one_another_s_open_queries(told: Told) -> None:
    def work() -> None:
        Cursor().execute("select 1")

    with trace_query("select 1"):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert len(told()) == 2
