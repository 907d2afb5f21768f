"""Events of several versions of the specification and of facets in one store."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Any

import pytest
from made_events import dataset, dump, edges, put, run_event, schema

from graph import open_store
from graph.ingest import derive, ingest, rebuild
from graph.nodes import dataset as dataset_node
from graph.queries import columns
from graph.records import EdgeKind
from graph.store import LineageStore
from graph.store.queries import QueryFilter

SPEC = "https://openlineage.io/spec"
OLD, NEW, NEXT = "1-0-0", "2-0-2", "9-0-0"


def versioned(event: dict[str, Any], version: str) -> dict[str, Any]:
    return {**event, "schemaURL": f"{SPEC}/{version}/OpenLineage.json#/$defs/RunEvent"}


def facet(name: str, version: str, **content: Any) -> dict[str, Any]:
    url = f"{SPEC}/facets/{version}/{name}.json#/$defs/{name}"
    return {"_producer": "https://example.com/tests", "_schemaURL": url, **content}


def made_from(version: str) -> dict[str, Any]:
    """Return how `total` is made from `amount`, as a version of the columnLineage facet has it."""
    source: dict[str, Any] = {"namespace": "ns", "name": "orders", "field": "amount"}
    field: dict[str, Any] = {"inputFields": [source]}
    if version == "1-0-0":  # a text for the whole field, which later versions still allow
        field |= {"transformationType": "MASKED", "transformationDescription": "sum(amount)"}
    else:
        source["transformations"] = [
            {"type": "", "subtype": "MASKED", "description": "sum(amount)", "masking": True}
        ]
    if version == "9-0-0":
        field["confidence"] = {"score": 0.9}
        source["since"] = "2031-01-01"
    return facet("ColumnLineageDatasetFacet", version, fields={"total": field})


def revenue(version: str, spec: str, *, job: str = "job", time: int = 1) -> dict[str, Any]:
    output = dataset("revenue", columnLineage=made_from(version))
    return versioned(
        run_event(f"{job}{version}{time}", "COMPLETE", time, job=job, inputs=["orders"], outputs=[output]),
        spec,
    )


def test_facets_of_every_version_stand_in_one_store_and_say_the_same(store: LineageStore) -> None:
    """PV-37: how a column is made is read from the facets of all versions, each kept as it came."""
    events = [
        revenue(version, spec, job=f"job {version}", time=place)
        for place, (version, spec) in enumerate((("1-0-0", OLD), ("1-2-0", NEW), ("9-0-0", NEXT)))
    ]
    put(store, *events)
    assert [json.loads(body) for _, body in store.bodies()] == events
    (edge,) = columns(store, "revenue").edges
    assert len(edge.jobs) == 3
    assert {(one.subtype, one.description, one.masking) for one in edge.transformations} == {
        ("MASKED", "sum(amount)", True)
    }
    before = dump(store)
    rebuild(store)
    assert dump(store) == before


def extended(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event as a later version may have it: with more everywhere, and a facet nobody knows."""
    later = versioned(json.loads(json.dumps(event)), NEXT)
    later["priority"] = {"level": 3}
    later["run"]["attempt"] = 2
    later["job"]["kind"] = "nightly"
    later["outputs"][0]["branch"] = "main"
    later["outputs"][0]["facets"]["futureFacet"] = facet("FutureDatasetFacet", "1-0-0", anything=[1, None])
    for column in later["outputs"][0]["facets"]["schema"]["fields"]:
        column["nullable"] = False
    return later


@pytest.mark.parametrize("later_first", [True, False])
def test_this_reader_understands_what_later_versions_add_to(store: LineageStore, later_first: bool) -> None:
    """PV-36: a reader of now and events of a later version: what it knows it reads, the rest it keeps."""
    output = dataset("revenue", schema=schema("day", "total"))
    now = run_event("now", "COMPLETE", 1, inputs=["orders"], outputs=[output])
    later = extended(run_event("later", "COMPLETE", 2, inputs=["orders"], outputs=[output]))
    put(store, *([later, now] if later_first else [now, later]))
    assert sorted(json.loads(body)["eventTime"] for _, body in store.bodies()) == [
        now["eventTime"],
        later["eventTime"],
    ]
    assert later in [json.loads(body) for _, body in store.bodies()]
    assert edges(store, EdgeKind.FEEDS) == {"orders -> revenue"}
    assert [node.field for node in store.fields(dataset_node("ns", "revenue"))] == ["day", "total"]
    with closing(open_store(":memory:")) as fresh:
        put(
            fresh, now, versioned(run_event("later", "COMPLETE", 2, inputs=["orders"], outputs=[output]), NEW)
        )
        assert dump(fresh)["edges"] == dump(store)["edges"]
        assert dump(fresh)["runs"] == dump(store)["runs"]


def test_events_of_the_first_version_are_read(store: LineageStore) -> None:
    """PV-36: a reader of now and old events: no eventType, no schemaURL, lists that are null."""
    old = run_event("old", "COMPLETE", 1, inputs=["orders"], outputs=["revenue"])
    bare = run_event("bare", None, 2, inputs=["orders"], outputs=None)
    del bare["schemaURL"], bare["eventType"]
    put(store, versioned(old, OLD), bare)
    assert edges(store, EdgeKind.FEEDS) == {"orders -> revenue"}
    assert len(store.runs()) == 2


def statements(version: int) -> dict[str, Any]:
    """Return our facet of statements as version 1 has it, or as a later one may."""
    one = {"query": "INSERT INTO s.b (x) SELECT y FROM s.a", "dialect": "postgres"}
    one |= {"namespace": "postgres://h:5432", "database": "db"}
    return {"statements": [one if version == 1 else {**one, "warehouse": "XL"}]} | (
        {} if version == 1 else {"read": "2031-01-01"}
    )


def queried(version: int) -> dict[str, Any]:
    counts = {"count": 2, "totalDurationMs": 1.5, "maxDurationMs": 1.0}
    entry = {"fingerprint": "sha256:" + "a" * 64, "counts": counts, "statement": 0, "operation": "load"}
    if version > 1:
        counts["spilledBytes"] = 7
        entry["plan"] = {"hash": "x"}
    return {"service": "s", "environment": "e", "queries": [entry], "total": counts}


def test_facets_of_ours_of_every_version_count_together(store: LineageStore) -> None:
    """PV-36, PV-37: what a later release adds to our facets neither hides nor changes what this one knows."""
    events = [
        run_event(
            f"r{version}",
            "COMPLETE",
            version,
            run_facets={"lineageGraph_queryAttribution": queried(version)},
            job_facets={"lineageGraph_statements": statements(version)},
        )
        for version in (1, 2)
    ]
    put(store, *events)
    derive(store)
    assert edges(store, EdgeKind.FIELD) == {"db.s.a.y -> db.s.b.x"}
    (query,) = {each.kind.fingerprint for each in store.queries(QueryFilter())}
    assert query == "sha256:" + "a" * 64
    assert sum(each.counts.count for each in store.queries(QueryFilter())) == 4
    assert [json.loads(body) for _, body in store.bodies()] == events
    assert ingest(store, [body for _, body in store.bodies()]).duplicate == 2
