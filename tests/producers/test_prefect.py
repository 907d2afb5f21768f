"""Real Prefect with a server of its own: its flows, tasks, assets and queries.

`make test-orchestrators` installs it.
"""

from __future__ import annotations

import asyncio
import inspect
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from emitted_runs import Event, ends, error, names, parent, root, told_runs

import producers
from lineage import configure, current_run, track_run

prefect = pytest.importorskip("prefect")

from prefect import flow, task  # noqa: E402 - it may not be there
from prefect.states import Failed  # noqa: E402
from prefect_server import server  # noqa: E402

pytestmark = [
    pytest.mark.orchestrators,
    # Prefect leaves connections to its server to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

Runs = Callable[[], list[Event]]


@pytest.fixture
def runs() -> Iterator[Runs]:
    server()
    configure(instruments=["prefect"])
    with told_runs() as take:
        yield take


def of(runs: Runs, job: str) -> list[Event]:
    """Return the terminal events of a job's runs."""
    return [event for event in runs() if event["job"]["name"] == job and event["eventType"] != "START"]


def test_flows_and_tasks_are_runs_with_prefect_s_own_ids(runs: Runs) -> None:
    seen: dict[str, str] = {}

    @task
    def extract() -> int:
        """Fetch the orders."""
        seen["task"] = str(prefect.runtime.task_run.id)
        return 1

    @flow(name="build-revenue")
    def build() -> int:
        seen["flow"] = str(prefect.runtime.flow_run.id)
        return extract()

    assert build() == 1

    known = ends(runs())
    assert known.keys() == {"build-revenue", "build-revenue.extract"}
    whole, part = known["build-revenue"], known["build-revenue.extract"]
    assert (whole["run"]["runId"], part["run"]["runId"]) == (seen["flow"], seen["task"])
    assert part["run"]["facets"]["parent"]["run"]["runId"] == seen["flow"]
    assert [one["job"]["facets"]["jobType"]["jobType"] for one in (whole, part)] == ["FLOW", "TASK"]
    assert part["job"]["facets"]["documentation"]["description"] == "Fetch the orders."
    assert "test_prefect.py" in part["job"]["facets"]["sourceCodeLocation"]["url"]
    assert {event["eventType"] for event in known.values()} == {"COMPLETE"}


def test_what_is_submitted_mapped_nested_or_async_has_its_flow_above_it(runs: Runs) -> None:
    @task
    def one(number: int) -> int:
        with track_run("inside"):
            return number

    @task
    async def awaited(number: int) -> int:
        return number

    @flow
    def inner() -> int:
        return one(1)

    @flow
    async def inner_async() -> list[int]:
        return await asyncio.gather(awaited(1), awaited(2))

    @flow
    def outer() -> None:
        one.submit(2).result()
        [future.result() for future in one.map([3, 4])]
        inner()

    with track_run("script"):
        outer()
        assert asyncio.run(inner_async()) == [1, 2]

    assert [parent(event) for event in of(runs, "outer.one")] == ["outer"] * 3
    assert [parent(event) for event in of(runs, "inner.one")] == ["inner"]
    assert [parent(event) for event in of(runs, "inner")] == ["outer"]
    assert [parent(event) for event in of(runs, "inner-async.awaited")] == ["inner-async"] * 2
    assert {parent(event) for event in of(runs, "inside")} == {"outer.one", "inner.one"}
    assert {root(event) for event in runs() if parent(event) is not None} == {"script"}


def test_a_task_by_itself_is_a_run_too(runs: Runs) -> None:
    @task
    def alone() -> int:
        return 1

    assert alone() == 1

    (event,) = of(runs, "alone")
    assert parent(event) is None


def test_a_failing_task_and_its_flow_fail_with_the_task_s_error(runs: Runs) -> None:
    @task
    def broken() -> None:
        raise ValueError("card 4111111111111111 of 'ada'")

    @flow
    def failing() -> None:
        broken()

    with pytest.raises(ValueError, match="card"):
        failing()

    known = ends(runs())
    assert {event["eventType"] for event in known.values()} == {"FAIL"}
    assert {error(event).partition(":")[0] for event in known.values()} == {"ValueError"}
    assert "4111" not in str(runs())
    assert "ada" not in str(runs())


def test_a_task_that_says_it_failed_failed(runs: Runs) -> None:
    """PV-33: a condition that does not hold after a task's work is said by a state, without an exception."""

    @task
    def checked() -> Any:
        return Failed(message="3 orders have no customer")

    @flow
    def checking() -> str:
        checked(return_state=True)
        return "went on"

    assert checking() == "went on"

    known = ends(runs())
    assert known["checking.checked"]["eventType"] == "FAIL"
    assert "orders have no customer" in error(known["checking.checked"])
    assert known["checking"]["eventType"] == "COMPLETE"


def test_each_attempt_is_a_run(runs: Runs) -> None:
    tried = {"task": 0, "flow": 0}

    @task(retries=2, retry_delay_seconds=[0, 0.01])
    def flaky() -> None:
        tried["task"] += 1
        if tried["task"] < 3:
            raise ZeroDivisionError("not yet")

    @flow(retries=1)
    def trying() -> None:
        flaky()
        tried["flow"] += 1
        if tried["flow"] < 2:
            raise OSError("nor now")

    trying()

    tasks, flows = of(runs, "trying.flaky"), of(runs, "trying")
    assert [event["eventType"] for event in tasks] == ["FAIL", "FAIL", "COMPLETE", "COMPLETE"]
    assert [event["eventType"] for event in flows] == ["FAIL", "COMPLETE"]
    assert error(flows[0]) == "OSError: nor now"
    ids = [event["run"]["runId"] for event in (*tasks, *flows)]
    assert len(set(ids)) == 6
    attempts = [event["run"]["facets"].get("lineageGraph_attempt", {}) for event in (*tasks, *flows)]
    assert [(one.get("attempt"), one.get("retryOf")) for one in attempts] == [
        (None, None),
        (2, ids[0]),
        (3, ids[1]),
        (None, None),
        (None, None),
        (2, ids[4]),
    ]
    above = [event["run"]["facets"]["parent"]["run"]["runId"] for event in tasks]
    assert above == [ids[4], ids[4], ids[4], ids[5]]


def test_what_is_interrupted_or_cancelled_is_aborted(runs: Runs) -> None:
    @task
    def interrupted() -> None:
        raise KeyboardInterrupt

    @flow
    def interrupting() -> None:
        interrupted()

    began = asyncio.Event()

    @task
    async def sleeping() -> None:
        began.set()
        await asyncio.sleep(60)

    @flow
    async def cancelled() -> None:
        await sleeping()

    async def cancel() -> None:
        running = asyncio.create_task(cancelled())
        await began.wait()
        running.cancel()
        await running

    with pytest.raises(KeyboardInterrupt):
        interrupting()
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancel())

    assert {name: event["eventType"] for name, event in ends(runs()).items()} == dict.fromkeys(
        ["interrupting", "interrupting.interrupted", "cancelled", "cancelled.sleeping"], "ABORT"
    )


def test_a_time_limit_is_a_failure(runs: Runs) -> None:
    @task(timeout_seconds=0.05)
    async def slow() -> None:
        await asyncio.sleep(60)

    @flow
    async def limited() -> None:
        await slow()

    with pytest.raises(TimeoutError):
        asyncio.run(limited())

    assert {event["eventType"] for event in ends(runs()).values()} == {"FAIL"}


def test_a_generator_s_run_holds_for_its_own_code(runs: Runs) -> None:
    outside: list[str] = []

    @task
    def numbers() -> Iterator[str]:
        for _ in range(2):
            yield current_run().job_name

    @task
    async def numbers_later() -> AsyncIterator[str]:
        for _ in range(2):
            yield current_run().job_name

    @flow
    async def stepping() -> list[str]:
        inside = []
        for one in numbers():
            inside.append(one)
            outside.append(current_run().job_name)
        async for one in numbers_later():
            inside.append(one)
            outside.append(current_run().job_name)
        return inside

    inside = asyncio.run(stepping())

    assert inside == ["stepping.numbers"] * 2 + ["stepping.numbers_later"] * 2
    assert outside == ["stepping"] * 4
    assert {event["eventType"] for event in ends(runs()).values()} == {"COMPLETE"}
    assert not current_run().recording


def test_a_cached_task_did_nothing_and_says_so(runs: Runs) -> None:
    from prefect.cache_policies import INPUTS

    did = []

    @task(cache_policy=INPUTS, persist_result=True)
    def once(number: int) -> int:
        did.append(number)
        current_run().output("numbers")
        return number

    @flow
    def caching() -> list[int]:
        return [once(7), once(7)]

    assert caching() == [7, 7]
    assert did == [7]

    assert [names(event["outputs"]) for event in of(runs, "caching.once")] == [["numbers"], []]


def test_assets_are_datasets(runs: Runs) -> None:
    assets = pytest.importorskip("prefect.assets", reason="assets came with Prefect 3.4")

    @assets.materialize("s3://lake/raw/orders")
    def raw() -> list[int]:
        return [1]

    @task
    def clean(rows: list[int]) -> list[int]:
        return [*rows]

    @assets.materialize("postgres://warehouse/shop/public.revenue", asset_deps=["s3://lake/rates"], retries=1)
    def revenue(rows: list[int]) -> None:
        assets.add_asset_metadata("postgres://warehouse/shop/public.revenue", {"row_count": 3})

    @assets.materialize("s3://lake/broken")
    def broken() -> None:
        raise ValueError("no")

    @flow
    def building() -> None:
        revenue(clean(raw()))
        broken(return_state=True)

    building()

    known = ends(runs())
    assert names(known["building.raw"]["outputs"]) == ["raw/orders"]
    assert (known["building.clean"]["inputs"], known["building.clean"]["outputs"]) == ([], [])
    made = known["building.revenue"]
    assert [(one["namespace"], one["name"]) for one in made["inputs"]] == [
        ("s3://lake", "rates"),
        ("s3://lake", "raw/orders"),
    ]
    (output,) = made["outputs"]
    assert (output["namespace"], output["name"]) == ("postgres://warehouse:5432", "shop.public.revenue")
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 3
    assert known["building.broken"]["outputs"] == []


def test_queries_are_those_of_their_task(runs: Runs, tmp_path: Path) -> None:
    queries: list[dict[str, Any]] = []
    database = tmp_path / "shop.db"
    configure(instruments=["sqlite3"], sink=["lineage", queries.append])

    @task
    def load(number: int) -> None:
        with closing(sqlite3.connect(database)) as connection:
            connection.execute(f"CREATE TABLE totals_{number} AS SELECT day, amount FROM sales")
            connection.commit()

    @flow
    def loading() -> None:
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("CREATE TABLE sales (day text, amount int)")
        load.submit(1).result()
        load(2)

    loading()
    known = ends(runs())

    inside = {
        query["query_text"].replace("(", " ").split()[2]: query for query in queries if query.get("job_name")
    }
    assert {name: query["job_name"] for name, query in inside.items()} == {
        "sales": "loading",
        "totals_1": "loading.load",
        "totals_2": "loading.load",
    }
    flow_run = known["loading"]["run"]["runId"]
    assert {query["job_id"] for query in inside.values()} == {flow_run}
    assert inside["sales"]["attributes"] == {"prefect.flow_name": "loading", "prefect.flow_run_id": flow_run}
    assert inside["totals_2"]["operation"] == "loading.load"
    assert inside["totals_2"]["attributes"] == {
        "prefect.flow_name": "loading",
        "prefect.flow_run_id": flow_run,
        "prefect.task_name": "load",
        "prefect.task_run_id": known["loading.load"]["run"]["runId"],
    }
    assert "totals_2" in known["loading.load"]["job"]["facets"]["sql"]["query"]


def test_state_hooks_of_the_host_run_as_always(runs: Runs) -> None:
    """PV-33: what a host has run at the boundaries of its tasks sees what it saw."""
    seen: list[tuple[str, str]] = []

    def note(one: Any, run: Any, state: Any) -> None:
        seen.append((one.name, state.name))

    @task(on_completion=[note])
    def hooked() -> None:
        pass

    @flow(on_completion=[note], on_failure=[note])
    def hooking() -> None:
        hooked()

    hooking()

    assert seen == [("hooked", "Completed"), ("hooking", "Completed")]


def test_engines_keep_the_kinds_of_what_was_hooked() -> None:
    from prefect import flow_engine, task_engine

    bare = task_engine.SyncTaskRunEngine.run_context
    producers.install("prefect")
    assert task_engine.SyncTaskRunEngine.run_context.__name__ == bare.__name__
    assert inspect.isgeneratorfunction(task_engine.run_generator_task_sync)
    assert inspect.isasyncgenfunction(flow_engine.run_generator_flow_async)


def test_flows_in_several_threads_have_a_run_each(runs: Runs) -> None:
    @task
    def one() -> str:
        return current_run().run_id

    @flow
    def threaded() -> tuple[str, str]:
        return current_run().run_id, one()

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: threaded(), range(4)))

    above = {
        event["run"]["runId"]: event["run"]["facets"]["parent"]["run"]["runId"]
        for event in of(runs, "threaded.one")
    }
    assert {(above[inner], inner) for _, inner in found} == set(found)


@pytest.mark.usefixtures("faults_expected")
@pytest.mark.parametrize(
    "step",
    [
        "prefect.FlowAttempt",
        "prefect.TaskAttempt",
        "_prefect_attempts.begin",
        "_prefect_attempts.TaskAttempt._prepare",
        "_prefect_attempts.TaskAttempt.use",
        "_prefect_attempts.TaskAttempt.outcome",
        "_prefect_attempts.TaskAttempt._upstream",
        "_prefect_attempts.FlowAttempt.outcome",
        "_prefect_attempts.parse_dataset",
        "_prefect_attempts.place_of",
        "_tasks.TrackedRun.enter",
        "_tasks.TrackedRun.leave",
        "_tasks.TrackedRun.end",
    ],
)
def test_a_fault_of_ours_in_any_step_changes_nothing(
    runs: Runs, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """DC-07: results and errors of tasks and flows are what they are without us."""

    def broken(*args: Any, **kwargs: Any) -> Any:
        raise ValueError("a fault of ours")

    @task
    def add(one: int) -> int:
        return one + 1

    @task
    async def fail() -> None:
        raise ZeroDivisionError("its own")

    @task
    def steps() -> Iterator[int]:
        yield from (1, 2)

    @flow
    async def whole() -> list[int]:
        numbers = [*steps(), add(2)]
        try:
            await fail()
        except ZeroDivisionError:
            return numbers
        return []

    monkeypatch.setattr(f"producers.{step}", broken)

    assert asyncio.run(whole()) == [1, 2, 3]
