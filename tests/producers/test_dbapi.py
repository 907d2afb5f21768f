"""Drivers by their module: pg8000 on a real PostgreSQL, PyMySQL on a real MariaDB."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from types import ModuleType
from typing import Any

import pg8000.dbapi
import pymysql
import pytest
from mariadb_server import running_mariadb, why_not
from postgres_server import PostgresServer
from pymysql.cursors import DictCursor, SSCursor

import producers
from graph import open_store
from graph.ingest import derive, drain
from graph.queries import upstream
from lineage import configure, context, track_run
from lineage.attribution import flush_queries
from lineage.errors import InstrumentError
from lineage.testing import capture

Told = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def pg(postgres: PostgresServer) -> Iterator[Any]:
    producers.install("dbapi", "pg8000.dbapi")
    with closing(
        pg8000.dbapi.connect("postgres", host=postgres.host, port=postgres.port, database="postgres")
    ) as opened:
        cursor = opened.cursor()
        for table in ("s", "t"):
            cursor.execute(f"CREATE TABLE {table} (a int)")
        cursor.execute("INSERT INTO s VALUES (1), (2)")
        opened.commit()
        assert flush_queries(10)
        yield opened


@pytest.fixture(scope="session")
def mariadb_port() -> Iterator[int]:
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    with running_mariadb() as port:
        yield port


@pytest.fixture
def maria(mariadb_port: int) -> Iterator[Any]:
    with closing(pymysql.connect(host="127.0.0.1", port=mariadb_port, user="root")) as opened:
        cursor = opened.cursor()
        for text in (
            "DROP DATABASE IF EXISTS shop",
            "CREATE DATABASE shop",
            "USE shop",
            "CREATE TABLE s (a int PRIMARY KEY)",
            "CREATE TABLE t (a int)",
            "INSERT INTO s VALUES (1), (2)",
            "CREATE PROCEDURE copy_all() INSERT INTO t SELECT a FROM s",
        ):
            cursor.execute(text)
        opened.commit()
    producers.install("dbapi", pymysql)
    with closing(
        pymysql.connect(host="127.0.0.1", port=mariadb_port, user="root", database="shop")
    ) as opened:
        yield opened


def ran(told: Told) -> list[tuple[Any, ...]]:
    return [(one["query_text"], one["status"], one.get("rows")) for one in told()]


def inserted(events: Any) -> list[str]:
    statements = [
        one["query"]
        for event in events
        for one in event["job"]["facets"].get("lineageGraph_statements", {}).get("statements", ())
    ]
    return [one for one in statements if one.startswith("INSERT")]


def test_a_driver_s_queries_name_where_they_went(pg: Any, told: Told, postgres: PostgresServer) -> None:
    """DC-14, DC-19: system, client, host, database, rows, line and operation of a module given by name."""
    with context.use(operation="checkout"):
        cursor = pg.cursor()
        cursor.execute("SELECT a FROM s WHERE a < %s", (9,))
        assert list(map(tuple, cursor.fetchall())) == [(1,), (2,)]
    cursor.executemany("INSERT INTO t VALUES (%s)", [(1,), (2,)])
    with pytest.raises(pg8000.dbapi.DatabaseError):
        cursor.execute("SELECT * FROM nowhere")

    assert [one[:2] for one in ran(told)] == [
        ("select a from s where a < ?", "ok"),
        ("insert into t values (?)", "ok"),
        ("select * from nowhere", "error"),
    ]
    event = told()[0]
    assert (event["db_system"], event["client"]) == ("postgresql", "pg8000.dbapi")
    assert (event["db_name"], event["db_host"], event["rows"]) == ("postgres", postgres.host, 2)
    assert (event["callsite"]["path"], event["operation"]) == (__file__, "checkout")


def test_what_a_driver_commits_is_claimed(pg: Any) -> None:
    with capture() as events, track_run("load"):
        cursor = pg.cursor()
        cursor.execute("INSERT INTO t SELECT a FROM s")
        pg.commit()
        cursor.execute("INSERT INTO t SELECT a + a FROM s")
        pg.rollback()
        pg.autocommit = True
        cursor.execute("INSERT INTO t SELECT a * a FROM s")
        cursor.execute("BEGIN")
        cursor.execute("INSERT INTO t SELECT a / a FROM s")
        cursor.execute("ROLLBACK")

    assert inserted(events) == ["INSERT INTO t SELECT a FROM s", "INSERT INTO t SELECT a * a FROM s"]


def test_a_module_s_lineage_has_the_names_of_its_server(pg: Any, postgres: PostgresServer) -> None:
    """DC-20: the run reads and writes the tables of its statements."""
    with track_run("load", job_namespace="production"):
        pg.cursor().execute("INSERT INTO public.t (a) SELECT a FROM public.s")
        pg.commit()

    namespace = f"postgres://{postgres.host}:{postgres.port}"
    with open_store() as store:
        drain(store)
        derive(store)
        answer = upstream(store, f"datasetField:{namespace}:postgres.public.t:a")
    assert f"datasetField:{namespace}:postgres.public.s:a" in {one.node.id for one in answer.nodes}


def test_pymysql_on_a_server(maria: Any, told: Told) -> None:
    """DC-05: cursors of every class, procedures, batches: one event a call, and PyMySQL's own results."""
    cursor = maria.cursor()
    assert cursor.execute("SELECT a FROM s WHERE a < %s", (9,)) == 2
    assert cursor.fetchall() == ((1,), (2,))
    assert cursor.executemany("INSERT INTO t VALUES (%s)", [(7,), (8,), (9,)]) == 3
    cursor.callproc("copy_all")
    named = maria.cursor(DictCursor)
    named.execute("SELECT 1 AS one")
    assert named.fetchone() == {"one": 1}
    with maria.cursor(SSCursor) as streamed:
        streamed.execute("SELECT a FROM s")
        assert list(streamed.fetchall_unbuffered()) == [(1,), (2,)]
    with pytest.raises(pymysql.err.IntegrityError, match="Duplicate entry"):
        cursor.execute("INSERT INTO s VALUES (1)")

    assert ran(told) == [
        ("select a from s where a < ?", "ok", 2),
        ("insert into t values (?)", "ok", 3),
        ("call copy_all()", "ok", 2),
        ("select ? as one", "ok", 1),
        ("select a from s", "ok", None),
        ("insert into s values (?)", "error", None),
    ]
    assert {(one["db_system"], one["client"], one["db_name"]) for one in told()} == {
        ("mysql", "pymysql", "shop")
    }


def test_what_pymysql_commits_is_claimed(maria: Any) -> None:
    """Commit, rollback, savepoints, failures that doom nothing else, implicit commits, autocommit."""
    write = "INSERT INTO t SELECT a {} FROM s"
    with capture() as events, track_run("load"):
        cursor = maria.cursor()
        cursor.execute(write.format("+ a"))
        with suppress(pymysql.err.IntegrityError):
            cursor.execute("INSERT INTO s VALUES (1)")
        maria.commit()
        cursor.execute(write.format("- a"))
        maria.rollback()
        cursor.execute("SAVEPOINT one")
        cursor.execute(write.format("* a"))
        cursor.execute("ROLLBACK TO one")
        cursor.execute(write.format("/ a"))
        cursor.execute("CREATE TABLE made (a int)")  # commits what is open
        maria.rollback()
        maria.autocommit(True)
        cursor.execute(write.format("% a"))
        maria.begin()
        cursor.execute(write.format("& a"))
        maria.rollback()

    assert inserted(events) == [write.format(sign + " a") for sign in "+/%"]


def test_pymysql_s_tables_are_named_by_server_and_database(maria: Any, mariadb_port: int) -> None:
    """DC-20: `mysql://host:port` and `database.table`."""
    with track_run("load"):
        maria.cursor().execute("INSERT INTO t (a) SELECT a FROM s")
        maria.commit()

    namespace = f"mysql://127.0.0.1:{mariadb_port}"
    with open_store() as store:
        drain(store)
        derive(store)
        answer = upstream(store, f"dataset:{namespace}:shop.t")
    assert f"dataset:{namespace}:shop.s" in {one.node.id for one in answer.nodes}


class Asking:
    """A connection whose properties ask its server, as those of some drivers do."""

    def __init__(self) -> None:
        self.host, self.asked = "warehouse", 0

    @property
    def database(self) -> str:
        self.asked += 1
        return "shop"

    autocommit = port = db = database

    def cursor(self) -> Any:
        return Rowless()

    def commit(self) -> None: ...


class Rowless:
    def execute(self, statement: str) -> None: ...


@pytest.mark.parametrize("name", ["warehouse_driver", "MySQLdb_like", "oracledb"])
def test_what_a_driver_would_ask_its_server_is_not_asked(name: str) -> None:
    """No query of our own; and of a warehouse, which commits each statement by itself, all are claimed."""
    module = ModuleType(name)
    module.apilevel, module.connect = "2.0", lambda: Asking()  # type: ignore[attr-defined]
    producers.install("dbapi", module)
    with capture() as events, track_run("load"):
        connection = module.connect()
        connection.cursor().execute("INSERT INTO t SELECT a FROM s")
        before = inserted(events)
    producers.uninstall("dbapi", module)

    assert connection.asked == 0
    assert before == []
    assert inserted(events) == ([] if name == "oracledb" else ["INSERT INTO t SELECT a FROM s"])


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        (None, "give a module of the DB-API, or its name"),
        ("no_such_driver", "no_such_driver cannot be instrumented: it cannot be imported"),
        ("json", "it is no module of the DB-API"),
        (sqlite3, "sqlite3 cannot be instrumented: its Connection is made in C and takes no hooks"),
    ],
)
def test_a_module_that_cannot_be_hooked_is_refused(target: Any, problem: str) -> None:
    with pytest.raises(InstrumentError, match=problem):
        producers.install("dbapi", target)


def test_a_module_of_the_first_level_is_too_old() -> None:
    module = ModuleType("old_driver")
    module.apilevel, module.connect = "1.0", print  # type: ignore[attr-defined]

    with pytest.raises(InstrumentError, match=r"old_driver .* DB-API 1\.0 is too old, 2\.0 is needed"):
        producers.install("dbapi", module)


def test_configure_takes_a_module_s_name() -> None:
    """DC-02: `dbapi:pymysql` among the instruments."""
    before = pymysql.cursors.Cursor.execute
    configure(instruments=["dbapi:pymysql"])
    (found,) = (one for one in producers.status() if one.name == "dbapi")
    producers.uninstall("dbapi", "pymysql")

    assert (found.targets, found.problem) == (1, None)
    assert pymysql.cursors.Cursor.execute is before
