"""Every method of marquez-python against the server: what it sends is understood, what it gets is right."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from deprecation import DeprecatedWarning
from marquez_client import MarquezClient
from marquez_client.errors import APIError
from marquez_client.models import DatasetId, DatasetType, JobType

S3, TABLE = "s3://bucket", "raw/orders:2026"
AT = "2026-01-31T12:00:00.000000Z"


class _Recorded:
    """The client, and which of its methods were called."""

    def __init__(self, client: MarquezClient) -> None:
        self._client = client
        self.called: set[str] = set()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        self.called.add(name)
        return getattr(self._client, name)  # type: ignore[no-any-return]


@pytest.fixture
def client(served: Any) -> Iterator[_Recorded]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecatedWarning)
        yield _Recorded(MarquezClient(served.url))


def with_names(client: Any) -> None:
    client.create_namespace("ns", "ana", "Of tests")
    client.create_namespace(S3, "ana")
    client.create_source("lake", "S3", "s3://bucket", "A lake")


def with_datasets(client: Any) -> None:
    with_names(client)
    fields = [{"name": "id", "type": "INTEGER", "description": "The id"}, {"name": "a:b", "type": "TEXT"}]
    client.create_dataset(
        S3, TABLE, DatasetType.DB_TABLE, "orders", "lake", "Raw", fields=fields, tags=["PII"]
    )
    client.create_dataset("ns", "clean", DatasetType.DB_TABLE, "clean", "lake")


def with_job(client: Any) -> None:
    with_datasets(client)
    client.create_job(
        "ns",
        "etl",
        JobType.BATCH,
        location="https://github.com/example/etl",
        inputs=[DatasetId(S3, TABLE)],
        outputs=[DatasetId("ns", "clean")],
        description="Cleans",
    )


def check_names(client: Any) -> None:
    with_names(client)
    got = client.get_namespace(S3)
    assert (got["name"], got["ownerName"], got["description"], got["isHidden"]) == (S3, "ana", None, False)
    listed = client.list_namespaces(limit=10, offset=1)["namespaces"]
    assert [(one["name"], one["description"]) for one in listed] == [("ns", "Of tests"), (S3, None)]
    source = client.get_source("lake")
    assert source["type"] == "S3"
    assert (source["connectionUrl"], source["description"]) == ("s3://bucket", "A lake")
    assert client.list_sources()["sources"] == [source]


def check_tags(client: Any) -> None:
    with_datasets(client)
    assert client.create_tag("GOLD", "Good") == {"name": "GOLD", "description": "Good"}
    assert client.create_tag("BARE") == {"name": "BARE", "description": None}
    assert client.tag_dataset(S3, TABLE, "gold/fine")["tags"] == ["PII", "gold/fine"]
    tagged = client.tag_dataset_field(S3, TABLE, "a:b", "secret")
    assert [field["tags"] for field in tagged["fields"]] == [[], ["SECRET"]]
    names = [tag["name"] for tag in client.list_tags(limit=9)["tags"]]
    assert names == ["BARE", "GOLD", "PII", "SECRET", "SENSITIVE", "gold/fine"]


def check_datasets(client: Any) -> None:
    with_datasets(client)
    got = client.get_dataset(S3, TABLE)
    assert got["id"] == {"namespace": S3, "name": TABLE}
    assert (got["type"], got["physicalName"], got["sourceName"]) == ("DB_TABLE", "orders", "lake")
    assert (got["description"], got["tags"], got["deleted"]) == ("Raw", ["PII"], False)
    assert got["fields"] == [
        {"name": "id", "type": "INTEGER", "tags": [], "description": "The id"},
        {"name": "a:b", "type": "TEXT", "tags": [], "description": None},
    ]
    listed = client.list_datasets(S3, limit=5)
    assert (listed["totalCount"], [one["name"] for one in listed["datasets"]]) == (1, [TABLE])
    stream = client.create_dataset(
        "ns", "s", DatasetType.STREAM, "topic", "lake", schema_location="http://schemas/1"
    )
    assert (stream["type"], stream["schemaLocation"]) == ("STREAM", "http://schemas/1")


def check_jobs(client: Any) -> None:
    with_job(client)
    got = client.get_job("ns", "etl")
    assert got["inputs"] == [{"namespace": S3, "name": TABLE}]
    assert got["outputs"] == [{"namespace": "ns", "name": "clean"}]
    assert (got["type"], got["description"]) == ("BATCH", "Cleans")
    assert got["location"] == "https://github.com/example/etl"
    assert got["latestRun"] is None
    assert got["latestRuns"] is None
    listed = client.list_jobs("ns", limit=1)
    assert (listed["totalCount"], listed["jobs"][0]["name"]) == (1, "etl")


def check_runs(client: Any) -> None:
    with_job(client)
    given = str(uuid4())
    nominal = "2026-01-31T00:00:00Z"
    run = client.create_job_run("ns", "etl", given, nominal, nominal, {"email": "a@example.com"})
    assert (run["id"], run["state"], run["startedAt"]) == (given, "NEW", None)
    assert run["args"]["email"] == "a@example.com"
    assert run["nominalStartTime"] == nominal
    assert UUID(client.create_job_run("ns", "etl")["id"])
    started = client.mark_job_run_as_started(given, AT)
    assert (started["state"], started["startedAt"]) == ("RUNNING", "2026-01-31T12:00:00Z")
    ended = client.mark_job_run_as_completed(given, "2026-01-31T12:00:02.500000Z")
    assert (ended["state"], ended["endedAt"]) == ("COMPLETED", "2026-01-31T12:00:02.500Z")
    assert client.get_job_run(given) == ended
    for mark, state in (
        (client.mark_job_run_as_failed, "FAILED"),
        (client.mark_job_run_as_aborted, "ABORTED"),
    ):
        other = client.create_job_run("ns", "etl", mark_as_running=True)["id"]
        assert client.get_job_run(other)["state"] == "RUNNING"
        assert mark(other)["state"] == state
    listed = client.list_job_runs("ns", "etl", limit=2)
    assert (listed["totalCount"], len(listed["runs"])) == (4, 2)


def check_versions(client: Any) -> None:
    with_job(client)
    run = client.create_job_run("ns", "etl", mark_as_running=True)["id"]
    client.mark_job_run_as_completed(run)
    listed = client.list_dataset_versions("ns", "clean", limit=10)
    by_run = [one for one in listed["versions"] if one["createdByRun"]]
    assert [one["createdByRun"]["id"] for one in by_run] == [run]
    assert client.get_dataset_version("ns", "clean", by_run[0]["version"]) == by_run[0]


def check_column_lineage(client: Any) -> None:
    with_job(client)
    by_dataset = client.get_column_lineage_by_dataset(S3, TABLE, depth=3, with_downstream=True)
    by_field = client.get_column_lineage_by_dataset_field(S3, TABLE, "a:b", with_downstream=False)
    assert by_dataset == by_field == {"graph": []}
    with pytest.raises(APIError):
        client.get_column_lineage_by_job("ns", "etl")


def check_events(client: Any) -> None:
    with_job(client)
    run = client.create_job_run("ns", "etl")["id"]
    assert [event["run"]["runId"] for event in client.list_events(limit=5)["events"]] == [run]
    assert [event["run"]["runId"] for event in client.list_events("ns")["events"]] == [run]
    assert client.list_events("other")["events"] == []


CHECKS = [
    check_names,
    check_tags,
    check_datasets,
    check_jobs,
    check_runs,
    check_versions,
    check_column_lineage,
    check_events,
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_marquez_python_gets_what_it_asks_for(client: _Recorded, check: Callable[[Any], None]) -> None:
    check(client)


def test_every_public_method_of_marquez_python_is_called() -> None:
    public = {name for name, _ in inspect.getmembers(MarquezClient, inspect.isfunction) if name[0] != "_"}
    used = "".join(inspect.getsource(one) for one in (*CHECKS, with_names, with_datasets, with_job))
    assert len(public) == 29
    assert not [name for name in public if f"client.{name}" not in used]
