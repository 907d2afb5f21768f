"""snowflake-connector-python over a faked service: cursors, submissions, ids, transactions, names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

import producers
from graph import open_store
from graph.ingest import derive, drain
from graph.queries import upstream
from lineage import configure, context, track_run
from lineage.attribution import flush_queries
from lineage.attribution.warehouse_history import join_history

connector = pytest.importorskip("snowflake.connector")

from snowflake_server import SnowflakeServer, connect_to, running_snowflake  # noqa: E402

from producers import snowflake  # noqa: E402

pytestmark = pytest.mark.cloud

Told = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def server() -> Iterator[SnowflakeServer]:
    with running_snowflake() as server:
        server.warehouse.run("create table shop.orders as select 1 as id, 3 as amount union all select 2, 4")
        server.warehouse.run("create table shop.totals as select 1 as id, 3 as total")
        yield server


@pytest.fixture
def connection(server: SnowflakeServer, told: Told) -> Iterator[Any]:
    producers.install("snowflake")
    with closing(connect_to(server)) as opened:
        server.requests.clear()
        yield opened


def ran(told: Told) -> list[tuple[Any, ...]]:
    return [(one["query_text"], one["status"], one.get("rows")) for one in told()]


def test_a_query_names_where_it_went(connection: Any, told: Told) -> None:
    """DC-43: system, client, database, host, rows and the query's id, with its line and operation."""
    with context.use(operation="checkout"):
        cursor = connection.cursor().execute("SELECT id FROM orders WHERE amount > 3")
        assert cursor.fetchall() == [(2,)]

    (event,) = told()
    assert ran(told) == [("select id from orders where amount > ?", "ok", 1)]
    assert (event["db_system"], event["client"]) == ("snowflake", "snowflake-connector-python")
    assert (event["db_name"], event["db_host"]) == ("SALES", "127.0.0.1")
    assert event["query_id"] == event["attributes"]["snowflake.query_id"] == cursor.sfqid
    assert (event["callsite"]["path"], event["operation"]) == (__file__, "checkout")


@pytest.mark.parametrize("before", [True, False])
def test_every_way_of_every_cursor_is_one_query(server: SnowflakeServer, told: Told, before: bool) -> None:
    """DC-42, fault 2.1.3-16: cursors of every class, made before or after; `executemany` executes inside."""
    with closing(connect_to(server)) as connection:
        kinds = (connector.cursor.SnowflakeCursor, connector.DictCursor)
        if not before:
            producers.install("snowflake")
        cursors = [connection.cursor(kind) for kind in kinds]
        producers.install("snowflake")
        for number, cursor in enumerate(cursors):
            cursor.execute("select 1 as one")
            rows = [(100 + number, 1), (200 + number, 2)]
            cursor.executemany("insert into totals values (%s, %s)", rows)
            cursor.executemany("update totals set total = 0 where id = %s and total = %s", rows)
            cursor.execute_async("select 2 as two")
            cursor.callproc("refresh")
        producers.uninstall("snowflake")

    each = [
        ("select ? as one", "ok", 1),
        ("insert into totals values (?)", "ok", 2),
        ("update totals set total = ? where id = ? and total = ?", "ok", 2),
        ("select ? as two", "ok", None),
        ("call refresh()", "ok", None),
    ]
    assert ran(told) == each * 2


def test_binding_by_the_server_is_one_query_too(server: SnowflakeServer, told: Told) -> None:
    """DC-42: whatever a cursor asks to bind many rows at once, or finds that it cannot."""
    producers.install("snowflake")
    with closing(connect_to(server, paramstyle="qmark")) as connection:
        connection.cursor().executemany("update totals set total = ? where id = ?", [(3, 1), (4, 9)])
        connection.cursor().execute("select ? as one", (1,))

    assert [(text, status) for text, status, _ in ran(told)] == [
        ("update totals set total = ? where id = ?", "ok"),
        ("select ? as one", "ok"),
    ]


def test_what_the_connector_does_by_itself_is_no_query(
    connection: Any, server: SnowflakeServer, told: Told
) -> None:
    """fault 3-10: COMMIT, settings and lookups are its own; several statements of a text are each one."""
    connection.autocommit(False)
    connection.commit()
    connection.rollback()
    connection.cursor().describe("select id from orders")
    connection.execute_string("select 1 as one; select 2 as two")

    assert [text for text, _, _ in ran(told)] == ["select ? as one", "select ? as two"]
    assert len(server.statements) == 6


def test_rows_are_those_of_tables(connection: Any, told: Told) -> None:
    """DC-43, fault 2.1.3-16: zero is said; a message that something was done is no row."""
    cursor = connection.cursor()
    cursor.execute("select id from orders where id > 99")
    cursor.execute("delete from orders where id > 99")
    cursor.execute("/* nightly */ insert into totals select id, amount from orders")
    cursor.execute("create table copied as select id from orders")

    assert [rows for _, _, rows in ran(told)] == [0, 0, 2, None]


def test_a_query_that_fails_is_one_error_with_its_id(connection: Any, told: Told) -> None:
    """DC-43: told before the caller sees the error."""
    with pytest.raises(connector.ProgrammingError) as failed:
        connection.cursor().execute("select * from nowhere")

    (event,) = told()
    assert (event["status"], event["error"]["type"]) == ("error", "ProgrammingError")
    assert event["query_id"] == failed.value.sfqid


def test_only_the_application_s_statements_reach_snowflake(server: SnowflakeServer, told: Told) -> None:
    """DC-44: neither the history nor anything else is asked; nor is the connector's telemetry told of us."""

    def work() -> list[Any]:
        with closing(connect_to(server)) as connection:
            server.requests.clear()
            cursor = connection.cursor()
            cursor.execute("select 1 as one")
            cursor.executemany("insert into totals values (%s, %s)", [(7, 1), (8, 2)])
            connection.commit()
            assert cursor.fetchall() is not None
        return [shown(*request) for request in server.requests]

    def shown(method: str, path: str, body: Any) -> tuple[Any, ...]:
        logs = (body or {}).get("logs", ()) if isinstance(body, dict) else ()
        kinds = [str(log.get("message", {}).get("type")) for log in logs]
        names = [str(log.get("message", {}).get("value")) for log in logs if "api" in str(log)]
        return method, path, (body or {}).get("sqlText"), kinds, names

    bare = work()
    producers.install("snowflake")
    watched = work()

    assert watched == bare
    assert [text for _, _, text, *_ in watched if text] == [
        "select 1 as one",
        "insert into totals values (7, 1),(8, 2)",
        "COMMIT",
    ]
    assert len(told()) == 2


def test_the_history_is_joined_by_the_query_s_id(connection: Any, told: Told) -> None:
    """DC-44: what a query cost comes from the history, later and elsewhere."""
    cursor = connection.cursor().execute("select id from orders")
    history = [{"QUERY_ID": cursor.sfqid, "BYTES_SCANNED": 4096, "PARTITIONS_TOTAL": 3}]

    (event,) = join_history(told(), history)

    assert event["warehouse"] == {"bytes_scanned": 4096, "partitions_total": 3}


def lineage_of(node: str) -> set[str]:
    assert flush_queries(10)
    with open_store() as store:
        drain(store)
        derive(store)
        return {found.node.id for found in upstream(store, node).nodes}


def test_what_a_run_asks_of_snowflake_is_its_lineage(connection: Any) -> None:
    """DC-20: tables by database, schema and table in the case that Snowflake keeps, also after a USE."""
    configure(sink=["lineage"])
    with track_run("build", job_namespace="production"):
        cursor = connection.cursor()
        cursor.execute("insert into totals (id, total) select id, amount from orders")
        cursor.execute("use schema mart")
        cursor.execute("create table best as select id from shop.totals")

    namespace = "snowflake://acme-shop"
    assert lineage_of(f"dataset:{namespace}:SALES.MART.BEST") == {
        "job:production:build",
        *(f"dataset:{namespace}:SALES.{name}" for name in ("MART.BEST", "SHOP.TOTALS", "SHOP.ORDERS")),
    }
    assert lineage_of(f"datasetField:{namespace}:SALES.SHOP.TOTALS:total") == {
        f"datasetField:{namespace}:SALES.SHOP.TOTALS:total",
        f"datasetField:{namespace}:SALES.SHOP.ORDERS:amount",
    }


def test_a_star_is_what_the_rows_have(connection: Any) -> None:
    """A cursor knows the columns of what it was given."""
    configure(sink=["lineage"])
    with track_run("build"):
        connection.cursor().execute("select * from orders limit 1")
        connection.cursor().execute("insert into totals select * from orders")

    namespace = "snowflake://acme-shop"
    assert f"datasetField:{namespace}:SALES.SHOP.ORDERS:AMOUNT" in lineage_of(
        f"datasetField:{namespace}:SALES.SHOP.TOTALS:AMOUNT"
    )


WRITE = "insert into totals select id, {} from orders"


def claimed(*work: Callable[[], Any]) -> int:
    """How many of the statements that write a run claims after some work."""
    configure(sink=["lineage"])
    with track_run("build") as run:
        for step in work:
            step()
    return sum("insert" in one.query for one in run.facts.statements)


def test_what_was_rolled_back_is_not_claimed(connection: Any) -> None:
    cursor = connection.cursor()
    write = WRITE.format(0)

    assert claimed(lambda: cursor.execute(write)) == 1  # autocommit
    connection.autocommit(False)
    assert claimed(lambda: cursor.execute(write)) == 0
    assert claimed(lambda: cursor.execute(write), connection.commit) == 1
    assert claimed(lambda: cursor.execute(write), connection.rollback) == 0
    connection.autocommit(True)
    assert claimed(*(lambda text=text: cursor.execute(text) for text in ("begin", write, "rollback"))) == 0
    assert claimed(*(lambda text=text: cursor.execute(text) for text in ("begin", write, "commit"))) == 1


def test_statements_that_commit_by_themselves_do(connection: Any) -> None:
    """What a CREATE TABLE committed no ROLLBACK undoes."""
    cursor = connection.cursor()
    steps = ("begin", WRITE.format(0), "create table more as select 1 as one", "rollback")

    assert claimed(*(lambda text=text: cursor.execute(text) for text in steps)) == 1


def submit(connection: Any) -> tuple[Any, str]:
    cursor = connection.cursor()
    return cursor, cursor.execute_async(WRITE.format(0))["queryId"]


def test_what_was_submitted_says_so(connection: Any, server: SnowflakeServer, told: Told) -> None:
    """fault 3-10: its time is that of the submission, and it says so; its rows are not known."""
    _, identity = submit(connection)

    (event,) = told()
    assert event["attributes"] == {"asynchronous": True, "snowflake.query_id": identity}
    assert "rows" not in event


def test_what_was_submitted_is_claimed_once_it_is_seen_to_be_done(
    connection: Any, server: SnowflakeServer
) -> None:
    """fault 3-10: by its status or its results; one that failed or that nobody asks for claims nothing."""

    def by_status() -> None:
        _, identity = submit(connection)
        assert connection.get_query_status(identity).name in ("SUCCESS", "FAILED_WITH_ERROR")

    def by_results() -> None:
        cursor, identity = submit(connection)
        cursor.get_results_from_sfqid(identity)
        cursor.fetchall()

    def by_result_of_another_cursor() -> None:
        _, identity = submit(connection)
        connection.cursor().query_result(identity)

    assert claimed(lambda: submit(connection)) == 0
    assert claimed(by_status) == 1
    assert claimed(by_results) == 1
    assert claimed(by_result_of_another_cursor) == 1
    server.failing = True
    assert claimed(by_status) == 0


@pytest.mark.parametrize(
    ("account", "host", "namespace"),
    [
        ("acme-shop", "acme-shop.snowflakecomputing.com", "snowflake://acme-shop"),
        ("xy12345", "xy12345.eu-west-1.snowflakecomputing.com", "snowflake://xy12345.eu-west-1.aws"),
        ("acme-shop", "acme-shop.privatelink.snowflakecomputing.com", "snowflake://acme-shop"),
        ("acme-shop", "proxy.local", "snowflake://acme-shop"),
    ],
)
def test_a_connection_has_the_namespace_of_its_account(account: str, host: str, namespace: str) -> None:
    made = snowflake.source_of(account, host, "SALES", "SHOP")

    assert (made.namespace, made.db_name, made.default_schema) == (namespace, "SALES", "SHOP")
