"""Events over HTTP: kept once, answered after the commit, refused in words."""

from __future__ import annotations

import gzip
import json
from contextlib import closing
from typing import Any

import pytest
from served import event

from graph import open_store


def kept(served: Any) -> int:
    with closing(open_store(served.location, read_only=True)) as store:
        return store.counts().events


def test_an_event_is_there_when_it_is_answered(served: Any) -> None:
    answer = served.post("/api/v1/lineage", json=event())

    assert (answer.status_code, answer.content) == (201, b"")
    assert kept(served) == 1


def test_an_event_that_comes_again_is_answered_alike_and_kept_once(served: Any) -> None:
    for _ in range(3):
        assert served.post("/api/v1/lineage", json=event()).status_code == 201

    assert kept(served) == 1


def test_a_compressed_event_is_taken(served: Any) -> None:
    body = gzip.compress(json.dumps(event()).encode())

    answer = served.post("/api/v1/lineage", data=body, headers={"Content-Encoding": "gzip"})

    assert (answer.status_code, kept(served)) == (201, 1)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 400, "not JSON"),
        (b"{", 400, "not JSON"),
        (b"\xff\xfe", 400, "not JSON"),
        (b"[1]", 422, "not a JSON object"),
        (json.dumps({**event(), "eventTime": None}).encode(), 422, "eventTime is missing"),
    ],
)
def test_what_is_no_event_is_refused_in_words(served: Any, body: bytes, status: int, words: str) -> None:
    answer = served.post("/api/v1/lineage", data=body)

    assert answer.status_code == answer.json()["code"] == status
    assert words in answer.json()["message"]
    assert kept(served) == 0


def test_a_batch_is_kept_whole(served: Any) -> None:
    answer = served.post("/api/v1/lineage/batch", json=[event("one"), event("two")])

    assert (answer.status_code, kept(served)) == (204, 2)


def test_of_a_batch_what_is_good_is_kept_and_the_rest_named(served: Any) -> None:
    answer = served.post("/api/v1/lineage/batch", json=[event("one"), {"no": "event"}, event("two")])

    assert answer.status_code == 200
    told = answer.json()
    assert told["status"] == "partial_success"
    assert told["summary"] == {
        "received": 3,
        "successful": 2,
        "failed": 1,
        "retriable": 0,
        "non_retriable": 1,
    }
    assert [(one["index"], one["retriable"]) for one in told["failed_events"]] == [(1, False)]
    assert "job" in told["failed_events"][0]["reason"]
    assert kept(served) == 2


def test_what_is_larger_than_the_limit_is_refused_however_it_is_sent(place: str, serve: Any) -> None:
    served = serve(place, body_limit=10_000)
    large = b" " * 10_001

    plain = served.post("/api/v1/lineage", data=large)
    chunked = served.post("/api/v1/lineage", data=iter([large[:5000], large[5000:]]))
    bomb = served.post(
        "/api/v1/lineage", data=gzip.compress(b" " * 10_000_000), headers={"Content-Encoding": "gzip"}
    )

    assert [answer.status_code for answer in (plain, chunked, bomb)] == [413, 413, 413]
    assert bomb.json()["code"] == 413
