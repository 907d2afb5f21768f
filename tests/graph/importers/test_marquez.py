"""`lineage import marquez`: the real client against a server that answers as Marquez does."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import event_schemas
import pytest
from made_events import (
    FIXTURES,
    at,
    dataset,
    dataset_event,
    dump,
    dump_of,
    edges,
    feeds,
    job_event,
    put,
    run_event,
    run_id,
    schema,
)
from marquez_server import MarquezServer

from graph import nodes, open_store
from graph.errors import ImportSourceError, InvalidSourceError
from graph.importers import find_importer
from graph.ingest import ingest
from graph.records import EdgeKind, RunState
from graph.store import LineageStore
from lineage.errors import MissingDependencyError
from lineage.event_id import parse_time

NAMESPACE = "ns"


@pytest.fixture
def marquez() -> Iterator[MarquezServer]:
    with MarquezServer() as server:
        yield server


@pytest.fixture
def store() -> Iterator[LineageStore]:
    with closing(open_store(":memory:")) as opened:
        yield opened


@pytest.fixture
def short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graph.importers.marquez.history.PAGE", 3)
    monkeypatch.setattr("graph.importers.marquez.listing.PAGE", 2)


def imported(
    marquez: MarquezServer | str,
    *,
    since: str | None = None,
    stored: LineageStore | None = None,
    notes: list[str] | None = None,
    **asked: Any,
) -> Iterator[bytes]:
    url = marquez if isinstance(marquez, str) else marquez.url
    bodies = [] if stored is None else [body for _, body in stored.bodies()]
    options = {
        "namespace": None,
        "token": None,
        "ca_file": None,
        "timeout": 10.0,
        "stored": lambda: bodies,
        **asked,
    }
    began = None if since is None else datetime.fromisoformat(since.replace("Z", "+00:00"))
    tell = [] if notes is None else notes
    importer = find_importer("marquez")
    return importer(url, since=began, note=tell.append, progress=lambda where: None, **options)


def put_all(store: LineageStore, bodies: Iterator[bytes]) -> Counter[str]:
    counts = ingest(store, bodies)
    assert counts.rejected == 0, store.dead_letters()
    return Counter(accepted=counts.accepted, duplicate=counts.duplicate)


def test_the_events_come_over_as_they_are_and_give_the_same_graph(
    marquez: MarquezServer, store: LineageStore
) -> None:
    events = []
    for name in ("airflow.jsonl", "dbt.jsonl"):
        bodies = (FIXTURES / name).read_bytes().splitlines()
        events += [event for body in bodies if "run" in (event := json.loads(body))]
    for event in events:
        marquez.post(event)

    bodies = list(imported(marquez))

    came = [json.loads(body) for body in bodies]
    assert sorted(map(json.dumps, came)) == sorted(map(json.dumps, events))
    times = [parse_time(event["eventTime"]) or 0 for event in came]
    assert [time // 1000 for time in times] == sorted(time // 1000 for time in times)
    ingest(store, bodies)
    assert dump(store) == dump_of(json.dumps(event).encode() for event in events)


@pytest.mark.usefixtures("short_pages")
def test_importing_again_changes_nothing(marquez: MarquezServer, store: LineageStore) -> None:
    fill(marquez)
    first = put_all(store, imported(marquez))
    before = dump(store)

    again = put_all(store, imported(marquez))

    assert first["duplicate"] == 0
    assert again == {"accepted": 0, "duplicate": first["accepted"]}
    assert dump(store) == before


def fill(marquez: MarquezServer) -> None:
    """Give the server a history, part of which its events do not tell."""
    for n in range(8):
        marquez.post(run_event(f"{n}", "START", n * 10, job=f"job {n % 3}", inputs=["a"], outputs=["b"]))
        marquez.post(
            run_event(f"{n}", "COMPLETE", n * 10 + 5, job=f"job {n % 3}", inputs=["a"], outputs=["b"])
        )
    marquez.dataset(NAMESPACE, "a", at(3), tags=["PII"], description="all of a")
    for n in range(5):
        marquez.dataset(NAMESPACE, f"old {n}", at(0), fields=[{"name": "x", "type": "INT", "tags": ["KEY"]}])
        job = (NAMESPACE, f"old job {n}")
        marquez.job(*job, at(1))
        for m in range(3):
            marquez.run(job, run_id(f"old run {n} {m}"), at(m), state="FAILED", endedAt=at(m + 9))


@pytest.mark.usefixtures("short_pages")
def test_events_of_one_time_are_all_there_however_many_they_are(
    marquez: MarquezServer, store: LineageStore
) -> None:
    times = [1, 2, 2, *[3] * 20, 4, *[5] * 7, 6]
    for n, time in enumerate(times):
        marquez.post(run_event(f"{n}", "COMPLETE", time, job=f"job {n}"))

    bodies = list(imported(marquez))

    assert sorted(json.loads(body)["job"]["name"] for body in bodies) == sorted(
        f"job {n}" for n in range(len(times))
    )


@pytest.mark.usefixtures("short_pages")
def test_times_finer_than_those_of_the_server_lose_no_event(marquez: MarquezServer) -> None:
    for n in range(40):
        time = f"2026-01-01T00:00:00.00{n % 3}{n * 24_999:06}Z"
        marquez.post(run_event(f"{n}", "COMPLETE", time, job=f"job {n}"))
    marquez.post(run_event("late", "COMPLETE", "2031-05-01T00:00:00Z", job="after 2030"))
    marquez.post(run_event("early", "COMPLETE", "1969-05-01T00:00:00Z", job="before 1970"))

    names = {json.loads(body)["job"]["name"] for body in imported(marquez)}

    assert names == {f"job {n}" for n in range(40)} | {"after 2030", "before 1970"}


@pytest.mark.usefixtures("short_pages")
def test_a_server_that_sorts_otherwise_costs_time_and_no_event(
    marquez: MarquezServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(20):
        marquez.post(run_event(f"{n}", "COMPLETE", n * 60, job=f"job {n}"))
    listed = marquez._events
    monkeypatch.setattr(marquez, "_events", lambda asked: listed({**asked, "sortDirection": "desc"}))

    names = [json.loads(body)["job"]["name"] for body in imported(marquez)]

    assert sorted(names) == sorted(f"job {n}" for n in range(20))


def test_an_event_that_the_server_has_twice_is_one_event(marquez: MarquezServer, store: LineageStore) -> None:
    for _ in range(2):
        marquez.post(run_event("1", "COMPLETE", 5))

    assert put_all(store, imported(marquez)) == {"accepted": 1, "duplicate": 1}


def test_names_that_need_encoding_come_over(marquez: MarquezServer, store: LineageStore) -> None:
    names = ["a/b", "with space", "50%", "a%2Fb", "qu?ry", "päth", "#1", "x&y=z", "semi;colon", "a+b"]
    namespace = "s3://bücket/with space"
    for n, name in enumerate(names):
        marquez.dataset(namespace, name, at(n), description=name)
        marquez.job(namespace, name, at(n), description=name)
        marquez.run((namespace, name), run_id(name), at(n), state="COMPLETED", endedAt=at(n + 5))

    put_all(store, imported(marquez))

    jobs = {name: nodes.job(namespace, name).key for name in names}
    said = store.facets(jobs.values(), "documentation")
    assert {name: said[key]["description"] for name, key in jobs.items()} == {name: name for name in names}
    assert {run.job_name for run in store.runs()} == set(names)
    assert {node.name for node in store.nodes(range(0)).values()} == set()
    found = [node.name for _, node in store.all_nodes([nodes.NodeType.DATASET])]
    assert len(found) == len(names)


def test_what_no_event_tells_any_more_comes_from_marquez_s_records(
    marquez: MarquezServer, store: LineageStore
) -> None:
    """Its retention has removed all events; jobs, datasets and runs are still there."""
    spec = {"_producer": "https://example.com", "_schemaURL": "https://example.com/facet.json"}
    fields = [
        {"name": "day", "type": "DATE", "tags": [], "description": None},
        {"name": "total", "type": "DECIMAL", "tags": ["MONEY"], "description": "in EUR"},
    ]
    column = {
        "name": "total",
        "inputFields": [{"namespace": NAMESPACE, "dataset": "orders", "field": "amount"}],
        "transformationDescription": "sum",
        "transformationType": "AGGREGATION",
    }
    marquez.dataset(NAMESPACE, "orders", at(1))
    marquez.dataset(
        NAMESPACE,
        "revenue",
        at(2),
        fields=fields,
        tags=["GOLD"],
        description="by day",
        columnLineage=[column],
    )
    sides = {"inputs": [dataset_id("orders")], "outputs": [dataset_id("revenue")]}
    marquez.job(NAMESPACE, "declared", at(3), **sides, location="https://git.example/x", tags=["daily"])
    ran = marquez.job(
        NAMESPACE, "ran", at(4), description="builds", facets={"sql": {"query": "SELECT 1", **spec}}
    )
    versions = {
        "inputDatasetVersions": [{"datasetVersionId": dataset_id("orders"), "facets": {}}],
        "outputDatasetVersions": [
            {
                "datasetVersionId": dataset_id("revenue"),
                "facets": {"outputStatistics": {"rowCount": 7, **spec}},
            }
        ],
    }
    name = (NAMESPACE, "ran")
    error = {"errorMessage": {"message": "disk full", "programmingLanguage": "JAVA", **spec}}
    marquez.run(name, run_id("1"), at(10), state="COMPLETED", endedAt=at(20), **versions)
    marquez.run(name, run_id("2"), at(30), state="FAILED", endedAt=at(40), facets=error, **versions)
    marquez.run(name, run_id("3"), at(50), state="RUNNING", **versions)
    marquez.run(name, run_id("4"), at(60), state="ABORTED", startedAt=None, updatedAt=at(61), **versions)
    assert ran["latestRun"]["id"] == run_id("4")

    bodies = list(imported(marquez))
    put_all(store, iter(bodies))

    assert [problem for body in bodies for problem in event_schemas.problems(json.loads(body))] == []
    assert feeds(store) == {"orders -> revenue"}
    assert edges(store, EdgeKind.FIELD) == {"orders.amount -> revenue.total"}
    assert edges(store, EdgeKind.READS) == {"orders -> declared", "orders -> ran"}
    runs = {run.run_id: run for run in store.runs()}
    assert {run.state for run in runs.values()} == set(RunState)
    assert runs[run_id("2")].error == "disk full"
    assert runs[run_id("1")].duration_ms == 10_000
    assert runs[run_id("4")].started_at is None
    revenue = nodes.dataset(NAMESPACE, "revenue")
    assert [field.field for field in store.fields(revenue)] == ["day", "total"]
    (tags,) = store.facets([revenue.key], "tags").values()
    assert [(tag["key"], tag.get("field")) for tag in tags["tags"]] == [("GOLD", None), ("MONEY", "total")]
    declared = nodes.job(NAMESPACE, "declared").key
    assert store.facets([declared], "sourceCodeLocation")[declared]["url"] == "https://git.example/x"


def dataset_id(name: str) -> dict[str, str]:
    return {"namespace": NAMESPACE, "name": name, "version": run_id(name)}


def test_what_events_tell_is_not_declared_beside_them(marquez: MarquezServer, store: LineageStore) -> None:
    """A declaration stands for good, so it would keep what the job has stopped doing."""
    out = dataset("b", schema=schema("x"), documentation={"description": "told"})
    marquez.post(
        run_event("1", "COMPLETE", 1, inputs=["a"], outputs=[out], job_facets={"sql": {"query": "x"}})
    )
    column = {"name": "x", "inputFields": [{"namespace": NAMESPACE, "dataset": "old", "field": "x"}]}
    marquez.dataset(
        NAMESPACE,
        "b",
        at(1),
        tags=["PII"],
        description="told",
        columnLineage=[column],
        fields=[{"name": "x", "type": "text", "tags": []}],
    )
    marquez.job(
        NAMESPACE, "job", at(1), inputs=[dataset_id("old")], facets={"sql": {"query": "y"}}, tags=["t"]
    )

    bodies = [json.loads(body) for body in imported(marquez)]

    event, of_dataset, of_job = bodies
    assert event == marquez.events[0]
    assert of_dataset["dataset"]["facets"].keys() == {"tags"}
    assert of_job["job"]["facets"].keys() == {"tags"}
    assert of_job.keys().isdisjoint({"inputs", "outputs"})


def test_events_without_a_run_come_from_the_records_they_left(
    marquez: MarquezServer, store: LineageStore
) -> None:
    """Marquez keeps JobEvents and DatasetEvents and never lists them."""
    marquez.post(dataset_event(1, "d"))
    marquez.post(job_event(2, job="j", inputs=["a"], outputs=["b"]))
    marquez.dataset(NAMESPACE, "d", at(1), fields=[{"name": "x", "type": "text"}])
    marquez.job(NAMESPACE, "j", at(2), inputs=[dataset_id("a")], outputs=[dataset_id("b")])

    put_all(store, imported(marquez))

    assert feeds(store) == {"a -> b"}
    assert [field.field for field in store.fields(nodes.dataset(NAMESPACE, "d"))] == ["x"]


def test_column_lineage_outlives_the_events_of_the_job_that_wrote_it(
    marquez: MarquezServer, store: LineageStore
) -> None:
    """A later event names the dataset as read only: how it was made is known to Marquez alone."""
    marquez.post(run_event("1", "COMPLETE", 9, job="reader", inputs=["b"]))
    column = {"name": "x", "inputFields": [{"namespace": NAMESPACE, "dataset": "a", "field": "y"}]}
    marquez.dataset(NAMESPACE, "b", at(9), columnLineage=[column])

    put_all(store, imported(marquez))

    assert edges(store, EdgeKind.FIELD) == {"a.y -> b.x"}


def test_where_events_tell_all_runs_none_are_listed(marquez: MarquezServer) -> None:
    for n in range(5):
        marquez.post(run_event(f"child {n}", "COMPLETE", n, job="task", parent=f"dag run {n}"))
        marquez.post(run_event(f"dag run {n}", "COMPLETE", n, job="dag"))

    assert len(list(imported(marquez))) == 10

    assert [path for path in marquez.requests if "/runs?" in path and "limit=1&" not in path] == []


def test_a_job_under_a_parent_is_the_one_its_events_name(marquez: MarquezServer, store: LineageStore) -> None:
    """Marquez puts the parent's name before the job's, and makes a job and a run of the parent."""
    event = run_event("1", "COMPLETE", 1, job="task", parent="dag run")
    marquez.events.append(event)
    marquez.job(NAMESPACE, "dag.task", at(1), simpleName="task", parentJobName="dag", tags=["t"])
    marquez.run((NAMESPACE, "dag.task"), run_id("1"), at(1), state="COMPLETED", endedAt=at(1))
    marquez.job(NAMESPACE, "dag", at(1))
    marquez.run((NAMESPACE, "dag"), run_id("dag run"), at(1))

    put_all(store, imported(marquez))

    assert {node.name for _, node in store.all_nodes([nodes.NodeType.JOB])} == {"task", "dag"}
    assert [run.run_id for run in store.runs()] == [run_id("1")]


def test_a_run_id_that_is_no_uuid_is_the_run_that_marquez_made_of_it(
    marquez: MarquezServer, store: LineageStore
) -> None:
    event = run_event("1", "COMPLETE", 1)
    event["run"]["runId"] = "scheduled__2026-01-01"
    marquez.events.append(event)
    marquez.job(NAMESPACE, "job", at(1))
    # What java.util.UUID.nameUUIDFromBytes gives for that text.
    marquez.run((NAMESPACE, "job"), "c5c05eb8-2fe2-3e5a-8b68-b2e4b0ab55b1", at(1))
    marquez.runs[NAMESPACE, "job"][0]["id"] = java_uuid("scheduled__2026-01-01")
    marquez.run((NAMESPACE, "job"), run_id("other"), at(1))

    put_all(store, imported(marquez))

    assert {run.run_id for run in store.runs()} == {"scheduled__2026-01-01", run_id("other")}


def java_uuid(text: str) -> str:
    from hashlib import md5

    digest = bytearray(md5(text.encode(), usedforsecurity=False).digest())
    digest[6] = digest[6] & 0x0F | 0x30
    digest[8] = digest[8] & 0x3F | 0x80
    hexes = digest.hex()
    return "-".join((hexes[:8], hexes[8:12], hexes[12:16], hexes[16:20], hexes[20:]))


@pytest.mark.usefixtures("short_pages")
def test_a_list_that_changes_while_it_is_read_loses_nothing(
    marquez: MarquezServer, store: LineageStore
) -> None:
    for n in range(7):
        marquez.job(NAMESPACE, f"job {n}", at(n))
    moved = []

    def touch(path: str) -> None:
        if "/jobs?" in path and "offset=2" in path and not moved:
            moved.append(marquez.job(NAMESPACE, "job 0", at(100)))

    marquez.fault = touch
    put_all(store, imported(marquez))

    assert moved
    assert {node.name for _, node in store.all_nodes([nodes.NodeType.JOB])} == {f"job {n}" for n in range(7)}


def test_what_marquez_no_longer_shows_is_kept_and_told(marquez: MarquezServer, store: LineageStore) -> None:
    for n in range(7):
        marquez.post(run_event(f"{n}", "COMPLETE", n, job=f"job {n}", outputs=[f"made {n}"]))
        del marquez.datasets[NAMESPACE, f"made {n}"]
    del marquez.jobs[NAMESPACE, "job 0"]
    marquez.namespace("attic", isHidden=True)
    notes: list[str] = []

    put_all(store, imported(marquez, notes=notes))

    gone, hidden = notes
    assert "name 8 jobs and datasets" in gone
    assert "job 0, made 0, made 1, made 2, made 3 and 3 more" in gone
    assert "attic" in hidden
    assert store.counts().datasets == 7


@pytest.mark.usefixtures("short_pages")
@pytest.mark.parametrize("place", ["/events/lineage", "/datasets?", "/jobs?", "/runs?"])
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_an_error_in_the_middle_loses_nothing_and_importing_again_completes(
    marquez: MarquezServer, store: LineageStore, place: str, nth: int
) -> None:
    fill(marquez)
    asked = []

    def broken(path: str) -> int | None:
        asked.extend([path] * (place in path))
        return 500 if place in path and len(asked) >= nth else None

    marquez.fault = broken
    came = []
    with pytest.raises(ImportSourceError, match="HTTP 500") as raised:
        came.extend(list_until_broken(marquez))
    marquez.fault = lambda path: None

    assert "run it again" in str(raised.value)
    put_all(store, imported(marquez))
    assert dump(store) == dump_of(imported(marquez))


def list_until_broken(marquez: MarquezServer) -> Iterator[bytes]:
    yield from imported(marquez)


@pytest.mark.usefixtures("short_pages")
@pytest.mark.parametrize("nth", [2, 4, 6])
def test_an_import_that_goes_on_from_where_it_broke_is_whole(
    marquez: MarquezServer, store: LineageStore, nth: int
) -> None:
    fill(marquez)
    asked: list[str] = []

    def broken(path: str) -> int | None:
        asked.extend([path] * ("/events/lineage" in path))
        return 500 if asked and asked[-1] == path and len(asked) == nth else None

    marquez.fault = broken
    events = imported(marquez)
    came: list[bytes] = []
    try:
        came.extend(events)
    except ImportSourceError as error:
        said = str(error)
    since = said.partition("--since ")[2].partition(" ")[0]
    ingest(store, came)
    assert 0 < store.counts().events < len(marquez.events)

    put_all(store, imported(marquez, since=since, stored=store))

    assert dump(store) == dump_of(imported(marquez))


def test_catching_up_brings_what_is_new_and_declares_nothing_that_was_told(
    marquez: MarquezServer, store: LineageStore
) -> None:
    fill(marquez)
    put_all(store, imported(marquez))
    marquez.post(run_event("new", "COMPLETE", 1000, job="new", inputs=["b"], outputs=["c"]))
    marquez.job(NAMESPACE, "job 0", at(75), inputs=[dataset_id("dropped")])
    before = len(marquez.requests)

    put_all(store, imported(marquez, since=at(500), stored=store))

    assert feeds(store) == {"a -> b", "b -> c"}
    first = next(path for path in marquez.requests[before:] if "/events/lineage" in path)
    assert "after=2026-01-01T00%3A08%3A20.000Z" in first
    assert dump(store) == dump_of(imported(marquez))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((404, {"code": 404}), "HTTP 404"),
        ((200, {"items": []}), '{"items": []}'),
        ((200, [1, 2]), "[1, 2]"),
        ((302, {}), "is no Marquez"),
    ],
)
def test_what_is_no_marquez_is_told_so(
    marquez: MarquezServer, monkeypatch: pytest.MonkeyPatch, answer: Any, said: str
) -> None:
    monkeypatch.setattr(marquez, "answer", lambda parts, asked: answer)

    with pytest.raises(InvalidSourceError) as raised:
        next(imported(marquez), None)

    assert said in str(raised.value)
    assert "http://localhost:5000" in str(raised.value)


@pytest.mark.parametrize(
    "url", ["localhost:5000", "ftp://host", "http://", "http://host:port", "http://u:p@host", "http://h/?a=b"]
)
def test_a_url_that_is_none_is_refused_before_anything_is_asked(url: str) -> None:
    with pytest.raises(InvalidSourceError) as raised:
        next(imported(url), None)
    assert "u:p" not in str(raised.value)


@pytest.mark.parametrize("ending", ["", "/", "/api/v1", "/api/v1/"])
def test_the_address_may_be_that_of_the_api(marquez: MarquezServer, ending: str) -> None:
    marquez.post(run_event("1", "COMPLETE", 1))

    assert len(list(imported(marquez.url + ending))) == 1


def test_the_token_goes_along_and_a_wrong_one_is_told() -> None:
    with MarquezServer(token="secret") as marquez:
        marquez.post(run_event("1", "COMPLETE", 1))

        assert len(list(imported(marquez, token="secret"))) == 1
        for token, said in (("wrong", "the token was refused"), (None, "give --token")):
            with pytest.raises(ImportSourceError, match=said):
                next(imported(marquez, token=token), None)


def test_a_token_is_not_left_to_the_next_import(marquez: MarquezServer) -> None:
    """marquez-python keeps its token in its module; a second server must not get that of the first."""
    from marquez_client import client

    list(imported(marquez, token="secret"))

    assert "secret" not in str(client._HEADERS)


def test_a_certificate_of_one_s_own_is_trusted_where_it_is_given(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the openssl command to make a certificate")
    key, certificate, both = (tmp_path / name for name in ("key.pem", "certificate.pem", "both.pem"))
    asked = (
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    )
    subprocess.run(
        [openssl, *asked.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True
    )
    both.write_bytes(key.read_bytes() + certificate.read_bytes())
    with MarquezServer(certificate=both) as marquez:
        marquez.post(run_event("1", "COMPLETE", 1))

        with pytest.raises(ImportSourceError, match="--ca-file"):
            next(imported(marquez), None)
        assert len(list(imported(marquez, ca_file=str(certificate)))) == 1


def test_a_server_that_never_answers_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"

        with pytest.raises(ImportSourceError, match=r"within 0\.2 seconds"):
            next(imported(url, timeout=0.2), None)


def test_a_server_that_is_busy_is_asked_again(marquez: MarquezServer) -> None:
    marquez.post(run_event("1", "COMPLETE", 1))
    busy = [503, 429]
    marquez.fault = lambda path: busy.pop() if busy and "/events" in path else None

    assert len(list(imported(marquez))) == 1


def test_records_that_make_no_sense_are_an_error_of_the_source(marquez: MarquezServer) -> None:
    marquez.dataset(NAMESPACE, "a", at(1), fields=[{"type": "text"}])

    with pytest.raises(ImportSourceError, match="a record of it cannot be read"):
        list(imported(marquez))


def test_without_the_client_the_extra_is_named(
    marquez: MarquezServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "marquez_client", None)

    with pytest.raises(MissingDependencyError, match=r"lineage-graph\[marquez\]"):
        next(imported(marquez), None)


def test_importing_into_a_store_that_has_the_events_already_doubles_none(
    marquez: MarquezServer, store: LineageStore
) -> None:
    """A producer may send to both for a while: Marquez gives back nulls left out, the event is the same."""
    event = run_event("1", "COMPLETE", 1, inputs=None)
    put(store, {**event, "extra": None})
    marquez.post({key: value for key, value in event.items() if value is not None})

    assert put_all(store, imported(marquez)) == {"accepted": 0, "duplicate": 1}


def test_a_run_whose_end_was_not_imported_any_more_gets_it(
    marquez: MarquezServer, store: LineageStore
) -> None:
    marquez.job(NAMESPACE, "old", at(1))
    marquez.run((NAMESPACE, "old"), run_id("old"), at(1), state="COMPLETED", endedAt=at(9))
    start = [body for body in imported(marquez) if b'"START"' in body]
    ingest(store, start)

    assert put_all(store, imported(marquez, since=at(0), stored=store))["accepted"] > 0

    assert [run.state for run in store.runs()] == [RunState.COMPLETE]
