"""Events as they come, as server-sent events."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import pytest
import requests
from served import Served, event, serving

from graph import open_store
from graph.api import following
from graph.api.routes import tail as route
from graph.ingest import ingest
from graph.store.access import Role, new_token

SECONDS = 5.0
"""Within this time an event is told; it is half a second where the machine has nothing else to do."""


class Subscriber:
    """One subscription; `ids` and `events` are what came so far."""

    def __init__(self, answer: requests.Response) -> None:
        self.answer = answer
        self.ids: list[int] = []
        self.events: list[dict[str, Any]] = []
        self._lines = answer.iter_lines(chunk_size=None)

    def read(self, events: int) -> list[dict[str, Any]]:
        """Read until so many events came in all."""
        while len(self.events) < events:
            line = next(self._lines)
            if line.startswith(b"id: "):
                self.ids.append(int(line[4:]))
            elif line.startswith(b"data: "):
                self.events.append(json.loads(line[6:]))
        while line := next(self._lines):  # the id stands behind the event
            self.ids.append(int(line[4:]))
        return self.events

    def begun(self) -> int:
        """Wait until it is subscribed; return the number that it begins behind."""
        while not self.ids:
            line = next(self._lines)
            if line.startswith(b"id: "):
                self.ids.append(int(line[4:]))
        return self.ids[0]


@contextmanager
def subscribed(served: Served, path: str = "/api/v2/tail", **headers: str) -> Iterator[Subscriber]:
    # A session of its own, as one connection has one answer at a time.
    with requests.get(served.url + path, headers=headers, stream=True, timeout=30) as answer:
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        yield Subscriber(answer)


def post(served: Served, *names: str, **more: Any) -> None:
    for name in names:
        told = event(
            name, **{"run": {"runId": f"01941f29-7c00-7000-8000-{abs(hash(name)):012x}"[:36]}, **more}
        )
        assert served.post("/api/v1/lineage", json=told).status_code == 201


def padded(place: int, size: int) -> bytes:
    """Return an event of about this size."""
    told = event(f"job{place}", run={"runId": f"01941f29-7c00-7000-8000-{place:012}"})
    told["job"]["facets"] = {"documentation": {"description": f"{place} ".ljust(size, "x")}}
    return json.dumps(told).encode()


def names(events: list[dict[str, Any]]) -> list[str]:
    return [each["job"]["name"] for each in events]


def test_a_subscriber_sees_an_event_within_a_bound_as_it_came(served: Served) -> None:
    """PV-31: on both engines, from now on, with its number in the log."""
    post(served, "before")
    with subscribed(served) as subscriber:
        began = subscriber.begun()
        start = time.monotonic()
        post(served, "load")
        (told,) = subscriber.read(1)
        assert time.monotonic() - start < SECONDS
        assert told == event("load", run=told["run"])
        assert subscriber.ids == [began, began + 1]


def test_who_comes_back_with_the_last_id_misses_nothing_and_gets_nothing_twice(served: Served) -> None:
    """PV-31: Last-Event-ID, as browsers send it, or `after`."""
    with subscribed(served) as subscriber:
        subscriber.begun()
        post(served, "a", "b")
        assert names(subscriber.read(2)) == ["a", "b"]
        last = subscriber.ids[-1]
    post(served, "c", "d")
    with subscribed(served, **{"Last-Event-ID": str(last)}) as again:
        post(served, "e")
        assert names(again.read(3)) == ["c", "d", "e"]
        assert again.ids == [last, last + 1, last + 2, last + 3]
    with subscribed(served, "/api/v2/tail?after=0") as whole:
        assert names(whole.read(5)) == ["a", "b", "c", "d", "e"]


def test_events_are_filtered_by_job_dataset_and_state(serve: Callable[..., Served], tmp_path: Any) -> None:
    """PV-31: and who filters is told how far the log has been looked at."""
    served = serve(str(tmp_path / "store.db"))
    paths = ("job=lo*", "dataset=gold.dump", "state=fail&job=etl/load", "dataset=orders&state=complete")
    post(served, "load", "dump")
    post(served, "load", eventType="FAIL", eventTime="2026-01-31T13:00:00Z")
    post(served, "end", inputs=[])
    found = []
    for path in paths:
        with subscribed(served, f"/api/v2/tail?after=0&{path}") as subscriber:
            post(served, f"marker {path}")  # nothing that is wanted comes after it
            while not subscriber.ids or subscriber.ids[-1] < 4:
                line = next(subscriber._lines)
                if line.startswith(b"id: "):
                    subscriber.ids.append(int(line[4:]))
                elif line.startswith(b"data: "):
                    subscriber.events.append(json.loads(line[6:]))
        found.append([(each["job"]["name"], each["eventType"]) for each in subscriber.events[:2]])
    assert found == [
        [("load", "COMPLETE"), ("load", "FAIL")],
        [("dump", "COMPLETE")],
        [("load", "FAIL")],
        [("load", "COMPLETE"), ("dump", "COMPLETE")],
    ]


def test_wrong_questions_are_told(serve: Callable[..., Served], tmp_path: Any) -> None:
    served = serve(str(tmp_path / "store.db"))
    for path, headers, reason in (
        ("state=done", {}, "'done' is none of "),
        ("after=-1", {}, "after"),
        ("", {"Last-Event-ID": "last"}, "Last-Event-ID is 'last'"),
    ):
        answer = served.get(f"/api/v2/tail?{path}", headers=headers)
        assert (answer.status_code, reason in answer.text) == (400, True), answer.text


def test_a_token_sees_only_what_is_said_of_its_namespaces(
    serve: Callable[..., Served], tmp_path: Any
) -> None:
    """PV-31, PV-22: its own jobs that write its own datasets; a revoked token hears no more."""
    location = str(tmp_path / "store.db")
    served = serve(location, access=True)
    made, text = new_token("etl", Role.READER, namespaces=["etl", "postgres://db:5432"])
    boss, boss_text = new_token("boss", Role.WRITER)
    with closing(open_store(location)) as store:
        store.access.add(made)
        store.access.add(boss)
    assert served.get("/api/v2/tail").status_code == 401
    writer = {"Authorization": f"Bearer {boss_text}"}
    events = [
        event("ours"),
        event("theirs", job={"namespace": "hr", "name": "theirs"}),
        event("elsewhere", outputs=[{"namespace": "s3://hr", "name": "salaries"}]),
        event("ours too"),
    ]
    for place, each in enumerate(events):
        each["run"] = {"runId": f"01941f29-7c00-7000-8000-00000000000{place}"}
    with subscribed(served, Authorization=f"Bearer {text}") as subscriber:
        subscriber.begun()
        for each in events:
            assert served.post("/api/v1/lineage", json=each, headers=writer).status_code == 201
        assert names(subscriber.read(2)) == ["ours", "ours too"]


def test_a_revoked_token_hears_no_more(
    serve: Callable[..., Served], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PV-31, PV-22: a subscription is no way to keep on listening."""
    monkeypatch.setattr(following, "KEEP_ALIVE_SECONDS", 0.05)
    monkeypatch.setattr("graph.api.gate._KNOWN_SECONDS", 0.0)
    location = str(tmp_path / "store.db")
    served = serve(location, access=True)
    made, text = new_token("me", Role.READER)
    with closing(open_store(location)) as store:
        store.access.add(made)
        with subscribed(served, Authorization=f"Bearer {text}") as subscriber:
            subscriber.begun()
            store.access.revoke([made.id], time.time_ns())
            deadline = time.monotonic() + SECONDS
            assert [line for line in subscriber._lines if line not in (b"", b":")] == []
            assert time.monotonic() < deadline


def test_many_subscribers_hold_no_thread(serve: Callable[..., Served], tmp_path: Any) -> None:
    """PV-31: more of them than threads that read; questions are answered meanwhile."""
    served = serve(str(tmp_path / "store.db"), readers=1)
    with ExitStack() as stack:
        every = [stack.enter_context(subscribed(served)) for _ in range(40)]
        for one in every:
            one.begun()
        assert served.get("/api/v2/status", timeout=SECONDS).status_code == 200
        post(served, "load")
        assert all(names(one.read(1)) == ["load"] for one in every)


@pytest.mark.slow
def test_who_reads_slowly_is_no_burden_and_misses_nothing(
    serve: Callable[..., Served], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PV-31: what is kept is bounded; who has fallen behind reads on from the log."""
    monkeypatch.setattr(following, "_KEPT_EVENTS", 10)
    location = str(tmp_path / "store.db")
    served = serve(location)
    with subscribed(served) as slow, subscribed(served) as quick:
        slow.begun()
        quick.begun()
        with closing(open_store(location)) as store:
            for begin in range(0, 200, 20):
                ingest(store, [padded(place, 20_000) for place in range(begin, begin + 20)])
        assert names(quick.read(200)) == names(slow.read(200)) == [f"job{place}" for place in range(200)]


@pytest.mark.slow
def test_who_takes_nothing_is_given_up(
    serve: Callable[..., Served], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PV-31: its place is free for another then."""
    monkeypatch.setattr(route, "SEND_SECONDS", 0.3)
    monkeypatch.setattr(route, "MOST_SUBSCRIBERS", 1)
    location = str(tmp_path / "store.db")
    served = serve(location)
    with subscribed(served) as subscriber:
        subscriber.begun()
        refused = served.get("/api/v2/tail")
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
        with closing(open_store(location)) as store:
            ingest(store, [padded(place, 1_000_000) for place in range(16)])  # more than buffers hold
        deadline = time.monotonic() + 20
        while served.get("/api/v2/tail?state=none").status_code != 400:
            assert time.monotonic() < deadline
        while True:
            with requests.get(f"{served.url}/api/v2/tail", stream=True, timeout=30) as answer:
                if answer.status_code == 200:
                    break
            assert time.monotonic() < deadline
            threading.Event().wait(0.1)


@pytest.mark.slow
def test_a_server_stops_though_somebody_is_subscribed(tmp_path: Any) -> None:
    """PV-31: the stream ends well, and nothing is waited for."""
    with serving("--store", str(tmp_path / "store.db")) as process:
        served = Served(process.url, "")
        with served.session, subscribed(served) as subscriber:
            subscriber.begun()
            start = time.monotonic()
            assert process.stop() in (0, -signal.SIGTERM)
            assert time.monotonic() - start < 15
            assert [line for line in subscriber._lines if line not in (b"", b":")] == []
        assert not [line for line in process.log if '"error"' in line]
