"""What is removed from the log, and what stays."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from made_events import dataset, dataset_event, dump, edges, feeds, job_event, put, run_event, schema
from random_events import some_event

from graph import open_store
from graph.errors import InvalidQueryError, StoreError
from graph.ingest import IngestCounts, derive, give, ingest, prune, rebuild
from graph.nodes import dataset as dataset_node
from graph.nodes import job
from graph.records import EdgeKind
from graph.store import LineageStore
from graph.store.changes import Rejected
from graph.store.commands import CommandKind, Label
from graph.store.retention import Policy, Pruned

DAY = 86_400


def day(number: int) -> datetime:
    return datetime(2026, 1, number + 1, tzinfo=UTC)


def daily(days: range, **keys: Any) -> list[dict[str, Any]]:
    """Return a run for each day; the last day's id is in the names of what it says."""
    word = keys.get("job", "job")
    return [run_event(f"{word}{each}", "COMPLETE", each * DAY, **keys) for each in days]


def count(store: LineageStore, table: str) -> int:
    return int(store._db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # type: ignore[attr-defined]


def test_old_runs_go_and_what_counts_stays(store: LineageStore) -> None:
    """DD-25, PV-24: by age; ten groups of runs before it stay, for they say what the graph was then."""
    put(store, *daily(range(25), inputs=["a"], outputs=["b"]))
    before, edges_before = [body for _, body in store.bodies()], feeds(store)

    policy = Policy(before=day(20))
    planned = prune(store, policy, dry_run=True)
    assert planned == Pruned(events=10, runs=10, nodes=(), until=day(9))
    assert len(store.bodies()) == 25
    assert store.horizon() is None

    assert prune(store, policy) == planned
    assert [body for _, body in store.bodies()] == before[10:]
    assert [number for number, _ in store.bodies()] == list(range(11, 26))
    assert feeds(store) == edges_before
    assert len(store.runs()) == 15
    assert store.horizon() == day(20)
    assert prune(store, policy) == Pruned()
    assert [(each.events, each.seq, each.horizon) for each in store.removals()] == [(10, 25, day(20))]
    assert json.loads(store.removals()[0].policy)["runs"] == 10


def test_what_was_removed_is_not_taken_in_again(store: LineageStore) -> None:
    events = daily(range(25), inputs=["a"], outputs=["b"])
    put(store, *events)
    prune(store, Policy(before=day(20)))
    again = [json.dumps(event).encode() for event in events]
    assert ingest(store, again) == IngestCounts(duplicate=25)
    rebuild(store)
    assert ingest(store, again) == IngestCounts(duplicate=25)
    assert len(store.bodies()) == 15


def test_open_runs_parents_and_declarations_stay(store: LineageStore) -> None:
    put(
        store,
        run_event("open", "START", 0, job="service", inputs=["o"]),
        run_event("dag run", "COMPLETE", 1, job="dag"),
        *daily(range(1, 12), job="dag"),
        run_event("child", "START", 2, job="child", parent="dag run", inputs=["p"]),
        job_event(1, job="declared", inputs=["x"], outputs=["y"]),
        job_event(2, job="declared", inputs=["x"], outputs=["z"]),
        dataset_event(3, "lonely", documentation={"description": "d"}),
    )
    pruned = prune(store, Policy(before=day(20)))
    left = [json.loads(body) for _, body in store.bodies()]
    names = {event.get("job", event.get("dataset"))["name"] for event in left}
    assert names == {"service", "dag", "child", "declared"}
    assert len(left) == 14
    assert (pruned.events, pruned.runs) == (3, 1)
    assert feeds(store) == {"x -> z"}
    assert {run.run_id for run in store.runs()} >= {event["run"]["runId"] for event in left if "run" in event}


def test_what_stands_as_a_facet_is_kept_with_the_run_that_said_it(store: LineageStore) -> None:
    """Nothing that is still referenced disappears: the schema of a dataset that is still read."""
    put(store, run_event("first", "COMPLETE", 0, job="old", outputs=[dataset("b", schema=schema("x", "y"))]))
    put(store, *daily(range(1, 15), job="old", outputs=["b"]))
    pruned = prune(store, Policy(before=day(14)))
    assert pruned.runs == 3
    facets = store.facets([dataset_node("ns", "b").key], "schema")
    assert [one["fields"][0]["name"] for one in facets.values()] == ["x"]


def test_a_renaming_stays_however_old(store: LineageStore) -> None:
    change = {"lifecycleStateChange": "RENAME", "previousIdentifier": {"namespace": "ns", "name": "was"}}
    put(
        store,
        run_event("r", "COMPLETE", 0, job="renamer", outputs=[dataset("is", lifecycleStateChange=change)]),
    )
    put(store, *daily(range(1, 25), job="renamer", outputs=["other"]))
    put(
        store,
        dataset_event(
            5,
            "now",
            lifecycleStateChange=change | {"previousIdentifier": {"namespace": "ns", "name": "once"}},
        ),
    )
    put(store, run_event("s", "START", 30 * DAY - 1, job="reader", inputs=["was", "once"]))
    was, once = (store.lookup(dataset_node("ns", name)) for name in ("was", "once"))
    assert prune(store, Policy(before=day(20))).runs == 9
    assert store.lookup(dataset_node("ns", "was")) == was == dataset_node("ns", "is")
    assert store.lookup(dataset_node("ns", "once")) == once == dataset_node("ns", "now")


def test_one_job_or_namespace_is_removed_whole(store: LineageStore) -> None:
    """DD-25: what a retired pipeline said goes; what others say of the same datasets stays."""
    put(store, *daily(range(3), job="retired", inputs=["a", "r"], outputs=["b"]))
    put(store, *daily(range(3), job="kept", inputs=["b"], outputs=["c"]))
    pruned = prune(store, Policy(job=job("ns", "retired")))
    assert pruned.events == 3
    assert [node.name for node in pruned.nodes] == ["a", "r", "retired"]
    assert feeds(store) == {"b -> c"}
    assert store.lookup(job("ns", "retired")) is None
    assert store.horizon() is None
    assert prune(store, Policy(namespace="elsewhere")) == Pruned()
    assert prune(store, Policy(namespace="ns")).events == 3
    assert store.bodies() == []
    assert store.latest_event_time() is None
    for table in ("node", "edge", "form", "content", "run_id", "run", "going", "going_run", "used_content"):
        assert count(store, table) == 0, table


def test_what_is_deleted_is_removed_with_the_commands_about_it(store: LineageStore) -> None:
    put(store, *daily(range(12), job="retired", inputs=["a"], outputs=["b"]))
    put(store, *daily(range(12), job="kept", inputs=["b"], outputs=["c"]))
    give(store, CommandKind.TAG, dataset_node("ns", "a"), "pii")
    give(store, CommandKind.TAG, dataset_node("ns", "b"), "gold")
    give(store, CommandKind.DELETE, job("ns", "retired"))
    assert prune(store, Policy(before=day(5), decommissioned=True)).events == 5
    assert store.deleted() == [job("ns", "retired")]
    assert prune(store, Policy(decommissioned=True)).events == 7
    assert store.deleted() == []
    assert [(command.node.name, command.name) for _, command in store.commands()] == [("b", "gold")]
    (said,) = store.annotations([dataset_node("ns", "b").key]).values()
    assert said.tags == (Label("gold"),)
    assert edges(store, EdgeKind.READS) == {"b -> kept"}


@pytest.mark.parametrize("seed", range(4))
def test_pruning_by_age_leaves_the_current_graph_and_a_rebuild_gives_it_again(
    store: LineageStore, seed: int
) -> None:
    random = Random(seed)
    events = [some_event(random) for _ in range(120)]
    for place, event in enumerate(events):
        event["eventTime"] = f"2026-01-{1 + place // 5:02}T00:00:0{random.randint(0, 9)}Z"
    ingest(store, [json.dumps(event).encode() for event in random.sample(events, 120)])
    derive(store)
    before = dump(store)["edges"]
    pruned = prune(store, Policy(before=day(18)))
    derive(store)
    assert pruned.events > 0
    after = dump(store)
    assert after["edges"] == before
    rebuild(store)
    derive(store)
    assert dump(store) == after
    with closing(open_store(":memory:")) as fresh:
        ingest(fresh, [body for _, body in store.bodies()])
        derive(fresh)
        assert dump(fresh) == after


def test_another_process_reads_and_writes_on_after_a_removal(place: str) -> None:
    """Forms that were removed and come again are others: nobody reads them as they were before."""
    with closing(open_store(place)) as store, closing(open_store(place)) as other:
        events = daily(range(3), outputs=[dataset("b", schema=schema("x"))])
        put(other, *events)
        assert len(other.bodies()) == 3
        prune(store, Policy(job=job("ns", "job")))
        assert other.bodies() == []
        more = daily(range(4, 7), outputs=[dataset("b", schema=schema("x"))])
        put(store, more[0])
        put(other, more[1])
        put(store, more[2])
        assert [json.loads(body) for _, body in other.bodies()] == more
        assert dump(other) == dump(store)


def test_a_removal_that_fails_removes_nothing(store: LineageStore) -> None:
    put(store, *daily(range(25), inputs=["a"], outputs=["b"]))
    before = dump(store)
    with pytest.raises(StoreError, match="event 11 of the log is none"):
        store.prune(Policy(before=day(20)), lambda body: Rejected(body, ("out of fashion",)))
    assert dump(store) == before
    assert store.removals() == []
    with pytest.raises(InvalidQueryError, match="give an age, a namespace or a job"):
        prune(store, Policy())
