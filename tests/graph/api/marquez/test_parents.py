"""Jobs and runs that are known as parents of others alone, and where Marquez would have them."""

from __future__ import annotations

from typing import Any

import pytest
from made_events import put, run_event, run_id

from graph.api.errors import ApiError
from graph.api.marquez import jobs, names, runs, upstream_runs, writing
from graph.nodes import job
from graph.store import LineageStore


def under(child: str, event_type: str, time: int, **keys: Any) -> dict[str, Any]:
    return run_event(child, event_type, time, job=keys.pop("job", "task"), parent=keys.pop("parent", "p"))


def test_a_run_that_is_known_as_a_parent_runs_since_the_first_run_under_it(store: LineageStore) -> None:
    put(store, under("1", "START", 5), under("2", "COMPLETE", 3, job="other"), under("1", "COMPLETE", 9))
    found = runs.one(store, run_id("p"))

    assert (found["id"], found["state"], found["jobVersion"]) == (run_id("p"), "RUNNING", None)
    assert found["startedAt"] == found["createdAt"] == found["updatedAt"] == "2026-01-01T00:00:03Z"
    assert (found["endedAt"], found["durationMs"], found["args"], found["facets"]) == (None, None, {}, {})
    assert runs.facets(store, run_id("p"), "run") == {"runId": run_id("p"), "facets": {}}
    (above,) = upstream_runs.graph(store, run_id("p"), 20)["runs"]
    assert (above["job"]["name"], above["run"]["status"], above["inputs"]) == ("dag", "RUNNING", [])
    with pytest.raises(ApiError, match="not found"):
        runs.one(store, run_id("q"))


def test_a_parent_of_the_same_job_is_a_run_of_it(store: LineageStore) -> None:
    """Some producers name the job itself above its runs, with the run of the DAG."""
    put(store, under("1", "START", 2, job="dag"))

    assert runs.one(store, run_id("p"))["startedAt"] == "2026-01-01T00:00:02Z"
    assert [run["id"] for run in jobs.one(store, "ns", "dag")["latestRuns"]] == [run_id("1")]


def test_a_job_that_is_known_as_a_parent_has_the_runs_that_are(store: LineageStore) -> None:
    put(
        store,
        under("1", "START", 1, parent="p"),
        under("2", "START", 2, parent="q"),
        under("3", "START", 3, job="other", parent="q"),
        under("4", "START", 4, job="other", parent="r"),
    )
    dag = jobs.one(store, "ns", "dag")
    page = runs.listed(store, "ns", "dag", 2, 1)

    assert [run["id"] for run in dag["latestRuns"]] == [run_id("r"), run_id("q"), run_id("p")]
    assert dag["latestRun"]["state"] == "RUNNING"
    assert [run["id"] for run in page["runs"]] == [run_id("q"), run_id("p")]
    assert page["totalCount"] == 3


def test_what_is_told_of_a_parent_counts_alone(store: LineageStore) -> None:
    put(store, under("1", "START", 1), under("2", "START", 2, parent="q"))
    put(store, run_event("p", "FAIL", 4, job="dag"))
    dag = jobs.one(store, "ns", "dag")

    assert [(run["id"], run["state"]) for run in dag["latestRuns"]] == [(run_id("p"), "FAILED")]
    assert runs.listed(store, "ns", "dag", 10, 0)["totalCount"] == 1
    assert runs.one(store, run_id("q"))["state"] == "RUNNING"


def test_jobs_that_are_known_as_parents_are_listed_among_those_that_run(store: LineageStore) -> None:
    put(store, under("1", "START", 1), under("1", "FAIL", 2))

    def named(state: str) -> list[str]:
        return [job["name"] for job in jobs.listed(store, "ns", [state], 10, 0)["jobs"]]

    assert (named("RUNNING"), named("FAILED")) == (["dag"], ["task"])


def test_a_run_that_is_known_as_a_parent_can_be_marked(store: LineageStore) -> None:
    put(store, under("1", "START", 1))
    ended = writing.mark_run(store, run_id("p"), "complete", None)

    assert ended["state"] == "COMPLETED"
    assert [run["id"] for run in jobs.one(store, "ns", "dag")["latestRuns"]] == [run_id("p")]


def test_a_parent_is_found_in_the_namespaces_of_the_jobs_under_it(store: LineageStore) -> None:
    """Marquez puts it there, whatever namespace the event gives it."""
    child = under("1", "START", 1)
    child["job"]["namespace"] = "elsewhere"
    put(store, child)

    assert names.renamed_job(store, "elsewhere", "dag") == job("ns", "dag")
    assert names.renamed_job(store, "elsewhere", "dag.task") == job("elsewhere", "task")
    assert names.node_of(store, "job:elsewhere:dag").node == job("ns", "dag")
    assert names.renamed_job(store, "nowhere", "dag") is None
    assert names.renamed_job(store, "elsewhere", "ag") is None
