"""Queries counted to the runs they belong to, and those outside any to runs of their own."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from lineage import capture_query, configure, context, trace_query, track_run
from lineage.attribution import Query, buffer, flush_queries, runs, statistics
from lineage.testing import CapturedEvents, capture

FACET = "lineageGraph_queryAttribution"


@pytest.fixture
def events() -> Iterator[CapturedEvents]:
    configure(service_name="shop", environment="test", namespace="team")
    with capture(fixed=False) as captured:
        yield captured
        flush_queries(10)


@pytest.fixture(autouse=True)
def _nothing_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    flush_queries(10)
    monkeypatch.setattr(runs, "_counts", runs._Counts())


def facet(event: Any) -> dict[str, Any]:
    found: dict[str, Any] = event["run"]["facets"][FACET]
    return found


def with_queries(events: list[Any]) -> list[Any]:
    return [event for event in events if FACET in event["run"]["facets"]]


def ended(events: CapturedEvents) -> list[Any]:
    assert flush_queries(10)
    return [event for event in events if event["eventType"] in ("COMPLETE", "FAIL", "ABORT")]


def ask(sql: str = "SELECT a FROM t WHERE b = 'secret-77'", **known: Any) -> None:
    with trace_query(sql, db_system="postgresql", dialect="postgres", namespace="postgres://h:5432") as query:
        query.set(**known)


def test_a_run_that_ends_tells_of_its_queries(events: CapturedEvents) -> None:
    with track_run("build"):
        for rows in (2, 0):
            ask(rows=rows, bytes_read=10)
        with pytest.raises(ValueError, match="no"), trace_query("SELECT broken FROM t"):
            raise ValueError("no")

    (event,) = ended(events)
    said = facet(event)

    assert event["job"]["name"] == "build"
    assert (said["service"], said["environment"]) == ("shop", "test")
    assert [(one["counts"]["count"], one["counts"]["errors"]) for one in said["queries"]] == [(2, 0), (1, 1)]
    first = said["queries"][0]
    assert (first["counts"]["rows"], first["counts"]["bytesRead"]) == (2, 20)
    assert "bytesWritten" not in first["counts"]
    assert first["counts"]["totalDurationMs"] >= first["counts"]["maxDurationMs"] >= 0
    assert said["total"]["count"] == 3
    assert "omitted" not in said
    assert first["callsite"]["path"] == __file__
    statements = event["job"]["facets"]["lineageGraph_statements"]["statements"]
    assert statements[first["statement"]]["query"] == "SELECT a FROM t WHERE b = '?'"
    assert event["job"]["facets"]["sql"]["query"].splitlines() == [
        "SELECT a FROM t WHERE b = '?';",
        "SELECT broken FROM t",
    ]


def test_a_statement_that_the_run_tells_itself_stands_once_with_all_that_is_known(
    events: CapturedEvents,
) -> None:
    with track_run("build") as run:
        run.sql("SELECT a FROM t WHERE b = 'x';", dialect="postgres")
        ask("SELECT a FROM t WHERE b = 'y'")

    (event,) = ended(events)

    assert event["job"]["facets"]["lineageGraph_statements"]["statements"] == [
        {"query": "SELECT a FROM t WHERE b = '?';", "dialect": "postgres", "namespace": "postgres://h:5432"}
    ]
    assert facet(event)["queries"][0]["statement"] == 0


def test_the_id_of_the_only_warehouse_query_is_told_as_openlineage_has_it(events: CapturedEvents) -> None:
    with track_run("one"):
        ask(query_id="01-abc")
    with track_run("two"):
        for id_ in ("01-a", "01-b"):
            ask(query_id=id_)

    one, two = ended(events)

    external = one["run"]["facets"]["externalQuery"]
    assert (external["externalQueryId"], external["source"]) == ("01-abc", "postgresql")
    assert "externalQuery" not in two["run"]["facets"]
    assert facet(two)["queries"][0]["queryIds"] == ["01-a", "01-b"]


def test_the_innermost_run_owns_a_query(events: CapturedEvents) -> None:
    with track_run("outer"):
        ask()
        with track_run("inner"):
            ask("SELECT c FROM d")

    counts = {event["job"]["name"]: facet(event)["total"]["count"] for event in ended(events)}

    assert counts == {"inner": 1, "outer": 1}


def test_queries_outside_runs_are_runs_of_their_operation(events: CapturedEvents) -> None:
    for number in range(3):
        with context.use(operation=f"GET /orders/{number}?page=2", actor=f"user-{number}"):
            ask()
    with context.use(operation="GET /names"):
        ask()

    (orders, names) = ended(events)

    assert [event["eventType"] for event in events] == ["START", "COMPLETE"] * 2
    assert [event["job"]["namespace"] for event in events] == ["team"] * 4
    assert (orders["job"]["name"], names["job"]["name"]) == ("shop.GET /orders/{id}", "shop.GET /names")
    assert len({event["run"]["runId"] for event in events}) == 2
    kind = orders["job"]["facets"]["jobType"]
    assert (kind["processingType"], kind["jobType"]) == ("SERVICE", "OPERATION")
    (entry,) = facet(orders)["queries"]
    assert (entry["operation"], entry["counts"]["count"]) == ("GET /orders/{id}", 3)
    assert entry["actors"] == ["user-0", "user-1", "user-2"]
    assert entry["startedAt"] <= entry["endedAt"]


def test_without_an_operation_the_code_gives_the_name(events: CapturedEvents) -> None:
    ask()

    (event,) = ended(events)

    assert event["job"]["name"] == "shop.test_runs.ask"
    assert "operation" not in facet(event)["queries"][0]


@pytest.mark.parametrize(
    ("operation", "name"),
    [
        ("GET /people/6a2f41a3-c54c-fce8-32d2-0324e1c32e22/x", "GET /people/{id}/x"),
        ("task deadbeef0123456789", "task {id}"),
        ("v2 of step3", "v2 of step3"),
        ("GET /orders/42?token=abc", "GET /orders/{id}"),
        ("x" * 500, "x" * 200),
    ],
)
def test_names_of_operations_hold_no_ids(events: CapturedEvents, operation: str, name: str) -> None:
    with context.use(operation=operation):
        ask()

    assert [event["job"]["name"] for event in ended(events)] == [f"shop.{name}"]


def test_operations_named_after_everything_count_together_in_the_end(
    events: CapturedEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "MAX_OPERATIONS", 3)
    for word in ("a", "b", "c", "d", "e"):
        with context.use(operation=word):
            ask()

    counts = {event["job"]["name"]: facet(event)["total"]["count"] for event in ended(events)}

    assert counts == {"shop.a": 1, "shop.b": 1, "shop.c": 1, "shop.other": 2}


def test_what_is_done_for_a_run_of_another_process_has_it_as_parent(events: CapturedEvents) -> None:
    with track_run("dag", job_namespace="airflow://prod"), track_run("caller") as caller:
        carrier = dict(context.inject())
        caller_id = caller.run_id
    with context.attach(carrier), context.use(operation="consume"):
        ask()

    (event,) = [each for each in ended(events) if each["job"]["name"] == "shop.consume"]

    assert event["run"]["facets"]["parent"]["run"]["runId"] == caller_id
    assert above(event) == ["caller", "dag"]
    assert event["run"]["runId"] != caller_id


def above(event: Any) -> list[str] | None:
    """Return the jobs of a run's parent and root."""
    parent = event["run"]["facets"].get("parent")
    return parent and [parent["job"]["name"], parent["root"]["job"]["name"]]


STARTED = """
import json
from lineage import configure, context, trace_query, track_run
from lineage.attribution import flush_queries
from lineage.testing import capture

def ask(operation):
    with context.use(operation=operation), trace_query("SELECT a FROM t"):
        pass

configure(service_name="shop")
with capture(fixed=False) as events:
    ask("alone")
    with context.attach({}):
        ask("attached")
    with track_run("tracked"), context.use(operation="late"):
        ask("counted")
        late = trace_query("SELECT b FROM t")
        late.__enter__()
    late.__exit__(None, None, None)
    flush_queries(10)
parents = {event["job"]["name"]: event["run"]["facets"].get("parent") for event in events}
print(json.dumps({name: parent and [parent["job"]["name"], parent["root"]["job"]["name"]]
                  for name, parent in parents.items()}))
"""


def started(**variables: str) -> Any:
    """Return the parents and roots of what a process tells that is started with these variables."""
    done = subprocess.run(
        [sys.executable, "-c", STARTED],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_queries_of_a_process_that_a_run_started_have_that_run_as_parent(events: CapturedEvents) -> None:
    """What outlives a run of its own has that as parent; the root is that of who started the process."""
    with track_run("dag", job_namespace="airflow://prod"), track_run("task"):
        variables = {name: str(value) for name, value in context.inject(environment=True).items()}

    told = started(**variables)

    assert told == {
        "shop.alone": ["task", "dag"],
        "shop.attached": ["task", "dag"],
        "shop.late": ["tracked", "dag"],
        "tracked": ["task", "dag"],
    }
    assert started()["shop.alone"] is None


FIRST = """
import json
from lineage import configure, track_run
from lineage.testing import capture

configure(service_name="shop")
with capture(fixed=False) as events:
    with track_run("tracked"):
        from lineage.attribution import Source, begin_query, flush_queries
        first = begin_query("SELECT a FROM t", Source("postgresql"))
    first.end()
    flush_queries(10)
print(json.dumps([event["job"]["name"] for event in events
                  if "lineageGraph_queryAttribution" in event["run"]["facets"]]))
"""


def test_the_first_query_of_a_process_may_outlive_its_run() -> None:
    """Its run was not asked for queries by anything before it, and what asks was not loaded when it began."""
    done = subprocess.run([sys.executable, "-c", FIRST], capture_output=True, text=True, check=True)
    (job,) = json.loads(done.stdout)
    assert job.startswith("shop.")


def test_parents_without_number_do_not_make_runs_without_number(
    events: CapturedEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "MAX_WINDOWS", 5)
    monkeypatch.setattr(buffer, "WINDOW_SECONDS", 60.0)  # a slow machine would need two flushes
    carriers = []
    for number in range(20):
        with track_run(f"caller {number}"):
            carriers.append(dict(context.inject()))
    for carrier in carriers:
        with context.attach(carrier), context.use(operation="consume"):
            ask()

    consumed = [each for each in ended(events) if each["job"]["name"] == "shop.consume"]

    assert len(consumed) == 6
    assert sum(facet(each)["total"]["count"] for each in consumed) == 20


def test_a_query_that_outlives_its_run_counts_to_a_run_below_it(events: CapturedEvents) -> None:
    async def main() -> None:
        begun = asyncio.Event()

        async def slow() -> None:
            async with trace_query("SELECT late FROM t"):
                begun.set()
                await asyncio.sleep(0.05)

        with track_run("quick"):
            task = asyncio.create_task(slow())
            await begun.wait()
        await task

    asyncio.run(main())

    quick, late = ended(events)

    assert FACET not in quick["run"]["facets"]
    assert late["run"]["facets"]["parent"]["run"]["runId"] == quick["run"]["runId"]
    assert facet(late)["total"]["count"] == 1


def test_runs_that_never_end_are_bounded_and_lose_no_query(
    events: CapturedEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "MAX_RUNS", 2)
    held = []
    for number in range(5):
        run = track_run(f"endless {number}")
        held.append(run)
        run.__enter__()
        ask()
        assert flush_queries(10)

    unfinished = {event["job"]["name"] for event in ended(events)}
    told = sum(facet(event)["total"]["count"] for event in ended(events))

    assert unfinished == {f"endless {number}.unfinished" for number in range(3)}
    assert told == 3
    for run in reversed(held):
        run.__exit__(None, None, None)
    assert (
        sum(facet(event)["total"]["count"] for event in ended(events) if FACET in event["run"]["facets"]) == 5
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_tells_of_its_own_queries_alone(events: CapturedEvents) -> None:
    reading, writing = os.pipe()
    with track_run("parent"):
        ask("SELECT before FROM t")
        pid = os.fork()
        if pid == 0:
            with capture(fixed=False) as mine:
                ask("SELECT inside FROM t")
                flush_queries(10)
                os.write(writing, json.dumps([dict(event) for event in mine]).encode())
            os._exit(0)
        os.waitpid(pid, 0)
        ask("SELECT after FROM t")
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        child = json.loads(pipe.read())

    (parent,) = ended(events)

    assert [one["query"] for one in facet(parent)["queries"]] == [
        "select before from t",
        "select after from t",
    ]
    told = [
        one["query"] for event in child if FACET in event["run"]["facets"] for one in facet(event)["queries"]
    ]
    assert told == ["select inside from t"]
    assert parent["run"]["runId"] not in {event["run"]["runId"] for event in child}


def test_many_kinds_of_query_are_bounded_and_the_rest_is_counted_together(events: CapturedEvents) -> None:
    with track_run("build"):
        for number in range(statistics.MAX_ENTRIES + 50):
            ask(f"SELECT c{number} FROM t", rows=1)

    (event,) = ended(events)
    said = facet(event)

    assert len(said["queries"]) == statistics.MAX_ENTRIES
    assert (said["omitted"]["count"], said["total"]["count"]) == (50, statistics.MAX_ENTRIES + 50)
    assert said["total"]["rows"] == statistics.MAX_ENTRIES + 50
    assert len(event["job"]["facets"]["lineageGraph_statements"]["statements"]) == statistics.MAX_ENTRIES


def test_statements_made_up_anew_are_told_of_up_to_a_number(
    events: CapturedEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "MAX_KINDS", 4)
    for number in range(10):
        with context.use(operation="generate"):
            ask(f"SELECT c{number % 7} FROM t", rows=1)
        assert flush_queries(10)

    told = [facet(event) for event in ended(events)]

    assert {one["query"] for each in told for one in each["queries"]} == {
        f"select c{number} from t" for number in range(4)
    }
    assert sum(each["total"]["count"] for each in told) == 10
    assert sum(each["omitted"]["count"] for each in told if "omitted" in each) == 3


def test_samples_are_bounded_and_keep_who_came_first(events: CapturedEvents) -> None:
    with track_run("build"):
        for number in range(50):
            with context.use(actor=f"user-{number}", request_id=f"request-{number % 2}"):
                ask(query_id=f"q-{number}")

    (entry,) = facet(ended(events)[0])["queries"]

    assert entry["actors"] == [f"user-{number}" for number in range(statistics.MAX_SAMPLES)]
    assert entry["requestIds"] == ["request-0", "request-1"]
    assert entry["counts"]["count"] == 50


def test_statements_of_a_run_are_bounded_in_size_too(
    events: CapturedEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statistics, "MAX_STATEMENT_CHARACTERS", 1_000)
    with track_run("build"):
        for number in range(30):
            ask(f"SELECT column_with_a_long_name_{number} FROM t")

    (event,) = ended(events)

    kept = [one for one in facet(event)["queries"] if "statement" in one]
    assert 0 < len(kept) < 30
    assert len(facet(event)["queries"]) == 30
    assert len(event["job"]["facets"]["lineageGraph_statements"]["statements"]) == len(kept)


def test_without_text_only_the_fingerprint_leaves(events: CapturedEvents) -> None:
    """DC-47: no text and no statement, for one query and for all; lineage has nothing to read then."""
    with track_run("build"):
        capture_query("SELECT hidden FROM t", include_query_text=False)
        capture_query("SELECT shown FROM t")
    configure(include_query_text=False)
    with track_run("hidden"):
        ask()

    build, hidden = ended(events)

    assert [one.get("query") for one in facet(build)["queries"]] == [None, "select shown from t"]
    assert "hidden" not in json.dumps(build["job"]["facets"])
    assert "lineageGraph_statements" not in hidden["job"]["facets"]
    assert facet(hidden)["queries"][0]["fingerprint"].startswith("sha256:")


def test_the_raw_text_is_in_no_event_of_a_run_even_where_it_is_asked_for(events: CapturedEvents) -> None:
    """DC-46: raw text is for sinks that were given to us; events go to a backend."""
    configure(include_raw_query_text=True)
    with track_run("build"):
        ask()
    ask()

    ended(events)

    assert len(events) == 4
    assert "secret-77" not in json.dumps(events)


def test_two_databases_are_told_apart_at_one_line(events: CapturedEvents) -> None:
    with track_run("build"):
        for name in ("tenant_a", "tenant_b", "tenant_a"):
            capture_query("SELECT a FROM t", db_name=name, namespace="postgres://h:5432")

    (event,) = ended(events)

    counted = {one["dbName"]: one["counts"]["count"] for one in facet(event)["queries"]}
    assert counted == {"tenant_a": 2, "tenant_b": 1}
    statements = event["job"]["facets"]["lineageGraph_statements"]["statements"]
    assert [one["database"] for one in statements] == ["tenant_a", "tenant_b"]


def test_totals_are_sums_over_runs_whatever_threads_do(events: CapturedEvents) -> None:
    def work(number: int) -> None:
        for turn in range(20):
            if turn % 2:
                with track_run(f"run {number}"):
                    ask(rows=1)
            else:
                with context.use(operation=f"operation of {'abcdefgh'[number]}"):
                    ask(rows=1)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    totals = [facet(event)["total"] for event in ended(events)]

    assert sum(total["count"] for total in totals) == 160
    assert sum(total["rows"] for total in totals) == 160


@pytest.mark.parametrize("sink", ["none", "stderr"])
def test_other_sinks_than_lineage_count_nothing_to_runs(events: CapturedEvents, sink: str) -> None:
    configure(sink=sink)
    with track_run("build"):
        ask()
    ask()

    assert [FACET in event["run"]["facets"] for event in ended(events)] == [False]


def test_no_query_is_held_with_its_text_until_a_run_ends(events: CapturedEvents) -> None:
    """A run of many large statements holds none of them: what it keeps is masked and bounded."""
    with track_run("build"):
        for number in range(5):
            ask(f"SELECT {number}, 'secret-{number}' FROM t{number}")
        assert flush_queries(10)
        gc.collect()
        held = [each for each in gc.get_objects() if type(each) is Query]

    assert [each for each in held if "secret-" in (getattr(each, "text", None) or "")] == []
