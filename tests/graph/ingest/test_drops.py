"""What is dropped is told as dropped, until somebody brings it back; whatever order events arrive in."""

from __future__ import annotations

import itertools
from contextlib import closing
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from made_events import at, dataset, dataset_event, feeds, job_event, put, run_event
from seeds import seeds

from graph import nodes, open_store
from graph.ingest import as_of, prune, rebuild
from graph.store import LineageReader, LineageStore
from graph.store.retention import Policy

T = nodes.dataset("ns", "t").key


def second(number: int) -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number)


def change(state: str, name: str = "t") -> dict[str, Any]:
    return dataset(name, lifecycleStateChange={"lifecycleStateChange": state})


def wrote(run: str, time: int, target: Any = "t", end: str = "COMPLETE", job: str = "load") -> dict[str, Any]:
    return run_event(run, end, time, job=job, inputs=["raw"], outputs=[target])


def dropped(run: str, time: int, end: str = "COMPLETE", target: str = "t") -> dict[str, Any]:
    return run_event(run, end, time, job="drop", outputs=[change("DROP", target)])


def since(store: LineageReader, key: int = T) -> datetime | None:
    return store.dropped([key]).get(key)


def in_any_order(store: LineageStore, *events: dict[str, Any]) -> datetime | None:
    """Ingest events into the store, and in every order into others, which must say the same; return it."""
    put(store, *events)
    told = since(store)
    for order in itertools.permutations(events):
        with closing(open_store(":memory:")) as other:
            for event in order:
                put(other, event)
            assert since(other) == told, [event["eventTime"] for event in order]
            rebuild(other)
            assert since(other) == told
    return told


def test_what_is_dropped_is_told_as_dropped(store: LineageStore) -> None:
    assert in_any_order(store, wrote("1", 0), dropped("2", 5), run_event("3", "START", 6, inputs=["t"])) == (
        second(5)
    )
    assert feeds(store) == {"raw -> t"}, "it is history"


@pytest.mark.parametrize("target", ["t", change("CREATE"), change("OVERWRITE"), change("ALTER")])
@pytest.mark.parametrize("end", ["COMPLETE", "START", "RUNNING"])
def test_who_writes_it_later_brings_it_back(store: LineageStore, target: Any, end: str) -> None:
    assert in_any_order(store, wrote("1", 0), dropped("2", 5), wrote("3", 6, target, end)) is None


@pytest.mark.parametrize("end", ["FAIL", "ABORT"])
def test_a_run_that_fails_has_neither_dropped_nor_brought_back(store: LineageStore, end: str) -> None:
    """As a nightly run that cannot write into a table which is not there any more."""
    assert in_any_order(store, wrote("1", 0), dropped("2", 5), wrote("3", 6, end=end)) == second(5)
    with closing(open_store(":memory:")) as other:
        assert in_any_order(other, wrote("1", 0), dropped("2", 5, end)) is None


def test_the_end_of_a_run_decides_also_when_it_names_nothing(store: LineageStore) -> None:
    begun = [dropped("2", 5), wrote("3", 6, end="START")]
    failed = run_event("3", "FAIL", 8, job="load")
    assert in_any_order(store, wrote("1", 0), *begun, failed) == second(5)
    with closing(open_store(":memory:")) as other:
        assert in_any_order(other, *begun, failed, run_event("3", "COMPLETE", 9, job="load")) is None
    with closing(open_store(":memory:")) as other:
        events = [wrote("1", 0), dropped("2", 5, "START"), run_event("2", "FAIL", 7, job="drop")]
        assert in_any_order(other, *events) is None


def test_the_run_that_dropped_it_brings_it_back_only_by_saying_so(store: LineageStore) -> None:
    """START says DROP, the end lists the table once more."""
    end = run_event("2", "COMPLETE", 7, job="drop", outputs=["t"])
    assert in_any_order(store, wrote("1", 0), dropped("2", 5, "START"), end) == second(5)
    with closing(open_store(":memory:")) as other:
        created = run_event("2", "COMPLETE", 7, job="drop", outputs=[change("CREATE")])
        assert in_any_order(other, dropped("2", 5, "START"), created) is None


def test_dataset_events_drop_and_bring_back(store: LineageStore) -> None:
    gone = {**dataset_event(3, "t"), "dataset": change("DROP")}
    assert in_any_order(store, wrote("1", 0), gone) == second(3)
    with closing(open_store(":memory:")) as other:
        assert in_any_order(other, gone, dataset_event(4, "t", documentation={"description": "x"})) is None
    with closing(open_store(":memory:")) as other:
        assert in_any_order(other, gone, job_event(4, job="load", outputs=["t"])) == second(3), (
            "only declared"
        )


def test_a_name_before_counts_as_the_name_after(store: LineageStore) -> None:
    moved = {"namespace": "ns", "name": "t"}
    renamed = dataset(
        "new", lifecycleStateChange={"lifecycleStateChange": "RENAME", "previousIdentifier": moved}
    )
    events = [wrote("1", 0), wrote("2", 1, renamed, job="move"), dropped("3", 5, target="new")]
    put(store, *events)
    new = nodes.dataset("ns", "new").key
    assert since(store, new) == second(5)
    put(store, wrote("4", 7, "new"))
    assert since(store, new) is None


def test_a_symlink_is_the_dataset(store: LineageStore) -> None:
    """Dropped by one name, written by the other, whichever is known first."""
    identifiers = [{"namespace": "hive://h:1", "name": "db.t"}]
    linked = wrote("1", 0, dataset("t", symlinks={"identifiers": identifiers}))
    by_link = run_event(
        "2",
        "COMPLETE",
        5,
        job="drop",
        outputs=[dataset("db.t", "hive://h:1", lifecycleStateChange={"lifecycleStateChange": "DROP"})],
    )
    assert in_any_order(store, linked, by_link) == second(5)
    put(store, wrote("3", 6))
    assert since(store) is None


EVENTS = [
    wrote("1", 0),
    dropped("2", 3),
    wrote("3", 5, end="START"),
    run_event("3", "FAIL", 8, job="load"),
    wrote("4", 12),
    dropped("5", 20, "START"),
    run_event("5", "COMPLETE", 25, job="drop"),
    wrote("6", 30, change("CREATE")),
    dropped("7", 40),
]


@pytest.mark.parametrize("time", [1, 4, 6, 9, 13, 22, 31, 41])
def test_as_of_tells_what_was_dropped_then(store: LineageStore, time: int) -> None:
    put(store, *Random(time).sample(EVENTS, len(EVENTS)))
    with closing(open_store(":memory:")) as other:
        put(other, *(event for event in EVENTS if event["eventTime"] <= at(time)))
        assert since(as_of(store, second(time))) == since(other)


def test_pruning_by_age_changes_nothing_about_it(store: LineageStore) -> None:
    later = [wrote(f"other{n}", 50 + n, "x") for n in range(12)]
    drops = [dropped(f"drop{n}", 70 + n, target="x") for n in range(12)]
    put(store, *EVENTS, *later, *drops, wrote("u", 100, "u"))
    assert since(store) == second(40)
    assert prune(store, Policy(before=second(90))).events > 0
    assert since(store) == second(40)


def test_pruning_by_age_keeps_what_brought_a_dataset_back(store: LineageStore) -> None:
    put(store, dropped("1", 0), wrote("2", 5), *(wrote(f"n{n}", 10 + n, "x") for n in range(12)))
    put(store, *(dropped(f"d{n}", 10 + n, target="x") for n in range(12)))
    assert since(store) is None
    prune(store, Policy(before=second(60)))
    assert since(store) is None


def some_event(random: Random) -> dict[str, Any]:
    time = random.randint(0, 12)
    name = random.choice(["t", "t", "u"])
    target = random.choice([name, change("DROP", name), change("CREATE", name)])
    if random.random() < 0.15:
        return {**dataset_event(time, name), "dataset": dataset(name) if target == name else target}
    kind = random.choice(["START", "COMPLETE", "COMPLETE", "FAIL", "OTHER"])
    outputs = [target] if random.random() < 0.7 else []
    return run_event(f"r{random.randint(0, 5)}", kind, time, job=random.choice("jk"), outputs=outputs)


@pytest.mark.parametrize("seed", seeds(5, 16, 60))
def test_it_depends_on_what_was_said_and_not_on_its_order(seed: int) -> None:
    random = Random(seed)
    events = list({str(event): event for event in (some_event(random) for _ in range(25))}.values())
    keys = [T, nodes.dataset("ns", "u").key]
    told = []
    for _ in range(3):
        with closing(open_store(":memory:")) as store:
            for event in random.sample(events, len(events)):
                put(store, event)
            told.append(store.dropped(keys))
            told.append(as_of(store, second(12)).dropped(keys))
            rebuild(store)
            told.append(store.dropped(keys))
    assert all(each == told[0] for each in told)
