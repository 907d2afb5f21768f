"""DuckDB: connections, the module's functions, relations, files, transactions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import producers
from graph import open_store
from graph.ingest import derive, drain
from graph.queries import upstream
from lineage import context, track_run
from lineage.testing import capture

duckdb = pytest.importorskip("duckdb")

Told = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A database of two tables, in a folder with two files, which is the working directory."""
    monkeypatch.chdir(tmp_path)
    producers.install("duckdb")
    with closing(duckdb.connect("shop.duckdb")) as opened:
        producers.uninstall("duckdb")
        opened.execute("CREATE TABLE s AS SELECT range AS a, range * 2 AS b FROM range(5)").fetchall()
        opened.execute("CREATE TABLE t (a BIGINT)").fetchall()
        opened.execute("COPY s TO 's.parquet' (FORMAT parquet)").fetchall()
        opened.execute("COPY s TO 's.csv'").fetchall()
        producers.install("duckdb")
        yield opened


@pytest.fixture
def connection(shop: Any, told: Told) -> Any:
    return shop


def ran(told: Told) -> list[str]:
    return [one["query_text"] for one in told()]


def written(events: Any) -> list[str]:
    return [
        one["query"]
        for event in events
        for one in event["job"]["facets"].get("lineageGraph_statements", {}).get("statements", ())
    ]


def above(name: str) -> set[str]:
    with open_store() as store:
        drain(store)
        derive(store)
        return {one.node.id for one in upstream(store, name).nodes}


def test_every_way_to_run_a_statement_is_one_query(connection: Any, told: Told) -> None:
    """DC-05: of a connection, its cursors and the module; what they return is DuckDB's."""
    assert connection.execute("SELECT a FROM s WHERE a < ?", [2]).fetchall() == [(0,), (1,)]
    assert connection.sql("SELECT a FROM s WHERE a < 2").fetchall() == [(0,), (1,)]
    connection.executemany("INSERT INTO t VALUES (?)", [[1], [2]])
    with closing(connection.cursor()) as cursor:
        assert cursor.execute("SELECT 1, 2").fetchone() == (1, 2)
        assert type(cursor) is duckdb.DuckDBPyConnection
    duckdb.sql("SELECT 1, 2, 3").fetchall()
    duckdb.execute(query="SELECT 1, 2, 3, 4").fetchall()
    duckdb.sql("SELECT 5", connection=connection).fetchall()

    assert ran(told) == [
        "select a from s where a < ?",
        "select a from s where a < ?",
        "insert into t values (?)",
        "select ?, ?",
        "select ?, ?, ?",
        "select ?, ?, ?, ?",
        "select ?",
    ]
    assert [one.get("db_name") for one in told()] == [*["shop"] * 4, "memory", "memory", "shop"]


def test_a_query_names_its_place(connection: Any, told: Told) -> None:
    """DC-14, DC-19: system, client, the application's line and whom it was for."""
    with context.use(operation="checkout"):
        connection.sql("SELECT 1")

    (event,) = told()
    assert (event["db_system"], event["client"], event["operation"]) == ("duckdb", "duckdb", "checkout")
    assert (event["callsite"]["path"], event["callsite"]["function"]) == (
        __file__,
        "test_a_query_names_its_place",
    )


def test_a_failed_statement_is_one_error_of_duckdb_s_own(connection: Any, told: Told) -> None:
    """DC-06: type and message as without us."""
    with pytest.raises(duckdb.CatalogException, match="nowhere"):
        connection.sql("SELECT * FROM nowhere WHERE a = 'bob@corp.example'")
    with pytest.raises(TypeError):
        connection.execute()

    assert told()[0]["status"] == "error"
    assert "corp.example" not in repr(told())


def test_what_relations_write_is_their_lineage(shop: Any, tmp_path: Path) -> None:
    """DC-20: tables and files, columns too, under the name of the database and of the files."""
    with track_run("load", job_namespace="production"):
        shop.sql("SELECT a + b AS total FROM s").to_table("sums")
        shop.sql("SELECT total FROM sums").write_parquet("sums.parquet")
        shop.table("s").project("a").insert_into("t")

    namespace = f"duckdb://{tmp_path / 'shop.duckdb'}"
    assert above(f"datasetField:{namespace}:shop.main.sums:total") >= {
        f"datasetField:{namespace}:shop.main.s:a",
        f"datasetField:{namespace}:shop.main.s:b",
    }
    assert f"dataset:{namespace}:shop.main.s" in above(f"dataset:file:{tmp_path / 'sums.parquet'}")
    assert f"dataset:{namespace}:shop.main.s" in above(f"dataset:{namespace}:shop.main.t")


@pytest.mark.parametrize(
    "write",
    [
        lambda shop: shop.sql("CREATE TABLE n AS SELECT a FROM read_parquet('s.parquet')"),
        lambda shop: shop.execute("CREATE TABLE n AS SELECT a FROM 's.parquet'"),
        lambda shop: shop.read_parquet("s.parquet").to_table("n"),
        lambda shop: shop.read_parquet("s.parquet").filter("a > 1").create("n"),
    ],
)
def test_files_are_datasets(shop: Any, tmp_path: Path, write: Callable[[Any], Any]) -> None:
    """DC-20: by SQL and by `read_parquet`, by relative paths too."""
    with track_run("load"):
        write(shop)

    namespace = f"duckdb://{tmp_path / 'shop.duckdb'}"
    assert f"dataset:file:{tmp_path / 's.parquet'}" in above(f"dataset:{namespace}:shop.main.n")


def test_files_that_are_read_are_inputs(shop: Any, tmp_path: Path) -> None:
    with capture() as events, track_run("load"):
        assert len(shop.read_csv("s.csv").fetchall()) == 5
        assert len(shop.read_parquet([str(tmp_path / "s.parquet")]).fetchall()) == 5
        shop.table("s")

    assert written(events) == [
        f"SELECT * FROM read_csv_auto(['{tmp_path / 's.csv'}'])",
        f"SELECT * FROM read_parquet(['{tmp_path / 's.parquet'}'])",
        'SELECT * FROM "s"',
    ]


def test_relations_change_their_tables(shop: Any) -> None:
    with capture() as events, track_run("load"):
        shop.table("t").insert([7])
        if hasattr(duckdb.DuckDBPyRelation, "update"):
            shop.table("t").update({"a": duckdb.ConstantExpression(8)})
        assert shop.table("t").fetchall() in ([(7,)], [(8,)])

    changes = [one for one in written(events) if "SELECT" not in one]
    assert changes == ['INSERT INTO "t" VALUES (?)', 'UPDATE "t" SET "a" = ?'][: len(changes)]
    assert len(changes) == 1 + hasattr(duckdb.DuckDBPyRelation, "update")


def test_what_is_committed_is_claimed(shop: Any) -> None:
    """Autocommit, BEGIN as text and as a call, rollback, a failed commit by a closed connection."""
    write = "INSERT INTO t SELECT {} FROM s"

    def ask(text: str) -> None:
        shop.execute(text).fetchall()

    with capture() as events, track_run("load"):
        ask(write.format("a"))
        shop.begin()
        ask(write.format("a + b"))
        shop.rollback()
        ask("BEGIN TRANSACTION")
        ask(write.format("a * b"))
        shop.sql("SELECT a FROM s").insert_into("t")
        ask("COMMIT")
        ask("BEGIN")
        ask(write.format("a - b"))
        shop.close()

    found = [one for one in written(events) if one.startswith("INSERT")]
    assert found == [
        "INSERT INTO t SELECT a FROM s",
        "INSERT INTO t SELECT a * b FROM s",
        'INSERT INTO "t" SELECT a FROM s',
    ]


def test_connections_that_were_open_are_captured_without_a_name(told: Told) -> None:
    """Which database a connection leads to is said to `connect` alone: it is not asked afterwards."""
    with closing(duckdb.connect()) as opened:
        producers.install("duckdb", opened)
        opened.execute("SELECT 1").fetchall()

    (event,) = told()
    assert event["db_system"] == "duckdb"
    assert "db_name" not in event
