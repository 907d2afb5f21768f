"""When runs began and jobs and datasets were last heard of."""

from __future__ import annotations

from datetime import UTC, datetime

from made_events import dataset_event, job_event, put, run_event, run_id, schema

from graph import nodes
from graph.records import RunState
from graph.store import LineageStore


def moment(second: int, microsecond: int = 0) -> datetime:
    return datetime(2026, 1, 1, 0, 0, second, microsecond, tzinfo=UTC)


def test_runs_are_counted_and_listed_by_when_they_began(store: LineageStore) -> None:
    put(
        store,
        run_event("a", "START", 1),
        run_event("a", "COMPLETE", 50),
        run_event("b", "START", "2026-01-01T00:00:10.0000009Z"),
        run_event("c", "FAIL", 20),
        run_event("d", "START", 21),
    )
    window = {"since": moment(10), "until": moment(20)}

    assert [run.run_id for run in store.runs(**window)] == [run_id("c"), run_id("b")]
    assert [run.run_id for run in store.runs(**window, states=[RunState.FAIL])] == [run_id("c")]
    assert [run.run_id for run in store.runs(**window, after=run_id("c"), limit=1)] == [run_id("b")]
    assert [run.run_id for run in store.runs(until=moment(10))] == [run_id("b"), run_id("a")]
    assert store.count_runs(**window) == {RunState.FAIL: 1, RunState.RUNNING: 1}
    assert store.count_runs(since=moment(30), until=moment(40)) == {}
    assert [run.latest_at for run in store.runs(until=moment(1))] == [moment(50)]


def test_jobs_and_datasets_say_when_they_were_last_heard_of(store: LineageStore) -> None:
    put(
        store,
        run_event("1", "START", 1, job="runs", outputs=["made"]),
        run_event("1", "COMPLETE", 40, job="runs", outputs=["made"]),
        run_event("0", "COMPLETE", 0, job="runs"),
        job_event(7, job="declared"),
        job_event(50, job="runs"),
        dataset_event(9, "declared", schema=schema("a")),
    )
    asked = {
        "runs": nodes.job("ns", "runs").key,
        "declared job": nodes.job("ns", "declared").key,
        "declared": nodes.dataset("ns", "declared").key,
        "made": nodes.dataset("ns", "made").key,
    }

    heard = store.last_heard(asked.values())

    assert {name: heard.get(key) for name, key in asked.items()} == {
        "runs": moment(50),
        "declared job": moment(7),
        "declared": moment(9),
        "made": moment(40),
    }
    assert store.last_heard([]) == {}
