"""One dataset under several names: symlinks, and what was renamed. Whatever order events arrive in."""

from __future__ import annotations

import itertools
from contextlib import closing
from random import Random
from typing import Any

import pytest
from made_events import dataset, dataset_event, dump, edges, feeds, put, run_event, schema
from seeds import seeds

from graph import nodes, open_store
from graph.ingest import derive, rebuild
from graph.nodes import Node, NodeType
from graph.queries import downstream, impact
from graph.records import EdgeKind
from graph.store import LineageStore
from graph.store.queries import QueryFilter

HIVE = "hive://h:10000"


def linked(name: str, *others: str, **facets: Any) -> dict[str, Any]:
    """A dataset that has these further names in Hive."""
    identifiers = [{"namespace": HIVE, "name": other, "type": "TABLE"} for other in others]
    return dataset(name, symlinks={"identifiers": identifiers}, **facets)


def hive(name: str, **facets: Any) -> dict[str, Any]:
    return dataset(name, HIVE, **facets)


def renamed(name: str, before: str, **facets: Any) -> dict[str, Any]:
    previous = {"namespace": "ns", "name": before}
    return dataset(
        name,
        lifecycleStateChange={"lifecycleStateChange": "RENAME", "previousIdentifier": previous},
        **facets,
    )


def said(run: str, time: int, source: Any, target: Any, end: str = "COMPLETE") -> dict[str, Any]:
    return run_event(run, end, time, job=run, inputs=[source], outputs=[target])


def columns(**made_of: tuple[str, str, str]) -> dict[str, Any]:
    return {
        "fields": {
            column: {"inputFields": [dict(zip(("namespace", "name", "field"), source, strict=True))]}
            for column, source in made_of.items()
        }
    }


def datasets(store: LineageStore) -> set[str]:
    return {node.name for _, node in store.all_nodes([NodeType.DATASET])}


LINKED = [
    said("write", 0, "raw", linked("files", "db.t", schema=schema("x"))),
    said("read", 1, hive("db.t"), dataset("out", columnLineage=columns(y=(HIVE, "db.t", "x")))),
]


@pytest.mark.parametrize("events", list(itertools.permutations(LINKED)))
def test_events_that_name_a_dataset_by_either_name_meet_at_one_node(
    store: LineageStore, events: tuple[dict[str, Any], ...]
) -> None:
    for event in events:
        put(store, event)
    assert feeds(store) == {"raw -> files", "files -> out"}
    assert edges(store, EdgeKind.READS) == {"raw -> write", "files -> read"}
    assert edges(store, EdgeKind.FIELD) == {"files.x -> out.y"}
    assert datasets(store) == {"raw", "files", "out"}
    assert store.counts().datasets == 3
    assert store.counts().fields == 2
    assert {each.node.name for each in downstream(store, "raw").nodes} == {
        "raw",
        "files",
        "out",
        "write",
        "read",
    }
    asked_by_link = impact(store, f"datasetField:{HIVE}:db.t:x")
    assert asked_by_link.query["node"] == "datasetField:ns:files:x"
    assert "datasetField:ns:out:y" in {each.node.id for each in asked_by_link.nodes}


def test_a_symlink_that_two_datasets_claim_stands_for_neither(store: LineageStore) -> None:
    put(store, *LINKED)
    put(store, said("other", 2, "raw", linked("copy", "db.t")))
    assert feeds(store) == {"raw -> files", "raw -> copy", "db.t -> out"}
    assert edges(store, EdgeKind.FIELD) == {"db.t.x -> out.y"}
    put(store, dataset_event(3, "copy", symlinks={"_deleted": True}))
    assert feeds(store) == {"raw -> files", "raw -> copy", "files -> out"}
    assert edges(store, EdgeKind.FIELD) == {"files.x -> out.y"}


def test_names_that_claim_each_other_are_one_dataset(store: LineageStore) -> None:
    there = hive("db.t", symlinks={"identifiers": [{"namespace": "ns", "name": "files", "type": "LOCATION"}]})
    put(store, said("write", 0, "raw", linked("files", "db.t")), said("read", 1, there, "out"))
    assert feeds(store) == {"raw -> db.t", "db.t -> out"}


def test_a_symlink_of_a_symlink_leads_to_the_dataset(store: LineageStore) -> None:
    first = hive("db.t", symlinks={"identifiers": [{"namespace": "trino://t:1", "name": "c.db.t"}]})
    put(store, said("read", 0, dataset("c.db.t", "trino://t:1"), "out"), said("mid", 1, "raw", first))
    put(store, said("write", 2, "raw", linked("files", "db.t")))
    assert feeds(store) == {"raw -> files", "files -> out"}


def test_what_is_said_under_the_name_that_stands_for_a_dataset_comes_first(store: LineageStore) -> None:
    put(store, said("a", 5, hive("db.t", schema=schema("old"), documentation={"description": "said"}), "out"))
    put(store, said("b", 1, "raw", linked("files", "db.t", schema=schema("x"))))
    files = nodes.dataset("ns", "files")
    assert [each.field for each in store.fields(files)] == ["x"]
    assert store.facets([files.key], "documentation")[files.key] == {"description": "said"}


HISTORY = [
    said("first", 0, "raw", dataset("old", schema=schema("x"))),
    said("reader", 1, "old", dataset("report", columnLineage=columns(y=("ns", "old", "x")))),
    said("move", 10, "old", renamed("new", "old")),
    said("later", 20, "new", "mart"),
]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_renaming_keeps_the_history_joined(store: LineageStore, order: tuple[int, ...]) -> None:
    for place in order:
        put(store, HISTORY[place])
    assert feeds(store) == {"raw -> new", "new -> report", "new -> mart"}
    assert edges(store, EdgeKind.FIELD) == {"new.x -> report.y"}
    new = nodes.dataset("ns", "new")
    assert store.lookup(nodes.dataset("ns", "old")) == new
    assert store.named("old", [NodeType.DATASET]) == [new]
    assert [each.label for each in store.fields(new)] == ["new.x"]
    assert downstream(store, "old").as_json() == {
        **downstream(store, "new").as_json(),
        "query": downstream(store, "old").query,
    }
    assert store.writers([new.key])[new.key] == {nodes.job("ns", name).key for name in ("first", "move")}


def test_of_renames_in_a_row_the_last_name_stands_for_all(store: LineageStore) -> None:
    put(
        store,
        said("m2", 20, "b", renamed("c", "b")),
        said("w", 0, "raw", "a"),
        said("m1", 10, "a", renamed("b", "a")),
    )
    assert feeds(store) == {"raw -> c"}
    assert store.lookup(nodes.dataset("ns", "a")) == nodes.dataset("ns", "c")


def test_a_name_that_is_written_again_is_another_dataset(store: LineageStore) -> None:
    put(store, *HISTORY)
    put(store, said("late", 30, "old", "x"))
    assert "new -> x" in feeds(store), "who still reads by the old name reads the renamed dataset"
    put(store, said("again", 40, "raw", "old"))
    assert feeds(store) == {"raw -> old", "old -> new", "old -> report", "new -> mart", "old -> x"}
    assert store.lookup(nodes.dataset("ns", "old")) == nodes.dataset("ns", "old")


@pytest.mark.parametrize("end", ["FAIL", "ABORT"])
def test_a_run_that_did_not_complete_has_renamed_nothing(store: LineageStore, end: str) -> None:
    put(
        store,
        HISTORY[0],
        run_event("m", "START", 10, job="m", inputs=["old"], outputs=[renamed("new", "old")]),
    )
    assert store.lookup(nodes.dataset("ns", "old")) == nodes.dataset("ns", "new")
    put(store, run_event("m", end, 11, job="m"))
    assert store.lookup(nodes.dataset("ns", "old")) == nodes.dataset("ns", "old")
    assert feeds(store) == {"raw -> old"}


def test_a_dataset_event_renames_too(store: LineageStore) -> None:
    put(store, HISTORY[0], {**dataset_event(10, "new"), "dataset": renamed("new", "old")})
    assert feeds(store) == {"raw -> new"}


def some_entity(random: Random) -> dict[str, Any]:
    name, chance = random.choice("abcd"), random.random()
    facets = {"schema": schema(*random.sample("xyz", 2))} if random.random() < 0.4 else {}
    if random.random() < 0.3:
        facets["columnLineage"] = columns(
            **{random.choice("xyz"): ("ns", random.choice("abcd"), random.choice("xyz"))}
        )
    if chance < 0.2:
        return linked(name, *random.sample(["t", "u", "v"], random.randint(0, 2)), **facets)
    if chance < 0.35:
        return hive(random.choice("tuv"), **facets)
    if chance < 0.55:
        return renamed(name, random.choice("abcd"), **facets)
    return dataset(name, **facets)


def some_event(random: Random) -> dict[str, Any]:
    if random.random() < 0.1:
        return {**dataset_event(random.randint(0, 9), "x"), "dataset": some_entity(random)}
    sql = {
        "sql": {
            "query": random.choice(["insert into a select x from b", "insert into c (z) select y from d"])
        }
    }
    return run_event(
        f"r{random.randint(0, 9)}",
        random.choice(["START", "COMPLETE", "COMPLETE", "FAIL"]),
        random.randint(0, 9),
        job=random.choice("jk"),
        inputs=[some_entity(random) for _ in range(random.randint(0, 2))],
        outputs=[some_entity(random) for _ in range(random.randint(0, 2))],
        job_facets=sql if random.random() < 0.3 else {},
    )


@pytest.mark.parametrize("seed", seeds(5, 16, 80))
def test_names_depend_on_what_was_said_and_not_on_its_order(seed: int) -> None:
    """Symlinks that come and go, renames, names that are used again; and a rebuild."""
    random = Random(seed)
    events = list({str(event): event for event in (some_event(random) for _ in range(40))}.values())
    dumps = []
    for _ in range(3):
        with closing(open_store(":memory:")) as store:
            for event in random.sample(events, len(events)):
                put(store, event)
                if random.random() < 0.2:
                    derive(store)
            derive(store)
            dumps.append(named_dump(store))
            rebuild(store)
            derive(store)
            dumps.append(named_dump(store))
    assert all(each == dumps[0] for each in dumps)
    joined = [node for node, found in dumps[0]["names"].items() if found not in (None, node)]
    assert joined or seed >= 6, "of some seeds all names are used again"


def named_dump(store: LineageStore) -> dict[str, Any]:
    asked = [
        nodes.dataset(*of) for of in [*(("ns", name) for name in "abcd"), *((HIVE, name) for name in "tuv")]
    ]
    found: dict[Node, Node | None] = {node: store.lookup(node) for node in asked}
    counts = store.counts()
    return {
        **dump(store),
        "names": found,
        "heard": store.last_heard([node.key for node in asked]),
        "counts": (counts.datasets, counts.fields, counts.edges),
        "queries": store.queries(QueryFilter(entities=tuple(node.key for node in asked))),
    }
