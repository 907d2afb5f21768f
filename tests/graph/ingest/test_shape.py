"""What events claim: lineage facets, column lineage, schemas, names."""

from __future__ import annotations

from typing import Any

from made_events import dataset, dataset_event, edges, feeds, job_event, put, run_event, schema

from graph import nodes
from graph.nodes import NodeType
from graph.records import EdgeKind, Transformation
from graph.store import LineageStore


def source(name: str, field: str | None = None, **more: Any) -> dict[str, Any]:
    named = {"namespace": "ns", "name": name, "type": "DATASET", **more}
    return named if field is None else {**named, "field": field}


def column_lineage(**fields: list[dict[str, Any]]) -> dict[str, Any]:
    return {"fields": {name: {"inputFields": inputs} for name, inputs in fields.items()}}


def field_edges(store: LineageStore) -> dict[str, set[Transformation | None]]:
    found: dict[str, set[Transformation | None]] = {}
    for edge in store.edges(EdgeKind.FIELD):
        ends = store.nodes([edge.source, edge.target])
        name = f"{ends[edge.source].label} -> {ends[edge.target].label}"
        found.setdefault(name, set()).add(edge.transformation)
    return found


def test_column_lineage_gives_field_edges_with_their_transformations(store: LineageStore) -> None:
    how = [{"type": "DIRECT", "subtype": "AGGREGATION", "description": "sum(x)", "masking": True}]
    facet = column_lineage(y=[source("a", "x", transformations=how), source("a", "z")])
    put(store, run_event("r", "COMPLETE", 0, inputs=["a"], outputs=[dataset("b", columnLineage=facet)]))
    assert field_edges(store) == {
        "a.x -> b.y": {Transformation("DIRECT", "AGGREGATION", "sum(x)", masking=True)},
        "a.z -> b.y": {None},
    }


def test_the_deprecated_words_of_column_lineage_are_understood(store: LineageStore) -> None:
    facet = column_lineage(y=[source("a", "x")])
    facet["fields"]["y"] |= {"transformationType": "MASKED", "transformationDescription": "hashed"}
    put(store, run_event("r", "COMPLETE", 0, outputs=[dataset("b", columnLineage=facet)]))
    assert field_edges(store) == {"a.x -> b.y": {Transformation("", "MASKED", "hashed", masking=True)}}


def test_what_concerns_a_whole_dataset_concerns_every_known_field_of_it(store: LineageStore) -> None:
    facet = column_lineage(y=[source("a", "x")])
    facet["dataset"] = [source("a", "day", transformations=[{"type": "INDIRECT", "subtype": "FILTER"}])]
    output = dataset("b", columnLineage=facet, schema=schema("y", "z"))
    put(store, run_event("r", "COMPLETE", 0, outputs=[output]))
    filtered = Transformation("INDIRECT", "FILTER")
    assert field_edges(store) == {
        "a.x -> b.y": {None},
        "a.day -> b.y": {filtered},
        "a.day -> b.z": {filtered},
    }


def test_a_dataset_known_only_from_column_lineage_makes_no_dataset_edge(store: LineageStore) -> None:
    facet = column_lineage(y=[source("seed", "x")])
    put(store, run_event("r", "COMPLETE", 0, inputs=["a"], outputs=[dataset("b", columnLineage=facet)]))
    assert feeds(store) == {"a -> b"}
    assert store.lookup(nodes.dataset("ns", "seed")) == nodes.dataset("ns", "seed")


def test_a_lineage_facet_stands_instead_of_product_and_column_lineage(store: LineageStore) -> None:
    entries = [
        {**source("c"), "inputs": [source("a")], "fields": {"y": {"inputs": [source("a", "x")]}}},
        {**source("d"), "fields": {"y": {"inputs": [source("b", "x"), source("b2")]}}},
    ]
    ignored = column_lineage(y=[source("b", "wrong")])
    put(
        store,
        run_event(
            "r",
            "COMPLETE",
            0,
            inputs=["a", "b", "b2"],
            outputs=[dataset("c", columnLineage=ignored), "d", "e"],
            job_facets={"lineage": {"entries": entries}},
        ),
    )
    assert feeds(store) == {"a -> c", "b -> d", "b2 -> d"}
    assert field_edges(store).keys() == {"a.x -> c.y", "b.x -> d.y"}
    assert edges(store, EdgeKind.WRITES) == {"job -> c", "job -> d", "job -> e"}


def test_a_lineage_facet_at_the_end_of_a_run_settles_what_its_start_listed(store: LineageStore) -> None:
    facet = {"lineage": {"entries": [{**source("c"), "inputs": [source("a")]}]}}
    put(store, run_event("r", "START", 0, inputs=["a", "b"], outputs=["c", "d"]))
    assert feeds(store) == {"a -> c", "b -> c", "a -> d", "b -> d"}
    put(store, run_event("r", "COMPLETE", 1, inputs=["a", "b"], outputs=["c", "d"], job_facets=facet))
    assert feeds(store) == {"a -> c"}


def test_a_lineage_facet_with_no_inputs_says_that_there_are_none(store: LineageStore) -> None:
    facet = {"lineage": {"entries": [{**source("c"), "inputs": []}]}}
    put(store, run_event("r", "COMPLETE", 0, inputs=["a"], outputs=["c"], job_facets=facet))
    assert feeds(store) == set()
    assert edges(store, EdgeKind.READS) == {"a -> job"}


def test_a_field_that_decides_over_a_whole_dataset_is_an_indirect_edge(store: LineageStore) -> None:
    inputs = [source("a"), source("a", "day")]
    facet = {"lineage": {"entries": [{**source("c"), "inputs": inputs}]}}
    output = dataset("c", schema=schema("y"))
    put(store, run_event("r", "COMPLETE", 0, inputs=["a"], outputs=[output], job_facets=facet))
    assert field_edges(store) == {"a.day -> c.y": {Transformation("INDIRECT")}}
    assert feeds(store) == {"a -> c"}


def test_a_lineage_facet_names_jobs_at_either_end(store: LineageStore) -> None:
    other = {"namespace": "ns", "name": "other", "type": "JOB"}
    entries = [
        {"type": "JOB", "inputs": [source("a"), other]},
        {**other, "inputs": [source("b")]},
        {**source("c"), "inputs": [{"type": "JOB"}, source("a")]},
        {**source("d"), "inputs": [other]},
    ]
    put(store, job_event(0, job_facets={"lineage": {"entries": entries}}))
    assert edges(store, EdgeKind.READS) == {"a -> job", "b -> other"}
    assert edges(store, EdgeKind.WRITES) == {"job -> c", "job -> d", "other -> d"}
    assert feeds(store) == {"a -> c"}
    assert {edge.job for edge in store.edges(EdgeKind.READS)} == {
        nodes.job("ns", "job").key,
        nodes.job("ns", "other").key,
    }


def test_a_lineage_facet_may_stand_on_the_dataset(store: LineageStore) -> None:
    facet = {"inputs": [source("a")], "fields": {"y": {"inputs": [source("a", "x")]}}}
    put(store, run_event("r", "COMPLETE", 0, inputs=["a", "b"], outputs=[dataset("c", lineage=facet)]))
    put(store, dataset_event(0, "d", lineage=facet))
    assert feeds(store) == {"a -> c", "a -> d"}
    assert field_edges(store).keys() == {"a.x -> c.y", "a.x -> d.y"}


def test_fields_come_in_schema_order_and_then_those_that_only_lineage_names(store: LineageStore) -> None:
    nested = {"fields": [{"name": "z"}, {"name": "s", "fields": [{"name": "inner"}]}, {"name": "b"}]}
    facet = column_lineage(q=[source("a", "x")], c=[source("a", "x")], z=[source("a", "x")])
    put(store, run_event("r", "START", 0, outputs=[dataset("t", schema=schema("gone", "z"))]))
    put(store, run_event("r", "COMPLETE", 9, outputs=[dataset("t", schema=nested, columnLineage=facet)]))
    names = [node.field for node in store.fields(nodes.dataset("ns", "t"))]
    assert names == ["z", "s", "s.inner", "b", "c", "q"]
    assert [node.field for node in store.fields(nodes.dataset("ns", "a"))] == ["x"]


def test_one_dataset_in_several_spellings_is_one_node_that_all_of_them_find(store: LineageStore) -> None:
    written = {"namespace": "s3a://lake", "name": "/raw/orders/"}
    read = {"namespace": "s3://lake", "name": "raw/orders"}
    put(store, run_event("w", "COMPLETE", 0, job="w", inputs=["a"], outputs=[written]))
    put(store, run_event("r", "COMPLETE", 0, job="r", inputs=[read], outputs=["b"]))
    assert feeds(store) == {"a -> raw/orders", "raw/orders -> b"}
    found = nodes.dataset("s3://lake", "raw/orders")
    assert store.lookup(nodes.dataset("s3a://lake", "/raw/orders/")) == found
    assert store.named("/raw/orders/", [NodeType.DATASET]) == [found]
    assert store.named("orders", [NodeType.DATASET]) == [found]


def test_a_symlink_finds_its_dataset_until_the_facet_changes(store: LineageStore) -> None:
    def linked(time: int, *names: str) -> dict[str, Any]:
        identifiers = [{"namespace": "hive://h:10000", "name": name, "type": "TABLE"} for name in names]
        return dataset_event(time, "files", symlinks={"identifiers": identifiers})

    target = nodes.dataset("ns", "files")
    put(store, linked(10, "db.old", "db.kept"))
    assert store.lookup(nodes.dataset("hive://h:10000", "db.old")) == target
    put(store, linked(20, "db.kept"), linked(5, "db.older"))
    assert store.lookup(nodes.dataset("hive://h:10000", "db.kept")) == target
    assert store.lookup(nodes.dataset("hive://h:10000", "db.old")) is None
    assert store.named("kept", [NodeType.DATASET]) == [target]
    put(store, run_event("r", "COMPLETE", 0, inputs=[{"namespace": "hive://h:10000", "name": "db.kept"}]))
    assert store.lookup(nodes.dataset("hive://h:10000", "db.kept")) == target
    assert store.named("kept", [NodeType.DATASET]) == [target]
    assert edges(store, EdgeKind.READS) == {"files -> job"}


def test_a_field_is_found_under_an_alias_of_its_dataset(store: LineageStore) -> None:
    written = {"namespace": "s3a://lake", "name": "t", "facets": {"schema": schema("x")}}
    put(store, run_event("w", "COMPLETE", 0, outputs=[written]))
    found = store.lookup(nodes.field("s3a://lake", "t", "x"))
    assert found == nodes.field("s3://lake", "t", "x")
    assert store.lookup(nodes.field("s3a://lake", "t", "y")) is None


def test_malformed_facets_say_nothing_and_hurt_nothing(store: LineageStore) -> None:
    broken: list[Any] = [None, 3, "x", [], {}, {"fields": 3}, {"fields": {"y": None}}, {"fields": [None, {}]}]
    broken += [{"fields": {"y": {"inputFields": [{"namespace": "ns"}, None]}}, "dataset": {}}]
    for number, facet in enumerate(broken):
        facets = {"columnLineage": facet, "schema": facet, "symlinks": facet}
        put(store, run_event("r", "RUNNING", number, inputs=["a"], outputs=[dataset("b", **facets)]))
    assert feeds(store) == {"a -> b"}
    put(
        store,
        run_event("l", "COMPLETE", 0, job="l", job_facets={"lineage": {"entries": [None, {}, {"type": 3}]}}),
    )
    assert field_edges(store) == {}


def test_column_lineage_beside_a_lineage_facet_is_ignored_even_where_the_facet_names_no_fields(
    store: LineageStore,
) -> None:
    facet = {"lineage": {"entries": [{**source("c"), "inputs": [source("a")]}]}}
    output = dataset("c", columnLineage=column_lineage(y=[source("b", "x")]))
    put(store, run_event("r", "COMPLETE", 0, inputs=["a", "b"], outputs=[output], job_facets=facet))
    assert field_edges(store) == {}
    assert feeds(store) == {"a -> c"}
