from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from graph.errors import InvalidQueryError, UnknownNameError
from graph.nodes import dataset, field, job
from graph.queries import columns
from graph.records import Edge, EdgeKind, Origin, Transformation

Build = Callable[..., Any]


@pytest.fixture
def graph(listed_graph: Build, job_of: Build) -> Any:
    built = listed_graph(
        [
            job_of("ab", ["a"], ["b"], {"b.x": {"a.x": "DIRECT", "a.k": "INDIRECT"}, "b.y": {"a.y": ""}}),
            job_of("bc", ["b"], ["c"], {"c.x": {"b.x": "DIRECT"}}),
        ]
    )
    built.schemas[dataset("ns", "b").key] = ["y", "x", "loaded_at"]
    built.known[field("ns", "b", "loaded_at").key] = field("ns", "b", "loaded_at")
    return built


def test_each_field_of_a_dataset_is_there_with_what_it_is_made_from(graph: Any) -> None:
    answer = columns(graph, dataset("ns", "b"))

    assert {node.node.label: node.distance for node in answer.nodes} == {
        "b.x": 0,
        "b.y": 0,
        "b.loaded_at": 0,
        "a.x": 1,
        "a.k": 1,
        "a.y": 1,
    }
    assert {
        (edge.target.label, edge.source.label, *(each.type for each in edge.transformations))
        for edge in answer.edges
    } == {("b.x", "a.x", "DIRECT"), ("b.x", "a.k", "INDIRECT"), ("b.y", "a.y")}


def test_one_field_and_more_depth(graph: Any) -> None:
    asked = field("ns", "c", "x")

    assert {node.node.label for node in columns(graph, asked).nodes} == {"c.x", "b.x"}
    assert {node.node.label for node in columns(graph, asked, depth=2).nodes} == {"c.x", "b.x", "a.x", "a.k"}
    assert columns(graph, asked, depth=None).nodes == columns(graph, asked, depth=2).nodes


def test_a_job_has_no_columns(graph: Any) -> None:
    with pytest.raises(UnknownNameError):
        columns(graph, "ab")


def test_a_depth_of_zero_is_refused(graph: Any) -> None:
    with pytest.raises(InvalidQueryError, match="depth is 0"):
        columns(graph, job("ns", "ab"), depth=0)


@pytest.fixture
def disputed(graph: Any) -> Any:
    """The facet of job `ab` says of `b` what its SQL says otherwise."""
    by = job("ns", "ab").key
    said = Transformation("DIRECT", "IDENTITY")
    sources = {"_0": "x", "x": "y"}
    for target, source in sources.items():
        ends = graph.add(field("ns", "a", source)), graph.add(field("ns", "b", target))
        graph.all_edges.add(Edge(EdgeKind.OVERRULED, *ends, by, said, Origin.COLUMN_FACET))
    of_sql = {edge for edge in graph.all_edges if edge.kind is EdgeKind.FIELD and edge.job == by}
    graph.all_edges -= of_sql
    graph.all_edges |= {
        Edge(edge.kind, edge.source, edge.target, by, edge.transformation, Origin.SQL_CERTAIN)
        for edge in of_sql
    }
    return graph


def test_where_sources_disagree_the_answer_says_which_is_trusted(disputed: Any) -> None:
    answer = columns(disputed, dataset("ns", "b"))

    assert answer.notes == ("of ab the SQL is trusted, not the columnLineage facet, which says otherwise",)
    assert {edge.origins for edge in answer.edges} == {(Origin.SQL_CERTAIN,)}
    assert all(edge.trusted for edge in answer.edges)
    assert {edge["origins"][0] for edge in answer.as_json()["edges"]} == {"SQL"}
    assert not any("trusted" in edge for edge in answer.as_json()["edges"])


def test_what_is_not_trusted_is_there_on_request(disputed: Any) -> None:
    answer = columns(disputed, dataset("ns", "b"), origins=True)

    lost = {(edge.source.label, edge.target.label) for edge in answer.edges if not edge.trusted}
    assert lost == {("a.x", "b._0"), ("a.y", "b.x")}
    shown = [edge for edge in answer.as_json()["edges"] if "trusted" in edge]
    assert [(e["kind"], e["origins"], e["trusted"]) for e in shown] == [
        ("FIELD", ["COLUMN_LINEAGE_FACET"], False)
    ] * 2
    kept = columns(disputed, dataset("ns", "b")).edges
    assert tuple(edge for edge in answer.edges if edge.trusted) == kept


def test_of_one_field_only_what_is_said_of_it_counts(disputed: Any) -> None:
    assert columns(disputed, field("ns", "b", "y")).notes == ()
    assert len(columns(disputed, field("ns", "b", "x")).notes) == 1
    lost = [edge for edge in columns(disputed, field("ns", "b", "x"), origins=True).edges if not edge.trusted]
    assert [edge.source.label for edge in lost] == ["a.y"]


def test_sources_that_agree_or_differ_in_filters_only_are_not_told(graph: Any) -> None:
    ends = graph.add(field("ns", "a", "k")), graph.add(field("ns", "b", "y"))
    filtered = Transformation("INDIRECT", "FILTER")
    graph.all_edges.add(Edge(EdgeKind.OVERRULED, *ends, job("ns", "ab").key, filtered, Origin.SQL_DOUBTFUL))

    assert columns(graph, dataset("ns", "b")).notes == ()
