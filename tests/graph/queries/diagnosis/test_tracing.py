"""The way from a metric to its sources: by fields where column lineage is known, else by datasets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from made_events import put, run_event

from graph import open_store
from graph.errors import AmbiguousNameError, InvalidQueryError, UnknownNameError
from graph.nodes import field
from graph.queries import diagnose_metric
from graph.queries.diagnosis import Diagnosis

Store = Callable[..., Any]


def made(name: str, **columns: Iterable[str]) -> dict[str, Any]:
    """Return an output whose columns are made from `dataset.column` names; `?` marks an INDIRECT one."""
    fields = {}
    for column, sources in columns.items():
        inputs = []
        for source in sources:
            table, _, origin = source.removeprefix("?").rpartition(".")
            how = {"type": "INDIRECT", "subtype": "FILTER"} if source[0] == "?" else {"type": "DIRECT"}
            inputs.append({"namespace": "ns", "name": table, "field": origin, "transformations": [how]})
        fields[column] = {"inputFields": inputs}
    facets = {"columnLineage": {"fields": fields}} if fields else {}
    schema = {"fields": [{"name": column, "type": "int"} for column in columns]}
    return {"namespace": "ns", "name": name, "facets": {**facets, **({"schema": schema} if columns else {})}}


@pytest.fixture
def told() -> Any:
    stores = []

    def build(*jobs: tuple[str, Iterable[str], Any]) -> Any:
        store = open_store(":memory:")
        stores.append(store)
        events = [
            run_event(job, "COMPLETE", number, job=job, inputs=reads, outputs=[writes])
            for number, (job, reads, writes) in enumerate(jobs)
        ]
        put(store, *events)
        return store

    yield build
    for store in stores:
        store.close()


def distances(found: Diagnosis) -> dict[str, int]:
    return {
        each.node.label: each.distance for each in found.answer.nodes if each.node.type.value == "DATASET"
    }


def test_a_field_is_followed_over_all_hops_and_other_fields_are_not(told: Store) -> None:
    """DD-15: transitive, with DIRECT and INDIRECT steps; a source to which two ways lead is named once."""
    store = told(
        ("load", ["src"], made("raw", a=["src.a"], b=["src.b"], c=["src.c"])),
        ("left", ["raw"], made("left", a=["raw.a"])),
        ("right", ["raw", "other"], made("right", a=["raw.a", "?raw.b"], z=["other.z"])),
        ("mart", ["left", "right"], made("mart", total=["left.a", "right.a"], z=["right.z"])),
    )
    found = diagnose_metric(store, "mart.total")
    assert distances(found) == {"mart": 0, "left": 1, "right": 1, "raw": 2, "src": 3}
    ids = [each.node.id for each in found.answer.nodes]
    assert len(ids) == len(set(ids))
    assert {each.node.label for each in found.answer.nodes if each.node.field} == {
        *("mart.total", "left.a", "right.a", "raw.a", "raw.b", "src.a", "src.b"),
    }
    how = {
        (edge.source.label, edge.target.label): [each.type for each in edge.transformations]
        for edge in found.answer.edges
        if edge.kind.name == "FIELD"
    }
    assert how["raw.b", "right.a"] == ["INDIRECT"]
    assert how["raw.a", "right.a"] == ["DIRECT"]
    assert found.notes == ()


def test_where_column_lineage_is_unknown_the_trace_goes_on_by_datasets_and_says_so(told: Store) -> None:
    """DD-15: missing lineage is reported, and what lies behind it is not lost."""
    store = told(
        ("load", ["src"], made("raw")),
        ("blind", ["raw", "side"], made("middle")),
        ("mart", ["middle"], made("mart", total=["middle.a"])),
    )
    found = diagnose_metric(store, "mart.total")
    assert distances(found) == {"mart": 0, "middle": 1, "raw": 2, "side": 2, "src": 3}
    assert found.notes == (
        "the column lineage of middle by blind is not known: from there on whole datasets are traced",
    )


def test_a_field_that_column_lineage_leaves_out_is_followed_by_datasets(told: Store) -> None:
    store = told(("mart", ["raw"], made("mart", total=["raw.a"], rows=[])))
    found = diagnose_metric(store, "mart.rows")
    assert distances(found) == {"mart": 0, "raw": 1}
    assert found.notes == (
        "no column lineage says what mart.rows is made from by mart: from there on whole datasets are traced",
    )


def test_from_whole_datasets_column_lineage_leads_on_where_nothing_else_does(told: Store) -> None:
    """As with dbt's staging models: only their columns say what they read."""
    store = told(
        ("stage", [], made("stage", a=["seed.a"])),
        ("blind", ["stage"], made("mart")),
    )
    assert distances(diagnose_metric(store, "mart")) == {"mart": 0, "stage": 1, "seed": 2}


def test_a_dataset_alone_is_traced_whole(told: Store) -> None:
    store = told(("mart", ["raw", "side"], made("mart", total=["raw.a"])))
    assert distances(diagnose_metric(store, "mart")) == {"mart": 0, "raw": 1, "side": 1}
    assert distances(diagnose_metric(store, "mart.total")) == {"mart": 0, "raw": 1}


def test_a_circle_ends(told: Store) -> None:
    store = told(
        ("one", ["b"], made("a", x=["b.x"])),
        ("two", ["a"], made("b", x=["a.x"])),
    )
    assert distances(diagnose_metric(store, "a.x")) == {"a": 0, "b": 1}
    assert distances(diagnose_metric(store, "a")) == {"a": 0, "b": 1}


def test_a_chain_of_thousands_is_traced(told: Store) -> None:
    """Longer than Python calls go deep, by fields and by datasets."""
    length = 1_200
    jobs = [(f"j{n}", [f"t{n}"], made(f"t{n + 1}", x=[f"t{n}.x"])) for n in range(length)]
    store = told(*jobs)
    assert distances(diagnose_metric(store, f"t{length}.x"))["t0"] == length
    assert distances(diagnose_metric(store, f"t{length}"))["t0"] == length


def test_a_metric_is_named_in_every_way(told: Store) -> None:
    store = told(("mart", ["raw"], made("mart", total=["raw.a"])))
    named = field("ns", "mart", "total")
    asked = [diagnose_metric(store, name) for name in ("mart.total", named, named.id, ("mart", "total"))]
    asked.append(diagnose_metric(store, ("ns", "mart.total")))
    assert {each.answer.query["node"] for each in asked} == {named.id}
    assert diagnose_metric(store, ("ns", "mart")).answer.query["node"] == "dataset:ns:mart"


def test_a_name_that_is_none_is_told(told: Store) -> None:
    store = told(("mart", ["raw"], made("mart", total=["raw.a"])))
    with pytest.raises(UnknownNameError, match=r"mart\.totals"):
        diagnose_metric(store, ("mart", "totals"))
    with pytest.raises(UnknownNameError):
        diagnose_metric(store, "nothing")
    with pytest.raises(InvalidQueryError):
        diagnose_metric(store, ("a", "b", "c"))
    put(store, run_event("x", "COMPLETE", 9, outputs=["one/same", "two/same"]))
    with pytest.raises(AmbiguousNameError):
        diagnose_metric(store, "same")
