"""What stands above and below runs and jobs: queries, tasks and DAGs."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from random import Random
from typing import Any

from made_events import NAMESPACE, put, run_event, run_id

from graph import nodes, open_store
from graph.ingest import as_of, rebuild
from graph.queries import downstream, impact, upstream
from graph.records import RunState
from graph.store import LineageReader, LineageStore

DAG, TASK, QUERY = (nodes.job(NAMESPACE, name) for name in ("dag", "dag.task", "dag.task.query.1"))


def facet(run: str, job: str, **root: str) -> dict[str, Any]:
    """The parent facet, with `root` as run=job where it is given."""
    found: dict[str, Any] = {"run": {"runId": run_id(run)}, "job": {"namespace": NAMESPACE, "name": job}}
    for name, of in root.items():
        found["root"] = {"run": {"runId": run_id(name)}, "job": {"namespace": NAMESPACE, "name": of}}
    return {"parent": found}


def query(name: str, time: int, task: str = "task", **keys: Any) -> dict[str, Any]:
    facets = facet(task, "dag.task", dagrun="dag")
    return run_event(name, "COMPLETE", time, job="dag.task.query.1", run_facets=facets, **keys)


WHOLE = [
    run_event("dagrun", "START", 0, job="dag"),
    run_event("task", "START", 1, job="dag.task", run_facets=facet("dagrun", "dag")),
    query("query", 5, inputs=["a"], outputs=["b"]),
    run_event("task", "COMPLETE", 4, job="dag.task", run_facets=facet("dagrun", "dag")),
    run_event("other", "COMPLETE", 6, job="dag.other", run_facets=facet("dagrun", "dag")),
    run_event("dagrun", "FAIL", 7, job="dag"),
]


def above(store: LineageReader, run: str) -> list[tuple[str, str | None, RunState | None]]:
    return [
        (each.run_id, each.job and each.job.name, each.state)
        for each in store.runs_above([run_id(run)])[run_id(run)]
    ]


def test_above_a_query_stand_its_task_and_its_dag(store: LineageStore) -> None:
    put(store, *WHOLE)
    assert above(store, "query") == [
        (run_id("task"), "dag.task", RunState.COMPLETE),
        (run_id("dagrun"), "dag", RunState.FAIL),
    ]
    assert above(store, "task") == [(run_id("dagrun"), "dag", RunState.FAIL)]
    assert above(store, "dagrun") == []
    assert store.runs_above([run_id("nobody")]) == {}


def test_below_a_dag_stand_tasks_and_then_queries(store: LineageStore) -> None:
    put(store, *WHOLE)
    below = store.runs_below(run_id("dagrun"))
    told = [(each.depth, each.run.run_id, each.run.job_name) for each in below]
    assert told == [
        (1, run_id("task"), "dag.task"),
        (1, run_id("other"), "dag.other"),
        (2, run_id("query"), "dag.task.query.1"),
    ]
    assert [each.run.run_id for each in store.runs_below(run_id("dagrun"), limit=1)] == [run_id("task")]
    assert store.runs_below(run_id("query")) == store.runs_below(run_id("nobody")) == []
    assert store.children([DAG.key, TASK.key]) == {
        DAG.key: [nodes.job(NAMESPACE, "dag.other"), TASK],
        TASK.key: [QUERY],
    }


def test_a_facet_tells_of_runs_above_that_sent_nothing(store: LineageStore) -> None:
    """As in a task of an orchestrator that sends no events: only our queries name it and its DAG."""
    put(store, query("query", 5))
    assert above(store, "query") == [(run_id("task"), "dag.task", None), (run_id("dagrun"), "dag", None)]
    put(store, run_event("dagrun", "START", 0, job="dag"))
    assert above(store, "query")[1] == (run_id("dagrun"), "dag", RunState.RUNNING)
    assert [each.run.run_id for each in store.runs_below(run_id("task"))] == [run_id("query")]


def test_a_task_that_names_no_parent_stands_under_the_root_that_its_queries_name(store: LineageStore) -> None:
    put(store, query("query", 5), run_event("task", "START", 1, job="dag.task"))
    assert above(store, "query") == [
        (run_id("task"), "dag.task", RunState.RUNNING),
        (run_id("dagrun"), "dag", None),
    ]


def test_above_a_task_that_tells_no_parent_stands_the_root_that_others_name(store: LineageStore) -> None:
    put(store, query("query", 5))
    assert store.parents([QUERY.key, TASK.key, DAG.key]) == {QUERY.key: TASK, TASK.key: DAG}
    assert store.children([DAG.key]) == {DAG.key: [TASK]}
    group = run_event("task", "START", 1, job="dag.task", run_facets=facet("group", "dag.group"))
    put(store, group)
    assert store.parents([TASK.key]) == {TASK.key: nodes.job(NAMESPACE, "dag.group")}
    assert store.children([DAG.key]) == {}


def test_a_circle_of_parents_ends(store: LineageStore) -> None:
    put(
        store,
        run_event("a", "START", 0, job="a", run_facets=facet("b", "b")),
        run_event("b", "START", 0, job="b", run_facets=facet("a", "a")),
    )
    assert above(store, "a") == [(run_id("b"), "b", RunState.RUNNING)]
    assert [each.run.run_id for each in store.runs_below(run_id("a"))] == [run_id("b")]


def test_a_very_long_chain_of_parents_is_followed_for_a_while(store: LineageStore) -> None:
    put(store, *(run_event(f"r{n}", "START", n, run_facets=facet(f"r{n + 1}", "job")) for n in range(50)))
    assert [each[0] for each in above(store, "r0")] == [run_id(f"r{n}") for n in range(1, 33)]
    assert [each.run.run_id for each in store.runs_below(run_id("r50"))] == [
        run_id(f"r{n}") for n in range(49, 17, -1)
    ]


def everything(store: LineageReader) -> Any:
    runs = sorted(run.run_id for run in store.runs())
    return (
        store.runs_above(runs),
        {run: store.runs_below(run) for run in [run_id("dagrun"), *runs]},
        store.children([DAG.key, TASK.key, QUERY.key]),
    )


def test_the_order_of_events_makes_no_difference(store: LineageStore) -> None:
    put(store, *WHOLE)
    told = everything(store)
    for seed in range(5):
        with closing(open_store(":memory:")) as other:
            put(other, *Random(seed).sample(WHOLE, len(WHOLE)))
            assert everything(other) == told
            rebuild(other)
            assert everything(other) == told


def test_as_of_tells_who_was_above_then(store: LineageStore) -> None:
    put(store, *WHOLE)
    for time in (3, 5):
        with closing(open_store(":memory:")) as other:
            put(other, *(event for event in WHOLE if event["eventTime"] <= f"2026-01-01T00:00:0{time}Z"))
            then = as_of(store, datetime(2026, 1, 1, 0, 0, time, tzinfo=UTC))
            assert everything(then) == everything(other)


def test_what_a_dag_does_is_what_its_tasks_and_their_queries_do(store: LineageStore) -> None:
    put(
        store,
        *WHOLE,
        query("next", 6, inputs=["b"], outputs=["c"]),
        run_event("reader", "COMPLETE", 9, job="report", inputs=["c"], outputs=["board"]),
    )
    for asked in (DAG, TASK):
        down = {each.node.name: each.distance for each in downstream(store, asked).nodes}
        assert down == {asked.name: 0, QUERY.name: 0, "b": 0, "c": 0, "report": 1, "board": 1}
        up = {each.node.name: each.distance for each in upstream(store, asked).nodes}
        assert up == {asked.name: 0, QUERY.name: 0, "a": 0, "b": 0}
        assert impact(store, asked).notes == ()
    above = {each.node.name: [job.name for job in each.parents] for each in impact(store, "a").nodes}
    assert above[QUERY.name] == [TASK.name, DAG.name]
