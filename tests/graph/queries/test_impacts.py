from __future__ import annotations

from collections.abc import Callable
from typing import Any

import networkx as nx
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.nodes import NodeType, dataset, field, job
from graph.queries import Answer, impact

Build = Callable[..., Any]


def marked(answer: Answer) -> dict[str, tuple[int, str | None]]:
    """By `type name`: the distance and the mark of each node."""
    found = {
        f"{node.node.type.value.lower()} {node.node.label}": (node.distance, node.impact)
        for node in answer.nodes
    }
    assert len(found) == len(answer.nodes)
    return found


def test_a_dataset_affects_datasets_jobs_and_the_fields_made_from_its_fields(
    graph_of: Build, job_of: Build
) -> None:
    """DD-14: everything downstream, each once, with its distance."""
    graph = graph_of(
        [
            job_of("ab", ["a"], ["b"], {"b.x": {"a.x": "DIRECT"}, "b.n": {"a.y": ""}}),
            job_of("bc", ["b"], ["c"], {"c.x": {"b.x": "DIRECT"}}),
            job_of("mail", ["c"]),
            job_of("other", ["z"], ["b"], {"b.z": {"z.z": "DIRECT"}}),
        ]
    )

    assert marked(impact(graph, dataset("ns", "a"))) == {
        "dataset a": (0, None),
        "field a.x": (0, None),
        "field a.y": (0, None),
        "dataset b": (1, "direct"),
        "field b.x": (1, "direct"),
        "field b.n": (1, "direct"),
        "job ab": (1, "direct"),
        "dataset c": (2, "direct"),
        "field c.x": (2, "direct"),
        "job bc": (2, "direct"),
        "job mail": (3, "direct"),
    }


def test_what_only_filters_or_joins_is_indirect(graph_of: Build, job_of: Build) -> None:
    """DD-14: any INDIRECT hop makes a path indirect; one path of DIRECT hops makes the node direct."""
    graph = graph_of(
        [
            job_of("filter", ["a"], ["b"], {"b.x": {"a.k": "INDIRECT"}}),
            job_of("copy", ["b"], ["c"], {"c.x": {"b.x": "DIRECT"}}),
            job_of("both", ["a"], ["d"], {"d.x": {"a.k": "INDIRECT", "a.v": "DIRECT"}}),
            job_of("plain", ["a"], ["e"]),
        ]
    )

    assert marked(impact(graph, dataset("ns", "a"))) == {
        "dataset a": (0, None),
        "field a.k": (0, None),
        "field a.v": (0, None),
        "dataset b": (1, "indirect"),
        "field b.x": (1, "indirect"),
        "job filter": (1, "indirect"),
        "dataset c": (2, "indirect"),
        "field c.x": (2, "indirect"),
        "job copy": (2, "indirect"),
        "dataset d": (1, "direct"),
        "field d.x": (1, "direct"),
        "job both": (1, "direct"),
        "dataset e": (1, "direct"),
        "job plain": (1, "direct"),
    }
    assert marked(impact(graph, field("ns", "a", "k"))) == {
        "dataset a": (0, None),
        "field a.k": (0, None),
        "dataset b": (1, "indirect"),
        "field b.x": (1, "indirect"),
        "job filter": (1, "indirect"),
        "dataset c": (2, "indirect"),
        "field c.x": (2, "indirect"),
        "job copy": (2, "indirect"),
        "dataset d": (1, "indirect"),
        "field d.x": (1, "indirect"),
        "job both": (1, "indirect"),
        "dataset e": (1, "unknown"),
        "job plain": (1, "unknown"),
    }


def test_dashboards_say_what_they_are(listed_graph: Build, job_of: Build) -> None:
    """DD-14: dashboards are typed."""
    graph = listed_graph([job_of("build", ["gold"], ["board"])])
    graph.kept_facets[dataset("ns", "board").key, "datasetType"] = {"datasetType": "DASHBOARD", "subType": ""}

    answer = impact(graph, dataset("ns", "gold"))

    assert {
        node.node.name: node.dataset_type for node in answer.nodes if node.node.type is NodeType.DATASET
    } == {
        "gold": None,
        "board": "DASHBOARD",
    }
    assert answer.as_json()["nodes"][1]["datasetType"] == "DASHBOARD"


def test_readers_without_column_lineage_are_unknown_with_all_behind_them(
    graph_of: Build, job_of: Build
) -> None:
    """DD-14: what nobody can say is neither left out nor claimed."""
    graph = graph_of(
        [
            job_of("known", ["a"], ["b"], {"b.x": {"a.x": "DIRECT"}}),
            job_of("unused", ["a"], ["u"], {"u.y": {"a.y": "DIRECT"}}),
            job_of("blind", ["a"], ["c"]),
            job_of("behind", ["c"], ["d"], {"d.y": {"c.y": "DIRECT"}}),
            job_of("last", ["d"]),
            job_of("mail", ["b"]),
            job_of("far", ["u"], ["v"]),
        ]
    )

    answer = impact(graph, field("ns", "a", "x"))

    assert marked(answer) == {
        "dataset a": (0, None),
        "field a.x": (0, None),
        "dataset b": (1, "direct"),
        "field b.x": (1, "direct"),
        "job known": (1, "direct"),
        "dataset c": (1, "unknown"),
        "job blind": (1, "unknown"),
        "dataset d": (2, "unknown"),
        "job behind": (2, "unknown"),
        "job mail": (2, "unknown"),
        "job last": (3, "unknown"),
    }
    vias = {node.node.label: node.via.label if node.via else None for node in answer.nodes}
    assert vias["d"] == "c"
    assert vias["mail"] == "known"
    assert vias["last"] == "behind"
    assert {(edge.kind.name, edge.source.label, edge.target.label) for edge in answer.edges} == {
        ("FIELD", "a.x", "b.x"),
        ("FEEDS", "a", "c"),
        ("FEEDS", "c", "d"),
        ("READS", "b", "mail"),
        ("READS", "d", "last"),
    }


def test_a_job_with_columns_for_one_output_is_unknown_for_the_other(graph_of: Build, job_of: Build) -> None:
    graph = graph_of([job_of("two", ["a"], ["b", "c"], {"b.x": {"a.x": "DIRECT"}})])

    assert marked(impact(graph, field("ns", "a", "x"))) == {
        "dataset a": (0, None),
        "field a.x": (0, None),
        "dataset b": (1, "direct"),
        "field b.x": (1, "direct"),
        "job two": (1, "direct"),
        "dataset c": (1, "unknown"),
    }


def test_depth_bounds_what_is_unknown_too(graph_of: Build, job_of: Build) -> None:
    graph = graph_of(
        [
            job_of("ab", ["a"], ["b"], {"b.x": {"a.x": "DIRECT"}}),
            job_of("blind", ["b"], ["c"]),
            job_of("next", ["c"], ["d"]),
        ]
    )

    assert set(marked(impact(graph, field("ns", "a", "x"), depth=1))) == {
        "dataset a",
        "field a.x",
        "dataset b",
        "field b.x",
        "job ab",
    }
    assert set(marked(impact(graph, field("ns", "a", "x"), depth=2))) == {
        "dataset a",
        "field a.x",
        "dataset b",
        "field b.x",
        "job ab",
        "dataset c",
        "job blind",
    }


def test_a_job_affects_what_it_writes(graph_of: Build, job_of: Build) -> None:
    graph = graph_of(
        [
            job_of("ab", ["a"], ["b"], {"b.x": {"a.x": "DIRECT"}}),
            job_of("bc", ["b"], ["c"], {"c.x": {"b.x": "INDIRECT"}}),
        ]
    )

    assert marked(impact(graph, job("ns", "ab"))) == {
        "job ab": (0, None),
        "dataset b": (0, "direct"),
        "field b.x": (0, "direct"),
        "dataset c": (1, "indirect"),
        "field c.x": (1, "indirect"),
        "job bc": (1, "indirect"),
    }


def test_a_job_shows_the_task_and_the_dag_above_it(listed_graph: Build, job_of: Build) -> None:
    graph = listed_graph(
        [
            job_of("query", ["a"], ["b"], parent="task"),
            job_of("task", parent="dag"),
            job_of("dag", parent="task"),
        ]
    )

    answer = impact(graph, dataset("ns", "a")).as_json()

    (shown,) = [node for node in answer["nodes"] if node["type"] == "JOB"]
    assert shown["id"] == "job:ns:query"
    assert shown["parent"] == "job:ns:task"
    assert shown["root"] == "job:ns:dag"


random_hops = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 6), st.sampled_from(["DIRECT", "INDIRECT", ""])), max_size=12
)


@given(random_hops)
@settings(deadline=None)
def test_fields_are_direct_exactly_when_a_path_without_indirect_hops_leads_there(
    listed_graph: Build, job_of: Build, hops: list[tuple[int, int, str]]
) -> None:
    """DD-14: on any graph, with brute force as the judge."""
    graph = listed_graph(
        job_of(f"j{n}", [f"d{s}"], [f"d{t}"], {f"d{t}.x": {f"d{s}.x": type_}})
        for n, (s, t, type_) in enumerate(hops)
    )
    graph.add(field("ns", "d0", "x"))
    all_hops, direct_hops = nx.DiGraph(), nx.DiGraph()
    for arrows in (all_hops, direct_hops):
        arrows.add_node(0)
    all_hops.add_edges_from((s, t) for s, t, _ in hops)
    direct_hops.add_edges_from((s, t) for s, t, type_ in hops if type_ != "INDIRECT")
    direct = nx.descendants(direct_hops, 0)
    expected = {
        key: (distance, "direct" if key in direct else "indirect")
        for key, distance in nx.single_source_shortest_path_length(all_hops, 0).items()
        if key
    }

    for asked in (field("ns", "d0", "x"), dataset("ns", "d0")):
        found = marked(impact(graph, asked))
        for type_, suffix in (("field", ".x"), ("dataset", "")):
            affected = {key: value for key, value in found.items() if key.startswith(type_) and value[0] > 0}
            assert affected == {f"{type_} d{key}{suffix}": value for key, value in expected.items()}


@given(random_hops, st.sets(st.integers(0, 11)))
@settings(deadline=None)
def test_no_reader_is_left_out_whatever_columns_are_known(
    listed_graph: Build, job_of: Build, hops: list[tuple[int, int, str]], blind: set[int]
) -> None:
    """DD-14: with column lineage missing at random, impact of a field names every dataset downstream."""
    graph = listed_graph(
        job_of(f"j{n}", [f"d{s}"], [f"d{t}"], {} if n in blind else {f"d{t}.x": {f"d{s}.x": type_}})
        for n, (s, t, type_) in enumerate(hops)
    )
    graph.add(field("ns", "d0", "x"))
    arrows = nx.DiGraph()
    arrows.add_node(0)
    arrows.add_edges_from((s, t) for s, t, _ in hops)
    claimed = nx.DiGraph()
    claimed.add_node(0)
    claimed.add_edges_from((s, t) for n, (s, t, _) in enumerate(hops) if n not in blind)

    found = marked(impact(graph, field("ns", "d0", "x")))

    datasets = {
        key.removeprefix("dataset d"): value for key, value in found.items() if key.startswith("dataset")
    }
    assert set(datasets) == {str(key) for key in nx.descendants(arrows, 0) | {0}}
    assert {key for key, (_, mark) in datasets.items() if mark not in ("unknown", None)} == {
        str(key) for key in nx.descendants(claimed, 0)
    }
    readers = {f"job j{n}" for n, (s, _, _) in enumerate(hops) if str(s) in datasets}
    assert {key for key in found if key.startswith("job")} == readers


def test_via_shows_the_direct_way_where_there_are_two(graph_of: Build, job_of: Build) -> None:
    graph = graph_of([job_of("ab", ["a"], ["b"], {"b.x": {"a.k": "INDIRECT", "a.v": "DIRECT"}})])

    (affected,) = [
        node for node in impact(graph, dataset("ns", "a")).nodes if node.node == field("ns", "b", "x")
    ]

    assert affected.via == field("ns", "a", "v")
    assert affected.impact == "direct"
