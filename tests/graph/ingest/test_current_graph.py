"""What counts for the current graph, seen through ingested events."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from made_events import dataset, dataset_event, edges, feeds, job_event, put, run_event, run_id

from graph.nodes import dataset as dataset_node
from graph.nodes import job as job_node
from graph.records import EdgeKind, RunState
from graph.store import LineageStore


def complete(run: str, time: int, source: str, target: str, **more: Any) -> list[dict[str, Any]]:
    return [
        run_event(run, "START", time, inputs=[source], **more),
        run_event(run, "COMPLETE", time + 1, inputs=[source], outputs=[target], **more),
    ]


def test_inputs_and_outputs_of_one_run_feed_each_other_whatever_event_names_them(store: LineageStore) -> None:
    put(store, run_event("r", "START", 0, inputs=["a", "b"]), run_event("r", "COMPLETE", 1, outputs=["c"]))
    assert feeds(store) == {"a -> c", "b -> c"}
    assert edges(store, EdgeKind.READS) == {"a -> job", "b -> job"}
    assert edges(store, EdgeKind.WRITES) == {"job -> c"}


def test_edges_carry_their_job(store: LineageStore) -> None:
    put(store, *complete("r", 0, "a", "b"), dataset_event(0, "d", lineage=lineage_of("e")))
    jobs = {edge.job for kind in (EdgeKind.READS, EdgeKind.WRITES) for edge in store.edges(kind)}
    assert jobs == {job_node("ns", "job").key}
    by_target = {edge.target: edge.job for edge in store.edges(EdgeKind.FEEDS)}
    assert by_target == {
        dataset_node("ns", "b").key: job_node("ns", "job").key,
        dataset_node("ns", "d").key: None,
    }


def lineage_of(*sources: str) -> dict[str, Any]:
    return {"inputs": [{"namespace": "ns", "name": source, "type": "DATASET"} for source in sources]}


def test_an_unfinished_run_shows_all_it_says(store: LineageStore) -> None:
    put(store, run_event("r", "RUNNING", 0, inputs=["a"], outputs=["b"]))
    assert feeds(store) == {"a -> b"}


@pytest.mark.parametrize("end", ["FAIL", "ABORT"])
def test_a_run_that_did_not_complete_gives_only_what_it_read(store: LineageStore, end: str) -> None:
    put(store, run_event("r", "START", 0, inputs=["a"], outputs=["b"]), run_event("r", end, 1, outputs=["b"]))
    assert feeds(store) == set()
    assert edges(store, EdgeKind.WRITES) == set()
    assert edges(store, EdgeKind.READS) == {"a -> job"}


def test_the_latest_ten_runs_of_a_job_count(store: LineageStore) -> None:
    for number in range(12):
        put(store, *complete(f"r{number}", number * 100, f"in{number}", "out"))
    assert feeds(store) == {f"in{number} -> out" for number in range(2, 12)}


def test_which_runs_are_the_latest_is_told_by_event_time_not_by_arrival(store: LineageStore) -> None:
    for number in reversed(range(12)):
        put(store, *complete(f"r{number}", number * 100, f"in{number}", "out"))
    assert feeds(store) == {f"in{number} -> out" for number in range(2, 12)}


def test_the_runs_under_one_parent_run_count_as_one(store: LineageStore) -> None:
    for day, task in itertools.product(range(11), range(3)):
        run = f"{day}/{task}"
        put(store, *complete(run, day * 100 + task, f"in{run}", "out", parent=f"dag{day}"))
    assert feeds(store) == {f"in{day}/{task} -> out" for day in range(1, 11) for task in range(3)}


def test_unfinished_and_failed_runs_beside_the_finished_ones(store: LineageStore) -> None:
    put(store, run_event("open", "START", 0, inputs=["long ago"], outputs=["out"]))
    for number in range(10):
        put(store, *complete(f"r{number}", (number + 1) * 100, "in", "out"))
    put(store, run_event("bad", "FAIL", 5000, inputs=["tried"], outputs=["never"]))
    assert feeds(store) == {"long ago -> out", "in -> out"}
    assert edges(store, EdgeKind.READS) == {"long ago -> job", "in -> job", "tried -> job"}


def test_a_declared_job_counts_beside_its_runs_and_the_latest_declaration_replaces(
    store: LineageStore,
) -> None:
    put(store, *complete("r", 0, "a", "b"))
    put(store, job_event(10, inputs=["c"], outputs=["b"]))
    assert feeds(store) == {"a -> b", "c -> b"}
    put(store, job_event(30, inputs=["e"], outputs=["b"]), job_event(20, inputs=["d"], outputs=["b"]))
    assert feeds(store) == {"a -> b", "e -> b"}
    put(store, job_event(40, inputs=None, outputs=None, job_facets={"documentation": {"description": "x"}}))
    assert feeds(store) == {"a -> b", "e -> b"}, "an event without inputs and outputs declares none"
    put(store, job_event(50))
    assert feeds(store) == {"a -> b"}, "an event with empty lists declares that there are none"


def test_a_declared_dataset_counts_and_the_latest_declaration_replaces(store: LineageStore) -> None:
    put(
        store,
        dataset_event(10, "d", lineage=lineage_of("a")),
        dataset_event(20, "d", lineage=lineage_of("b")),
    )
    put(store, dataset_event(30, "d", schema={"fields": [{"name": "x"}]}))
    assert feeds(store) == {"b -> d"}


def test_a_run_that_says_no_more_than_a_finished_one_does_not_bring_back_the_product(
    store: LineageStore,
) -> None:
    exact = {"lineage": {"entries": [entry("c", "a"), entry("d", "b")]}}
    start = {"inputs": ["a", "b"], "outputs": ["c", "d"]}
    put(store, run_event("1", "START", 0, **start), run_event("1", "COMPLETE", 1, job_facets=exact, **start))
    assert feeds(store) == {"a -> c", "b -> d"}
    put(store, run_event("2", "START", 100, **start))
    assert feeds(store) == {"a -> c", "b -> d"}


def entry(target: str, *sources: str) -> dict[str, Any]:
    return {"namespace": "ns", "name": target, "type": "DATASET", **lineage_of(*sources)}


START, DONE, STOP, BAD = "START", "COMPLETE", "ABORT", "FAIL"


@pytest.mark.parametrize(
    ("events", "state", "seconds"),
    [
        ([(START, 0)], RunState.RUNNING, None),
        ([(None, 0)], RunState.RUNNING, None),
        ([("OTHER", 0), (START, 5)], RunState.RUNNING, None),
        ([(START, 0), (DONE, 9)], RunState.COMPLETE, 9),
        ([(START, 0), (BAD, 9)], RunState.FAIL, 9),
        ([(START, 0), (STOP, 9)], RunState.ABORT, 9),
        ([(START, 0), (DONE, 9), (START, 20)], RunState.COMPLETE, 9),
        ([(START, 0), (DONE, 9), ("RUNNING", 20)], RunState.COMPLETE, 9),
        ([(START, 0), (DONE, 9), (BAD, 10)], RunState.FAIL, 10),
        ([(START, 0), (BAD, 9), (DONE, 10)], RunState.COMPLETE, 10),
        ([(START, 0), (DONE, 9), (STOP, 9)], RunState.ABORT, 9),
        ([(START, 0), (BAD, 9), (STOP, 9), (DONE, 9)], RunState.FAIL, 9),
        ([(START, 3), (DONE, 3)], RunState.COMPLETE, 0),
        ([(DONE, 9)], RunState.COMPLETE, None),
        ([(DONE, 9), (START, 20)], RunState.COMPLETE, None),
    ],
)
def test_the_state_of_a_run_is_the_same_in_every_order_of_its_events(
    store: LineageStore, events: list[tuple[str | None, int]], state: RunState, seconds: int | None
) -> None:
    orders = list(itertools.permutations(events))
    for number, order in enumerate(orders):
        for event_type, time in order:
            put(store, run_event(f"r{number}", event_type, time))
    runs = store.runs()
    assert len(runs) == len(orders)
    for run in runs:
        assert run.state is state
        assert run.duration_ms == (None if seconds is None else seconds * 1000)


def test_a_run_has_its_parent_its_error_and_its_times(store: LineageStore) -> None:
    failed = {"errorMessage": {"message": "boom: password=hunter2", "programmingLanguage": "Python"}}
    put(
        store,
        run_event("r", "START", "2026-01-01T00:00:00.5+01:00", parent="p"),
        run_event("r", "FAIL", "2025-12-31T23:00:02Z", run_facets=failed),
    )
    (run,) = store.runs()
    assert (run.run_id, run.job_namespace, run.job_name) == (run_id("r"), "ns", "job")
    assert run.error is not None
    assert run.error.startswith("boom")
    assert "hunter2" not in run.error
    assert run.parent_run_id == run_id("p")
    assert run.started_at is not None
    assert run.started_at.isoformat() == "2025-12-31T23:00:00.500000+00:00"
    assert run.duration_ms == 1500


def test_a_job_renamed_within_a_run_ends_with_it(store: LineageStore) -> None:
    put(
        store,
        run_event("r", "START", 0, job="unknown", inputs=["a"], outputs=["b"]),
        run_event("r", "FAIL", 1, job="app", inputs=["a"], outputs=["b"]),
    )
    assert feeds(store) == set()
    (run,) = store.runs()
    assert (run.job_name, run.state) == ("app", RunState.FAIL)


def test_runs_that_share_an_id_that_is_no_uuid_do_not_join_their_jobs(store: LineageStore) -> None:
    one = run_event("", "COMPLETE", 0, job="one", inputs=["a"], outputs=["b"])
    two = run_event("", "COMPLETE", 1, job="two", inputs=["c"], outputs=["d"])
    put(store, {**one, "run": {"runId": "daily"}}, {**two, "run": {"runId": "daily"}})
    assert feeds(store) == {"a -> b", "c -> d"}


def test_a_dataset_that_is_read_and_written_does_not_feed_itself(store: LineageStore) -> None:
    put(store, run_event("r", "COMPLETE", 0, inputs=["a", "b"], outputs=["a"]))
    assert feeds(store) == {"b -> a"}
    assert edges(store, EdgeKind.READS) == {"a -> job", "b -> job"}


def test_the_parent_job_is_the_latest_that_was_named(store: LineageStore) -> None:
    def under(name: str, time: int) -> dict[str, Any]:
        parent = {"run": {"runId": "p"}, "job": {"namespace": "ns", "name": name}}
        return run_event("r", "RUNNING", time, run_facets={"parent": parent})

    put(store, under("new", 20), under("old", 10), under("job", 30))
    job = job_node("ns", "job").key
    assert store.parents([job, job_node("ns", "new").key]) == {job: job_node("ns", "new")}
    assert store.lookup(job_node("ns", "old")) is not None, "a job that an event named is known in any order"


def test_facets_are_the_latest_by_event_time(store: LineageStore) -> None:
    def owned(owner: str, time: int) -> dict[str, Any]:
        return run_event("r", "RUNNING", time, inputs=[dataset("a", ownership={"owners": [{"name": owner}]})])

    key = dataset_node("ns", "a").key
    put(store, owned("new", 20), owned("old", 10))
    assert store.facets([key], "ownership") == {key: {"owners": [{"name": "new"}]}}
    put(store, dataset_event(30, "a", ownership={"_deleted": True}))
    assert store.facets([key], "ownership") == {}
    put(store, owned("older", 29))
    assert store.facets([key], "ownership") == {}


def test_facets_of_inputs_and_outputs_are_facets_of_the_dataset(store: LineageStore) -> None:
    checked = {"namespace": "ns", "name": "a", "inputFacets": {"dataQualityAssertions": {"assertions": []}}}
    put(store, run_event("r", "COMPLETE", 0, inputs=[checked]))
    key = dataset_node("ns", "a").key
    assert store.facets([key], "dataQualityAssertions") == {key: {"assertions": []}}
