"""What Marquez's web UI asks for, and what it reads of the answers: pages break when one of these changes.

The requests are those that the UI sends, to the letter: `:` in a node id is not encoded and its parts are, a
search text is not encoded at all, and writes have neither a body nor a content type.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import pytest
from made_events import dataset, job_event, run_event, run_id, schema

NAMESPACE, TABLE, JOB = "s3://lake", "raw/orders", "daily.load"
"""The job's namespace is `ns`; the names of the tables have slashes and colons in them."""

BETWEEN = "before=2026-01-02T00:00:00.000Z&after=2026-01-01T00:00:00.000Z&offset=0&sortDirection=desc"

TEXT, NUMBER, FLAG, LIST, ANY = str, (int, float), bool, list, object
Kind = Any


def maybe(kind: Kind) -> tuple[Any, ...]:
    """Return a kind that may be null as well."""
    return (*(kind if isinstance(kind, tuple) else (kind,)), type(None))


RUN: dict[str, Kind] = {
    "id": TEXT,
    "state": TEXT,
    "createdAt": TEXT,
    "startedAt": maybe(TEXT),
    "endedAt": maybe(TEXT),
    "durationMs": maybe(NUMBER),
    "facets": dict,
}
LISTED_JOB: dict[str, Kind] = {
    "id.namespace": TEXT,
    "id.name": TEXT,
    "name": TEXT,
    "namespace": TEXT,
    "type": TEXT,
    "createdAt": TEXT,
    "updatedAt": TEXT,
    "tags": LIST,
    "latestRun": maybe(dict),
    "latestRuns": maybe(LIST),
}
COLUMN: dict[str, Kind] = {"name": TEXT, "type": maybe(TEXT), "description": maybe(TEXT), "tags": LIST}
ENDS: dict[str, Kind] = {"origin": TEXT, "destination": TEXT}
NODE: dict[str, Kind] = {"id": TEXT, "type": TEXT, "data": dict, "inEdges": LIST, "outEdges": LIST}
INTERVAL: dict[str, Kind] = {"startInterval": TEXT, "endInterval": TEXT}
COUNTED = {**INTERVAL, "count": NUMBER}

READ: dict[str, dict[str, dict[str, Kind]]] = {
    "/api/v1/namespaces": {"namespaces[]": {"name": TEXT, "isHidden": FLAG}},
    "/api/v1/tags": {"tags[]": {"name": TEXT, "description": maybe(TEXT)}},
    "/api/v1/jobs?limit=10&offset=0": {
        "": {"totalCount": NUMBER},
        "jobs[]": LISTED_JOB,
        "jobs[].latestRun": RUN,
        "jobs[].latestRuns[]": RUN,
    },
    "/api/v1/jobs?limit=10&offset=10": {"": {"totalCount": NUMBER, "jobs": LIST}},
    "/api/v1/jobs?limit=10&offset=0&lastRunStates=FAILED": {"jobs[]": LISTED_JOB, "jobs[].latestRun": RUN},
    "/api/v1/namespaces/{ns}/jobs?limit=20&offset=0": {
        "": {"totalCount": NUMBER},
        "jobs[]": LISTED_JOB,
        "jobs[].latestRun": RUN,
    },
    "/api/v1/namespaces/{lake}/datasets?limit=20&offset=0": {
        "": {"totalCount": NUMBER},
        "datasets[]": {
            "id.name": TEXT,
            "id.namespace": TEXT,
            "name": TEXT,
            "namespace": TEXT,
            "sourceName": TEXT,
            "type": TEXT,
            "createdAt": TEXT,
            "updatedAt": TEXT,
            "deleted": FLAG,
            "tags": LIST,
            "facets": dict,
        },
        "datasets[].facets.dataQualityAssertions?.assertions[]": {"success": FLAG},
    },
    "/api/v1/namespaces/{lake}/datasets/{table}": {
        "": {
            "name": TEXT,
            "namespace": TEXT,
            "type": TEXT,
            "createdAt": TEXT,
            "updatedAt": TEXT,
            "description": maybe(TEXT),
            "tags": LIST,
            "facets.dataQualityAssertions.assertions": LIST,
        },
        "fields[]": COLUMN,
        "columnLineage[]": {"name": TEXT},
        "facets.dataQualityAssertions.assertions[]": {"assertion": TEXT, "column": TEXT, "success": FLAG},
    },
    "/api/v1/namespaces/{lake}/datasets/{table}/versions?limit=10&offset=0": {
        "": {"totalCount": NUMBER},
        "versions[]": {
            "version": TEXT,
            "createdAt": TEXT,
            "lifecycleState": TEXT,
            "facets": dict,
            "createdByRun.id": TEXT,
        },
        "versions[].fields[]": {"name": TEXT, "type": maybe(TEXT), "description": maybe(TEXT)},
    },
    "/api/v1/namespaces/{ns}/jobs/{job}": {
        "": {**LISTED_JOB, "location": maybe(TEXT), "description": maybe(TEXT), "parentJobName": maybe(TEXT)},
        "latestRun": RUN,
        "latestRuns[]": RUN,
    },
    "/api/v1/namespaces/{ns}/jobs/{job}/runs?limit=14&offset=0": {"": {"totalCount": NUMBER}, "runs[]": RUN},
    "/api/v1/namespaces/{ns}/jobs/{job}/runs?limit=10&offset=0": {"": {"totalCount": NUMBER}, "runs[]": RUN},
    "/api/v1/jobs/runs/{run}/facets?type=job": {"": {"facets.sql.query": TEXT}},
    "/api/v1/events/lineage?limit=50&{between}": {
        "": {"totalCount": NUMBER},
        "events[]": {
            "eventType": TEXT,
            "eventTime": TEXT,
            "run.runId": TEXT,
            "job.name": TEXT,
            "job.namespace": TEXT,
            "producer": TEXT,
            "schemaURL": TEXT,
            "run.facets": dict,
            "job.facets": dict,
        },
        "events[].inputs[]": {"namespace": TEXT, "name": TEXT},
        "events[].outputs[]": {"namespace": TEXT, "name": TEXT, "facets": dict},
    },
    "/api/v1/lineage?nodeId=job:{ns}:{job}&depth=2": {
        "graph[]": {
            **NODE,
            "data.name": TEXT,
            "data.namespace": TEXT,
            "data.updatedAt": TEXT,
            "data.description": maybe(TEXT),
        },
        "graph[].inEdges[]": ENDS,
        "graph[].outEdges[]": ENDS,
    },
    "/api/v1/lineage?nodeId=dataset:{lake}:{table}&depth=2": {"graph[]": NODE},
    "/api/v1/column-lineage?nodeId=dataset:{lake}:{table}&depth=2&withDownstream=true": {
        "graph[]": {**NODE, "data.namespace": TEXT, "data.dataset": TEXT, "data.field": TEXT},
        "graph[].inEdges[]": ENDS,
        "graph[].outEdges[]": ENDS,
    },
    "/api/v1/search?q=raw/ord&sort=UPDATE_AT&limit=100": {
        "": {"totalCount": NUMBER},
        "results[]": {"name": TEXT, "namespace": TEXT, "type": TEXT, "updatedAt": TEXT, "nodeId": TEXT},
    },
    "/api/v1/search?q=load&sort=NAME&limit=100&filter=JOB": {"results[]": {"name": TEXT}},
    "/api/v1/search?q=raw&sort=NAME&limit=100&filter=DATASET": {"results[]": {"name": TEXT}},
    "/api/v1/search?q=zzzzzz&sort=UPDATE_AT&limit=100": {"": {"totalCount": NUMBER, "results": LIST}},
    **{
        f"/api/v1/stats/{what}?period={period}": {"[]": counted}
        for period in ("DAY&timezone=UTC", "WEEK&timezone=UTC", "WEEK&timezone=Europe/Berlin")
        for what, counted in (
            ("lineage-events", dict.fromkeys(("fail", "start", "complete", "abort"), NUMBER) | INTERVAL),
            *((what, COUNTED) for what in ("jobs", "datasets", "sources")),
        )
    },
}


def lineage(column: str) -> dict[str, Any]:
    origin = {"namespace": NAMESPACE, "name": "raw/in", "field": "x"}
    return {"fields": {column: {"inputFields": [origin]}}}


def events() -> list[dict[str, Any]]:
    tests = {"assertions": [{"assertion": "not_null", "column": "id", "success": False}]}
    read = {**dataset("raw/in", NAMESPACE, schema=schema("x"))}
    made = dataset(TABLE, NAMESPACE, schema=schema("id"), columnLineage=lineage("id"))
    after = {**dataset(TABLE, NAMESPACE), "inputFacets": {"dataQualityAssertions": tests}}
    sql = {"sql": {"query": "select 1"}}
    return [
        run_event("1", "START", 1, job=JOB, inputs=[read], job_facets=sql),
        run_event("1", "COMPLETE", 2, job=JOB, inputs=[read], outputs=[made]),
        run_event("2", "START", 3, job="check", inputs=[after], parent="p"),
        run_event("3", "FAIL", 4, job="fails"),
    ]


@pytest.fixture
def filled(served: Any) -> Any:
    for event in events():
        assert served.post("/api/v1/lineage", json=event).status_code == 201
    return served


def path_of(template: str) -> str:
    names = {
        "ns": "ns",
        "lake": NAMESPACE,
        "table": TABLE,
        "job": JOB,
    }
    quoted = {key: quote(name, safe="") for key, name in names.items()}
    return template.format(run=run_id("1"), between=BETWEEN, **quoted)


def members(answer: Any, place: str) -> Iterator[Any]:
    """Yield what stands at a place like `jobs[].latestRuns[]`: nothing below a null or an absent `key?`."""
    head, _, rest = place.partition(".")
    key = head.removesuffix("[]")
    if key.endswith("?") and key[:-1] not in answer:
        return
    value = answer[key.removesuffix("?")] if key else answer
    found = value if head.endswith("[]") else [value]
    for one in found or ():
        if one is not None:
            yield from members(one, rest) if rest else [one]


def read(value: Mapping[str, Any], keys: str) -> Any:
    for key in keys.split("."):
        assert key in value, f"{key} of {keys} is not there: {sorted(value)}"
        value = value[key]
    return value


@pytest.mark.parametrize("template", READ)
def test_every_field_that_the_web_ui_reads_is_there(filled: Any, template: str) -> None:
    """DD-22"""
    answer = filled.get(path_of(template))
    assert answer.status_code == 200, answer.text
    for place, fields in READ[template].items():
        found = list(members(answer.json(), place)) if place else [answer.json()]
        assert found, f"nothing at {place}"
        for value in found:
            for keys, kind in fields.items():
                assert isinstance(read(value, keys), kind), (place, keys, read(value, keys))


def test_a_job_without_runs_has_null_and_no_empty_list_of_runs(filled: Any) -> None:
    """An empty list blanks the dashboard."""
    assert filled.post("/api/v1/lineage", json=job_event(4, job="declared")).status_code == 201
    jobs = {job["name"]: job for job in filled.get("/api/v1/jobs?limit=10&offset=0").json()["jobs"]}
    assert jobs["declared"]["latestRuns"] is None
    assert jobs["declared"]["latestRun"] is None


def test_the_list_of_events_has_events_of_runs_only(filled: Any) -> None:
    """One without a run blanks the page of events."""
    told = {key: value for key, value in events()[0].items() if key not in {"run", "eventType"}}
    told["schemaURL"] = told["schemaURL"].replace("RunEvent", "JobEvent")
    assert filled.post("/api/v1/lineage", json=told).status_code == 201
    answer = filled.get(path_of("/api/v1/events/lineage?limit=50&{between}")).json()
    assert (len(answer["events"]), answer["totalCount"]) == (4, 5)


def test_a_node_that_is_not_there_is_told_as_the_page_shows_it(filled: Any) -> None:
    answer = filled.get("/api/v1/lineage?nodeId=job:nope:nope&depth=2")
    assert (answer.status_code, answer.json()) == (404, {"code": 404, "message": "Job 'nope' not found."})


@pytest.mark.parametrize("path", [path for path in READ if "lineage?nodeId" in path])
def test_every_end_of_an_edge_is_a_node_of_the_graph(filled: Any, path: str) -> None:
    """DD-22: Column lineage with an edge to nowhere is never drawn."""
    graph = filled.get(path_of(path)).json()["graph"]
    ids = {node["id"] for node in graph}
    ends = {edge[end] for node in graph for edge in (*node["inEdges"], *node["outEdges"]) for end in ENDS}
    assert ends
    assert ends <= ids


def test_a_node_of_a_dataset_has_its_fields(filled: Any) -> None:
    graph = filled.get(path_of("/api/v1/lineage?nodeId=job:{ns}:{job}&depth=2")).json()["graph"]
    fields = {node["id"]: node["data"]["fields"] for node in graph if node["type"] == "DATASET"}
    assert [one["name"] for one in fields[f"dataset:{NAMESPACE}:{TABLE}"]] == ["id"]
    assert all(isinstance(of, list) for of in fields.values())
    states = {node["id"]: node["data"]["latestRun"]["state"] for node in graph if node["type"] == "JOB"}
    assert states == {"job:ns:daily.load": "COMPLETED", "job:ns:check": "RUNNING"}


def test_edges_of_columns_lead_from_a_column_to_its_sources(filled: Any) -> None:
    """The UI turns the edges of columns round, so they have to be the wrong way."""
    path = "/api/v1/column-lineage?nodeId=dataset:{lake}:{table}&depth=2&withDownstream=true"
    graph = {node["id"]: node for node in filled.get(path_of(path)).json()["graph"]}
    column, source = f"datasetField:{NAMESPACE}:{TABLE}:id", f"datasetField:{NAMESPACE}:raw/in:x"
    assert graph[column]["inEdges"] == [{"origin": column, "destination": source}]
    assert graph[source]["outEdges"] == [{"origin": source, "destination": column}]
    assert graph[source]["data"]["fieldType"] == ""


def tagged(answer: Any) -> tuple[list[str], list[str]]:
    fields = answer.get("fields") or [{"tags": []}]
    return answer["tags"], fields[0]["tags"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/v1/namespaces/{lake}/datasets/{table}/tags/pii%2Fa", (["pii/a"], [])),
        ("/api/v1/namespaces/{lake}/datasets/{table}/fields/id/tags/pii", ([], ["PII"])),
        ("/api/v1/namespaces/{ns}/jobs/{job}/tags/Gold", (["Gold"], [])),
    ],
)
def test_a_tag_is_given_and_taken_without_a_body(filled: Any, path: str, expected: Any) -> None:
    given = filled.post(path_of(path))
    assert (given.status_code, tagged(given.json())) == (200, expected)
    taken = filled.request("DELETE", path_of(path))
    assert (taken.status_code, tagged(taken.json())) == (200, ([], []))


def test_a_tag_is_made(filled: Any) -> None:
    made = filled.request("PUT", "/api/v1/tags/made", json={"description": "by the page"})
    assert made.json() == {"name": "made", "description": "by the page"}
    assert made.json() in filled.get("/api/v1/tags").json()["tags"]


@pytest.mark.parametrize(
    ("path", "name"),
    [("/api/v1/namespaces/{lake}/datasets/{table}", TABLE), ("/api/v1/namespaces/{ns}/jobs/{job}", JOB)],
)
def test_what_is_deleted_is_answered_and_gone_until_an_event_names_it(
    filled: Any, path: str, name: str
) -> None:
    answer = filled.request("DELETE", path_of(path))
    assert (answer.status_code, answer.json()["name"]) == (200, name)
    gone = filled.get(path_of(path))
    assert gone.status_code == 404
    assert gone.json()["message"].endswith(f"'{name}' not found.")
    back = json.loads(json.dumps(events()[1]).replace("2026-01-01", "2126-01-01"))
    assert filled.post("/api/v1/lineage", json=back).status_code == 201
    assert filled.get(path_of(path)).json()["name"] == name
