"""The decorator: what it emits for each kind of callable, and what it leaves alone."""

from __future__ import annotations

import asyncio
import functools
import inspect
import traceback
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

import lineage
from lineage import Dataset, current_run, track_lineage
from lineage.testing import CapturedEvents, capture

RAW, SILVER = "s3://lake/raw/orders", "s3://lake/silver/orders"


def names(event: dict[str, Any], side: str) -> list[tuple[str, str]]:
    return [(dataset["namespace"], dataset["name"]) for dataset in event[side]]


def test_a_call_emits_start_with_inputs_and_complete_with_outputs(lineage_events: CapturedEvents) -> None:
    """DD-01: START declares inputs, COMPLETE declares outputs, of one run."""

    @track_lineage(inputs=[RAW], outputs=[SILVER], job_namespace="production", name="clean_orders")
    def clean() -> str:
        return "cleaned"

    assert clean() == "cleaned"

    start, complete = lineage_events
    assert (start["eventType"], complete["eventType"]) == ("START", "COMPLETE")
    assert start["run"]["runId"] == complete["run"]["runId"]
    assert names(start, "inputs") == names(complete, "inputs") == [("s3://lake", "raw/orders")]
    assert names(start, "outputs") == []
    assert names(complete, "outputs") == [("s3://lake", "silver/orders")]


def test_an_event_has_the_shape_of_the_specification(lineage_events: CapturedEvents) -> None:
    """DD-02: eventType, eventTime in UTC, run, job, inputs, outputs, producer and the schema that is sent."""

    @track_lineage(inputs=[RAW], name="clean_orders", job_namespace="production")
    def clean() -> None: ...

    clean()

    start = lineage_events[0]
    facets = start["run"].pop("facets"), start["job"].pop("facets")
    assert start == {
        "eventTime": "2026-01-01T00:00:00.000Z",
        "eventType": "START",
        "producer": f"https://github.com/lineage-graph/lineage-graph/tree/{lineage.__version__}",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": "00000000-0000-7000-8000-000000000001"},
        "job": {"namespace": "production", "name": "clean_orders"},
        "inputs": [{"namespace": "s3://lake", "name": "raw/orders", "facets": {}, "inputFacets": {}}],
        "outputs": [],
    }
    assert set(facets[0]) == {"processing_engine", "lineageGraph_code"}
    assert set(facets[1]) == {"jobType", "sourceCodeLocation"}


def test_a_failure_emits_fail_with_the_error_and_claims_no_output(lineage_events: CapturedEvents) -> None:
    """DD-07: START before, FAIL with the errorMessage facet after, and the same exception goes on."""
    error = ValueError("no such partition")

    @track_lineage(inputs=[RAW], outputs=[SILVER])
    def clean() -> None:
        raise error

    with pytest.raises(ValueError, match="no such partition") as raised:
        clean()

    assert raised.value is error
    assert lineage_events.types == ["START", "FAIL"]
    assert lineage_events[1]["outputs"] == []
    facet = lineage_events[1]["run"]["facets"]["errorMessage"]
    assert facet["message"] == "ValueError: no such partition"
    assert facet["programmingLanguage"] == "PYTHON"
    assert facet["stackTrace"].endswith("ValueError")
    assert "in clean" in facet["stackTrace"]


def test_the_error_context_of_a_failed_run_holds_no_secret(lineage_events: CapturedEvents) -> None:
    """DD-23: failed runs carry valid error context, without the values in it."""

    @track_lineage
    def load() -> None:
        raise RuntimeError(
            "cannot reach postgresql://etl:hunter2@db:5432/shop; Key (email)=(bob@corp.com) exists"
        )

    with pytest.raises(RuntimeError):
        load()

    message = lineage_events[1]["run"]["facets"]["errorMessage"]["message"]
    assert "hunter2" not in message
    assert "bob@corp.com" not in message
    assert "cannot reach" in message


def test_the_traceback_of_the_host_keeps_its_tail() -> None:
    def inner() -> None:
        raise KeyError("x")

    def outer() -> None:
        inner()

    def tail(function: Any) -> list[tuple[str, int | None]]:
        try:
            function()
        except KeyError as error:
            return [(frame.name, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)[-2:]]
        raise AssertionError("it must raise")

    with capture():
        assert tail(track_lineage(outer)) == tail(outer)


def test_coroutines_are_runs_around_their_body(lineage_events: CapturedEvents) -> None:
    """PV-09: decorated coroutine functions stay coroutine functions and end when they end."""
    seen: list[list[str]] = []

    @track_lineage(outputs=[SILVER])
    async def clean(day: str) -> str:
        await asyncio.sleep(0)
        seen.append(lineage_events.types)
        return day

    assert inspect.iscoroutinefunction(clean)
    assert asyncio.run(clean("monday")) == "monday"
    assert seen == [["START"]]
    assert lineage_events.types == ["START", "COMPLETE"]


def test_a_generator_starts_at_the_first_item_and_ends_with_the_last(lineage_events: CapturedEvents) -> None:
    """PV-09: decorated generator functions are runs from their first item to their last."""

    @track_lineage(outputs=[SILVER])
    def rows(count: int) -> Iterator[int]:
        yield from range(count)

    assert inspect.isgeneratorfunction(rows)
    items = rows(2)
    assert lineage_events == []
    assert next(items) == 0
    assert lineage_events.types == ["START"]
    assert list(items) == [1]
    assert lineage_events.types == ["START", "COMPLETE"]
    assert "lineageGraph_partial" not in lineage_events[1]["run"]["facets"]


def test_a_generator_passes_sent_thrown_and_returned_values_on(lineage_events: CapturedEvents) -> None:
    @track_lineage
    def echo() -> Any:
        received = []
        while True:
            try:
                got = yield len(received)
            except KeyError:
                return received
            received.append(got)

    def collect(generator: Any) -> Any:
        assert next(generator) == 0
        assert generator.send("a") == 1
        assert generator.send("b") == 2
        with pytest.raises(StopIteration) as stop:
            generator.throw(KeyError("enough"))
        return stop.value.value

    assert collect(echo()) == ["a", "b"]
    assert lineage_events.types == ["START", "COMPLETE"]


def test_a_generator_closed_early_is_complete_and_marked_partial(lineage_events: CapturedEvents) -> None:
    cleaned = []

    @track_lineage(outputs=[SILVER])
    def rows() -> Iterator[int]:
        try:
            yield 1
            yield 2
        finally:
            cleaned.append(True)

    items = rows()
    next(items)
    items.close()

    assert cleaned == [True]
    assert lineage_events.types == ["START", "COMPLETE"]
    assert lineage_events[1]["run"]["facets"]["lineageGraph_partial"]["reason"] == "closed early"


def test_the_consumer_of_a_generator_is_outside_its_run(lineage_events: CapturedEvents) -> None:
    @track_lineage(name="rows")
    def rows() -> Iterator[str]:
        yield current_run().job_name
        yield current_run().job_name

    for inside in rows():
        assert inside == "rows"
        assert current_run().job_name == ""


def test_an_async_generator_is_a_run_as_well(lineage_events: CapturedEvents) -> None:
    @track_lineage(outputs=[SILVER])
    async def rows() -> AsyncIterator[int]:
        for number in range(3):
            await asyncio.sleep(0)
            yield number

    async def read() -> list[int]:
        return [row async for row in rows()]

    assert inspect.isasyncgenfunction(rows)
    assert asyncio.run(read()) == [0, 1, 2]
    assert lineage_events.types == ["START", "COMPLETE"]


class Pipeline:
    def __init__(self, name: str) -> None:
        self.name = name

    @track_lineage
    def method(self) -> str:
        return self.name

    @track_lineage
    @staticmethod
    def static(value: int) -> int:
        return value

    @track_lineage
    @classmethod
    def of_class(cls) -> type[Pipeline]:
        return cls


class Derived(Pipeline):
    pass


def test_methods_static_methods_and_class_methods_work_as_before(lineage_events: CapturedEvents) -> None:
    assert Pipeline("a").method() == "a"
    assert Pipeline.static(1) == Pipeline("a").static(1) == 1
    assert Derived.of_class() is Derived
    assert lineage_events.types == ["START", "COMPLETE"] * 4
    module = __name__
    assert [event["job"]["name"] for event in lineage_events[::2]] == [
        f"{module}.Pipeline.method",
        f"{module}.Pipeline.static",
        f"{module}.Pipeline.static",
        f"{module}.Pipeline.of_class",
    ]


def test_a_partial_is_named_after_its_function(lineage_events: CapturedEvents) -> None:
    def load(day: str) -> str:
        return day

    assert track_lineage(functools.partial(load, "monday"))() == "monday"
    assert lineage_events[0]["job"]["name"].endswith(".load")


def test_job_names_leave_out_where_a_function_was_defined(lineage_events: CapturedEvents) -> None:
    @track_lineage
    def nested() -> None: ...

    nested()

    name = "test_job_names_leave_out_where_a_function_was_defined.nested"
    assert lineage_events[0]["job"]["name"] == f"{__name__}.{name}"


def test_a_function_of_an_airflow_dag_is_named_after_the_dag_s_file(lineage_events: CapturedEvents) -> None:
    """Airflow loads the file under a name that has a hash of its path: another on each machine."""

    def load() -> None: ...

    load.__module__, load.__qualname__ = f"unusual_prefix_{'0f' * 20}_shop", "load"
    track_lineage(load)()

    assert lineage_events[0]["job"]["name"] == "shop.load"


def test_the_wrapper_keeps_the_functions_metadata() -> None:
    def documented(day: str, *, strict: bool = False) -> str:
        """Say what it does."""
        return day

    wrapped = track_lineage(documented)

    assert (wrapped.__name__, wrapped.__doc__) == ("documented", "Say what it does.")
    assert inspect.signature(wrapped) == inspect.signature(documented)


def test_templates_and_callables_see_the_calls_arguments(lineage_events: CapturedEvents) -> None:
    @track_lineage(
        inputs="s3://lake/raw/{day}",
        outputs=[lambda day, region="eu": f"s3://lake/silver/{region}/{day}", Dataset("warehouse", "orders")],
    )
    def load(day: str, region: str = "eu") -> None: ...

    load("2026-01-01")
    load("2026-01-02", region="us")

    complete = lineage_events[1], lineage_events[3]
    assert [event["inputs"][0]["name"] for event in complete] == ["raw/2026-01-01", "raw/2026-01-02"]
    assert [[output["name"] for output in event["outputs"]] for event in complete] == [
        ["silver/eu/2026-01-01", "orders"],
        ["silver/us/2026-01-02", "orders"],
    ]


def test_a_dataset_carries_its_schema(lineage_events: CapturedEvents) -> None:
    """DD-06: the fields of a Dataset reach the schema facet."""

    @track_lineage(inputs=[Dataset("warehouse", "orders", schema=[("id", "int"), ("amount", "numeric")])])
    def load() -> None: ...

    load()

    fields = lineage_events[0]["inputs"][0]["facets"]["schema"]["fields"]
    assert [(column["name"], column["type"]) for column in fields] == [("id", "int"), ("amount", "numeric")]


def test_nested_runs_know_their_parent_and_root(lineage_events: CapturedEvents) -> None:
    @track_lineage(name="inner")
    def inner() -> None: ...

    @track_lineage(name="middle")
    def middle() -> None:
        inner()

    @track_lineage(name="outer")
    def outer() -> None:
        middle()

    outer()

    parent = lineage_events.of_job("inner")[0]["run"]["facets"]["parent"]
    assert parent["job"]["name"] == "middle"
    assert parent["run"]["runId"] == lineage_events.of_job("middle")[0]["run"]["runId"]
    assert parent["root"]["job"]["name"] == "outer"
    assert parent["root"]["run"]["runId"] == lineage_events.of_job("outer")[0]["run"]["runId"]
    assert "parent" not in lineage_events.of_job("outer")[0]["run"]["facets"]


def test_concurrent_tasks_do_not_share_a_run(lineage_events: CapturedEvents) -> None:
    @track_lineage(name="job")
    async def work(number: int) -> str:
        await asyncio.sleep(0.001 * (5 - number))
        current_run().tag("number", str(number))
        return current_run().run_id

    async def main() -> list[str]:
        return await asyncio.gather(*(work(number) for number in range(5)))

    run_ids = asyncio.run(main())

    tags = {
        event["run"]["runId"]: event["run"]["facets"]["tags"]["tags"][0]["value"]
        for event in lineage_events
        if event["eventType"] == "COMPLETE"
    }
    assert tags == {run_id: str(number) for number, run_id in enumerate(run_ids)}


def test_a_function_of_somebody_elses_is_wrapped_where_it_is_called(lineage_events: CapturedEvents) -> None:
    """PV-11: no decorator is needed: wrapping is a call."""
    tracked = track_lineage(inputs=RAW, outputs=SILVER, name="sort_orders")(sorted)

    assert tracked([2, 1], reverse=True) == [2, 1]
    assert lineage_events.types == ["START", "COMPLETE"]
    assert lineage_events[1]["job"]["name"] == "sort_orders"


def test_an_openlineage_client_can_take_the_events_instead(tmp_path: Path) -> None:
    """PV-11: events can be handed to any OpenLineage client or transport."""
    from openlineage.client import OpenLineageClient
    from openlineage.client.transport.file import FileConfig, FileTransport

    log = tmp_path / "events.jsonl"
    client = OpenLineageClient(transport=FileTransport(FileConfig(log_file_path=str(log), append=True)))

    @track_lineage(emitter=client)
    def load() -> None: ...

    load()

    assert log.read_text().count('"eventType"') == 2


@pytest.mark.parametrize("broken", ["emitter", "input", "output", "template", "everything"])
def test_a_fault_of_ours_reaches_neither_result_nor_exception(
    broken: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from lineage import events

    class Emitter:
        def emit(self, event: object) -> None:
            raise ConnectionError("backend is down")

    def bad(*args: object) -> str:
        raise ZeroDivisionError("in a declaration")

    options: dict[str, Any] = {"name": f"broken {broken}"}
    if broken == "emitter":
        options["emitter"] = Emitter()
    elif broken == "template":
        options["inputs"] = "s3://lake/{nothing}"
    elif broken == "everything":
        monkeypatch.setattr(events, "run_event", bad)
    else:
        options[f"{broken}s"] = [bad]
    marker = object()

    @track_lineage(**options)
    def load(fail: bool) -> object:
        if fail:
            raise LookupError("the host's own")
        return marker

    assert load(False) is marker
    with pytest.raises(LookupError, match="the host's own") as raised:
        load(True)
    assert raised.value.__context__ is None


def test_a_declaration_that_fails_leaves_the_others_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def bad() -> str:
        raise ZeroDivisionError

    with capture() as events:
        from lineage._guard import reraise_faults

        reraise_faults(False)

        @track_lineage(inputs=[bad, RAW])
        def load() -> None: ...

        load()

    assert names(events[0], "inputs") == [("s3://lake", "raw/orders")]


def test_disabled_means_nothing_is_recorded(
    monkeypatch: pytest.MonkeyPatch, lineage_events: CapturedEvents
) -> None:
    monkeypatch.setenv("OPENLINEAGE_DISABLED", "true")
    lineage.config.reset_config()

    @track_lineage(inputs=[RAW])
    def load() -> str:
        current_run().output(SILVER)
        return current_run().run_id

    assert load() == ""
    assert lineage_events == []


def test_the_namespace_comes_from_openlineages_own_variable(
    monkeypatch: pytest.MonkeyPatch, lineage_events: CapturedEvents
) -> None:
    """DD-04: OPENLINEAGE_NAMESPACE configures the namespace of jobs."""
    monkeypatch.setenv("OPENLINEAGE_NAMESPACE", "production")
    lineage.config.reset_config()

    @track_lineage
    def load() -> None: ...

    load()

    assert lineage_events[0]["job"]["namespace"] == "production"


def test_openlineages_configuration_decides_what_is_reported(
    monkeypatch: pytest.MonkeyPatch, lineage_events: CapturedEvents
) -> None:
    for name, value in {
        "OPENLINEAGE__FILTERS": '[{"type": "exact", "match": "noise"}]',
        "OPENLINEAGE__TAGS__RUN__TEAM": "finance",
        "OPENLINEAGE__TAGS__JOB__TIER": "1",
        "OPENLINEAGE__FACETS__ENVIRONMENT_VARIABLES": '["STAGE", "NOT_SET"]',
        "OPENLINEAGE__FACETS__SOURCE_CODE_LOCATION__DISABLED": "true",
        "STAGE": "test",
    }.items():
        monkeypatch.setenv(name, value)
    lineage.config.reset_config()

    @track_lineage(name="noise", outputs=SILVER)
    def noise() -> str:
        return current_run().run_id

    @track_lineage(name="signal", tags={"Tier": "3", "kind": "load"})
    def signal() -> None:
        current_run().tag("Team", "unknown")

    assert noise() == ""
    signal()

    assert [event["job"]["name"] for event in lineage_events] == ["signal", "signal"]
    run, job = lineage_events[1]["run"]["facets"], lineage_events[1]["job"]["facets"]
    assert [(tag["key"], tag["value"]) for tag in run["tags"]["tags"]] == [("Team", "finance")]
    assert [(tag["key"], tag["value"]) for tag in job["tags"]["tags"]] == [("Tier", "1"), ("kind", "load")]
    assert run["environmentVariables"]["environmentVariables"] == [{"name": "STAGE", "value": "test"}]
    assert "sourceCodeLocation" not in job
