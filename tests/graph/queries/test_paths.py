from __future__ import annotations

from collections.abc import Callable
from typing import Any

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.errors import InvalidQueryError
from graph.nodes import dataset, field, job
from graph.queries import path

Build = Callable[..., Any]


def three_jobs(job_of: Build) -> list[Any]:
    return [
        job_of("ab", ["a"], ["b"], {"b.x": {"a.x": "DIRECT"}}),
        job_of("bc", ["b"], ["c"], {"c.x": {"b.x": "INDIRECT"}}),
        job_of("cd", ["c"], ["d"]),
    ]


def test_a_path_has_its_nodes_in_order_and_the_jobs_on_the_edges(graph_of: Build, job_of: Build) -> None:
    answer = path(graph_of(three_jobs(job_of)), dataset("ns", "a"), dataset("ns", "d"))

    assert [(node.distance, node.node.label, node.via and node.via.label) for node in answer.nodes] == [
        (0, "a", None),
        (1, "b", "a"),
        (2, "c", "b"),
        (3, "d", "c"),
    ]
    assert [(edge.source.label, edge.target.label, edge.jobs[0].name) for edge in answer.edges] == [
        ("a", "b", "ab"),
        ("b", "c", "bc"),
        ("c", "d", "cd"),
    ]


def test_where_no_path_leads_the_answer_is_empty(graph_of: Build, job_of: Build) -> None:
    answer = path(graph_of(three_jobs(job_of)), dataset("ns", "d"), dataset("ns", "a"))

    assert (answer.nodes, answer.edges) == ((), ())


def test_a_node_is_a_path_to_itself(graph_of: Build, job_of: Build) -> None:
    answer = path(graph_of(three_jobs(job_of)), dataset("ns", "a"), dataset("ns", "a"))

    assert [node.node.label for node in answer.nodes] == ["a"]


def test_fields_and_datasets_can_be_the_ends_of_a_path_of_fields(graph_of: Build, job_of: Build) -> None:
    graph = graph_of(three_jobs(job_of))
    expected = ["a.x", "b.x", "c.x"]

    for start in (field("ns", "a", "x"), dataset("ns", "a")):
        for end in (field("ns", "c", "x"), dataset("ns", "c")):
            if start.field or end.field:
                assert [node.node.label for node in path(graph, start, end).nodes] == expected
    assert path(graph, field("ns", "a", "x"), dataset("ns", "d")).nodes == ()


def test_jobs_can_be_the_ends_of_a_path(graph_of: Build, job_of: Build) -> None:
    graph = graph_of(three_jobs(job_of))

    answer = path(graph, job("ns", "ab"), job("ns", "cd"))

    assert [node.node.label for node in answer.nodes] == ["ab", "b", "c", "cd"]
    assert [edge.kind.name for edge in answer.edges] == ["WRITES", "FEEDS", "READS"]
    assert path(graph, job("ns", "cd"), job("ns", "ab")).nodes == ()
    assert [node.node.label for node in path(graph, dataset("ns", "a"), job("ns", "bc")).nodes] == [
        "a",
        "b",
        "bc",
    ]


def test_a_job_and_a_field_are_refused(graph_of: Build, job_of: Build) -> None:
    with pytest.raises(InvalidQueryError, match="ask for the field's dataset"):
        path(graph_of(three_jobs(job_of)), job("ns", "ab"), field("ns", "c", "x"))


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=14))
@settings(deadline=None)
def test_a_path_is_as_short_as_any(listed_graph: Build, job_of: Build, hops: list[tuple[int, int]]) -> None:
    graph = listed_graph(job_of(f"j{n}", [f"d{s}"], [f"d{t}"]) for n, (s, t) in enumerate(hops))
    for end in (0, 7):
        graph.add(dataset("ns", f"d{end}"))
    arrows = nx.DiGraph(hops)
    arrows.add_nodes_from([0, 7])

    answer = path(graph, dataset("ns", "d0"), dataset("ns", "d7"))

    steps = [int(node.node.name.removeprefix("d")) for node in answer.nodes]
    assert bool(steps) == nx.has_path(arrows, 0, 7)
    if steps:
        assert len(steps) - 1 == nx.shortest_path_length(arrows, 0, 7)
        assert nx.is_path(arrows, steps)
        assert [(edge.source, edge.target) for edge in answer.edges] == [
            (dataset("ns", f"d{s}"), dataset("ns", f"d{t}")) for s, t in nx.utils.pairwise(steps)
        ]
