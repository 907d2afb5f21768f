"""What a server does besides answering: commits that are shared, its store kept up, health, metrics, CORS."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families
from served import event

from graph import open_store
from graph.ingest import batch
from graph.nodes import dataset
from lineage.config import current_config
from lineage.destination import store_destination
from lineage.outbox import open_outbox

SQL = {
    "sql": {
        "_producer": "https://example.com",
        "_schemaURL": "https://openlineage.io/spec/facets/1-1-0/SQLJobFacet.json",
        "query": "INSERT INTO gold.sums SELECT id FROM silver.rows",
        "dialect": "postgres",
    }
}


def counted(served: Any, name: str) -> dict[tuple[str, ...], float]:
    families = text_string_to_metric_families(served.get("/metrics").text)
    return {
        tuple(sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
        if sample.name == name
    }


def until(found: Callable[[], Any], seconds: float = 15) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return value


def test_events_that_come_while_a_commit_runs_share_the_next_one(
    file_store: Any, serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thirty clients post at once while the first commit is held up: two commits keep all of it."""
    served = serve(file_store.location)
    first, go_on, apply = threading.Event(), threading.Event(), batch.apply_bodies

    def held_up(store: Any, bodies: Any) -> Any:
        if not first.is_set():
            first.set()
            assert go_on.wait(30)
        return apply(store, bodies)

    monkeypatch.setattr("graph.api.writing.apply_bodies", held_up)
    url = f"{served.url}/api/v1/lineage"
    with ThreadPoolExecutor(30) as clients:
        one = clients.submit(requests.post, url, json=event("job0"), timeout=30)
        assert first.wait(30)
        others = [clients.submit(requests.post, url, json=event(f"job{n}"), timeout=30) for n in range(1, 30)]
        until(lambda: counted(served, "lineage_requests_waiting")[()] == 30)
        go_on.set()
        answers = [client.result().status_code for client in (one, *others)]

    assert answers == [201] * 30
    assert counted(served, "lineage_commits_total")[()] == 2
    assert counted(served, "lineage_events_total") == {("accepted",): 30}
    assert file_store.counts().events == 30


def test_an_event_that_no_code_of_ours_bears_fails_alone(
    file_store: Any, serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault in the middle of a shared commit: the request that brought it fails, the others are kept."""
    served = serve(file_store.location)
    first, go_on, apply = threading.Event(), threading.Event(), batch.apply_bodies

    def faulty(store: Any, bodies: Any) -> Any:
        if not first.is_set():
            first.set()
            assert go_on.wait(30)
        if any(b"poison" in body for body in bodies):
            raise ZeroDivisionError
        return apply(store, bodies)

    monkeypatch.setattr("graph.api.writing.apply_bodies", faulty)
    url = f"{served.url}/api/v1/lineage"
    names = ["held", "good", "poison", "better"]
    with ThreadPoolExecutor(4) as clients:
        posts = [clients.submit(requests.post, url, json=event(names[0]), timeout=30)]
        assert first.wait(30)
        posts += [clients.submit(requests.post, url, json=event(name), timeout=30) for name in names[1:]]
        until(lambda: counted(served, "lineage_requests_waiting")[()] == 4)
        go_on.set()
        answers = [post.result() for post in posts]

    assert [answer.status_code for answer in answers] == [201, 201, 500, 201]
    assert answers[2].json()["code"] == 500
    assert file_store.counts().events == 3


def test_a_client_that_did_not_wait_and_comes_again_doubles_nothing(
    file_store: Any, serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = serve(file_store.location)
    apply = batch.apply_bodies

    def slow(store: Any, bodies: Any) -> Any:
        time.sleep(0.5)
        return apply(store, bodies)

    monkeypatch.setattr("graph.api.writing.apply_bodies", slow)
    with pytest.raises(requests.ReadTimeout):
        served.post("/api/v1/lineage", json=event(), timeout=0.1)
    again = served.post("/api/v1/lineage", json=event())

    assert again.status_code == 201
    assert file_store.counts().events == 1
    assert counted(served, "lineage_events_total") == {("accepted",): 1, ("duplicate",): 1}


def test_a_store_that_cannot_be_written_is_told_and_nothing_is_half_kept(
    file_store: Any, serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from graph.errors import StoreError

    served = serve(file_store.location)
    apply, failing = batch.apply_bodies, [True]

    def broken(store: Any, bodies: Any) -> Any:
        if failing:
            raise StoreError("/secret/place.db", "the disk is full")
        return apply(store, bodies)

    monkeypatch.setattr("graph.api.writing.apply_bodies", broken)
    refused = served.post("/api/v1/lineage", json=event())
    failing.clear()
    taken = served.post("/api/v1/lineage", json=event())

    assert (refused.status_code, taken.status_code) == (503, 201)
    assert refused.headers["Retry-After"] == "5"
    assert "secret" not in refused.text
    assert file_store.counts().events == 1


def test_what_waits_in_the_outbox_of_the_store_is_taken_in(served: Any) -> None:
    config = current_config()
    outbox = open_outbox(config.outbox, store_destination(served.location))
    outbox.append(json.dumps(event()).encode(), None)

    with closing(open_store(served.location, read_only=True)) as store:
        until(lambda: store.counts().events == 1)


def test_sql_of_events_is_read_and_searched_soon_after(served: Any) -> None:
    body = event("sums", job={"namespace": "etl", "name": "sums", "facets": SQL})
    assert served.post("/api/v1/lineage", json=body).status_code == 201

    with closing(open_store(served.location, read_only=True)) as store:
        until(lambda: not store.underived(1) and not store.unindexed())
        found = store.named("gold.sums", (dataset("", "").type,))

    assert [node.name for node in found], "the table that the SQL writes is known"


def test_health_and_metrics_are_told(served: Any) -> None:
    served.get("/ping")
    served.get("/no/such/path")

    assert served.get("/healthcheck").json() == {"store": {"healthy": True}}
    requests_ = counted(served, "lineage_requests_total")
    assert requests_["GET", "/ping", "200"] == 1
    assert requests_["GET", "unmatched", "404"] == 1


def test_pages_of_named_origins_alone_may_ask(place: str, serve: Any) -> None:
    served = serve(place, cors=("https://app.example.com",))

    allowed = served.get("/ping", headers={"Origin": "https://app.example.com"})
    other = served.get("/ping", headers={"Origin": "https://evil.example.com"})

    assert allowed.headers["Access-Control-Allow-Origin"] == "https://app.example.com"
    assert "Access-Control-Allow-Origin" not in other.headers


def test_errors_have_one_shape(served: Any) -> None:
    unknown, wrong = served.get("/no/such/path"), served.request("DELETE", "/api/v1/lineage")

    assert (unknown.status_code, unknown.json()) == (404, {"code": 404, "message": "Not Found"})
    assert (wrong.status_code, wrong.json()["code"]) == (405, 405)
