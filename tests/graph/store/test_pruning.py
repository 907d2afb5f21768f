"""What is removed from the log, and what stays."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from altered_logs import findings_of
from made_events import dataset, dataset_event, dump, edges, feeds, job_event, put, run_event, schema
from random_events import some_event
from seeds import seeds

from graph import open_store
from graph.errors import InvalidQueryError, StoreError
from graph.ingest import IngestCounts, derive, give, ingest, prune, rebuild
from graph.ingest.batch import understand
from graph.nodes import dataset as dataset_node
from graph.nodes import job
from graph.records import EdgeKind
from graph.store import LineageStore
from graph.store._form_texts import form_texts
from graph.store._replaying import projection
from graph.store.changes import Rejected
from graph.store.commands import CommandKind, Label
from graph.store.log_format import contents_in
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


_EDGES = """
    SELECT s.key, e.kind, t.key, CASE WHEN e.owner < 0 THEN -o.key ELSE o.key END, m.key, e.origin
    FROM edge AS e LEFT JOIN node AS s ON s.number = e.source LEFT JOIN node AS t ON t.number = e.target
    LEFT JOIN node AS o ON o.number = abs(e.owner)
    LEFT JOIN transformation AS m ON m.number = e.transformation
"""


def rows(store: LineageStore) -> dict[str, list[Any]]:
    """Return every row that follows from the log, but for what differs with the time of making it."""
    found = {}
    for table in (*projection(), "event", "receipt", "form", "form_text", "content", "run_id"):
        listed = store._db.execute(  # type: ignore[attr-defined]
            _EDGES if table == "edge" else f"SELECT * FROM {table}"
        ).fetchall()
        if table == "node":  # by key: a rebuild numbers them anew
            listed = [row[1:] for row in listed]
        if table == "derivation":
            listed = [row[:9] for row in listed]
        if table == "shape":  # with which form its SQL is packed
            listed = [(*row[:3], row[3] is None, *row[5:]) for row in listed]
        if table == "facet":  # a time at which it was said, of those that do not measure
            listed = [(*row[:2], None if row[3] is not None else row[2], *row[3:]) for row in listed]
        if table in ("query", "query_statement"):  # what a later event of each run has taken back counts not
            place = 2 if table == "query_statement" else 0
            counted = {row[0] for row in store._db.execute("SELECT query FROM query_run")}  # type: ignore[attr-defined]
            listed = [row for row in listed if row[place] in counted]
        if table != "transformation":  # reading SQL again leaves some that nothing has
            found[table] = sorted(listed, key=repr)
    return found


def contradictions(random: Random, days: int = 25) -> list[bytes]:
    events = [some_event(random) for _ in range(5 * days)]
    for place, event in enumerate(events):
        event["eventTime"] = f"2026-01-{1 + place // 5:02}T00:00:0{random.randint(0, 9)}Z"
        for output in event.get("outputs") or ():
            change = random.choice([*[None] * 6, "DROP", "RENAME"])
            if change is not None:
                before = {"namespace": "ns", "name": random.choice("abcde")}
                state = {"lifecycleStateChange": change, "previousIdentifier": before}
                output["facets"]["lifecycleStateChange"] = state
        parent = event.get("run", {}).get("facets", {}).get("parent")
        if parent is not None and random.random() < 0.5:
            root = {"namespace": "ns", "name": random.choice(["top", "above"])}
            parent["root"] = {"run": parent["run"], "job": root}
    return [json.dumps(event).encode() for event in random.sample(events, len(events))]


POLICIES = [
    Policy(before=day(18)),
    Policy(job=job("ns", "one")),
    Policy(before=day(18), job=job("ns", "two")),
    Policy(decommissioned=True),
]


@pytest.mark.parametrize("policy", POLICIES, ids=["age", "job", "age of a job", "decommissioned"])
@pytest.mark.parametrize("seed", seeds(1, 3, 8))
def test_what_is_left_is_what_the_log_that_is_left_gives(
    store: LineageStore, seed: int, policy: Policy, small_steps: None
) -> None:
    """DD-25: row by row it is what a rebuild makes of the events that stay, whatever contradicts what."""
    random = Random(seed)
    ingest(store, contradictions(random))
    derive(store)
    before = dump(store)["edges"]
    give(store, CommandKind.TAG, dataset_node("ns", "a"), "pii")
    if policy.decommissioned:
        give(store, CommandKind.DELETE, job("ns", "one"))
        give(store, CommandKind.DELETE, dataset_node("ns", "b"))
    planned = prune(store, policy, dry_run=True)
    assert prune(store, policy) == planned
    # Of one job there may be no run that is over and old and does not count.
    assert planned.events > 0 or (policy.job is not None and policy.before is not None)
    assert sum(removal.events for removal in store.removals()) == planned.events
    if policy.spares_current:
        assert dump(store)["edges"] == before
    derive(store)
    assert findings_of(store) == []
    left, bodies = rows(store), store.bodies()
    rebuild(store)
    derive(store)
    assert rows(store) == left
    assert store.bodies() == bodies
    for (form,) in store._db.execute("SELECT number FROM form").fetchall():  # type: ignore[attr-defined]
        assert json.loads(store._log.example(form))  # type: ignore[attr-defined]


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have removals take some steps even where little goes."""
    monkeypatch.setattr("graph.store._pruning._FIRST_STEP", 7)
    monkeypatch.setattr("graph.store._pruning._LONGEST_STEP", 7)
    monkeypatch.setattr("graph.store._pruning._PAUSE", 0)


def test_others_write_between_the_steps(
    place: str, small_steps: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Late events of runs that go, new ones, forms that were just gone: nothing is lost or kept too long."""
    with closing(open_store(place)) as store, closing(open_store(place)) as other:
        random = Random(5)
        bodies = contradictions(random)
        ingest(store, bodies[:90])
        derive(store)
        late = iter(bodies[90:])
        monkeypatch.setattr("time.sleep", lambda _: ingest(other, [next(late)]))
        found = prune(store, Policy(before=day(20)))
        monkeypatch.undo()
        ingest(other, list(late))
        derive(store)
        assert found.events > 0
        assert len(store.bodies()) == len(bodies) - found.events
        left = rows(store)
        rebuild(store)
        derive(store)
        del left["shape_set"]  # has sets that runs had while they came
        assert left.items() <= rows(store).items()


def broken_off() -> None:
    raise KeyboardInterrupt


def test_a_removal_that_is_broken_off_is_finished_by_the_next(
    place: str, small_steps: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PV-24: each step is whole; the record says how many events have gone, and the next call goes on."""
    with closing(open_store(place)) as store:
        put(store, *daily(range(20), inputs=["a"], outputs=["b"]))
        put(store, *daily(range(20), job="other", inputs=["a"], outputs=["b"]))
        put(store, run_event("x", "COMPLETE", 0, job="only", outputs=[dataset("c", schema=schema("x"))]))
        policy = Policy(namespace="ns")
        pauses = iter([lambda: None, lambda: None, lambda: None, broken_off])
        monkeypatch.setattr("time.sleep", lambda _: next(pauses)())
        with pytest.raises(KeyboardInterrupt):
            prune(store, policy)
        monkeypatch.undo()
        assert [each.events for each in store.removals()] == [28]
        assert findings_of(store) == []
        assert len(store.bodies()) == 13
        left = dump(store)
        assert left["edges"]
        assert prune(store, policy).events == 13
        assert [each.events for each in store.removals()] == [28, 13]
        assert findings_of(store) == []
        assert not any("unfinished" in each.policy for each in store.removals())
        for table in ("node", "edge", "form", "content", "run_id", "run", "shape", "facet", "event"):
            assert count(store, table) == 0, table


def test_a_removal_reads_what_goes_and_not_what_stays(store: LineageStore) -> None:
    """PV-14: without partitions: of the events that stay hardly one is read, and no SQL is read again."""
    sql = {"sql": {"query": "INSERT INTO s.t (x) SELECT y FROM s.u"}}
    for name in range(20):
        put(store, *daily(range(30), job=f"job {name} ", outputs=[f"t{name}"], job_facets=sql))
    derive(store)
    derived = rows(store)["derivation"]
    read: list[bytes] = []

    def reading(body: bytes) -> Any:
        read.append(body)
        return understand(body)

    pruned = store.prune(Policy(before=day(25)), reading)
    assert pruned.events == 20 * 15
    stays = {body for _, body in store.bodies()}
    assert len(stays) == 20 * 15
    assert len([body for body in read if body in stays]) < 20
    assert len(read) < 20 * 15 + 20
    assert store.underived(1) == []
    assert rows(store)["derivation"] == derived


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


def test_a_step_that_fails_removes_nothing(store: LineageStore) -> None:
    put(store, run_event("r", "START", 0, job="retired", inputs=["a"]))
    put(store, run_event("r", "COMPLETE", 1, job="kept", inputs=["b"]))
    before = dump(store)
    with pytest.raises(StoreError, match="event 2 of the log is none: no more: nothing was changed"):
        store.prune(Policy(job=job("ns", "retired")), lambda body: Rejected(body, ("no more",)))
    assert dump(store) == before
    assert [each.events for each in store.removals()] == [0]
    assert prune(store, Policy(job=job("ns", "retired"))).events == 1
    assert [run.job_name for run in store.runs()] == ["kept"]
    with pytest.raises(InvalidQueryError, match="give an age, a namespace or a job"):
        prune(store, Policy())


def test_nothing_that_was_removed_stays_in_what_the_rest_is_packed_with(store: LineageStore) -> None:
    """What stays is packed anew: contents that came with what goes, and forms like one that goes."""
    shared = dataset("shared", schema=schema("kept"))
    first = [run_event("a", "COMPLETE", 0, job="goes", outputs=[shared, dataset("a", schema=schema("lost"))])]
    first += [run_event(f"b{each}", "COMPLETE", 60 + each, job="b", outputs=["old"]) for each in range(2)]
    later = daily(range(18, 30), job="b", inputs=[shared], outputs=[dataset("b", schema=schema("kept"))])
    put(store, *first)
    put(store, *later)
    prune(store, Policy(job=job("ns", "goes")))
    prune(store, Policy(before=day(28)))
    assert [json.loads(body) for _, body in store.bodies()] == later
    db = store._db  # type: ignore[attr-defined]
    texts = [
        text for (kept,) in db.execute("SELECT body FROM content_pack") for text in contents_in(bytes(kept))
    ]
    assert texts
    assert not any(b"lost" in text for text in texts)
    forms = form_texts(db, [number for (number,) in db.execute("SELECT number FROM form_text").fetchall()])
    assert len(forms) == count(store, "form") > 0
    assert not any(b"old" in text for text, _ in forms.values())
    again = run_event("c", "COMPLETE", 30 * DAY, job="b", outputs=["old"])
    put(store, again)
    rebuild(store)
    assert [json.loads(body) for _, body in store.bodies()] == [*later, again]
