"""Python's own sqlite3: connections and cursors of every class, scripts, blobs, attached databases."""

from __future__ import annotations

import inspect
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

import producers
from graph import open_store
from graph.ingest import derive, drain
from graph.queries import upstream
from lineage import context, track_run
from lineage.attribution import flush_queries
from lineage.testing import capture

Told = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    producers.install("sqlite3")
    with closing(sqlite3.connect(tmp_path / "shop.db")) as opened:
        opened.executescript("CREATE TABLE s (a, b); CREATE TABLE t (a)")
        opened.execute("INSERT INTO s VALUES (1, 'x'), (2, 'y')")
        opened.commit()
        assert flush_queries(10)
        yield opened


@pytest.fixture
def connection(shop: sqlite3.Connection, told: Told) -> sqlite3.Connection:
    return shop


def ran(told: Told) -> list[tuple[Any, ...]]:
    return [(one["query_text"], one["status"], one.get("rows")) for one in told()]


def written(events: Any) -> list[str]:
    return [
        one["query"]
        for event in events
        for one in event["job"]["facets"].get("lineageGraph_statements", {}).get("statements", ())
    ]


def test_every_way_to_run_a_statement_is_one_query(connection: sqlite3.Connection, told: Told) -> None:
    """Of the connection and of cursors; rows where sqlite3 knows them, never -1."""
    connection.execute("SELECT a FROM s WHERE a = ?", (1,)).fetchall()
    connection.executemany("INSERT INTO t VALUES (?)", [(1,), (2,)])
    connection.executescript("DELETE FROM t; VACUUM;")
    cursor = connection.cursor()
    cursor.execute("UPDATE s SET b = 'z'")
    cursor.execute("SELECT 2").fetchone()
    connection.execute("SELECT 1").execute("SELECT 3")

    assert ran(told) == [
        ("select a from s where a = ?", "ok", None),
        ("insert into t values (?)", "ok", 2),
        ("delete from t; vacuum", "ok", None),
        ("update s set b = ?", "ok", 2),
        ("select ?", "ok", None),
        ("select ?", "ok", None),
        ("select ?", "ok", None),
    ]


def test_a_query_names_its_place(connection: sqlite3.Connection, told: Told, tmp_path: Path) -> None:
    """DC-14, DC-19: system, client and file; the application's line and whom it was for."""
    with context.use(operation="checkout"):
        connection.execute("SELECT 1")

    (event,) = told()
    assert (event["db_system"], event["client"]) == ("sqlite", "sqlite3")
    assert event["db_name"] == str(tmp_path / "shop.db")
    assert event["callsite"]["path"] == __file__
    assert event["callsite"]["function"] == "test_a_query_names_its_place"
    assert event["operation"] == "checkout"


@pytest.mark.parametrize("database", [":memory:", "", "file::memory:", "file:x?mode=memory&cache=shared"])
def test_a_database_in_memory_is_named_so(database: str, told: Told) -> None:
    producers.install("sqlite3")
    with closing(sqlite3.connect(database, uri=database.startswith("file:"))) as opened:
        opened.execute("SELECT 1")

    assert told()[0]["db_name"] == ":memory:"


def test_connections_and_cursors_pass_for_their_own(connection: sqlite3.Connection, tmp_path: Path) -> None:
    """DC-05: isinstance, names, row factories, blobs, functions and what may not be set are as without us."""
    bare = sqlite3.Connection(tmp_path / "shop.db")
    cursor = connection.cursor()
    assert isinstance(connection, sqlite3.Connection)
    assert isinstance(cursor, sqlite3.Cursor)
    assert repr(type(connection)) == repr(type(bare))
    assert repr(type(cursor)) == repr(type(bare.cursor()))
    assert cursor.connection is connection
    for one in (connection, bare):
        with pytest.raises(AttributeError):
            one.anything = 1  # type: ignore[attr-defined]
    connection.row_factory = sqlite3.Row
    row = connection.execute("SELECT a, b FROM s").fetchone()
    assert type(row) is sqlite3.Row
    assert row["b"] == "x"
    assert connection.cursor().execute("SELECT 1 AS one").fetchone()["one"] == 1
    connection.create_function("twice", 1, lambda value: 2 * value)
    assert connection.execute("SELECT twice(21)").fetchone()[0] == 42
    connection.execute("CREATE TABLE files (body BLOB)")
    connection.execute("INSERT INTO files VALUES (zeroblob(4))")
    with connection.blobopen("files", "body", 1) as blob:
        blob.write(b"lens")
    assert connection.execute("SELECT body FROM files").fetchone()[0] == b"lens"
    assert "CREATE TABLE s" in "".join(connection.iterdump())
    copy = sqlite3.connect(":memory:")
    connection.commit()
    connection.backup(copy)
    assert copy.execute("SELECT count(*) FROM s").fetchone() == (2,)
    for each in (copy, bare):
        each.close()


def test_classes_of_the_host_are_captured_and_stay(connection: sqlite3.Connection, told: Told) -> None:
    """DC-05: `factory=` of connect and of cursor: their methods, attributes and overrides are theirs."""

    class Shop(sqlite3.Connection):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.asked = 0

        def cursor(self, factory: Any = sqlite3.Cursor) -> Any:
            self.asked += 1
            return super().cursor(factory)

    class Loud(sqlite3.Cursor):
        def execute(self, *args: Any) -> Any:
            self.said = args[0].upper()
            return super().execute(*args)

    with closing(sqlite3.connect(":memory:", factory=Shop)) as shop:
        assert isinstance(shop, Shop)
        loud = shop.cursor(Loud)
        assert isinstance(loud, Loud)
        assert loud.execute("select 1").fetchone() == (1,)
        assert loud.said == "SELECT 1"
        assert shop.asked == 1
    with closing(sqlite3.connect(":memory:", 5.0, 0, None, True, Shop)) as shop:
        shop.execute("select 2")
        assert shop.asked == 0

    assert ran(told) == [("select ?", "ok", None)] * 2


def test_signatures_and_errors_are_sqlite_s(connection: sqlite3.Connection, told: Told) -> None:
    """DC-06: wrong arguments are the library's to refuse."""
    with pytest.raises(TypeError):
        connection.execute()  # type: ignore[call-arg]
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        connection.execute("SELECT * FROM nowhere")
    with pytest.raises(sqlite3.ProgrammingError, match="bindings"):
        connection.execute("SELECT ?")
    with pytest.raises(TypeError):
        sqlite3.connect()  # type: ignore[call-overload]
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        sqlite3.connect("/nowhere/at/all.db")
    other = connection.cursor()
    connection.close()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        other.execute("SELECT 1")

    assert {status for _, status, _ in ran(told)} == {"error"}
    assert inspect.signature(connection.cursor)


def test_another_thread_is_refused_as_without_us(connection: sqlite3.Connection, told: Told) -> None:
    found: list[BaseException] = []

    def ask() -> None:
        try:
            connection.execute("SELECT 1")
        except sqlite3.ProgrammingError as error:
            found.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()

    assert "created in a thread" in str(found[0])


def test_what_is_committed_is_claimed(shop: sqlite3.Connection, tmp_path: Path) -> None:
    """Implicit transactions, `with`, rollback, savepoints, scripts, autocommit."""
    write = "INSERT INTO t SELECT a + {} FROM s"
    with capture() as events, track_run("load"):
        shop.execute(write.format(":one"), {"one": 1})
        shop.rollback()
        with shop:
            shop.execute(write.format("b"))
        with suppress(ZeroDivisionError), shop:
            shop.execute(write.format("a"))
            raise ZeroDivisionError
        shop.execute("SAVEPOINT one")
        shop.execute(write.format("b + b"))
        shop.execute("ROLLBACK TO one")
        shop.execute(write.format("a + b"))
        shop.execute("RELEASE one")
        shop.commit()
        shop.execute(write.format("a + a + a"))
        shop.executescript("SELECT 1")  # commits what is open
        shop.isolation_level = None
        shop.execute(write.format("b + b + b"))
        shop.execute("BEGIN")
        shop.execute(write.format("a + a + a + a"))
        shop.close()

    claims = [one.partition(" a + ")[2].partition(" FROM")[0] for one in written(events) if "INSERT" in one]
    assert claims == ["b", "a + b", "a + a + a", "b + b + b"]


def test_a_run_s_statements_are_its_lineage(shop: sqlite3.Connection, tmp_path: Path) -> None:
    """DC-20: tables and columns, under the name of the file."""
    with track_run("load", job_namespace="production"):
        shop.execute("INSERT INTO t (a) SELECT a FROM s")
        shop.commit()

    namespace = f"sqlite://{tmp_path / 'shop.db'}"
    with open_store() as store:
        drain(store)
        derive(store)
        answer = upstream(store, f"datasetField:{namespace}:t:a")
    assert f"datasetField:{namespace}:s:a" in {one.node.id for one in answer.nodes}


def test_attached_databases_are_schemas(connection: sqlite3.Connection, told: Told, tmp_path: Path) -> None:
    connection.execute("ATTACH ? AS other", (str(tmp_path / "other.db"),))
    connection.execute("CREATE TABLE other.t AS SELECT a FROM s")

    assert connection.execute("SELECT count(*) FROM other.t").fetchone() == (2,)
    assert str(tmp_path / "other.db") not in repr([one["query_text"] for one in told()])


def test_our_own_databases_are_not_captured(told: Told) -> None:
    """The outbox and the store are SQLite too: telling of a query is no query."""
    producers.install("sqlite3")
    with track_run("load"):
        pass
    with open_store() as store:
        drain(store)

    assert told() == []


def test_connections_that_were_open_before_or_after_are_left_alone(told: Told) -> None:
    """Only connections opened while it is installed can be captured; undoing ends it for them too."""
    before = sqlite3.connect(":memory:")
    producers.install("sqlite3")
    during = sqlite3.connect(":memory:")
    before.execute("SELECT 1")
    during.execute("SELECT 2")
    producers.uninstall("sqlite3")
    during.execute("SELECT 3")
    assert type(sqlite3.connect(":memory:")) is sqlite3.Connection

    assert len(told()) == 1
    for each in (before, during):
        each.close()
