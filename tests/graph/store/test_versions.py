"""Versions of datasets and jobs, and those that each run read and wrote, worked out of runs."""

from __future__ import annotations

import itertools
import json
from contextlib import closing
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from made_events import dataset, dataset_event, job_event, put, run_event, run_id, schema
from random_events import some_event

from graph import nodes, open_store
from graph.ingest import as_of, ingest, rebuild
from graph.nodes import NodeType
from graph.store import LineageReader, LineageStore
from graph.store.versions import CurrentVersion, DatasetVersion

ORDERS = nodes.dataset("ns", "orders").key
LOAD = nodes.job("ns", "load").key


def version(name: str) -> dict[str, Any]:
    return {"datasetVersion": name}


def lifecycle(change: str) -> dict[str, Any]:
    return {"lifecycleStateChange": change}


def second(number: int) -> datetime:
    return datetime(2026, 1, 1, 0, 0, number, tzinfo=UTC)


def wrote(run: str, begin: int, end: int, kind: str = "COMPLETE", **facets: Any) -> list[dict[str, Any]]:
    """A run of `load` that writes `orders`."""
    return [
        run_event(run, "START", begin, job="load", inputs=["raw"]),
        run_event(run, kind, end, job="load", outputs=[dataset("orders", **facets)]),
    ]


def read(run: str, begin: int, **facets: Any) -> dict[str, Any]:
    return run_event(run, "START", begin, job="report", inputs=[dataset("orders", **facets)])


def listed(store: LineageReader) -> list[str | None]:
    return [each.run_id for each in store.dataset_versions(ORDERS)]


def found_by(store: LineageReader, run: str) -> str | None:
    """Return the run that made the version of `orders` which a run found."""
    (used,) = (
        each for each in store.run_details([run_id(run)])[run_id(run)].inputs if each.dataset == ORDERS
    )
    return used.run_id


def test_each_run_that_wrote_a_dataset_made_a_version_of_it(store: LineageStore) -> None:
    put(
        store,
        *wrote("1", 0, 5, schema=schema("id"), lifecycleStateChange=lifecycle("CREATE")),
        *wrote("2", 10, 15, schema=schema("id", "total"), lifecycleStateChange=lifecycle("OVERWRITE")),
        *wrote("3", 20, 25, "FAIL"),
        *wrote("4", 30, 35),
    )
    latest, second_one, first = store.dataset_versions(ORDERS)
    assert [each.run_id for each in (first, second_one, latest)] == [run_id(name) for name in "124"]
    assert [each.at for each in (first, second_one, latest)] == [second(5), second(15), second(35)]
    assert [each.lifecycle for each in (first, second_one, latest)] == ["CREATE", "OVERWRITE", None]
    assert first.schema == schema("id")
    assert latest.schema == second_one.schema == schema("id", "total"), "nobody told another one since"
    assert latest.schema_version == second_one.schema_version != first.schema_version
    assert first.job == LOAD
    assert store.count_dataset_versions(ORDERS) == 3
    assert store.dataset_version(ORDERS, first.id) == first
    assert store.dataset_version(ORDERS, run_id("none")) is None
    assert store.dataset_versions(ORDERS, offset=1, limit=1) == [second_one]
    assert store.dataset_versions(ORDERS, offset=3) == []
    assert len({first.id, second_one.id, latest.id}) == 3


def test_a_run_reads_the_latest_version_that_was_there_when_it_began(store: LineageStore) -> None:
    put(
        store,
        read("early", 1),
        *wrote("1", 0, 5),
        read("a", 7),
        *wrote("2", 6, 9),
        read("b", 9),
        *wrote("3", 10, 11, "ABORT"),
        read("c", 12),
    )
    assert found_by(store, "early") is None, "the first one was not complete"
    assert found_by(store, "a") == run_id("1"), "the second one was not complete"
    assert found_by(store, "b") == run_id("2")
    assert found_by(store, "c") == run_id("2"), "who was stopped has written nothing"
    assert found_by(store, "early") is None
    told = {each.run_id: each.id for each in store.dataset_versions(ORDERS)}
    (used,) = store.run_details([run_id("c")])[run_id("c")].inputs
    assert used.id == told[run_id("2")]


def test_a_run_that_never_ends_has_a_version_from_its_first_event(store: LineageStore) -> None:
    put(
        store,
        run_event("stream", "START", 3, job="load", outputs=["orders"]),
        read("r", 4),
        run_event("stream", "RUNNING", 900, job="load", outputs=["orders"]),
    )
    assert found_by(store, "r") == run_id("stream")
    assert [each.at for each in store.dataset_versions(ORDERS)] == [second(3)]


def test_a_run_that_reads_what_it_writes_reads_the_version_before(store: LineageStore) -> None:
    put(
        store,
        *wrote("1", 0, 1),
        run_event("2", "COMPLETE", 5, job="merge", inputs=["orders"], outputs=["orders"]),
    )
    assert found_by(store, "2") == run_id("1")
    details = store.run_details([run_id("2")])[run_id("2")]
    assert [each.run_id for each in details.outputs] == [run_id("2")]
    assert details.outputs[0].id != details.inputs[0].id


def test_the_version_that_a_producer_names_is_the_one_that_was_read(store: LineageStore) -> None:
    put(
        store,
        *wrote("1", 0, 1, version=version("snapshot-1")),
        *wrote("2", 2, 3, version=version("snapshot-2")),
        read("travels", 5, version=version("snapshot-1")),
        read("unknown", 6, version=version("snapshot-0")),
        read("latest", 7),
    )
    versions = {each.told: each for each in store.dataset_versions(ORDERS)}
    details = store.run_details([run_id(name) for name in ("travels", "unknown", "latest")])
    used = {name: details[run_id(name)].inputs[0] for name in ("travels", "unknown", "latest")}
    assert (used["travels"].id, used["travels"].run_id) == (versions["snapshot-1"].id, run_id("1"))
    assert (used["latest"].id, used["latest"].told) == (versions["snapshot-2"].id, None)
    assert (used["unknown"].told, used["unknown"].run_id) == ("snapshot-0", None)
    assert used["unknown"].id not in {each.id for each in versions.values()}


HASH, OTHER = (f"bytes-sha256:{digit * 64}" for digit in "01")


@pytest.mark.parametrize(
    ("made", "found", "is_latest"),
    [
        (HASH, HASH, True),
        (HASH, OTHER, False),
        ("stat:1:2", "stat:1:2", True),
        ("stat:1:2", "stat:1:3", False),
        (HASH, "stat:1:2", True),
        ("stat:1:2", HASH, True),
        (f"table-sha256:{'0' * 64}", HASH, True),
        (None, HASH, True),
        (None, "stat:1:2", True),
        (None, "snapshot-1", False),
        ("snapshot-1", HASH, False),
    ],
)
def test_looks_of_two_kinds_are_not_held_against_each_other(
    store: LineageStore, made: str | None, found: str, is_latest: bool
) -> None:
    """A step that tells content hashes finds what a step made that tells size and time, and the reverse."""
    put(
        store,
        *wrote("1", 0, 1, version=version(made)) if made is not None else wrote("1", 0, 1),
        read("reader", 5, version=version(found)),
    )
    assert found_by(store, "reader") == (run_id("1") if is_latest else None)
    (used,) = store.run_details([run_id("reader")])[run_id("reader")].inputs
    assert used.told == found


def test_what_was_dropped_is_no_version_to_be_read(store: LineageStore) -> None:
    drop = dataset("orders", lifecycleStateChange=lifecycle("DROP"))
    put(
        store,
        *wrote("1", 0, 1),
        run_event("2", "COMPLETE", 5, job="drop", outputs=[drop]),
        {**dataset_event(6, "orders"), "dataset": drop},
        read("r", 7),
    )
    assert [each.lifecycle for each in store.dataset_versions(ORDERS)] == ["DROP", "DROP", None]
    assert found_by(store, "r") == run_id("1")


def test_a_failed_run_has_its_outputs_without_a_version(store: LineageStore) -> None:
    put(store, *wrote("1", 0, 1, "FAIL", schema=schema("x")))
    (details,) = store.run_details([run_id("1"), run_id("none")]).values()
    (output,) = details.outputs
    assert (output.dataset, output.id, output.run_id) == (ORDERS, None, None)
    assert output.facets == {"schema": schema("x")}
    assert details.job_version is None
    assert store.dataset_versions(ORDERS) == []


def test_what_a_run_said_is_the_union_of_its_events(store: LineageStore) -> None:
    put(
        store,
        run_event(
            "r",
            "START",
            0,
            job="load",
            inputs=[{**dataset("raw"), "inputFacets": {"inputStatistics": {"rowCount": 1}}}],
            run_facets={"nominalTime": {"nominalStartTime": "2026-01-01T00:00:00Z"}, "custom": {"a": 1}},
            job_facets={"documentation": {"description": "before"}},
        ),
        run_event(
            "r",
            "COMPLETE",
            9,
            job="load",
            outputs=[{**dataset("orders"), "outputFacets": {"outputStatistics": {"rowCount": 7}}}],
            run_facets={"custom": {"_deleted": True}},
            job_facets={"documentation": {"description": "after"}},
        ),
    )
    details = store.run_details([run_id("r")])[run_id("r")]
    assert details.facets == {"nominalTime": {"nominalStartTime": "2026-01-01T00:00:00Z"}}
    assert details.job_facets == {"documentation": {"description": "after"}}
    assert [each.own for each in details.inputs] == [{"inputStatistics": {"rowCount": 1}}]
    assert [each.own for each in details.outputs] == [{"outputStatistics": {"rowCount": 7}}]
    (made,) = store.dataset_versions(ORDERS)
    assert made.facets == {"outputStatistics": {"rowCount": 7}}


def test_dataset_events_that_say_the_same_describe_one_version(store: LineageStore) -> None:
    put(
        store,
        dataset_event(1, "orders", schema=schema("id")),
        dataset_event(9, "orders", schema=schema("id")),
        dataset_event(5, "orders", schema=schema("id", "total"), lifecycleStateChange=lifecycle("ALTER")),
        read("r", 6),
    )
    altered, first = store.dataset_versions(ORDERS)
    assert (altered.at, altered.lifecycle, altered.run_id) == (second(5), "ALTER", None)
    assert (first.at, first.schema) == (second(1), schema("id"))
    (used,) = store.run_details([run_id("r")])[run_id("r")].inputs
    assert used.id == altered.id


def code(url: str) -> dict[str, Any]:
    return {"sourceCodeLocation": {"type": "git", "url": url}}


def test_a_job_has_a_version_for_each_set_of_inputs_outputs_and_place_of_its_code(
    store: LineageStore,
) -> None:
    def run(
        name: str, time: int, outputs: list[str], url: str = "u", end: str = "COMPLETE"
    ) -> dict[str, Any]:
        return run_event(name, end, time, job="load", inputs=["a"], outputs=outputs, job_facets=code(url))

    put(
        store,
        run("1", 1, ["b"]),
        run("2", 2, ["b"]),
        run("3", 3, ["b", "c"]),
        run("4", 4, ["b"], "other"),
        run("5", 5, ["x"], end="FAIL"),
        run("6", 6, ["b"]),
        run_event("7", "START", 7, job="load"),
        job_event(8, job="load", inputs=["a"], outputs=["b"], job_facets=code("u")),
    )
    versions = store.job_versions(LOAD)
    a, b, c = (nodes.dataset("ns", name).key for name in "abc")
    told = [(each.inputs, each.outputs, each.location, each.latest_run) for each in versions]
    assert told == [
        ((a,), (b,), "u", run_id("6")),
        ((a,), (b,), "other", run_id("4")),
        ((a,), (b, c), "u", run_id("3")),
    ]
    assert (versions[0].first, versions[0].last) == (second(1), second(8))
    of_run = store.run_details([run_id(name) for name in "123456"])
    ids = [of_run[run_id(name)].job_version for name in "123456"]
    assert ids == [versions[place].id if place is not None else None for place in (0, 0, 2, 1, None, 0)]


EVENTS = [
    *wrote("1", 0, 5, schema=schema("id"), version=version("s1")),
    *wrote("2", 6, 9),
    *wrote("3", 10, 12, "FAIL"),
    read("a", 7),
    read("b", 20, version=version("s1")),
    dataset_event(8, "orders", schema=schema("id", "x")),
    run_event(
        "move",
        "COMPLETE",
        30,
        outputs=[
            dataset(
                "renamed",
                lifecycleStateChange={
                    **lifecycle("RENAME"),
                    "previousIdentifier": {"namespace": "ns", "name": "orders"},
                },
            )
        ],
    ),
    read("c", 40),
]


def everything(store: LineageReader) -> Any:
    """All that is told of versions."""
    known = dict(store.all_nodes([NodeType.DATASET, NodeType.JOB]))
    runs = [run.run_id for run in store.runs()]
    return (
        {known[key]: each for key, each in versions_of_all(store).items()},
        {node: store.job_versions(key) for key, node in known.items() if node.type is NodeType.JOB},
        store.run_details(runs),
    )


def versions_of_all(store: LineageReader) -> dict[int, list[DatasetVersion]]:
    """The versions of all datasets, of which the count and the current ones tell the same."""
    keys = [key for key, _ in store.all_nodes([NodeType.DATASET])]
    versions = {key: store.dataset_versions(key, limit=1000) for key in keys}
    assert {key: len(each) for key, each in versions.items()} == {
        key: store.count_dataset_versions(key) for key in keys
    }
    latest = {key: CurrentVersion(each[0].id, each[0].run_id) for key, each in versions.items() if each}
    assert store.current_versions(keys) == latest
    return versions


@pytest.mark.parametrize("seed", range(4))
def test_the_current_versions_of_many_are_the_latest_of_each(store: LineageStore, seed: int) -> None:
    random = Random(seed)
    counts = ingest(store, [json.dumps(some_event(random)).encode() for _ in range(60)])
    assert counts.accepted > 40
    assert any(versions_of_all(store).values())
    assert any(versions_of_all(as_of(store, second(20))).values())


def test_a_job_that_wrote_something_else_last_has_made_the_current_versions_of_both(
    store: LineageStore,
) -> None:
    other = [dataset("other", version=version("v7"))]
    put(
        store,
        *wrote("1", 0, 5),
        run_event("2", "COMPLETE", 10, job="load", outputs=other),
        run_event("3", "FAIL", 20, job="load", outputs=[dataset("orders")]),
        dataset_event(3, "other", documentation={"description": "told"}),
        run_event("4", "COMPLETE", 10, job="also", outputs=other),
    )
    versions = versions_of_all(store)
    assert store.current_versions([ORDERS])[ORDERS].run_id == run_id("1")
    assert len(versions[nodes.dataset("ns", "other").key]) == 3


def test_versions_depend_on_what_was_said_and_not_on_its_order(store: LineageStore) -> None:
    """Also after a rebuild, of which the numbers of runs are others; history goes with a new name."""
    put(store, *EVENTS)
    told = everything(store)
    renamed = nodes.dataset("ns", "renamed")
    assert [each.run_id for each in told[0][renamed]] == [
        run_id("move"),
        None,
        run_id("2"),
        run_id("1"),
    ]
    for seed in range(5):
        with closing(open_store(":memory:")) as other:
            put(other, *Random(seed).sample(EVENTS, len(EVENTS)))
            assert everything(other) == told
            rebuild(other)
            assert everything(other) == told


@pytest.mark.parametrize("time", [3, 8, 9, 25])
def test_as_of_tells_the_versions_that_were_known_then(store: LineageStore, time: int) -> None:
    """The same as a store that took nothing later; names are those of today, so none is renamed here."""
    events = EVENTS[:-2]
    put(store, *events)
    with closing(open_store(":memory:")) as other:
        put(other, *(event for event in events if event["eventTime"] <= f"2026-01-01T00:00:{time:02}Z"))
        assert everything(as_of(store, second(time))) == everything(as_of(other, second(time)))
        assert everything(as_of(other, second(time))) == everything(other)


def test_pages_of_versions_hold_each_once(store: LineageStore) -> None:
    put(store, *itertools.chain.from_iterable(wrote(str(n), 0, n + 1) for n in range(7)))
    whole = store.dataset_versions(ORDERS)
    pages = [store.dataset_versions(ORDERS, offset=start, limit=2) for start in range(0, 8, 2)]
    assert [each for page in pages for each in page] == whole
    assert len({each.id for each in whole}) == 7
