"""Table and column lineage in Marquez's shape: how far it reaches, what is cut, and what node ids mean."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from made_events import dataset, job_event, put, run_event, run_id, schema

from graph.api.errors import ApiError
from graph.api.marquez import column_lineage, lineage, upstream_runs
from graph.ingest import give
from graph.nodes import dataset as dataset_node
from graph.nodes import job as job_node
from graph.store import LineageStore
from graph.store.commands import CommandKind


def graph(store: LineageStore, node_id: str, depth: int = 20, limit: int = 1000) -> dict[str, Any]:
    return msgspec.json.decode(msgspec.json.encode(lineage.graph(store, node_id, depth, limit)))  # type: ignore[no-any-return]


def column_graph(
    store: LineageStore, node_id: str, depth: int, downstream: bool, limit: int
) -> dict[str, Any]:
    answer = column_lineage.graph(store, node_id, depth, downstream, limit)
    return msgspec.json.decode(msgspec.json.encode(answer))  # type: ignore[no-any-return]


def ids(answer: dict[str, Any]) -> list[str]:
    return [node["id"] for node in answer["graph"]]


def a_chain(store: LineageStore, length: int) -> None:
    """Tables t0, t1, ... with jobs j0, j1, ... between them."""
    put(
        store,
        *(
            run_event(str(at), "COMPLETE", at, job=f"j{at}", inputs=[f"t{at}"], outputs=[f"t{at + 1}"])
            for at in range(length)
        ),
    )


def test_depth_counts_jobs_either_way(store: LineageStore) -> None:
    a_chain(store, 5)
    assert ids(graph(store, "job:ns:j2", 0)) == ["dataset:ns:t2", "dataset:ns:t3", "job:ns:j2"]
    one = ["dataset:ns:t1", "dataset:ns:t2", "dataset:ns:t3", "dataset:ns:t4"]
    assert ids(graph(store, "job:ns:j2", 1)) == [*one, "job:ns:j1", "job:ns:j2", "job:ns:j3"]
    assert len(ids(graph(store, "job:ns:j0", 20))) == 11
    assert ids(graph(store, "dataset:ns:t0", 0)) == ["dataset:ns:t0", "dataset:ns:t1", "job:ns:j0"]


def test_a_dataset_without_jobs_stands_alone(store: LineageStore) -> None:
    put(store, job_event(1, inputs=["a"]))
    give(store, CommandKind.DELETE, job_node("ns", "job"))
    (node,) = graph(store, "dataset:ns:a")["graph"]
    assert (node["id"], node["inEdges"], node["outEdges"]) == ("dataset:ns:a", [], [])


def test_what_is_deleted_is_no_bridge(store: LineageStore) -> None:
    a_chain(store, 3)
    give(store, CommandKind.DELETE, job_node("ns", "j1"))
    assert ids(graph(store, "job:ns:j0")) == ["dataset:ns:t0", "dataset:ns:t1", "job:ns:j0"]


def test_a_cycle_ends(store: LineageStore) -> None:
    a_chain(store, 2)
    put(store, run_event("back", "COMPLETE", 9, job="back", inputs=["t2"], outputs=["t0"]))
    assert len(ids(graph(store, "job:ns:j0", 1_000_000))) == 6


@pytest.mark.parametrize("limit", [1, 4, 7])
def test_too_large_a_graph_is_cut_with_a_mark_and_a_count(store: LineageStore, limit: int) -> None:
    put(
        store,
        run_event("0", "COMPLETE", 1, job="make", outputs=["hub"]),
        *(run_event(f"r{at}", "COMPLETE", at, job=f"read{at}", inputs=["hub"]) for at in range(2, 12)),
    )
    answer = graph(store, "job:ns:make", 20, limit)
    assert len(answer["graph"]) == limit
    assert (answer["truncated"], answer["nodeCount"], answer["nodeCountIsLower"]) == (True, 12, limit == 1)
    known = set(ids(answer))
    assert "job:ns:make" in known
    assert all(edge["destination"] in known for node in answer["graph"] for edge in node["outEdges"])
    whole = graph(store, "job:ns:make", 20, 12)
    assert len(whole["graph"]) == 12
    assert whole.keys() == {"graph"}


def test_a_job_has_the_ends_that_are_drawn_and_its_own_latest_run(store: LineageStore) -> None:
    put(
        store,
        run_event("1", "COMPLETE", 1, inputs=["a"], outputs=["b"], parent="p"),
        run_event("2", "START", 5, inputs=["a"]),
    )
    (job,) = (node for node in graph(store, "job:ns:job")["graph"] if node["type"] == "JOB")
    data = job["data"]
    assert data["inputs"] == [{"namespace": "ns", "name": "a"}]
    assert data["outputs"] == [{"namespace": "ns", "name": "b"}]
    assert (data["currentRunUuid"], data["latestRun"]["state"]) == (run_id("2"), "RUNNING")
    assert (data["parentJobName"], data["simpleName"]) == ("dag", "job")


NAMES = [("arn:aws:glue:eu", "t:1"), ("postgres://h:5432", "a.b.c"), ("ns", "a#b"), ("ns", "struct<a:int>")]


@pytest.mark.parametrize(("namespace", "name"), NAMES)
def test_a_node_id_is_read_against_known_names(store: LineageStore, namespace: str, name: str) -> None:
    put(store, *(job_event(1, job=f"j{at}", inputs=[dataset(n, ns)]) for at, (ns, n) in enumerate(NAMES)))
    answer = graph(store, f"dataset:{namespace}:{name}", 0)
    assert f"dataset:{namespace}:{name}" in ids(answer)
    assert len(ids(answer)) == 2


@pytest.mark.parametrize(
    ("node_id", "message"),
    [
        ("job:ns:nope", "Job 'nope' not found."),
        ("dataset:ns:nope", "Dataset 'nope' not found."),
        ("dataset:a:b:c", "Node 'dataset:a:b:c' not found."),
        ("run:00000000-0000-4000-8000-000000000001", "not found"),
        ("nonsense", "not found"),
        ("job:" + ":" * 5000, "not found"),
        ("job:ns:" + "a." * 5000, "not found"),
    ],
)
def test_an_unknown_node_is_not_found(store: LineageStore, node_id: str, message: str) -> None:
    a_chain(store, 1)
    with pytest.raises(ApiError, match=r".*") as error:
        graph(store, node_id)
    assert error.value.status_code == 404
    assert message in error.value.detail


def test_the_name_that_marquez_gives_a_child_finds_the_job(store: LineageStore) -> None:
    put(store, run_event("1", "COMPLETE", 1, job="child", inputs=["a"], parent="p"))
    assert "job:ns:child" in ids(graph(store, "job:ns:dag.child", 0))


def columns(store: LineageStore) -> None:
    def made(of: str) -> dict[str, Any]:
        return {"fields": {"x": {"inputFields": [{"namespace": "ns", "name": of, "field": "x"}]}}}

    def table(name: str, of: str) -> dict[str, Any]:
        return dataset(name, schema=schema("x"), columnLineage=made(of))

    put(
        store,
        *(
            run_event(f"{at}", "COMPLETE", at, job=f"j{at}", inputs=[before], outputs=[table(after, before)])
            for at, (before, after) in enumerate(["ab", "bc", "cd", "ce"], 1)
        ),
    )


@pytest.mark.parametrize(
    ("node_id", "depth", "downstream", "expected"),
    [
        ("dataset:ns:c", 1, False, "bc"),
        ("dataset:ns:c", 20, False, "abc"),
        ("dataset:ns:c", 1, True, "bc"),
        ("dataset:ns:c", 2, True, "abcde"),
        ("datasetField:ns:d:x", 2, False, "bcd"),
        ("job:ns:j2", 1, False, "bc"),
        ("dataset:ns:a", 20, True, "abcde"),
        ("dataset:ns:a", 20, False, ""),
    ],
)
def test_column_lineage_counts_edges(
    store: LineageStore, node_id: str, depth: int, downstream: bool, expected: str
) -> None:
    columns(store)
    answer = column_graph(store, node_id, depth, downstream, 1000)
    assert "".join(node["data"]["dataset"] for node in answer["graph"]) == expected


def test_column_lineage_that_is_cut_says_so_and_has_no_edge_to_nowhere(store: LineageStore) -> None:
    columns(store)
    answer = column_graph(store, "dataset:ns:a", 20, True, 3)
    assert answer["truncated"] is True
    known = {node["id"] for node in answer["graph"]}
    assert 2 <= len(known) <= 3
    assert {edge["destination"] for node in answer["graph"] for edge in node["outEdges"]} <= known


def test_transformations_are_kept(store: LineageStore) -> None:
    ways = [{"type": "DIRECT", "subtype": "AGGREGATION", "description": "sum", "masking": True}]
    of = {"namespace": "ns", "name": "a", "field": "x", "transformations": ways}
    made = dataset("b", schema=schema("y"), columnLineage={"fields": {"y": {"inputFields": [of]}}})
    put(store, run_event("1", "COMPLETE", 1, inputs=["a"], outputs=[made]))
    answer = column_graph(store, "dataset:ns:b", 20, False, 10)
    (data,) = (node["data"] for node in answer["graph"] if node["data"]["dataset"] == "b")
    (source,) = data["inputFields"]
    assert source["transformations"] == ways
    assert (source["transformationDescription"], source["transformationType"]) == ("sum", None)


def test_a_version_shows_the_columns_of_its_time(store: LineageStore) -> None:
    columns(store)
    key = dataset_node("ns", "c").key
    old = store.dataset_versions(key)[0].id
    moved = {"fields": {"x": {"inputFields": [{"namespace": "ns", "name": "z", "field": "x"}]}}}
    outputs = [dataset("c", schema=schema("x"), columnLineage=moved)]
    runs = [
        run_event(f"n{at}", "COMPLETE", 100 + at, job="j2", inputs=["z"], outputs=outputs) for at in range(10)
    ]
    put(store, *runs)
    now = column_graph(store, "dataset:ns:c", 1, False, 10)
    then = column_graph(store, f"dataset:ns:c#{old}", 1, False, 10)
    assert [node["data"]["dataset"] for node in now["graph"]] == ["c", "z"]
    assert [node["data"]["dataset"] for node in then["graph"]] == ["b", "c"]
    assert f"datasetField:ns:c:x#{old}" in {node["id"] for node in then["graph"]}
    with pytest.raises(ApiError, match="Could not find node"):
        column_graph(store, "dataset:ns:c#6f7d2b0e-5a58-4b52-9d1d-6b3e0a1c7f24", 1, False, 10)


def test_the_runs_before_a_run_are_those_that_made_what_it_read(store: LineageStore) -> None:
    put(
        store,
        run_event("0", "COMPLETE", 1, job="j0", inputs=["in"], outputs=["t"]),
        run_event("1", "COMPLETE", 11, job="j1", inputs=["t"], outputs=["u"]),
        run_event("2", "COMPLETE", 21, job="j2", inputs=["u"]),
    )
    runs = upstream_runs.graph(store, run_id("2"), 20)["runs"]
    assert [run["job"]["name"] for run in runs] == ["j2", "j1", "j0"]
    assert upstream_runs.graph(store, run_id("2"), 0)["runs"] == runs[:1]
    (read,) = runs[0]["inputs"]
    assert (read["name"], read["producedByRunId"]) == ("u", runs[1]["run"]["id"])
    with pytest.raises(ApiError, match="Run 'nope' not found"):
        upstream_runs.graph(store, "nope", 20)
