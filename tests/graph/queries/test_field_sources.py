from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from graph.errors import InvalidQueryError, UnknownNameError
from graph.nodes import dataset, field, job
from graph.queries import columns

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
