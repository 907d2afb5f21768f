"""A real Airflow, by `airflow dags test`: `make test-airflow` installs it and runs this."""

from __future__ import annotations

import json
import os
import subprocess
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import event_schemas
import psycopg
import pytest
from dbt_shop import made_from, put
from made_events import edges
from postgres_server import PostgresServer
from receiver import Receiver
from test_docs import ROOT, blocks, run_console

from graph import open_store
from graph.queries import impact
from graph.records import EdgeKind
from graph.store import LineageStore
from lineage.config import reset_config

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(600)]

BIN = Path(os.environ.get("AIRFLOW_BIN", ROOT / ".venv-airflow" / "bin"))
FIXTURES = ROOT / "tests" / "fixtures" / "airflow"
AIRFLOW_2 = not any(BIN.parent.glob("lib/python*/site-packages/airflow/sdk"))
PAGE = ROOT / "docs" / "airflow.md"
OURS = "lineage-graph"
DATABASE = "shop"

TASKS = {
    "deliver": "COMPLETE",
    "load_orders": "COMPLETE",
    "clean_orders": "COMPLETE",
    "daily_revenue": "COMPLETE",
    "reconciled": "COMPLETE",
    "best_buyers": "COMPLETE",
    "per_region": "COMPLETE",
    "fails": "FAIL",
}

FEEDS = {
    "delivered/orders -> shop.raw.orders",  # an asset of s3, of which no provider knows anything
    "shop.raw.orders -> shop.silver.orders",
    "shop.silver.orders -> shop.gold.revenue",
    "shop.silver.orders -> shop.audit.checks",
    "shop.gold.revenue -> shop.audit.regions",
}
"""What feeds what, read from the DAG; `fails` wrote nothing."""

ASKED = ("public.pg_class", "public.pg_namespace", "public.pg_type", "gold.revenue")
DOUBTFUL = {f"shop.{asked} -> shop.report.best_buyers" for asked in ASKED}
"""With Airflow 2 also this: SQLAlchemy 1.4 asks the catalog for columns that may be of several tables."""

VALUES = {
    "orders": {"order_id": {"orders.id"}, "buyer": {"orders.customer"}, "amount": {"orders.cents"}},
    "revenue": {
        "buyer": {"orders.buyer"},
        "orders": {"orders.order_id"},
        "total": {"orders.amount"},
    },
    "checks": {"orders": {"orders.order_id"}},
    "regions": {"total": {"revenue.total"}},
}
"""Which columns make the values of each column, read from the SQL of the DAG."""


@dataclass(frozen=True)
class Airflow:
    """A home of Airflow, and the environment that it runs in."""

    home: Path
    environment: dict[str, str]

    def __call__(self, *arguments: str, fails: bool | None = False) -> str:
        """Run the command and return what it printed."""
        return self.run([str(BIN / "airflow"), *arguments], fails=fails)

    def python(self, code: str) -> str:
        """Run code in Airflow's Python and return what it printed."""
        return self.run([str(BIN / "python"), "-c", textwrap.dedent(code)])

    def run(self, command: list[str], *, fails: bool | None = False) -> str:
        done = subprocess.run(
            command, cwd=self.home, env=self.environment, capture_output=True, text=True, timeout=300
        )
        assert fails is None or (done.returncode != 0) is fails, done.stdout + done.stderr
        return done.stdout


def airflow_in(home: Path, dags: Path, transport: dict[str, Any], dsn: str) -> Airflow:
    assert (BIN / "airflow").exists(), f"there is no airflow in {BIN}: `make test-airflow` installs it"
    (home / "landing").mkdir()
    environment = {
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "HOME": str(home),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__OPENLINEAGE__NAMESPACE": "shop-airflow",
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport),
        "AIRFLOW__OPENLINEAGE__CUSTOM_RUN_FACETS": "producers.airflow.query_attribution",
        "AIRFLOW_CONN_WAREHOUSE": dsn,
        "LANDING": str(home / "landing"),
        "LINEAGE_STORE": str(home / "lineage.db"),
        "LINEAGE_OUTBOX": str(home / "outbox"),
    }
    made = Airflow(home, environment)
    made("db", "migrate")
    return made


def warehouse(server: PostgresServer, name: str, sql: str) -> str:
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {name}")
    with psycopg.connect(server.dsn(name), autocommit=True) as connection:
        connection.execute(sql)
    return server.dsn(name)


@dataclass(frozen=True)
class Day:
    """What one run of the DAG told: to whom, and what the outbox kept meanwhile."""

    airflow: Airflow
    events: list[dict[str, Any]]
    delivered_before: int
    printed: str

    def of(self, job: str, *, ours: bool | None = None) -> list[dict[str, Any]]:
        found = [event for event in self.events if event["job"]["name"] == f"shop.{job}"]
        return [event for event in found if ours is None or (OURS in event["producer"]) is ours]

    def end(self, job: str) -> dict[str, Any]:
        return self.of(job, ours=False)[-1]


@pytest.fixture(scope="module")
def server(_server: PostgresServer) -> PostgresServer:
    return _server


@pytest.fixture(scope="module")
def day(server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Day:
    """The DAG, run while the backend is down; then the backend comes back and the outbox is shipped."""
    home = tmp_path_factory.mktemp("airflow")
    dsn = warehouse(server, DATABASE, (FIXTURES / "warehouse.sql").read_text())
    with Receiver() as backend:
        backend.down()
        target = {"type": "http", "url": backend.url}
        transport = {"type": "lineage.transport.OutboxTransport", "target": target}
        airflow = airflow_in(home, FIXTURES / "dags", transport, dsn)
        printed = airflow("dags", "test", "shop", "2026-11-01", fails=None)
        before = len(backend.events)
        backend.up()
        airflow.environment["OPENLINEAGE__TRANSPORT"] = json.dumps(transport)
        airflow.run([str(BIN / "lineage"), "ship"])
        assert len(backend.events) == len(backend.distinct)
        return Day(airflow, [json.loads(body) for body in backend.events], before, printed)


@pytest.fixture
def store(day: Day) -> Iterator[LineageStore]:
    with closing(open_store(":memory:")) as opened:
        put(opened, day.events)
        yield opened


def test_with_the_backend_down_every_event_arrives_after_its_recovery(day: Day) -> None:
    assert day.delivered_before == 0
    for name, state in TASKS.items():
        times = 2 if name == "per_region" else 1
        theirs = [event["eventType"] for event in day.of(name, ours=False)]
        assert sorted(theirs) == sorted(["START", state] * times), name
        assert len(day.of(name, ours=True)) == times, name
    emitted = day.printed.count("Successfully emitted OpenLineage")
    assert len([event for event in day.events if OURS not in event["producer"]]) == emitted
    (dag_run,) = [event for event in day.events if event["job"]["name"] == "shop"]
    assert dag_run["eventType"] == "FAIL"


def test_our_events_are_of_the_tasks_own_runs_and_valid(day: Day) -> None:
    ours = [event for event in day.events if OURS in event["producer"]]

    for name in TASKS.keys() - {"per_region"}:
        runs = {event["run"]["runId"] for event in day.of(name)}
        assert len(runs) == 1, name
    assert {event["run"]["runId"] for event in day.of("per_region", ours=True)} == {
        event["run"]["runId"] for event in day.of("per_region", ours=False)
    }
    assert [problem for event in ours for problem in event_schemas.problems(event)] == []
    assert "hunter2" not in json.dumps(ours)
    namespaces = {one["namespace"] for event in ours for one in event["inputs"] + event["outputs"]}
    assert not any(name.startswith("sqlite") for name in namespaces)  # Airflow's own database


def test_a_tracked_function_has_the_task_as_parent_and_the_dag_as_root(day: Day) -> None:
    (task,) = {event["run"]["runId"] for event in day.of("reconciled")}
    dag = day.end("reconciled")["run"]["facets"]["parent"]
    nested = day.of("reconcile")

    assert [event["eventType"] for event in nested] == ["START", "COMPLETE"]
    for event in nested:
        assert event["job"]["namespace"] == "shop-airflow"
        parent = event["run"]["facets"]["parent"]
        assert (parent["run"]["runId"], parent["job"]["name"]) == (task, "shop.reconciled")
        assert parent["root"]["run"]["runId"] == dag["run"]["runId"]
        job = parent["root"]["job"]
        assert (job["namespace"], job["name"]) == ("shop-airflow", "shop")


def test_every_edge_and_column_is_right(store: LineageStore) -> None:
    assert edges(store, EdgeKind.FEEDS) == (FEEDS | DOUBTFUL if AIRFLOW_2 else FEEDS)
    assert made_from(store, "DIRECT") == VALUES
    read, written = edges(store, EdgeKind.READS), edges(store, EdgeKind.WRITES)
    assert {"shop.gold.revenue -> shop.best_buyers", "shop.gold.revenue -> shop.fails"} <= read
    assert "shop.report.best_buyers -> shop.fails" in read
    assert "shop.best_buyers -> shop.report.best_buyers" in written
    assert not any("report.wrong" in edge or "never/written" in edge for edge in written)


def test_columns_are_right_where_the_provider_s_are_wrong(day: Day, store: LineageStore) -> None:
    told = {
        column
        for event in day.of("daily_revenue.query.1") + day.of("clean_orders", ours=False)
        for output in event["outputs"]
        for column in output["facets"].get("columnLineage", {}).get("fields", {})
    }

    assert "_0" in told  # where this fails, the provider has learned to read INSERT INTO t (columns)
    for columns in made_from(store, "DIRECT").values():
        assert not any(column.startswith("_") for column in columns)


def test_hints_become_datasets_whatever_the_provider_makes_of_them(day: Day) -> None:
    """DD-05: assets of a scheme without a provider, tables of Airflow 2's kind, assets without a URI."""
    (delivered,) = day.of("deliver", ours=True)
    (reconciled,) = day.of("reconciled", ours=True)

    assert not any(event["outputs"] for event in day.of("deliver", ours=False))
    assert [(one["namespace"], one["name"]) for one in delivered["outputs"]] == [
        ("s3://lake", "delivered/orders")
    ]
    assert [(one["namespace"], one["name"]) for one in reconciled["outputs"]] == [
        ("postgres://warehouse:5432", "crm.segments"),
        ("shop-airflow", "reviewed"),
    ]


def test_the_impact_of_a_change_goes_across_the_tasks(store: LineageStore) -> None:
    answer = impact(store, "s3://lake/delivered/orders")
    found = {node.node.label for node in answer.nodes}

    assert {
        "shop.load_orders",
        "shop.raw.orders",
        "shop.clean_orders",
        "shop.silver.orders",
        "shop.daily_revenue",
        "shop.reconcile",
        "shop.gold.revenue",
        "shop.best_buyers",
        "shop.per_region",
        "shop.audit.checks",
        "shop.audit.regions",
    } <= found
    marks = {node.node.label: node.impact for node in impact(store, "shop.raw.orders.cents").nodes}
    for column in ("shop.silver.orders.amount", "shop.gold.revenue.total", "shop.audit.regions.total"):
        assert marks[column] == "direct"
    assert marks["shop.gold.revenue.orders"] == "indirect"  # by the filter of clean_orders


def test_conditions_before_and_after_a_task_are_in_its_record(day: Day) -> None:
    """PV-33: what they ask belongs to the task's run; one that does not hold fails it."""
    (told,) = day.of("fails", ours=True)
    asked = {query["query"] for query in told["run"]["facets"]["lineageGraph_queryAttribution"]["queries"]}

    # Airflow 2 tells that a task runs when what is before it is done: that is no part of its run.
    assert ("select count(*) from silver.orders" in asked) is not AIRFLOW_2
    assert "select min(total) from report.best_buyers" in asked
    assert (told["eventType"], told["outputs"]) == ("OTHER", [])
    failed = day.end("fails")
    assert (failed["eventType"], "errorMessage" in failed["run"]["facets"]) == ("FAIL", True)


@pytest.fixture
def another_outbox(day: Day) -> Iterator[tuple[Airflow, Receiver]]:
    """A backend that is up, and the same Airflow with an outbox in which an event waits for it."""
    with Receiver() as backend:
        target = {"type": "http", "url": backend.url}
        transport = json.dumps({"type": "lineage.transport.OutboxTransport", "target": target})
        environment = {
            **day.airflow.environment,
            "AIRFLOW__OPENLINEAGE__TRANSPORT": transport,
            "OPENLINEAGE__TRANSPORT": transport,
            "LINEAGE_OUTBOX": str(day.airflow.home / "another"),
        }
        airflow = Airflow(day.airflow.home, environment)
        airflow.python("import lineage; lineage.configure(ship=False); lineage.track_run('left').__enter__()")
        assert backend.events == []
        yield airflow, backend


def test_the_scheduler_delivers_what_others_left(another_outbox: tuple[Airflow, Receiver]) -> None:
    airflow, backend = another_outbox
    starts = """
        import sys, threading
        sys.argv = ["airflow", sys.argv[0]]
        from producers.airflow import LineageListener
        LineageListener().on_starting(None)
        print([one.name for one in threading.enumerate()])
    """
    assert "lineage-shipper" not in airflow.python(starts)
    assert backend.events == []

    command = [str(BIN / "airflow"), "scheduler"]
    with (airflow.home / "scheduler.txt").open("w") as printed:
        scheduler = subprocess.Popen(
            command, cwd=airflow.home, env=airflow.environment, stdout=printed, stderr=subprocess.STDOUT
        )
        try:
            assert_soon(lambda: bool(backend.events))
            assert scheduler.poll() is None
        finally:
            scheduler.terminate()
            scheduler.wait(60)
    assert [json.loads(body)["job"]["name"] for body in backend.events] == ["left"]


def assert_soon(holds: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.1)


def test_queries_are_attributed_to_the_line_of_the_dag_and_the_task(day: Day) -> None:
    (told,) = day.of("daily_revenue", ours=True)
    facet = told["run"]["facets"]["lineageGraph_queryAttribution"]
    (query,) = facet["queries"]

    assert query["operation"] == "shop.daily_revenue"
    assert query["counts"]["rows"] == 2
    assert query["callsite"]["path"].endswith("dags/shop.py")
    assert query["callsite"]["function"] == "daily_revenue"
    assert "airflow.task_id=daily_revenue" in query["attributes"]
    last = day.end("daily_revenue")["run"]["facets"]
    assert last["lineageGraph_queryAttribution"]["queries"] == facet["queries"]
    (by_operator,) = day.of("clean_orders", ours=True)[0]["run"]["facets"]["lineageGraph_queryAttribution"][
        "queries"
    ]
    assert by_operator.get("callsite") is None


def test_a_fault_of_ours_in_any_step_changes_no_task(day: Day) -> None:
    dag = (FIXTURES / "dags" / "faults.py").read_text()
    steps = dag.partition("STEPS = [")[2].partition("]")[0].count(",")

    printed = day.airflow("dags", "test", "faults", "2026-11-01")

    assert steps > 10
    assert printed.count("Successfully emitted OpenLineage `START`") >= steps + 1
    assert printed.count("Successfully emitted OpenLineage `COMPLETE`") >= steps + 1
    assert "FAIL" not in printed
    assert printed.count("Lineage failed while") > 3


def test_without_our_transport_the_plugin_does_nothing(day: Day) -> None:
    code = """
        from producers import _airflow_settings as settings
        import sys
        from producers.airflow import LineageListener
        list(LineageListener().on_task_instance_running(None))
        LineageListener().on_task_instance_success(None)
        print(settings.is_on(), "producers._airflow_tasks" in sys.modules)
    """
    quiet = {**day.airflow.environment, "AIRFLOW__OPENLINEAGE__TRANSPORT": '{"type": "console"}'}
    quiet.pop("OPENLINEAGE__TRANSPORT")

    assert Airflow(day.airflow.home, quiet).python(code).split()[:2] == ["False", "False"]
    assert day.airflow.python(code.replace("list(Line", "#")).split()[0] == "True"


def test_the_example_of_the_documentation(
    server: PostgresServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    example, imports, console = (block for block in blocks(PAGE) if block.language in {"python", "console"})
    assert len([line for line in example.text.splitlines() if line.strip()]) < 40
    text = example.text
    if AIRFLOW_2:
        text = text.replace("from airflow.sdk import DAG, Asset, task\n", imports.text)
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "shop.py").write_text(text)
    tables = """
        CREATE TABLE deliveries (id int, customer text, cents int);
        CREATE TABLE orders (id int, buyer text, amount numeric);
        CREATE TABLE revenue (buyer text, total numeric);
        CREATE TABLE checks (amount numeric);
    """
    dsn = warehouse(server, DATABASE, tables)
    airflow = airflow_in(tmp_path, tmp_path / "dags", {"type": "lineage.transport.OutboxTransport"}, dsn)
    airflow("dags", "test", "shop", "2026-11-01")

    for variable in ("LINEAGE_STORE", "LINEAGE_OUTBOX"):
        monkeypatch.setenv(variable, airflow.environment[variable])
    monkeypatch.setattr("graph.cli._store.SECONDS", 60)
    reset_config()
    run_console(console, "docs/airflow.md", monkeypatch, capsys)
