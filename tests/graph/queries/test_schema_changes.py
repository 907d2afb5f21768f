from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_events import dataset as made
from made_events import put, run_event

from graph import open_store
from graph.errors import InvalidQueryError, UnknownNameError
from graph.nodes import Node, dataset, field, job
from graph.queries import Add, Drop, Impact, Rename, Retype, impact, impact_of_changes
from graph.queries.schema_changes import Change, check_changes
from graph.queries.schema_comparison import schema_difference

Build = Callable[..., Any]

HERE = dataset("ns", "a")
KNOWN = ["id", "name", "address", "address.city"]


@pytest.mark.parametrize(
    ("after", "renames", "changes"),
    [
        ({"id": "INTEGER", "name": "text"}, [], []),
        ({"name": "text"}, [], [Drop("id")]),
        ({"id": "int", "name": "text", "x": None}, [], [Add("x")]),
        ({"id": "bigint", "name": "text"}, [], [Retype("id", "bigint")]),
        ({"id": None, "name": "int"}, [], [Retype("name", "int")]),
        ({"key": "int", "name": "text"}, [], [Drop("id"), Add("key", "int")]),
        ({"key": "int", "name": "text"}, [("id", "key")], [Rename("id", "key")]),
        ({"key": "text", "name": "text"}, [("id", "key")], [Rename("id", "key"), Retype("id", "text")]),
        (
            {"name": "int", "id": "text"},
            [("id", "name"), ("name", "id")],
            [Rename("id", "name"), Rename("name", "id")],
        ),
        ({"name": "int"}, [("id", "name")], [Rename("id", "name"), Drop("name")]),
    ],
)
def test_schemas_differ_by_what_was_dropped_added_renamed_and_retyped(
    after: dict[str, str | None], renames: list[tuple[str, str]], changes: list[Change]
) -> None:
    """DD-21: a rename shows as a drop and an add unless it is said."""
    before = {"id": "int4", "name": "text"}

    assert schema_difference(before, after, [Rename(*each) for each in renames]) == changes


def test_what_is_nested_goes_and_comes_with_what_it_is_nested_in() -> None:
    nested = {"address": "struct", "address.city": "text", "address_line": "text"}

    assert schema_difference(nested, {"address_line": "text"}) == [Drop("address")]
    assert schema_difference({"address_line": "text"}, nested) == [Add("address", "struct")]
    assert schema_difference(nested, {"address": "struct", "address_line": "text"}) == [Drop("address.city")]
    moved = {"home": "struct", "home.city": "int", "address_line": "text"}
    assert schema_difference(nested, moved, [Rename("address", "home")]) == [
        Rename("address", "home"),
        Retype("address.city", "int"),
    ]


@pytest.mark.parametrize(
    ("after", "said"),
    [
        ({"id": "int", "name": "text"}, "id is renamed to key, which the new schema does not have"),
        ({"id": "int", "key": "int"}, "id is renamed to key, and the new schema still has id"),
    ],
)
def test_a_rename_that_the_schema_does_not_bear_out_is_an_error(after: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidQueryError, match=said):
        schema_difference({"id": "int", "name": "text"}, after, [Rename("id", "key")])


@pytest.mark.parametrize(
    "changes",
    [
        [Drop("id"), Drop("id")],
        [Rename("id", "key"), Retype("id", "text")],
        [Rename("id", "name"), Rename("name", "id")],
        [Drop("name"), Rename("id", "name")],
        [Drop("name"), Add("key")],
        [],
    ],
    ids=str,
)
def test_changes_that_go_together_are_taken_each_once(changes: list[Change]) -> None:
    assert check_changes(HERE, KNOWN, KNOWN, changes) == list(dict.fromkeys(changes))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            [Drop("id"), Rename("id", "key")],
            "id cannot change in two ways at once: drop id and rename id to key",
        ),
        ([Drop("id"), Retype("id", "text")], "id cannot change in two ways"),
        ([Rename("id", "a"), Rename("id", "b")], "id cannot change in two ways"),
        ([Retype("id", "a"), Retype("id", "b")], "id cannot change in two ways"),
        ([Rename("id", "name")], "there is a field called name already"),
        ([Rename("id", "x"), Rename("name", "x")], "there is a field called x already"),
        ([Rename("id", "x"), Add("x")], "there is a field called x already"),
        ([Add("id")], "there is a field called id already"),
        ([Add("")], "the new name is empty"),
    ],
    ids=str,
)
def test_changes_that_contradict_each_other_are_an_error(changes: list[Change], said: str) -> None:
    with pytest.raises(InvalidQueryError, match=said):
        check_changes(HERE, KNOWN, KNOWN, changes)


def test_an_unknown_field_is_named_with_the_nearest_ones() -> None:
    """DD-21: as a name that is written nearly right."""
    with pytest.raises(UnknownNameError) as error:
        check_changes(HERE, KNOWN, KNOWN, [Drop("address.citi")])

    assert error.value.name == "a.address.citi"
    assert error.value.suggestions[0] == "a.address.city"


def marked(change: Any) -> dict[str, str]:
    return {f"{node.type.value.lower()} {node.label}": mark.value for node, mark in change.marks.items()}


def columns(**made_from: str) -> dict[str, Any]:
    """Return a columnLineage facet: by field, the field of the dataset `a` that it is made from."""
    return {
        "fields": {
            name: {"inputFields": [{"namespace": "ns", "name": "a", "field": source}]}
            for name, source in made_from.items()
        }
    }


@pytest.mark.parametrize("change", [Drop("address"), Rename("address", "home"), Retype("address", "text")])
def test_a_field_takes_what_is_nested_in_it_along(change: Change) -> None:
    """DD-21: who reads address.city is hit when address goes; who reads address_line is not."""
    schema = {
        "fields": [
            {"name": "address", "type": "struct", "fields": [{"name": "city", "type": "text"}]},
            {"name": "address_line", "type": "text"},
        ]
    }
    with closing(open_store(":memory:")) as store:
        for target, facet in {
            "b": columns(city="address.city"),
            "c": columns(address="address"),
            "d": columns(line="address_line"),
        }.items():
            reads, writes = [made("a", schema=schema)], [made(target, columnLineage=facet)]
            put(store, run_event(target, "COMPLETE", 1, job=f"to_{target}", inputs=reads, outputs=writes))

        (found,) = impact_of_changes(store, HERE, [change]).changes

    assert marked(found) == {
        "field b.city": "direct",
        "dataset b": "direct",
        "job to_b": "direct",
        "field c.address": "direct",
        "dataset c": "direct",
        "job to_c": "direct",
    }


def test_a_field_that_only_lineage_names_can_change_and_is_not_compared() -> None:
    """DD-21: the schema facet may be older than the lineage; what it does not list is said."""
    with closing(open_store(":memory:")) as store:
        schema = {"fields": [{"name": "x", "type": "int"}, {"name": "y"}]}
        outputs = [made("b", columnLineage=columns(k="late"))]
        put(store, run_event("r", "COMPLETE", 1, inputs=[made("a", schema=schema)], outputs=outputs))

        found = impact_of_changes(store, HERE, [], schema={"x": "int", "late": "int", "new": None})
        assert found.compared is not None
        assert found.compared.as_json() == {
            "knownFields": 2,
            "newFields": 3,
            "typesNotCompared": [],
            "onlyInLineage": ["late"],
        }
        assert [each.change for each in found.changes] == [Drop("y"), Add("new")]

        late, untyped = impact_of_changes(store, HERE, [Retype("late", "text"), Retype("y", "text")]).changes
        assert (late.type_before, late.compatible) == (None, None)
        assert marked(late) == {"field b.k": "direct", "dataset b": "direct", "job job": "direct"}
        assert (untyped.type_before, untyped.compatible, untyped.marks) == (None, None, {})

        with pytest.raises(InvalidQueryError, match="no schema of b is known"):
            impact_of_changes(store, "b", [], schema={"k": "int"})


def test_a_field_behind_a_blind_reader_may_be_hit_and_its_neighbour_surely(
    graph_of: Build, job_of: Build
) -> None:
    """DD-21: no fields are listed behind readers without column lineage; they are unknown all the same."""
    graph = graph_of(
        [
            job_of("known", ["a"], ["c"], {"c.x": {"a.x": "DIRECT"}}),
            job_of("blind", ["a"], ["c"]),
            job_of("other", ["z"], ["c"], {"c.y": {"z.y": "DIRECT"}}),
            job_of("after", ["c"], ["d"], {"d.y": {"c.y": "DIRECT"}}),
        ]
    )

    found = impact_of_changes(graph, HERE, [Drop("x")], critical=["c.x", "c.y", "d.y", "z.y"])

    assert [(hit.node.label, hit.impact) for hit in found.critical] == [
        ("c.x", Impact.DIRECT),
        ("c.y", Impact.UNKNOWN),
        ("d.y", Impact.UNKNOWN),
        ("z.y", None),
    ]
    assert found.critical[1].path == (
        field("ns", "a", "x"),
        HERE,
        job("ns", "blind"),
        dataset("ns", "c"),
        field("ns", "c", "y"),
    )
    assert found.hits_critical()
    assert not impact_of_changes(graph, HERE, [Drop("x")], critical=["z.y"]).hits_critical()


def test_a_direct_path_is_found_beside_a_job_that_only_filters(graph_of: Build, job_of: Build) -> None:
    """DD-21: a job that says nothing of how, and one that filters, make the same field."""
    graph = graph_of(
        [
            job_of("plain", ["a"], ["b"], {"b.x": {"a.x": ""}}),
            job_of("filter", ["a"], ["b"], {"b.x": {"a.x": "INDIRECT"}}),
        ]
    )

    (hit,) = impact_of_changes(graph, HERE, [Drop("x")], critical=["b.x"]).critical

    assert hit.impact is Impact.DIRECT
    assert (hit.path[0], hit.path[-1], len(hit.path)) == (field("ns", "a", "x"), field("ns", "b", "x"), 3)


random_jobs = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.integers(0, 4),
        st.sampled_from("xy"),
        st.sampled_from("xy"),
        st.sampled_from(["DIRECT", "INDIRECT", "", None]),
    ),
    max_size=10,
)


@given(random_jobs)
@settings(deadline=None)
def test_changes_together_do_what_the_gravest_of_them_does(
    listed_graph: Build, job_of: Build, jobs: list[tuple[int, int, str, str, str | None]]
) -> None:
    """DD-21: on any graph; each change by itself agrees with the question about its field."""
    graph = listed_graph(
        job_of(f"j{n}", [f"d{s}"], [f"d{t}"], {} if type_ is None else {f"d{t}.{y}": {f"d{s}.{x}": type_}})
        for n, (s, t, x, y, type_) in enumerate(jobs)
    )
    for name in "xy":
        graph.add(field("ns", "d0", name))
    changed = {dataset("ns", "d0"), field("ns", "d0", "x"), field("ns", "d0", "y")}

    found = impact_of_changes(graph, dataset("ns", "d0"), [Drop("x"), Rename("y", "z")])

    order = list(Impact)
    gravest: dict[Node, Impact] = {}
    for change in found.changes:
        alone = impact(graph, field("ns", "d0", change.change.field))
        assert change.marks == {each.node: each.impact for each in alone.nodes if each.impact is not None}
        for node, mark in change.marks.items():
            gravest[node] = min(mark, gravest.get(node, mark), key=order.index)
    together = {each.node: each.impact for each in found.answer.nodes if each.impact is not None}
    assert together == {node: mark for node, mark in gravest.items() if node not in changed}


@given(random_jobs)
@settings(deadline=None)
def test_a_path_to_something_critical_is_a_way_through_the_answer(
    listed_graph: Build, job_of: Build, jobs: list[tuple[int, int, str, str, str | None]]
) -> None:
    """DD-21: on any graph, everything that is marked has a path, and each hop of it is an edge."""
    graph = listed_graph(
        job_of(f"j{n}", [f"d{s}"], [f"d{t}"], {} if type_ is None else {f"d{t}.{y}": {f"d{s}.{x}": type_}})
        for n, (s, t, x, y, type_) in enumerate(jobs)
    )
    start = graph.known[graph.add(field("ns", "d0", "x"))]
    marks = {each.node: each.impact for each in impact(graph, start).nodes if each.impact is not None}

    found = impact_of_changes(graph, dataset("ns", "d0"), [Drop("x")], critical=list(graph.known.values()))

    hops: nx.DiGraph[Node] = nx.DiGraph()
    for edge in found.answer.edges:
        hops.add_edge(edge.source, edge.target)
        for each in edge.jobs:
            hops.add_edges_from([(edge.source, each), (each, edge.target)])
    for node in graph.known.values():
        if node.field is not None:
            holder = dataset(node.namespace, node.name)
            hops.add_edges_from([(node, holder), (holder, node)])
    hits = {hit.node: hit for hit in found.critical}
    for node, mark in marks.items():
        assert hits[node].impact is mark
        assert hits[node].path[0] == start
        assert hits[node].path[-1] == node
    for hit in found.critical:
        assert (hit.impact is None) == (hit.path == ())
        assert nx.is_path(hops, list(hit.path)) or len(hit.path) < 2
