"""A real dbt: what it ran, told by its artifacts and by dbt-ol. `make test-dbt` installs it and runs this."""

from __future__ import annotations

import json
import os
import subprocess
import textwrap
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import Any

import event_schemas
import pytest
from dbt_shop import FEEDS, PROJECT, ROWS, STATES, VALUES, ends, imported, made_from, put
from made_events import edges

from graph import open_store
from graph.ingest.drain import drain
from graph.records import EdgeKind
from graph.store import LineageStore
from lineage.config import reset_config

pytestmark = pytest.mark.dbt

BIN = Path(os.environ.get("DBT_BIN", Path(__file__).resolve().parents[3] / ".venv-dbt" / "bin"))


@dataclass(frozen=True)
class Dbt:
    """A copy of the project, and the environment that dbt runs in."""

    folder: Path
    environment: dict[str, str]

    def __call__(self, program: str, *arguments: str, fails: bool = False) -> str:
        """Run dbt or dbt-ol in the project and return what it printed."""
        command = [str(BIN / program), *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=110
        )
        assert (done.returncode != 0) is fails, done.stdout + done.stderr
        return done.stdout

    def target(self, name: str) -> Any:
        return json.loads((self.folder / "target" / name).read_text())


def project_in(folder: Path) -> Dbt:
    assert (BIN / "dbt").exists(), f"there is no dbt in {BIN}: `make test-dbt` installs it"
    copytree(PROJECT, folder / "shop", ignore=ignore_patterns("target*"))
    home = str(folder / "shop")
    environment = {
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "HOME": str(folder),
        "SHOP_HOME": home,
        "DBT_PROFILES_DIR": home,
        "LINEAGE_STORE": str(folder / "lineage.db"),
        "LINEAGE_OUTBOX": str(folder / "outbox"),
        "OPENLINEAGE__TRANSPORT": '{"type": "lineage.transport.OutboxTransport"}',
    }
    return Dbt(folder / "shop", environment)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Dbt:
    """The project, built twice, the second time by dbt-ol; then its columns and sources are asked for."""
    dbt = project_in(tmp_path_factory.mktemp("dbt"))
    dbt("dbt", "build", fails=True)
    dbt("dbt-ol", "build", fails=True)
    dbt("dbt", "docs", "generate", "--no-compile")
    dbt("dbt", "source", "freshness")
    return dbt


@pytest.fixture(autouse=True)
def _profile(monkeypatch: pytest.MonkeyPatch, built: Dbt) -> None:
    monkeypatch.setenv("SHOP_HOME", str(built.folder))


@pytest.fixture
def events(built: Dbt) -> list[dict[str, Any]]:
    return imported(built.folder / "target")


@pytest.fixture
def store(events: list[dict[str, Any]]) -> Iterator[LineageStore]:
    """What the artifacts tell."""
    with closing(open_store(":memory:")) as opened:
        put(opened, events)
        yield opened


@pytest.fixture
def told_by_dbt_ol(built: Dbt, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The events of dbt-ol, out of the outbox that it wrote them into."""
    location = built.environment["LINEAGE_STORE"]
    monkeypatch.setenv("LINEAGE_STORE", location)
    monkeypatch.setenv("LINEAGE_OUTBOX", built.environment["LINEAGE_OUTBOX"])
    reset_config()
    with closing(open_store(location)) as opened:
        assert drain(opened).complete
        return [json.loads(body) for _, body in opened.bodies(after=0)]


@pytest.fixture
def theirs(told_by_dbt_ol: list[dict[str, Any]]) -> Iterator[LineageStore]:
    """What dbt-ol tells."""
    with closing(open_store(":memory:")) as opened:
        put(opened, told_by_dbt_ol)
        yield opened


def test_every_edge_column_and_state_is_right(store: LineageStore, events: list[dict[str, Any]]) -> None:
    assert edges(store, EdgeKind.FEEDS) == FEEDS
    assert made_from(store, "DIRECT") == VALUES
    decided = made_from(store, "INDIRECT")
    for table, sources in ROWS.items():
        assert {source for found in decided[table].values() for source in found} == sources
    known = ends(events)
    build = [one for one in events if one.get("run") and "freshness" not in one["job"]["name"]]
    states = ends(build[:-2])  # the last two are the invocation that asked the sources
    assert {name: event["eventType"] for name, event in states.items()} == STATES
    assert known["shop.lake.source.shop.lake.web_events.freshness"]["eventType"] == "COMPLETE"
    assert [problem for event in events for problem in event_schemas.problems(event)] == []


def test_importing_twice_doubles_nothing(built: Dbt, store: LineageStore) -> None:
    assert put(store, imported(built.folder / "target"))["accepted"] == 0


def test_dbt_ol_and_the_artifacts_give_the_same_where_dbt_ol_tells_the_truth(
    store: LineageStore, theirs: LineageStore
) -> None:
    """Where they differ is in docs/dbt.md: each difference is here, so that one that goes is seen."""
    false = {
        "shop.lake.web_events -> shop.main.stg_events",  # the source's name, not its table
        "shop.main.order_amounts -> shop.main.orders",  # an ephemeral model is no table
    }
    unsaid = {
        "shop.main.daily_revenue -> shop.revenue_report",
        "shop.main.dim_customers -> shop.revenue_report",
    }
    assert edges(theirs, EdgeKind.FEEDS) == (edges(store, EdgeKind.FEEDS) | false) - unsaid

    ours, said = made_from(store, "DIRECT"), made_from(theirs, "DIRECT")
    for column in ("order_id", "customer_id", "ordered_on", "status"):
        (wrong,) = said["stg_orders"][column]
        assert wrong.startswith("source.")  # the name of a CTE
    same = sorted(ours.keys() - {"stg_orders", "stg_events", "customers_history"})
    assert same == ["daily_revenue", "dim_customers", "orders", "stg_customers", "stg_payments"]
    assert {table: said[table] for table in same} == {table: ours[table] for table in same}
    assert not {"stg_events", "customers_history"} & said.keys()  # behind a star


def test_dbt_ol_and_the_artifacts_tell_of_the_same_runs(
    events: list[dict[str, Any]], told_by_dbt_ol: list[dict[str, Any]]
) -> None:
    ours = {name: event for name, event in ends(events).items() if event.get("run")}
    said = ends(told_by_dbt_ol)
    different = {
        name for name in ours.keys() & said.keys() if ours[name]["eventType"] != said[name]["eventType"]
    }

    assert ours.keys() - said.keys() == {
        "shop.main.shop.raw_customers.build.seed",
        "shop.main.shop.raw_orders.build.seed",
        "shop.main.shop.raw_payments.build.seed",
        "shop.main.shop.raw_orders.build.test",
        "shop.main.shop.after_broken.build.run",
        "shop.lake.source.shop.lake.web_events.freshness",
    }
    assert said.keys() - ours.keys() == {"shop.main.shop.stg_customers.build.test"}  # one of `orders`
    assert different - {"dbt-run-shop"} == {"shop.main.shop.after_broken.build.test"}
    for name in ours.keys() & said.keys() - {"dbt-run-shop"}:
        if ".test" not in name and not name.startswith("test."):
            assert said[name]["eventTime"] == ours[name]["eventTime"]


def test_both_in_one_store_are_one_graph(theirs: LineageStore, events: list[dict[str, Any]]) -> None:
    put(theirs, events)

    assert edges(theirs, EdgeKind.FEEDS) >= FEEDS
    assert {table: made_from(theirs, "DIRECT")[table] for table in ("orders", "dim_customers")} == {
        table: VALUES[table] for table in ("orders", "dim_customers")
    }


def test_a_python_model_tells_for_whom_its_queries_are(tmp_path: Path) -> None:
    """DC-45: the argument that dbt gives to a model, in the process that runs it."""
    dbt = project_in(tmp_path)
    told = tmp_path / "queries.jsonl"
    model = f"""
        def model(dbt, session):
            from lineage import configure, trace_query
            from lineage.attribution import flush_queries
            from producers.dbt import use_dbt_context

            dbt.config(materialized="table")
            configure(sink={f"file:{told}"!r})
            with use_dbt_context(dbt), trace_query("select 1 as one"):
                answer = session.sql("select 1 as one")
            flush_queries()
            return answer
        """
    (dbt.folder / "models" / "asked.py").write_text(textwrap.dedent(model))
    dbt("dbt", "run", "--select", "asked")

    (query,) = [json.loads(line) for line in told.read_text().splitlines()]
    invocation = dbt.target("run_results.json")["metadata"]["invocation_id"]
    assert query["job_id"] == query["attributes"]["dbt.invocation_id"] == invocation
    assert query["operation"] == query["attributes"]["dbt.this"] == "shop.main.asked"
