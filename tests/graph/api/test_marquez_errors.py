"""The statuses and the words of Marquez's errors, and the names that its paths may hold."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from made_events import dataset, run_event, run_id


@pytest.fixture
def filled(served: Any) -> Any:
    child = run_event("1", "START", 1, job="child", inputs=[dataset("a/b:c", "s3://x")], parent="p")
    assert served.post("/api/v1/lineage", json=child).status_code == 201
    return served


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/api/v1/namespaces/none", 404, "Namespace 'none' not found."),
        ("/api/v1/namespaces/none/datasets", 404, "Namespace 'none' not found."),
        ("/api/v1/namespaces/none/datasets/d", 404, "Namespace 'none' not found."),
        ("/api/v1/namespaces/ns/datasets/d", 404, "Dataset 'd' not found."),
        ("/api/v1/namespaces/ns/jobs/j", 404, "Job 'j' not found."),
        ("/api/v1/namespaces/ns/jobs/j/runs", 404, "Job 'j' not found."),
        ("/api/v1/namespaces/ns/jobs/child/versions/v", 404, "Job version 'v' not found."),
        ("/api/v1/sources/s", 404, "Source 's' not found."),
        ("/api/v1/jobs/runs/r", 404, "Run 'r' not found."),
        ("/api/v1/runlineage/upstream?runId=r", 404, "Run 'r' not found."),
        ("/api/v1/column-lineage?nodeId=job:ns:child", 404, "Could not find node"),
        ("/api/v1/lineage", 400, "query param nodeId must not be null"),
        ("/api/v1/namespaces?limit=-1", 400, "query param limit must be greater than or equal to 0"),
        ("/api/v1/jobs?offset=-1", 400, "query param offset must be greater than or equal to 0"),
        ("/api/v1/search?q=%20", 400, "query param q must not be blank"),
        ("/api/v1/search?q=a&filter=x", 400, "query param filter must be one of [DATASET, JOB]"),
        ("/api/v1/search?q=a&before=2026-13-01", 400, "query param before is no day: 2026-13-01"),
        ("/api/v1/stats/jobs", 400, "Invalid period"),
        ("/api/v1/stats/lineage-events?period=WEEK", 400, "Timezone must be specified for period 'WEEK'"),
        ("/api/v1/stats/jobs?period=WEEK&timezone=../etc", 400, "query param timezone is no time zone"),
        ("/api/v1/events/lineage?before=soon", 400, "query param before is no time"),
    ],
)
def test_an_error_has_the_status_and_the_words_of_marquez(
    filled: Any, path: str, status: int, message: str
) -> None:
    answer = filled.get(path)
    assert (answer.status_code, answer.json()["code"]) == (status, status)
    assert answer.json()["message"].startswith(message)


def test_names_may_hold_slashes_and_colons(filled: Any) -> None:
    names = quote("s3://x", safe=""), quote("a/b:c", safe="")
    answer = filled.get("/api/v1/namespaces/{}/datasets/{}".format(*names))
    assert answer.json()["id"] == {"namespace": "s3://x", "name": "a/b:c"}


@pytest.mark.parametrize("rest", ["", "/runs?limit=1", "/versions", "?limit=1"])
def test_the_name_that_marquez_gives_a_child_leads_to_its_own(filled: Any, rest: str) -> None:
    moved = filled.get(f"/api/v1/namespaces/ns/jobs/dag.child{rest}", allow_redirects=False)
    assert moved.status_code == 301
    assert moved.headers["location"] == f"/api/v1/namespaces/ns/jobs/child{rest}"
    assert filled.get(f"/api/v1/namespaces/ns/jobs/dag.child{rest}").status_code == 200


@pytest.mark.parametrize(
    ("asked", "plain"),
    [
        ("/namespaces/", "/namespaces"),
        ("/namespaces/ns/jobs/child/?limit=", "/namespaces/ns/jobs/child"),
        ("/namespaces/ns/jobs?limit=&offset=", "/namespaces/ns/jobs"),
        ("/lineage?nodeId=job:ns:child&depth=", "/lineage?nodeId=job:ns:child"),
        ("/events/lineage?before=&sortDirection=", "/events/lineage"),
        ("/search?q=c&filter=&sort=&limit=1", "/search?q=c&limit=1"),
    ],
)
def test_a_slash_at_the_end_and_parameters_without_a_value_do_not_count(
    filled: Any, asked: str, plain: str
) -> None:
    found, expected = filled.get(f"/api/v1{asked}"), filled.get(f"/api/v1{plain}")

    assert (found.status_code, found.json()) == (200, expected.json())


def test_a_parameter_that_must_be_there_has_to_have_a_value(filled: Any) -> None:
    assert filled.get("/api/v1/lineage?nodeId=").json()["message"] == "query param nodeId must not be null"
    assert filled.get("/api/v1/runlineage/upstream?runId=").status_code == 400


def test_a_plus_in_a_time_may_come_as_a_blank(filled: Any) -> None:
    path = "/api/v1/events/lineage?after=2026-01-01T00:00:00+00:00&before=2026-01-01T00:00:02+00:00"
    assert len(filled.get(path).json()["events"]) == 1


def test_events_are_given_as_they_came(filled: Any) -> None:
    odd = {**run_event("2", "START", 5), "more": {"nested": [1, None]}}
    assert filled.post("/api/v1/lineage", json=odd).status_code == 201
    for path in ("/api/v1/events/lineage?limit=1", "/api/v1/events?limit=1", "/api/v1/events/ns?limit=1"):
        assert filled.get(path).json()["events"] == [odd]


def test_only_the_counts_of_events_need_a_time_zone(filled: Any) -> None:
    for what in ("jobs", "datasets", "sources"):
        assert len(filled.get(f"/api/v1/stats/{what}?period=week").json()) == 7


@pytest.mark.parametrize(("kind", "names"), [("run", ["parent"]), ("JOB", []), ("dataset", [])])
def test_the_facets_of_a_run_are_asked_for_by_their_kind(filled: Any, kind: str, names: list[str]) -> None:
    answer = filled.get(f"/api/v1/jobs/runs/{run_id('1')}/facets?type={kind}").json()
    assert (answer["runId"], list(answer["facets"])) == (run_id("1"), names)
    assert filled.get(f"/api/v1/jobs/runs/{run_id('1')}/facets?type=x").status_code == 400
