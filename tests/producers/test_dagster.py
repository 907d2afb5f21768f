"""Real Dagster, in this process: its runs, assets and queries. `make test-orchestrators` installs it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from emitted_runs import Event, ends, error, names, parent, root, told_runs
from made_events import edges

import producers
from graph import open_store
from graph.ingest import derive, ingest
from graph.records import EdgeKind
from lineage import configure, current_run, track_run
from lineage.errors import MissingDependencyError

dg = pytest.importorskip("dagster")

pytestmark = pytest.mark.orchestrators

Runs = Callable[[], list[Event]]


@pytest.fixture
def runs() -> Iterator[Runs]:
    configure(instruments=["dagster"])
    with told_runs() as take:
        yield take


@pytest.fixture
def instance() -> Iterator[Any]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def made(instance: Any, *assets: Any, **options: Any) -> Any:
    options.setdefault("raise_on_error", False)
    return dg.materialize(assets, instance=instance, resources={"io_manager": dg.mem_io_manager}, **options)


def feeds(events: list[Event], kind: EdgeKind = EdgeKind.FEEDS) -> set[str]:
    """Return what the graph makes of events."""
    with closing(open_store(":memory:")) as store:
        assert ingest(store, [json.dumps(event).encode() for event in events]).rejected == 0
        derive(store)
        return edges(store, kind)


@dg.asset(metadata={"dagster/uri": "s3://lake/raw/orders"})
def raw_orders() -> list[int]:
    return [1, 2]


@dg.asset
def orders(raw_orders: list[int]) -> list[int]:
    """One row an order."""
    return raw_orders


@dg.asset(deps=[orders])
def revenue() -> None:
    pass


def test_assets_are_datasets_and_their_steps_are_runs_of_jobs(runs: Runs, instance: Any) -> None:
    done = made(instance, raw_orders, orders, revenue)

    assert [(event["eventType"], event["job"]["name"]) for event in runs()] == [
        ("START", "__ephemeral_asset_job__"),
        ("START", "assets.raw_orders"),
        ("COMPLETE", "assets.raw_orders"),
        ("START", "assets.orders"),
        ("COMPLETE", "assets.orders"),
        ("START", "assets.revenue"),
        ("COMPLETE", "assets.revenue"),
        ("COMPLETE", "__ephemeral_asset_job__"),
    ]
    known = ends(runs())
    assert known["__ephemeral_asset_job__"]["run"]["runId"] == done.run_id
    step = known["assets.orders"]
    assert step["run"]["facets"]["parent"]["run"]["runId"] == done.run_id
    assert root(step) == "__ephemeral_asset_job__"
    assert names(step["inputs"]) == ["raw_orders"]
    assert names(step["outputs"]) == ["orders"]
    assert step["job"]["facets"]["jobType"]["integration"] == "DAGSTER"
    assert step["job"]["facets"]["jobType"]["jobType"] == "ASSET"
    assert step["job"]["facets"]["documentation"]["description"] == "One row an order."
    assert "test_dagster.py" in step["job"]["facets"]["sourceCodeLocation"]["url"]
    assert feeds(runs()) == {"raw_orders -> orders", "orders -> revenue"}


def test_an_asset_is_made_by_one_job_whichever_of_dagster_s_runs_it(runs: Runs, instance: Any) -> None:
    made(instance, raw_orders, orders)
    definitions = dg.Definitions([raw_orders, orders], jobs=[dg.define_asset_job("nightly")])
    nightly = definitions.get_repository_def().get_job("nightly")
    assert nightly.execute_in_process(instance=instance).success

    told = [event for event in runs() if event["eventType"] == "COMPLETE"]
    assert [parent(event) for event in told if event["job"]["name"] == "assets.orders"] == [
        "__ephemeral_asset_job__",
        "nightly",
    ]


def test_where_an_asset_is_kept_is_another_name_of_it(runs: Runs, instance: Any) -> None:
    made(instance, raw_orders, orders)

    with closing(open_store(":memory:")) as store:
        ingest(store, [json.dumps(event).encode() for event in runs()])
        derive(store)
        with track_run("reads_the_file", inputs=["s3://lake/raw/orders"], outputs=["copy"]):
            pass
        ingest(store, [json.dumps(event).encode() for event in runs()])
        derive(store)
        assert edges(store, EdgeKind.FEEDS) == {"raw_orders -> orders", "raw_orders -> copy"}


def test_columns_rows_and_the_schema_are_those_that_dagster_is_told(runs: Runs, instance: Any) -> None:
    @dg.asset(deps=[orders, "rates"])
    def totals():
        sources = [
            dg.TableColumnDep(dg.AssetKey("orders"), "amount"),
            dg.TableColumnDep(dg.AssetKey("rates"), "rate"),
        ]
        columns = [dg.TableColumn("day", "date", "of the order"), dg.TableColumn("total", "numeric")]
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": 3,
                "dagster/column_schema": dg.TableSchema(columns),
                "dagster/column_lineage": dg.TableColumnLineage({"total": sources}),
            }
        )

    made(instance, totals)

    (output,) = ends(runs())["assets.totals"]["outputs"]
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 3
    fields = output["facets"]["schema"]["fields"]
    assert [(one["name"], one["type"], one.get("description")) for one in fields] == [
        ("day", "date", "of the order"),
        ("total", "numeric", None),
    ]
    assert feeds(runs()) == {"orders -> totals", "rates -> totals"}
    assert feeds(runs(), EdgeKind.FIELD) == {"orders.amount -> totals.total", "rates.rate -> totals.total"}


def test_of_several_assets_each_is_made_from_its_own(runs: Runs, instance: Any) -> None:
    @dg.multi_asset(
        specs=[
            dg.AssetSpec(["shop", "clean"], deps=["raw"]),
            dg.AssetSpec("counted", deps=[dg.AssetKey(["shop", "clean"])]),
            dg.AssetSpec("rated", deps=["rates"]),
        ]
    )
    def several():
        for key in (["shop", "clean"], "counted", "rated"):
            yield dg.MaterializeResult(asset_key=key)

    made(instance, several)

    assert names(ends(runs())["assets.several"]["inputs"]) == ["rates", "raw"]
    assert feeds(runs()) == {"raw -> shop/clean", "shop/clean -> counted", "rates -> rated"}


def test_partitions_are_told_with_their_time(runs: Runs, instance: Any) -> None:
    days = dg.DailyPartitionsDefinition("2026-01-01")
    both = dg.MultiPartitionsDefinition({"day": days, "shop": dg.StaticPartitionsDefinition(["a", "b"])})

    @dg.asset(partitions_def=days)
    def daily() -> None:
        pass

    @dg.asset(partitions_def=both)
    def daily_of_shop() -> None:
        pass

    made(instance, daily, partition_key="2026-01-05")
    made(instance, daily_of_shop, partition_key=dg.MultiPartitionKey({"day": "2026-01-06", "shop": "b"}))

    known = ends(runs())
    assert known["assets.daily"]["run"]["facets"]["nominalTime"] | {"_producer": "", "_schemaURL": ""} == {
        "_producer": "",
        "_schemaURL": "",
        "nominalStartTime": "2026-01-05T00:00:00.000Z",
        "nominalEndTime": "2026-01-06T00:00:00.000Z",
    }
    subsets = [
        known[name]["outputs"][0]["outputFacets"]["outputSubset"]["outputCondition"]
        for name in ("assets.daily", "assets.daily_of_shop")
    ]
    assert subsets == [
        {
            "type": "partition",
            "partitions": [{"identifier": "2026-01-05", "dimensions": {"partition": "2026-01-05"}}],
        },
        {
            "type": "partition",
            "partitions": [{"identifier": "2026-01-06|b", "dimensions": {"day": "2026-01-06", "shop": "b"}}],
        },
    ]


def test_a_failing_step_fails_with_its_own_error_and_claims_nothing(runs: Runs, instance: Any) -> None:
    @dg.asset(deps=[orders])
    def broken(context) -> None:
        context.log_event(dg.AssetMaterialization("half_written"))
        raise ValueError("card 4111111111111111 of 'ada'")

    @dg.asset(deps=[broken])
    def after() -> None:
        raise AssertionError("never run")

    assert not made(instance, broken, after).success

    known = ends(runs())
    assert known["assets.broken"]["eventType"] == "FAIL"
    assert error(known["assets.broken"]).startswith("ValueError: card")
    assert "4111" not in json.dumps(runs())
    assert "ada" not in json.dumps(runs())
    assert known["assets.broken"]["outputs"] == []
    assert "assets.after" not in known
    assert known["__ephemeral_asset_job__"]["eventType"] == "FAIL"
    assert error(known["__ephemeral_asset_job__"]) == "TaskFailedError: steps failed: broken"


@pytest.mark.parametrize("by_policy", [True, False])
def test_each_attempt_is_a_run(runs: Runs, instance: Any, by_policy: bool) -> None:
    @dg.op(retry_policy=dg.RetryPolicy(max_retries=2) if by_policy else None)
    def flaky(context) -> None:
        if context.retry_number < 2:
            cause = ZeroDivisionError("not yet")
            if by_policy:
                raise cause
            raise dg.RetryRequested(max_retries=2) from cause

    @dg.job
    def trying() -> None:
        flaky()

    assert trying.execute_in_process(instance=instance).success

    told = [event for event in runs() if event["job"]["name"] == "trying.flaky"]
    tried = [event for event in told if event["eventType"] != "START"]
    assert [event["eventType"] for event in tried] == ["FAIL", "FAIL", "COMPLETE"]
    assert {error(event) for event in tried[:2]} == {"ZeroDivisionError: not yet"}
    ids = [event["run"]["runId"] for event in tried]
    assert len(set(ids)) == 3
    attempts = [event["run"]["facets"].get("lineageGraph_attempt", {}) for event in tried]
    assert [(one.get("attempt"), one.get("retryOf")) for one in attempts] == [
        (None, None),
        (2, ids[0]),
        (3, ids[1]),
    ]
    assert ends(runs())["trying"]["eventType"] == "COMPLETE"


@pytest.mark.parametrize("cancelling", [True, False])
def test_an_interrupted_or_cancelled_run_is_aborted(runs: Runs, instance: Any, cancelling: bool) -> None:
    from dagster._core.errors import DagsterExecutionInterruptedError

    @dg.op
    def waiting(context) -> None:
        if cancelling:
            context.instance.report_run_canceling(context.run)
            raise DagsterExecutionInterruptedError
        raise KeyboardInterrupt

    @dg.job
    def interrupted() -> None:
        waiting()

    raised = (KeyboardInterrupt, DagsterExecutionInterruptedError)
    with pytest.raises(raised):
        interrupted.execute_in_process(instance=instance)

    known = ends(runs())
    assert [known[name]["eventType"] for name in ("interrupted.waiting", "interrupted")] == ["ABORT"] * 2


def test_checks_tell_whether_what_was_written_is_right(runs: Runs, instance: Any) -> None:
    """PV-33: what must hold after a task is an assertion about its dataset, also where it does not."""

    @dg.asset(check_specs=[dg.AssetCheckSpec("positive", asset="checked")])
    def checked():
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=False)])

    @dg.asset_check(asset=checked)
    def not_empty() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN)

    done = dg.materialize([checked, not_empty], instance=instance, raise_on_error=False)
    assert done.success

    known = ends(runs())
    assert known["assets.checked"]["inputs"] == []
    found = {}
    for name in ("assets.checked.checks", "assets.checked_not_empty"):
        (read,) = known[name]["inputs"]
        assert read["name"] == "checked"
        found[name] = read["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert found == {
        "assets.checked.checks": [
            {"assertion": "positive", "name": "positive", "success": False, "severity": "error"}
        ],
        "assets.checked_not_empty": [
            {"assertion": "not_empty", "name": "not_empty", "success": False, "severity": "warn"}
        ],
    }


def test_a_blocking_check_fails_the_step_and_is_told(runs: Runs, instance: Any) -> None:
    """PV-33: a condition after a task that fails is in its record."""

    @dg.asset(check_specs=[dg.AssetCheckSpec("positive", asset="blocked", blocking=True)])
    def blocked():
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=False)])

    made(instance, blocked)

    known = ends(runs())
    assert known["assets.blocked"]["eventType"] == "FAIL"
    assert known["assets.blocked"]["outputs"] == []
    assert "positive" in error(known["assets.blocked"])
    (read,) = known["assets.blocked.checks"]["inputs"]
    assert [one["success"] for one in read["inputFacets"]["dataQualityAssertions"]["assertions"]] == [False]


def test_ops_tell_of_assets_by_hand_and_an_observed_one_was_read(runs: Runs, instance: Any) -> None:
    @dg.op
    def load(context):
        context.log_event(dg.AssetObservation(["lake", "clicks"]))
        yield dg.AssetMaterialization("sessions", metadata={"dagster/row_count": 0})
        yield dg.Output(None)

    @dg.graph
    def inner() -> None:
        load()

    @dg.job
    def nightly() -> None:
        inner()

    nightly.execute_in_process(instance=instance)

    step = ends(runs())["nightly.inner.load"]
    assert names(step["inputs"]) == ["lake/clicks"]
    assert names(step["outputs"]) == ["sessions"]
    assert step["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == 0
    assert step["job"]["facets"]["jobType"]["jobType"] == "OP"


def test_an_asset_of_several_ops_is_the_last_one_s(runs: Runs, instance: Any) -> None:
    @dg.op
    def fetch() -> int:
        return 1

    @dg.op
    def add(one: int) -> int:
        return one + 1

    @dg.graph_asset
    def summed() -> int:
        return add(fetch())

    made(instance, summed)

    known = ends(runs())
    assert known["assets.summed.fetch"]["outputs"] == []
    assert names(known["assets.summed.add"]["outputs"]) == ["summed"]


def test_mapped_steps_are_runs_of_one_job(runs: Runs, instance: Any) -> None:
    @dg.op(out=dg.DynamicOut())
    def split():
        for number in range(3):
            yield dg.DynamicOutput(number, mapping_key=f"part_{number}")

    @dg.op
    def work(number: int) -> int:
        return number

    @dg.job
    def mapping() -> None:
        split().map(work)

    mapping.execute_in_process(instance=instance)

    told = [event for event in runs() if event["job"]["name"] == "mapping.work"]
    assert [event["eventType"] for event in told] == ["START", "COMPLETE"] * 3
    assert len({event["run"]["runId"] for event in told}) == 3


def test_a_step_holds_for_the_op_s_own_code_alone(runs: Runs, instance: Any) -> None:
    """Also of generators and coroutines, whose steps Dagster's own code goes between."""
    seen: dict[str, str] = {}

    class Handler(dg.IOManager):
        def handle_output(self, context: Any, obj: Any) -> None:
            seen["io manager"] = current_run().job_name

        def load_input(self, context: Any) -> Any:
            raise NotImplementedError

    @dg.op(out={"one": dg.Out(), "two": dg.Out()})
    def stepping():
        seen["generator"] = current_run().job_name
        yield dg.Output(1, "one")
        seen["generator later"] = current_run().job_name
        yield dg.Output(2, "two")

    @dg.op
    async def awaiting() -> int:
        seen["coroutine"] = current_run().job_name
        return 1

    @dg.job(resource_defs={"io_manager": Handler()})
    def holding() -> None:
        stepping()
        awaiting()

    holding.execute_in_process(instance=instance)

    assert seen == {
        "generator": "holding.stepping",
        "generator later": "holding.stepping",
        "io manager": seen["io manager"],
        "coroutine": "holding.awaiting",
    }
    assert seen["io manager"] in ("holding.stepping", "holding.awaiting")
    assert not current_run().recording


def test_a_run_inside_of_another_is_nested(runs: Runs, instance: Any) -> None:
    @dg.asset
    def nested() -> None:
        with track_run("inside"):
            pass

    with track_run("outside"):
        made(instance, nested)

    known = ends(runs())
    assert parent(known["inside"]) == "assets.nested"
    assert parent(known["assets.nested"]) == "__ephemeral_asset_job__"
    assert parent(known["__ephemeral_asset_job__"]) == "outside"
    assert root(known["inside"]) == "outside"


def test_queries_are_those_of_their_step_and_dagster_s_own_are_nobody_s(runs: Runs, tmp_path: Path) -> None:
    """DC-39, DC-41: a query is told with run, job, op, asset and partition; its tables are the step's."""
    database = tmp_path / "shop.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE sales (day text, amount int)")

    @dg.asset(key=["shop", "totals"], partitions_def=dg.StaticPartitionsDefinition(["north"]))
    def totals(context) -> None:
        with closing(sqlite3.connect(database)) as connection:
            connection.execute(
                "CREATE TABLE totals AS SELECT day, sum(amount) AS total FROM sales GROUP BY day"
            )
        context.log.info("a message is an event that Dagster stores")

    queries: list[dict[str, Any]] = []
    configure(instruments=["sqlite3", "sqlalchemy"], sink=["lineage", queries.append])
    with dg.instance_for_test() as stored:
        done = made(stored, totals, partition_key="north")
        assert stored.all_logs(done.run_id)

    step = ends(runs())["assets.shop__totals"]
    inside = [query for query in queries if query.get("job_name")]
    assert [query["query_text"][:12] for query in inside] == ["create table"]
    (query,) = inside
    assert query["job_name"] == "assets.shop__totals"
    assert query["operation"] == "shop/totals"
    assert query["job_id"] == done.run_id
    assert query["attributes"] == {
        "dagster.run_id": done.run_id,
        "dagster.job_name": "__ephemeral_asset_job__",
        "dagster.op_name": "shop__totals",
        "dagster.asset_key": "shop/totals",
        "dagster.partition_key": "north",
    }
    assert step["run"]["facets"]["lineageGraph_queryAttribution"]["total"]["count"] == 1
    assert "sales.day -> totals.day" in feeds(runs(), EdgeKind.FIELD)


def test_the_resource_tells_for_whom_queries_are(told: Callable[[], list[dict[str, Any]]]) -> None:
    """DC-38, DC-40: given to an asset by Dagster, with no integration installed."""
    from lineage import trace_query
    from producers.dagster import LineageResource, use_dagster_context

    def asked(context, lineage):
        with lineage.use_context(context), trace_query("select 1"):
            pass
        with use_dagster_context(context), trace_query("select 2"):
            pass

    asked.__annotations__ = {"lineage": LineageResource}  # what is imported here cannot be named in a text
    done = dg.materialize(
        [dg.asset(asked)],
        resources={"lineage": LineageResource(include_run_tags=True)},
        tags={"team": "sales"},
    )

    first, second = told()
    known = {
        "dagster.run_id": done.run_id,
        "dagster.job_name": "__ephemeral_asset_job__",
        "dagster.op_name": "asked",
        "dagster.asset_key": "asked",
    }
    assert second["attributes"] == known
    assert {**known, "dagster.run_tags.team": "sales"}.items() <= first["attributes"].items()
    assert first["operation"] == second["operation"] == "asked"
    assert first["job_id"] == done.run_id


def test_the_context_of_an_op_is_read_too(told: Callable[[], list[dict[str, Any]]]) -> None:
    """DC-37: an op, with what is absent left out."""
    from lineage import trace_query
    from producers.dagster import use_dagster_context

    @dg.op
    def asking(context) -> None:
        with use_dagster_context(context), trace_query("select 1"):
            pass

    @dg.job
    def by_hand() -> None:
        asking()

    done = by_hand.execute_in_process()

    (event,) = told()
    assert event["operation"] == "asking"
    assert event["attributes"] == {
        "dagster.run_id": done.run_id,
        "dagster.job_name": "by_hand",
        "dagster.op_name": "asking",
    }


@pytest.mark.usefixtures("faults_expected")
@pytest.mark.parametrize(
    "step",
    [
        "_dagster_runs.DagsterStep",
        "_dagster_runs.DagsterRun",
        "_dagster_runs.use",
        "_dagster_runs.DagsterProducer.hide_storages",
        "_dagster_steps.DagsterStep.see",
        "_dagster_steps.DagsterStep.outcome",
        "_dagster_steps.DagsterStep._prepare",
        "_dagster_steps.DagsterRun.see",
        "_dagster_steps.DagsterRun.outcome",
        "_dagster_steps.begin",
        "_dagster_steps.dataset_of",
        "_dagster_steps.tell_output",
        "_dagster_steps.place_of",
        "_tasks.TrackedRun.enter",
        "_tasks.TrackedRun.leave",
        "_tasks.TrackedRun.end",
    ],
)
def test_a_fault_of_ours_in_any_step_changes_nothing(
    runs: Runs, instance: Any, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """DC-07: the run is what it is without us: its events, its results, its error."""

    def broken(*args: Any, **kwargs: Any) -> Any:
        raise ValueError("a fault of ours")

    @dg.asset(deps=[orders])
    def failing() -> None:
        raise ZeroDivisionError("its own")

    producers.uninstall("dagster")
    bare = made(instance, raw_orders, orders, failing)
    producers.install("dagster")
    monkeypatch.setattr(f"producers.{step}", broken)
    watched = made(instance, raw_orders, orders, failing)

    assert watched.output_for_node("orders") == bare.output_for_node("orders") == [1, 2]
    assert [event.event_type_value for event in watched.all_events] == [
        event.event_type_value for event in bare.all_events
    ]
    monkeypatch.undo()
    with pytest.raises(ZeroDivisionError, match="its own"):
        made(instance, failing, raise_on_error=True)


def test_without_dagster_its_names_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """DC-38: asking for the resource where there is no Dagster is an error that names the pip line."""
    import sys

    import producers.dagster

    for name in ("producers._dagster_resource", "producers._dagster_runs", "producers._dagster_steps"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "dagster", None)

    for name in ("LineageResource", "PRODUCER"):
        with pytest.raises(MissingDependencyError, match=r"pip install 'lineage-graph\[dagster\]'"):
            getattr(producers.dagster, name)
    with pytest.raises(AttributeError, match="no attribute 'nosuch'"):
        producers.dagster.nosuch  # noqa: B018 - what is tried
