"""Lists, versions, runs and what requests declare, as Marquez shows them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from made_events import dataset, job_event, put, run_event, run_id, schema

from graph.api.errors import ApiError
from graph.api.marquez import (
    datasets,
    jobs,
    names,
    namespaces,
    runs,
    search,
    sources,
    tags,
    versions,
    word_search,
    writing,
)
from graph.api.marquez.bodies import DatasetBody, JobBody, RunBody
from graph.api.marquez.times import instant, instant_in, shortened
from graph.ingest import give, index
from graph.nodes import dataset as dataset_node
from graph.store import LineageStore
from graph.store.commands import CommandKind


def plain(answer: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(answer))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
        ("2026-01-31T12:00:00.500+00:00", "2026-01-31T12:00:00.500Z"),
        ("2026-01-31T12:00:00.000500Z", "2026-01-31T12:00:00.000500Z"),
        ("2026-01-31T12:00:00+02:00", "2026-01-31T10:00:00Z"),
        ("yesterday", None),
    ],
)
def test_an_instant_has_the_digits_that_it_needs(text: str, expected: str | None) -> None:
    assert instant_in(text) == expected
    if expected is not None:
        assert instant(datetime.fromisoformat(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2020-02-22T22:00:00.000Z", "2020-02-22T22:00Z"),
        ("2020-02-22T22:00:01Z", "2020-02-22T22:00:01Z"),
        ("2020-02-22T22:00:01.500+01:00", "2020-02-22T21:00:01.500Z"),
        ("2020-02-22T00:00:00+02:00", "2020-02-21T22:00Z"),
        ("2020-02-22T22:00:00", "2020-02-22T22:00"),
        ("0001-01-01T00:00:00+02:00", "0001-01-01T00:00:00+02:00"),
        ("soon", "soon"),
    ],
)
def test_arguments_have_times_of_utc_in_short(text: str, expected: str) -> None:
    assert shortened(text) == expected


def test_the_default_namespace_is_always_there(store: LineageStore) -> None:
    (default,) = namespaces.listed(store, 10, 0)["namespaces"]
    assert (default["name"], default["ownerName"], default["isHidden"]) == ("default", "anonymous", False)
    assert namespaces.one(store, "default") == default
    with pytest.raises(ApiError, match="Namespace 'none' not found"):
        namespaces.one(store, "none")


def test_a_hidden_namespace_is_listed_and_comes_back_with_an_event(store: LineageStore) -> None:
    put(store, run_event("1", "START", 1, inputs=["a"], parent="p"))
    assert namespaces.hide(store, "ns")["isHidden"] is False
    assert namespaces.one(store, "ns")["isHidden"] is True
    assert datasets.listed(store, "ns", 10, 0) == {"totalCount": 0, "datasets": []}
    assert jobs.listed(store, "ns", [], 10, 0) == {"totalCount": 0, "jobs": []}
    put(store, run_event("2", "START", "2126-01-01T00:00:00Z", inputs=["a"]))
    assert namespaces.one(store, "ns")["isHidden"] is False
    assert datasets.listed(store, "ns", 10, 0)["totalCount"] == 1
    assert [job["name"] for job in jobs.listed(store, "ns", [], 10, 0)["jobs"]] == ["job"]


def test_declaring_a_hidden_namespace_shows_it_and_keeps_its_beginning(store: LineageStore) -> None:
    first = namespaces.put(store, "n", "ana", "first")
    namespaces.hide(store, "n")
    assert namespaces.one(store, "n")["updatedAt"] == first["updatedAt"]
    again = namespaces.put(store, "n", "bo", None)
    assert (again["isHidden"], again["ownerName"], again["description"]) == (False, "bo", "first")
    assert again["createdAt"] == first["createdAt"]


def test_pages_have_the_length_and_the_place_that_are_asked_for(store: LineageStore) -> None:
    put(store, job_event(1, inputs=["a", "b", "c"]))
    page = datasets.listed(store, "ns", 1, 1)
    assert ([one["name"] for one in page["datasets"]], page["totalCount"]) == (["b"], 3)
    assert datasets.listed(store, "ns", 0, 0)["datasets"] == []
    assert [one["name"] for one in tags.listed(store, 1, 1)["tags"]] == ["SENSITIVE"]
    with pytest.raises(ApiError, match="Namespace 'none' not found"):
        datasets.listed(store, "none", 1, 0)
    assert jobs.listed(store, "none", [], 1, 0) == {"totalCount": 0, "jobs": []}


def test_the_versions_of_a_dataset_that_is_read_and_of_one_that_is_written_tell_the_same_schema(
    store: LineageStore,
) -> None:
    table = {"schema": schema("id", "at")}
    put(store, run_event("1", "COMPLETE", 1, inputs=[dataset("a", **table)], outputs=[dataset("b", **table)]))
    read, written = (versions.of_dataset(store, "ns", name, 10, 0)["versions"][0] for name in ("a", "b"))

    assert read["createdByRun"] is None
    assert read["currentSchemaVersion"] == written["currentSchemaVersion"] is not None


@pytest.mark.parametrize(
    "sent", ["abcdef00-0000-4000-8000-000000000001", "ABCDEF00-0000-4000-8000-000000000001"]
)
def test_a_run_is_found_by_its_uuid_in_any_case(store: LineageStore, sent: str) -> None:
    event = run_event("1", "START", 1)
    put(store, {**event, "run": {"runId": sent}})

    assert {runs.one(store, asked)["id"] for asked in (sent, sent.lower(), sent.upper())} == {sent}


def test_a_dataset_is_found_under_the_names_it_was_sent_by(store: LineageStore) -> None:
    sent = {"namespace": "postgres://db", "name": "a.b.c"}
    put(store, job_event(1, inputs=[sent]), job_event(2, job="other", inputs=[dataset("x", "postgres://db")]))
    listed = datasets.listed(store, "postgres://db", 1, 0)

    assert (listed["totalCount"], [one["name"] for one in listed["datasets"]]) == (2, ["a.b.c"])
    assert datasets.one(store, "postgres://db", "a.b.c")["id"]["namespace"] == "postgres://db:5432"
    assert namespaces.one(store, "postgres://db")["name"] == "postgres://db"
    assert names.node_of(store, "dataset:postgres://db:a.b.c").node.namespace == "postgres://db:5432"
    assert jobs.one(store, "ns", "job")["inputs"] == [{"namespace": "postgres://db:5432", "name": "a.b.c"}]


def test_jobs_are_listed_by_the_state_of_their_latest_run(store: LineageStore) -> None:
    put(
        store,
        run_event("1", "FAIL", 1, job="fails"),
        run_event("2", "FAIL", 2, job="works"),
        run_event("3", "COMPLETE", 3, job="works"),
        job_event(4, job="declared"),
    )

    def named(*states: str) -> list[str]:
        return sorted(job["name"] for job in jobs.listed(store, None, states, 10, 0)["jobs"])

    assert named("FAILED") == ["declared", "fails"]
    assert named("COMPLETED", "failed") == ["declared", "fails", "works"]
    assert named("NEW") == ["declared"]
    with pytest.raises(ApiError, match=r"one of \[NEW, RUNNING, COMPLETED"):
        named("BROKEN")


def test_a_run_has_what_its_events_say(store: LineageStore) -> None:
    nominal = {"nominalTime": {"nominalStartTime": "2026-01-01T00:00:00.000Z"}}
    written = {**dataset("b"), "outputFacets": {"outputStatistics": {"rowCount": 3}}}
    put(
        store,
        run_event("1", "START", 1, inputs=["a"], run_facets=nominal, parent="p"),
        run_event("1", "COMPLETE", 4, outputs=[written]),
    )
    run = plain(runs.one(store, run_id("1")))
    assert (run["state"], run["durationMs"]) == ("COMPLETED", 3000)
    assert run["nominalStartTime"] == "2026-01-01T00:00:00Z"
    assert run["args"] == {
        "nominal_start_time": "2026-01-01T00:00Z",
        "run_id": run_id("p"),
        "name": "dag",
        "namespace": "ns",
    }
    (output,) = run["outputDatasetVersions"]
    assert output["facets"] == {"outputStatistics": {"rowCount": 3}}
    assert (
        versions.one_of_dataset(store, "ns", "b", output["datasetVersionId"]["version"])["createdByRun"]
        == run
    )
    (read,) = run["inputDatasetVersions"]
    assert (
        versions.one_of_dataset(store, "ns", "a", read["datasetVersionId"]["version"])["createdByRun"] is None
    )
    (of_job,) = versions.of_job(store, "ns", "job", 10, 0)["versions"]
    assert of_job["version"] == run["jobVersion"]["version"] == jobs.one(store, "ns", "job")["currentVersion"]
    assert versions.one_of_job(store, "ns", "job", of_job["version"]) == of_job


def test_a_run_that_failed_made_no_version(store: LineageStore) -> None:
    put(store, run_event("1", "FAIL", 1, outputs=["b"]))
    assert runs.one(store, run_id("1"))["outputDatasetVersions"] == []
    page = versions.of_dataset(store, "ns", "b", 10, 0)
    assert (page["totalCount"], page["versions"][0]["createdByRun"]) == (1, None)


def test_versions_are_paged_and_an_unknown_one_is_not_found(store: LineageStore) -> None:
    put(
        store,
        *(
            run_event(f"{at}", "COMPLETE", at, outputs=[dataset("b", schema=schema(f"c{at}"))])
            for at in range(3)
        ),
    )
    page = plain(versions.of_dataset(store, "ns", "b", 1, 1))
    assert (page["totalCount"], [field["name"] for field in page["versions"][0]["fields"]]) == (3, ["c1"])
    assert datasets.one(store, "ns", "b")["currentVersion"] != page["versions"][0]["version"]
    for asked, message in (
        (versions.one_of_dataset, "Dataset version"),
        (versions.one_of_job, "Job version"),
    ):
        with pytest.raises(ApiError, match=f"{message} 'nope' not found"):
            asked(store, "ns", "b" if asked is versions.one_of_dataset else "job", "nope")


def test_a_dataset_shows_its_tags_by_field_and_who_made_its_columns(store: LineageStore) -> None:
    told = {"tags": [{"key": "gold"}, {"key": "pii", "field": "x"}]}
    put(store, job_event(1, inputs=[dataset("a", schema=schema("x", "y"), tags=told)]))
    node = dataset_node("ns", "a")
    give(store, CommandKind.UNTAG, node, "gold")
    datasets.tag_field(store, CommandKind.TAG, "ns", "a", "y", "secret")
    shown = plain(datasets.tag_field(store, CommandKind.UNTAG, "ns", "a", "x", "pii"))
    assert shown["tags"] == []
    assert [field["tags"] for field in shown["fields"]] == [[], ["SECRET"]]
    with pytest.raises(ApiError, match="Field 'z' not found for dataset 'a'"):
        datasets.tag_field(store, CommandKind.TAG, "ns", "a", "z", "pii")


@pytest.mark.parametrize(
    "odd", [{"fields": {"x": 1}}, {"fields": [1, {"name": 2}, {"name": "x", "type": 3}]}, {}]
)
def test_odd_facets_break_no_answer(store: LineageStore, odd: dict[str, Any]) -> None:
    facets = {
        "schema": odd,
        "tags": {"tags": [{"key": 1}, "x", {"key": "ok", "field": 5}]},
        "documentation": {"description": 7},
        "dataSource": {"name": []},
        "lifecycleStateChange": {"lifecycleStateChange": 1},
        "datasetType": {"datasetType": None},
    }
    put(store, job_event(1, inputs=[dataset("a", **facets)], job_facets={"jobType": {"processingType": 4}}))
    shown = plain(datasets.one(store, "ns", "a"))
    assert [field["name"] for field in shown["fields"]] == (
        ["x"] if odd.get("fields") == [1, {"name": 2}, {"name": "x", "type": 3}] else []
    )
    assert (shown["tags"], shown["description"], shown["sourceName"]) == (["ok"], None, "default")
    assert jobs.one(store, "ns", "job")["type"] == "BATCH"


def test_a_stream_a_service_and_a_dropped_table(store: LineageStore) -> None:
    topic = dataset(
        "t", datasetType={"datasetType": "TOPIC"}, lifecycleStateChange={"lifecycleStateChange": "DROP"}
    )
    put(
        store,
        job_event(1, job="s", inputs=[topic], job_facets={"jobType": {"processingType": "STREAMING"}}),
        job_event(
            2,
            job="api",
            job_facets={"jobType": {"processingType": "BATCH", "jobType": "SERVICE", "integration": "X"}},
        ),
    )
    shown = datasets.one(store, "ns", "t")
    assert (shown["type"], shown["deleted"], shown["schemaLocation"]) == ("STREAM", True, None)
    assert jobs.one(store, "ns", "s")["type"] == "STREAM"
    service = jobs.one(store, "ns", "api")
    assert (service["type"], service["labels"]) == ("SERVICE", ["SERVICE", "X"])


def test_what_is_declared_again_takes_the_place_of_what_was_declared(store: LineageStore) -> None:
    namespaces.put(store, "n", "ana", None)
    sources.put(store, "pg", "POSTGRESQL", "postgres://db", None)

    def body(**said: Any) -> DatasetBody:
        return DatasetBody.model_validate(
            {"type": "DB_TABLE", "physicalName": "t", "sourceName": "pg", **said}
        )

    whole = body(fields=[{"name": "a", "type": "INT", "tags": ["X"]}], description="first", tags=["T"])
    first = plain(writing.put_dataset(store, "n", "t", whole))
    assert (first["description"], first["tags"], first["fields"][0]["tags"]) == ("first", ["T"], ["X"])
    again = plain(writing.put_dataset(store, "n", "t", body()))
    assert (again["description"], again["fields"], again["tags"]) == (None, [], ["T"])
    ends = {"inputs": [{"namespace": "n", "name": "t"}]}
    job = JobBody.model_validate({"type": "SERVICE", "description": "d", "location": "https://x", **ends})
    assert writing.put_job(store, "n", "j", job)["description"] == "d"
    bare = writing.put_job(store, "n", "j", JobBody(type="BATCH"))
    assert (bare["description"], bare["location"], bare["inputs"], bare["type"]) == (None, None, [], "BATCH")


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"sourceName": "none"}, "Source 'none' not found"),
        ({"sourceName": "pg", "runId": run_id("none")}, f"Run '{run_id('none')}' not found"),
    ],
)
def test_what_is_declared_must_refer_to_what_there_is(
    store: LineageStore, said: dict[str, Any], message: str
) -> None:
    sources.put(store, "pg", "POSTGRESQL", "postgres://db", None)
    body = DatasetBody.model_validate({"type": "DB_TABLE", "physicalName": "t", **said})
    with pytest.raises(ApiError, match="Namespace 'n' not found"):
        writing.put_dataset(store, "n", "t", body)
    namespaces.put(store, "n", "ana", None)
    with pytest.raises(ApiError, match=message):
        writing.put_dataset(store, "n", "t", body)
    unknown = JobBody.model_validate({"type": "BATCH", "inputs": [{"namespace": "n", "name": "t"}]})
    with pytest.raises(ApiError, match="Dataset 't' not found"):
        writing.put_job(store, "n", "j", unknown)
    assert jobs.listed(store, "n", [], 10, 0)["totalCount"] == 0


def test_a_run_is_new_until_it_is_started(store: LineageStore) -> None:
    put(store, job_event(1, outputs=["b"]))
    run = writing.make_run(store, "ns", "job", RunBody(args={"k": "v"}))
    assert (run["state"], run["startedAt"], run["args"]) == ("NEW", None, {"k": "v"})
    again = RunBody(id=run["id"])
    with pytest.raises(ApiError, match=f"Run '{run['id']}' already exists for 'job' under namespace 'ns'"):
        writing.make_run(store, "ns", "job", again)
    at = datetime(2026, 2, 1, tzinfo=UTC)
    assert writing.mark_run(store, run["id"], "start", at)["state"] == "RUNNING"
    ended = writing.mark_run(store, run["id"], "complete", at)
    assert (ended["state"], ended["durationMs"]) == ("COMPLETED", 0)
    (made,) = versions.of_dataset(store, "ns", "b", 10, 0)["versions"][:1]
    assert made["createdByRun"]["id"] == run["id"]


def test_search_finds_parts_of_names_in_an_order(store: LineageStore) -> None:
    put(store, job_event(5, job="orders_b", inputs=["orders_a"]), job_event(9, job="Orders_c"))

    def found(**asked: Any) -> list[str]:
        defaults = {
            "kind": None,
            "by_time": False,
            "limit": 10,
            "namespace": None,
            "before": None,
            "after": None,
        }
        answer = search.found(store, "ORDER", **{**defaults, **asked})
        assert answer["totalCount"] == len(answer["results"])
        return [one["name"] for one in answer["results"]]

    assert found() == ["orders_a", "Orders_c", "orders_b"]
    assert found(by_time=True) == ["Orders_c", "orders_a", "orders_b"]
    assert found(limit=1) == ["orders_a"]
    assert found(after=datetime(2026, 1, 1, 0, 0, 5, tzinfo=UTC)) == ["Orders_c"]
    assert found(namespace="none") == []


def test_words_find_jobs_and_datasets_with_what_matched(store: LineageStore) -> None:
    statement = {"sql": {"query": "SELECT total FROM raw_orders"}}
    made = dataset("orders", schema=schema("id", "order_total"))
    put(store, run_event("1", "COMPLETE", 1, job="load", outputs=[made], job_facets=statement))
    index(store)
    jobs_found = plain(word_search.jobs(store, "TOTAL"))
    (job,) = jobs_found["hits"]
    assert (job["name"], job["type"], job["run_id"], job["eventType"]) == (
        "load",
        "BATCH",
        run_id("1"),
        "COMPLETE",
    )
    assert job["facets"] == statement
    assert jobs_found["highlights"] == [{"facets.sql.query": ["SELECT <em>total</em> FROM raw_orders"]}]
    datasets_found = plain(word_search.datasets(store, "tot"))
    assert [hit["name"] for hit in datasets_found["hits"]] == ["orders"]
    assert datasets_found["hits"][0]["run_id"] == run_id("1")
    assert datasets_found["highlights"] == [{"facets.schema.fields.name": ["order_<em>total</em>"]}]
    assert word_search.datasets(store, "nothing") == {"hits": [], "highlights": []}
