from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.errors import InvalidQueryError, UnknownNameError
from graph.nodes import NodeType, dataset, field, job
from graph.queries import Answer, downstream, upstream
from graph.records import Edge, EdgeKind

Build = Callable[..., Any]


def distances(answer: Answer, type_: NodeType = NodeType.DATASET) -> dict[str, int]:
    found = [node for node in answer.nodes if node.node.type is type_]
    assert len({node.node for node in found}) == len(found)
    return {node.node.label: node.distance for node in found}


def vias(answer: Answer) -> dict[str, str | None]:
    return {node.node.label: node.via.label if node.via else None for node in answer.nodes}


def edges(answer: Answer) -> set[tuple[str, str, str, tuple[str, ...]]]:
    found = [
        (edge.kind.name, edge.source.label, edge.target.label, tuple(job.name for job in edge.jobs))
        for edge in answer.edges
    ]
    assert len(set(found)) == len(found)
    return set(found)


def diamond(job_of: Build) -> list[Any]:
    return [
        job_of("left", ["a"], ["b"]),
        job_of("right", ["a"], ["c"]),
        job_of("join", ["b", "c"], ["d"]),
    ]


def test_upstream_of_a_diamond_names_each_dataset_once(graph_of: Build, job_of: Build) -> None:
    """DD-13: no duplicates on a diamond, with distances, order and the node before."""
    answer = upstream(graph_of(diamond(job_of)), dataset("ns", "d"))

    assert [(node.distance, node.node.label) for node in answer.nodes] == [
        (0, "d"),
        (1, "b"),
        (1, "c"),
        (1, "join"),
        (2, "a"),
        (2, "left"),
        (2, "right"),
    ]
    assert vias(answer) == {
        "d": None,
        "b": "d",
        "c": "d",
        "join": None,
        "a": "b",
        "left": "join",
        "right": "join",
    }
    assert edges(answer) == {
        ("FEEDS", "a", "b", ("left",)),
        ("FEEDS", "a", "c", ("right",)),
        ("FEEDS", "b", "d", ("join",)),
        ("FEEDS", "c", "d", ("join",)),
    }


def test_downstream_of_a_diamond_names_each_dataset_once(graph_of: Build, job_of: Build) -> None:
    """DD-14: no duplicates on a diamond."""
    answer = downstream(graph_of(diamond(job_of)), dataset("ns", "a"))

    assert distances(answer) == {"a": 0, "b": 1, "c": 1, "d": 2}
    assert distances(answer, NodeType.JOB) == {"left": 1, "right": 1, "join": 2}


def test_a_cycle_ends_and_its_start_stays_at_zero(graph_of: Build, job_of: Build) -> None:
    """DD-13: a cycle; the asked dataset is never listed as its own upstream."""
    graph = graph_of(
        [
            job_of("ab", ["a"], ["b"]),
            job_of("bc", ["b"], ["c"]),
            job_of("ca", ["c"], ["a"]),
            job_of("aa", ["a"], ["a"]),
        ]
    )

    for asked in "abc":
        for ask in (upstream, downstream):
            answer = ask(graph, dataset("ns", asked))
            assert distances(answer)[asked] == 0
            assert sorted(distances(answer)) == ["a", "b", "c"]
            assert sorted(distances(answer).values()) == [0, 1, 2]


def test_an_edge_from_a_dataset_to_itself_is_shown_once(listed_graph: Build, job_of: Build) -> None:
    graph = listed_graph([job_of("again", ["a"], ["a"])])

    for ask in (upstream, downstream):
        answer = ask(graph, dataset("ns", "a"))
        assert [(node.distance, node.node.label) for node in answer.nodes] == [(0, "a"), (1, "again")]
        assert edges(answer) == {("FEEDS", "a", "a", ("again",))}


@pytest.mark.parametrize("length", [5_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_a_chain_of_very_many_datasets_is_walked(listed_graph: Build, length: int) -> None:
    """DD-13: a chain far beyond the recursion limit."""
    graph = listed_graph([])
    keys = [graph.add(dataset("ns", f"d{number:06}")) for number in range(length + 1)]
    graph.all_edges = {Edge(EdgeKind.FEEDS, keys[place], keys[place + 1]) for place in range(length)}

    answer = upstream(graph, dataset("ns", f"d{length:06}"))

    assert len(answer.nodes) == length + 1
    assert answer.nodes[-1].node.name == "d000000"
    assert answer.nodes[-1].distance == length


def test_a_ladder_of_4_million_paths_takes_no_longer_than_its_edges(graph_of: Build, job_of: Build) -> None:
    """DD-13: 2^22 paths over 44 datasets name 44 datasets, at once."""
    rungs = 22
    jobs = [
        job_of(f"j{rung}", [f"l{rung}", f"r{rung}"], [f"l{rung + 1}", f"r{rung + 1}"])
        for rung in range(rungs - 1)
    ]
    graph = graph_of([*jobs, job_of("top", [f"l{rungs - 1}", f"r{rungs - 1}"], ["end"])])

    began = time.perf_counter()
    answer = upstream(graph, dataset("ns", "end"))

    assert time.perf_counter() - began < 2
    assert len(distances(answer)) == 2 * rungs + 1
    assert distances(answer)["l0"] == rungs
    assert len(answer.edges) == 4 * (rungs - 1) + 2


def test_a_job_that_only_reads_stands_one_hop_behind_what_it_reads(graph_of: Build, job_of: Build) -> None:
    graph = graph_of([job_of("make", ["a"], ["b"]), job_of("mail", ["b", "c"]), job_of("load", [], ["a"])])

    down = downstream(graph, dataset("ns", "a"))
    assert distances(down, NodeType.JOB) == {"make": 1, "mail": 2}
    assert vias(down)["mail"] == "make"
    assert ("READS", "b", "mail", ("mail",)) in edges(down)

    up = upstream(graph, dataset("ns", "b"))
    assert distances(up, NodeType.JOB) == {"make": 1, "load": 2}
    assert ("WRITES", "load", "a", ("load",)) in edges(up)


def test_depth_counts_hops_and_keeps_jobs_within_them(graph_of: Build, job_of: Build) -> None:
    graph = graph_of([job_of(f"j{n}", [f"d{n}"], [f"d{n + 1}"]) for n in range(4)])

    answer = downstream(graph, dataset("ns", "d0"), depth=2)

    assert distances(answer) == {"d0": 0, "d1": 1, "d2": 2}
    assert distances(answer, NodeType.JOB) == {"j0": 1, "j1": 2}


@pytest.mark.parametrize("depth", [0, -1])
def test_a_depth_below_one_is_refused(graph_of: Build, job_of: Build, depth: int) -> None:
    graph = graph_of(diamond(job_of))
    for ask in (upstream, downstream):
        with pytest.raises(InvalidQueryError, match=f"depth is {depth}"):
            ask(graph, dataset("ns", "a"), depth=depth)


def test_from_a_job_the_walk_starts_at_what_it_writes_or_reads(graph_of: Build, job_of: Build) -> None:
    graph = graph_of([job_of("first", ["a"], ["b", "x"]), job_of("second", ["b"], ["c"])])

    down = downstream(graph, job("ns", "first"))
    assert distances(down) == {"b": 0, "x": 0, "c": 1}
    assert distances(down, NodeType.JOB) == {"first": 0, "second": 1}
    assert vias(down)["second"] == "first"
    assert ("WRITES", "first", "b", ("first",)) in edges(down)

    up = upstream(graph, job("ns", "second"))
    assert distances(up) == {"b": 0, "a": 1}
    assert distances(up, NodeType.JOB) == {"second": 0, "first": 1}
    assert ("READS", "b", "second", ("second",)) in edges(up)


def test_fields_lead_to_fields_with_their_transformations(graph_of: Build, job_of: Build) -> None:
    graph = graph_of(
        [
            job_of("ab", ["a"], ["b"], {"b.x": {"a.x": "DIRECT", "a.y": "INDIRECT"}}),
            job_of("bc", ["b"], ["c"], {"c.x": {"b.x": "DIRECT"}}),
        ]
    )

    answer = upstream(graph, field("ns", "c", "x"))

    assert distances(answer, NodeType.FIELD) == {"c.x": 0, "b.x": 1, "a.x": 2, "a.y": 2}
    assert distances(answer) == {}
    assert {
        (edge.source.label, edge.target.label, *(t.type for t in edge.transformations))
        for edge in answer.edges
    } == {("b.x", "c.x", "DIRECT"), ("a.x", "b.x", "DIRECT"), ("a.y", "b.x", "INDIRECT")}


def test_a_name_that_is_unknown_is_an_error(graph_of: Build, job_of: Build) -> None:
    with pytest.raises(UnknownNameError):
        upstream(graph_of(diamond(job_of)), dataset("ns", "nothing"))


def test_a_job_that_reads_and_writes_what_do_not_feed_each_other_is_still_a_reader(
    listed_graph: Build, job_of: Build
) -> None:
    graph = listed_graph([job_of("two", ["a", "b"], ["c", "d"], feeds=[("a", "c"), ("b", "d")])])

    answer = downstream(graph, dataset("ns", "a"))

    assert distances(answer) == {"a": 0, "c": 1}
    assert distances(answer, NodeType.JOB) == {"two": 1}


random_jobs = st.lists(
    st.tuples(st.lists(st.integers(0, 7), max_size=3), st.lists(st.integers(0, 7), max_size=3)), max_size=9
)


@given(random_jobs, st.integers(0, 7), st.none() | st.integers(1, 4))
@settings(deadline=None)
def test_walks_agree_with_brute_force(
    listed_graph: Build,
    job_of: Build,
    shape: list[tuple[list[int], list[int]]],
    start: int,
    depth: int | None,
) -> None:
    """DD-13, DD-14: on any graph, distances are those of every path tried; each node and edge comes once."""
    jobs = [
        job_of(f"j{number}", [f"d{each}" for each in reads], [f"d{each}" for each in writes])
        for number, (reads, writes) in enumerate(shape)
    ]
    graph = listed_graph(jobs)
    graph.add(dataset("ns", f"d{start}"))
    arrows = nx.DiGraph()
    arrows.add_node(start)
    arrows.add_edges_from((s, t) for reads, writes in shape for s in reads for t in writes)
    limit = 99 if depth is None else depth

    for ask, walked in ((downstream, arrows), (upstream, arrows.reverse())):
        answer = ask(graph, dataset("ns", f"d{start}"), depth=depth)
        expected = nx.single_source_shortest_path_length(walked, start, cutoff=limit)
        assert distances(answer) == {f"d{key}": hops for key, hops in expected.items()}
        touched = [
            (f"j{number}", expected[each] + 1)
            for number, (reads, writes) in enumerate(shape)
            for each in (reads if ask is downstream else writes)
            if each in expected and expected[each] < limit
        ]
        assert distances(answer, NodeType.JOB) == {
            name: min(hops for other, hops in touched if other == name) for name, _ in touched
        }
        for node in answer.nodes:
            if node.via is not None:
                assert node.via.type is node.node.type
                assert distances(answer, node.via.type)[node.via.label] == node.distance - 1
            elif node.node.type is NodeType.DATASET:
                assert node.distance == 0
        assert len({(edge.kind, edge.source, edge.target) for edge in answer.edges}) == len(answer.edges)


@given(random_jobs, st.integers(0, 7), st.integers(1, 5))
@settings(deadline=None)
def test_pages_put_together_are_the_whole_answer(
    listed_graph: Build, job_of: Build, shape: list[tuple[list[int], list[int]]], start: int, limit: int
) -> None:
    graph = listed_graph(
        job_of(f"j{number}", [f"d{each}" for each in reads], [f"d{each}" for each in writes])
        for number, (reads, writes) in enumerate(shape)
    )
    graph.add(dataset("ns", f"d{start}"))
    whole = downstream(graph, dataset("ns", f"d{start}"))

    pages = [whole.page(limit=limit)]
    while pages[-1].next is not None:
        pages.append(whole.page(limit=limit, cursor=pages[-1].next))

    assert all(len(page.nodes) <= limit for page in pages)
    assert tuple(node for page in pages for node in page.nodes) == whole.nodes
    assert tuple(edge for page in pages for edge in page.edges) == whole.edges
