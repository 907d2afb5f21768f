"""From the outbox to a backend that answers well, badly or not at all."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from receiver import Receiver

from lineage.config import Config, configure
from lineage.errors import ConfigError
from lineage.outbox import Outbox, open_existing, open_outbox, outbox_files
from lineage.shipping import follow, ship_once
from lineage.shipping.http import HttpSender
from lineage.shipping.openlineage_transport import event_object
from lineage.shipping.verdicts import LONGEST_PAUSE_SECONDS, pause, retry_after


@pytest.fixture
def backend() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


class Way:
    """An outbox and the way from it to a backend."""

    def __init__(self, **options: Any) -> None:
        self.config: Config = configure(destination=options)
        self.destination = self.config.destination
        self.outbox: Outbox = open_outbox(self.config.outbox, self.destination)

    def append(self, *names: str, run: str | None = None) -> None:
        for name in names:
            self.outbox.append(json.dumps({"name": name}, sort_keys=True).encode(), run)

    def ship(self, seconds: float | None = None) -> Any:
        return ship_once(self.destination, self.config, seconds=seconds)

    def waiting(self) -> list[str]:
        return [json.loads(event.body)["name"] for event in self.outbox.waiting(1000, now=time.time() + 3000)]


@pytest.fixture
def way(backend: Receiver) -> Way:
    return Way(type="http", url=backend.url, timeout=0.5)


def names(backend: Receiver) -> list[str]:
    return [json.loads(body)["name"] for body in backend.events]


def test_events_go_in_batches_in_the_order_they_were_appended(way: Way, backend: Receiver) -> None:
    way.append(*(f"event {number:03}" for number in range(250)))

    counts = way.ship()

    assert (counts.sent, counts.postponed, counts.dead, counts.error) == (250, 0, 0, None)
    assert names(backend) == [f"event {number:03}" for number in range(250)]
    assert [(path, number) for path, _, number in backend.requests] == [
        ("/api/v1/lineage/batch", 100),
        ("/api/v1/lineage/batch", 100),
        ("/api/v1/lineage/batch", 50),
    ]
    assert way.outbox.is_empty()
    assert way.outbox.stats().lease is None


def test_a_batch_is_a_megabyte_at_most(way: Way, backend: Receiver) -> None:
    way.append(*(f"{number}" + "x" * 300_000 for number in range(10)))

    assert way.ship().sent == 10
    assert [number for _, _, number in backend.requests] == [3, 3, 3, 1]


def test_a_single_event_is_posted_as_the_official_client_posts_it(way: Way, backend: Receiver) -> None:
    """DD-03: POST {url}/api/v1/lineage with a JSON body."""
    way.append("only")
    way.ship()

    ((path, headers, _),) = backend.requests
    assert path == "/api/v1/lineage"
    assert headers["Content-Type"] == "application/json"
    assert names(backend) == ["only"]


def test_a_backend_without_batches_is_remembered_and_given_single_events(way: Way, backend: Receiver) -> None:
    backend.mode = "no batch"
    way.append(*(f"event {number:03}" for number in range(150)))

    assert way.ship().sent == 150
    assert names(backend) == [f"event {number:03}" for number in range(150)]
    assert sum(path.endswith("/batch") for path, _, _ in backend.requests) == 1


def test_a_partial_success_is_followed_event_by_event(way: Way, backend: Receiver) -> None:
    backend.mode = "partial"
    way.append("a")
    way.append("poison", run="x")
    way.append("later", run="y")
    way.append("z")

    counts = way.ship()

    assert (counts.sent, counts.dead, counts.postponed) == (2, 1, 1)
    assert sorted(names(backend)) == ["a", "z"]
    assert way.waiting() == ["later"]
    stats = way.outbox.stats()
    assert stats.dead_letters == 1
    assert stats.last_error == "not this"


def test_a_refused_event_is_a_dead_letter_and_holds_back_nothing(way: Way, backend: Receiver) -> None:
    backend.mode = "409 one"
    for name in ("before", "poison", "after"):
        way.append(name, run="the same run")

    counts = way.ship()

    assert (counts.sent, counts.dead) == (2, 1)
    assert names(backend) == ["before", "after"]
    last_error = way.outbox.stats().last_error
    assert last_error is not None
    assert last_error.startswith(f"409 from {backend.url}/api/v1/lineage: not this")


def test_everything_refused_is_not_tried_again(way: Way, backend: Receiver) -> None:
    backend.mode = "400"
    way.append("a", "b")

    assert way.ship().dead == 2
    asked = len(backend.requests)
    way.ship()
    assert len(backend.requests) == asked


@pytest.mark.parametrize("mode", ["500", "429", "401"])
def test_a_failure_that_may_pass_loses_nothing(way: Way, backend: Receiver, mode: str) -> None:
    """DD-03: a backend that answers 5xx keeps its events waiting."""
    backend.mode = mode
    way.append(*(f"event {number}" for number in range(5)))

    counts = way.ship()

    assert (counts.sent, counts.dead) == (0, 0)
    assert counts.error == f"{mode} from {backend.url}/api/v1/lineage: not now"
    assert way.waiting() == [f"event {number}" for number in range(5)]
    assert len(backend.requests) <= 3


def test_a_failing_event_holds_back_the_later_ones_of_its_run_alone(way: Way, backend: Receiver) -> None:
    backend.mode = "partial"
    way.append("later", run="a")
    way.append("of b", run="b")
    way.ship()
    way.append("second of a", run="a")
    way.append("second of b", run="b")
    backend.mode = "ok"

    way.ship()

    assert sorted(names(backend)) == ["of b", "second of b"]
    assert way.waiting() == ["later", "second of a"]


def test_retry_after_is_honoured(way: Way, backend: Receiver) -> None:
    backend.mode, backend.retry_after = "429", "120"
    way.append("a")
    way.append("b")

    counts = way.ship()

    assert counts.retry_after == 120
    assert way.outbox.waiting(10, now=time.time() + 110) == []
    assert len(way.outbox.waiting(10, now=time.time() + 125)) == 2


def test_a_refused_connection_counts_against_no_event(way: Way, backend: Receiver) -> None:
    backend.down()
    way.append("a", "b")

    counts = way.ship()

    assert counts.error == f"{backend.url}/api/v1/lineage/batch cannot be reached: Connection refused"
    assert [event.attempts for event in way.outbox.waiting(10)] == [0, 0]
    assert way.outbox.stats().last_error == counts.error
    backend.up()
    assert way.ship().sent == 2
    assert names(backend) == ["a", "b"]


def test_a_backend_that_never_answers_costs_one_timeout(way: Way, backend: Receiver) -> None:
    backend.mode = "hanging"
    way.append("a", "b")

    start = time.perf_counter()
    counts = way.ship()

    assert 0.4 < time.perf_counter() - start < 5
    assert counts.error is not None
    assert "no answer within 0.5 s" in counts.error
    assert way.waiting() == ["a", "b"]


def test_an_answer_that_comes_too_late_means_the_event_is_sent_again(way: Way, backend: Receiver) -> None:
    backend.mode = "late"
    way.append("a")
    assert way.ship().postponed == 1
    backend.mode = "ok"
    time.sleep(1.1)

    assert way.ship().sent == 1
    assert names(backend) == ["a", "a"]
    assert len(backend.distinct) == 1


def test_an_event_that_breaks_its_batch_is_found_out(way: Way, backend: Receiver, monkeypatch: Any) -> None:
    """A poisonous event ends as the only one that waits, whatever batch it came in."""
    monkeypatch.setattr("lineage.shipping.route.pause", lambda attempts: 0.02)
    backend.mode = "500 for poison"
    way.append(*(f"event {number:03}" for number in range(60)), "poison")

    for _ in range(8):
        way.ship()
        time.sleep(0.03)

    assert way.waiting() == ["poison"]
    assert sorted(set(names(backend))) == [f"event {number:03}" for number in range(60)]


def test_time_that_is_up_ends_shipping(way: Way, backend: Receiver) -> None:
    backend.mode = "no batch"
    way.append(*(f"event {number}" for number in range(100)))
    way.ship(seconds=0)
    assert way.waiting() != []


def test_files_of_processes_that_are_gone_are_shipped_too(way: Way, backend: Receiver) -> None:
    way.append("main 1")
    way.outbox.append_aside(b'{"name": "aside"}')
    way.append("main 2")

    assert way.ship().sent == 3
    assert names(backend) == ["main 1", "aside", "main 2"]


def test_a_damaged_file_does_not_hold_up_the_others(
    way: Way, backend: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    way.append("lost with the file")
    way.outbox.close()
    way.outbox.path.write_bytes(b"not a database" * 1000)
    way.append("goes elsewhere")

    counts = way.ship()

    assert (counts.sent, counts.error) == (1, None)
    assert names(backend) == ["goes elsewhere"]
    assert "cannot be read and is passed over" in caplog.text


def test_only_the_holder_of_the_lease_ships(way: Way, backend: Receiver) -> None:
    way.append("a")
    way.outbox.lease("somebody else", 60)

    counts = way.ship()

    assert (counts.sent, counts.leased_elsewhere) == (0, True)
    assert backend.requests == []


def test_the_embedded_store_is_not_shipped_to() -> None:
    config = configure()
    with pytest.raises(ConfigError, match="takes its events itself"):
        ship_once(config.destination, config)


def test_follow_delivers_what_comes_until_it_is_stopped(way: Way, backend: Receiver) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=follow, args=(way.destination, way.config, stop))
    thread.start()
    way.append("first")
    eventually(lambda: names(backend) == ["first"])
    way.append("second")
    eventually(lambda: names(backend) == ["first", "second"])

    stop.set()
    thread.join(5)

    assert not thread.is_alive()


def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that in time"
        time.sleep(0.01)


def test_pauses_grow_with_jitter_up_to_five_minutes() -> None:
    """PV-35: the backoff sequence grows exponentially, with jitter, and is bounded."""
    for failures, longest in ((1, 1.0), (2, 2.0), (5, 16.0), (9, 256.0), (10, 300.0), (10_000, 300.0)):
        pauses = [pause(failures) for _ in range(200)]
        assert longest / 2 <= min(pauses)
        assert max(pauses) <= longest <= LONGEST_PAUSE_SECONDS
        assert len(set(pauses)) > 100


def test_retry_after_is_read_in_both_its_forms() -> None:
    assert retry_after("7") == 7
    assert retry_after("-3") == retry_after("0") == 1
    assert retry_after("999999") == 3600
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 1
    assert retry_after("Wed, 21 Oct 2099 07:28:00 GMT") == 3600
    assert [retry_after(bad) for bad in (None, "", "soon", "nan")] == [None] * 4


def test_authentication_headers_and_compression_are_openlineages(backend: Receiver) -> None:
    way = Way(
        type="http",
        url=backend.url,
        auth={"type": "api_key", "apiKey": "TOP-SECRET"},
        custom_headers={"X-Team": "lineage"},
        compression="gzip",
    )
    way.append("a", "b")

    assert way.ship().sent == 2
    _, headers, _ = backend.requests[0]
    assert headers["Authorization"] == "Bearer TOP-SECRET"
    assert headers["X-Team"] == "lineage"
    assert headers["Content-Encoding"] == "gzip"


def test_an_endpoint_is_joined_as_openlineage_joins_it(backend: Receiver) -> None:
    sender = HttpSender({"type": "http", "url": f"{backend.url}/base/", "endpoint": "in/lineage?key=1"})
    assert sender.url == f"{backend.url}/base/in/lineage?key=1"
    assert sender.batch_url == f"{backend.url}/base/in/lineage/batch?key=1"


@pytest.mark.parametrize("mode", ["echo", "refused", "500"])
def test_credentials_are_in_no_file_error_or_log(
    backend: Receiver, mode: str, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    way = Way(
        type="http",
        url=f"http://someone:PLANTED-PASSWORD@127.0.0.1:{backend.port}",
        auth={"type": "api_key", "apiKey": "PLANTED-KEY"},
        custom_headers={"X-Auth": "PLANTED-HEADER"},
    )
    backend.mode = mode
    if mode == "refused":
        backend.down()
    way.append("a", "b")
    with caplog.at_level("DEBUG", logger="lineage"):
        counts = way.ship()

    assert counts.error or counts.dead
    way.outbox.close()
    texts = [str(counts), repr(way.config), caplog.text, str(way.outbox.stats()), way.outbox.path.name]
    texts += [path.read_bytes().decode("latin-1") for path in way.config.outbox.iterdir()]
    assert [word for word in re.findall(r"PLANTED-\w+", " ".join(texts))] == []


def test_a_configuration_that_cannot_be_used_is_told_without_its_secrets() -> None:
    way = Way(type="http", url="http://127.0.0.1:1", auth={"type": "no.such.Class", "apiKey": "PLANTED-KEY"})
    way.append("a")

    error = way.ship().error

    assert error is not None
    assert "the http transport cannot be used" in error
    assert "PLANTED-KEY" not in error
    assert way.waiting() == ["a"]


EVENT = {
    "eventType": "COMPLETE",
    "eventTime": "2026-01-01T10:00:00.000Z",
    "producer": "https://example.com/producer",
    "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
    "run": {
        "runId": "01941f29-7c00-7000-8000-000000000001",
        "facets": {
            "parent": {
                "_producer": "https://example.com/producer",
                "_schemaURL": "https://openlineage.io/spec/facets/1-1-0/ParentRunFacet.json",
                "run": {"runId": "01941f29-7c00-7000-8000-000000000002"},
                "job": {"namespace": "shop", "name": "nightly"},
            },
            "custom": {"_producer": "https://example.com", "_schemaURL": "https://example.com", "n": [1, {}]},
        },
    },
    "job": {"namespace": "shop", "name": "nightly.orders", "facets": {}},
    "inputs": [{"namespace": "postgres://db:5432", "name": "shop.public.orders", "inputFacets": {}}],
    "outputs": [],
}


def test_another_transport_is_given_the_event_unaltered(tmp_path: Path) -> None:
    target = tmp_path / "events.jsonl"
    way = Way(type="file", log_file_path=str(target), append=True)
    way.outbox.append(json.dumps(EVENT).encode(), EVENT["run"]["runId"])  # type: ignore[index]
    way.append("not an event of the classes")

    assert way.ship().sent == 2
    first, second = [json.loads(line) for line in target.read_text().splitlines()]
    event = json.loads(json.dumps(EVENT))
    event["run"]["facets"]["custom"]["n"] = [1]  # the official serialiser leaves out empty items of lists
    assert first == event
    assert second == {"name": "not an event of the classes"}
    assert way.config.destination.options["log_file_path"] == str(target)


def test_transports_see_event_objects_with_the_parent_that_kafka_reads() -> None:
    from openlineage.client.facet_v2 import parent_run
    from openlineage.client.run import RunEvent as OldRunEvent
    from openlineage.client.transport.kafka import KafkaTransport

    event = event_object(json.dumps(EVENT).encode())

    assert not isinstance(event, dict | OldRunEvent)
    assert isinstance(event.run.facets["parent"], parent_run.ParentRunFacet)
    assert KafkaTransport._get_message_key(object.__new__(KafkaTransport), event) == "run:shop/nightly"


def test_every_real_event_survives_the_way_through_an_event_object() -> None:
    from openlineage.client.serde import Serde

    fixtures = Path(__file__).parent.parent / "fixtures" / "events"
    lines = [line for path in sorted(fixtures.glob("*.jsonl")) for line in path.read_bytes().splitlines()]
    assert len(lines) > 5
    for line in lines:
        event = event_object(line)
        assert Serde.to_dict(event) == Serde.to_dict(json.loads(line))


def test_a_transport_that_fails_keeps_its_events(tmp_path: Path) -> None:
    way = Way(type="file", log_file_path=str(tmp_path / "missing" / "events.jsonl"), append=True)
    way.append("a")

    counts = way.ship()

    assert (counts.sent, counts.postponed) == (0, 1)
    assert way.waiting() == ["a"]
    assert "the transport file failed" in str(way.outbox.stats().last_error)


def test_a_transport_that_does_not_exist_is_told(tmp_path: Path) -> None:
    way = Way(type="no.such.Transport")
    way.append("a")
    assert "the transport no.such.Transport cannot be made" in str(way.ship().error)
    assert all(not open_existing(path).is_empty() for path in outbox_files(way.config.outbox))
