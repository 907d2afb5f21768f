"""What is delivered to a real server: by our shipper and by OpenLineage's own transports, exactly once."""

from __future__ import annotations

import json
import re
import signal
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from served import ServeProcess, event, wait_for

from graph import open_store
from graph.store.access import Role, new_token
from lineage.config import configure
from lineage.shipping import ship_once
from lineage.transport import enqueue, flush, shutdown

EMITS = 300


@pytest.fixture(autouse=True)
def _no_shipper_stays() -> Iterator[None]:
    yield
    shutdown(0)


def body(number: int) -> bytes:
    told = event(f"job {number % 7}", run={"runId": f"01941f29-7c00-7000-8000-{number:012}"})
    told["eventTime"] = f"2026-01-01T10:{number // 60:02}:{number % 60:02}.000Z"
    return json.dumps(told).encode()


def kept(place: str | Path) -> list[str]:
    """Return the run ids of all that a store holds, in the order of arrival."""
    with closing(open_store(place, read_only=True)) as store:
        return [json.loads(line)["run"]["runId"] for _, line in store.bodies(limit=10_000)]


def emit_all() -> list[float]:
    seconds = []
    for number in range(EMITS):
        start = time.perf_counter()
        enqueue(body(number), f"run {number}")
        seconds.append(time.perf_counter() - start)
    return seconds


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Trouble:
    """A server process on one port that is stopped, killed, halted and started again."""

    def __init__(self, place: Path) -> None:
        self.place, self.port = place, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.server: ServeProcess | None = None
        self.up()

    def up(self) -> None:
        self.server = ServeProcess("--port", str(self.port), "--store", str(self.place))
        wait_for(self.url)

    def send(self, number: signal.Signals) -> None:
        assert self.server is not None
        self.server.process.send_signal(number)

    def down(self, number: signal.Signals = signal.SIGTERM) -> None:
        assert self.server is not None
        self.send(number)
        self.server.process.wait(40)
        self.server.stop()
        assert self.server.process.stderr is not None
        self.server.process.stderr.close()
        self.server = None


@pytest.fixture
def trouble(tmp_path: Path) -> Iterator[Trouble]:
    made = Trouble(tmp_path / "lineage.db")
    yield made
    if made.server is not None:
        made.send(signal.SIGCONT)
        made.down()


@pytest.mark.parametrize(
    "kind",
    [
        "none",
        "down",
        "killed",
        *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("halted", "restarted")),
    ],
)
def test_a_server_in_trouble_delays_nobody_and_loses_nothing(trouble: Trouble, kind: str) -> None:
    """PV-34, PV-38: as with any backend; a server that is halted takes requests and answers none in time."""
    configure(destination={"type": "http", "url": trouble.url, "timeout": 0.5})
    if kind == "down":
        trouble.down()
    if kind == "halted":
        trouble.send(signal.SIGSTOP)

    seconds = emit_all()
    if kind == "killed":
        trouble.down(signal.SIGKILL)
    time.sleep(1.2)
    if kind == "halted":
        trouble.send(signal.SIGCONT)
    elif kind == "restarted":
        trouble.down()
    if trouble.server is None:
        trouble.up()

    assert statistics.median(seconds) < 0.001
    assert sum(seconds) < 5, "no emit waited for the server"
    deadline = time.monotonic() + 60
    while not flush(5):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert sorted(kept(trouble.place)) == [
        f"01941f29-7c00-7000-8000-{number:012}" for number in range(EMITS)
    ], "each is there, and once"


def test_the_shipper_keeps_the_order_and_holds_nothing_back_for_what_is_refused(served: Any) -> None:
    config = configure(destination={"type": "http", "url": served.url}, ship=False)
    for number in range(250):
        enqueue(body(number), None)
        if number == 120:
            enqueue(b'{"eventTime": "never", "run": {"runId": "x"}}', None)

    counts = ship_once(config.destination, config)

    assert (counts.sent, counts.dead, counts.postponed, counts.error) == (250, 1, 0, None)
    assert kept(served.location) == [f"01941f29-7c00-7000-8000-{number:012}" for number in range(250)]


def test_a_token_that_is_put_right_lets_everything_through(place: str, serve: Callable[..., Any]) -> None:
    """Refused credentials are tried again: nothing is lost for them."""
    served = serve(place, access=True)
    made, text = new_token("shipper", Role.WRITER)
    with closing(open_store(place)) as store:
        store.access.add(made)
    options = {"type": "http", "url": served.url, "auth": {"type": "api_key", "apiKey": "lng_no_token"}}
    config = configure(destination=options, ship=False)
    enqueue(body(1), None)

    refused = ship_once(config.destination, config)
    assert (refused.sent, refused.dead, refused.postponed) == (0, 0, 1)
    time.sleep(1.1)
    config = configure(destination={**options, "auth": {"type": "api_key", "apiKey": text}}, ship=False)

    assert ship_once(config.destination, config).sent == 1
    assert len(kept(place)) == 1


def openlineage_event(number: int) -> RunEvent:
    return RunEvent(
        eventTime="2026-01-01T10:00:00.000Z",
        eventType=RunState.COMPLETE,
        producer="https://example.com/producer",
        run=Run(f"01941f29-7c00-7000-8000-{number:012}"),
        job=Job("shop", "load"),
        inputs=[InputDataset("s3://lake", "raw/orders")],
        outputs=[OutputDataset("s3://lake", "silver/orders")],
    )


@pytest.mark.parametrize(
    "kind",
    [
        "http",
        "async_http",
        *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("http gzip", "composite")),
    ],
)
def test_the_official_client_delivers(place: str, serve: Callable[..., Any], kind: str) -> None:
    served = serve(place, access=True)
    made, text = new_token("client", Role.WRITER)
    with closing(open_store(place)) as store:
        store.access.add(made)
    http = {"type": "http", "url": served.url, "auth": {"type": "api_key", "apiKey": text}}
    transport: dict[str, Any] = {
        "http": http,
        "http gzip": {**http, "compression": "gzip"},
        "async_http": {**http, "type": "async_http"},
        "composite": {"type": "composite", "transports": {"a": http, "b": dict(http)}},
    }[kind]

    client = OpenLineageClient(config={"transport": transport})
    for number in range(5):
        client.emit(openlineage_event(number))
    assert client.close(30) in (True, None)

    assert sorted(kept(place)) == [f"01941f29-7c00-7000-8000-{number:012}" for number in range(5)]


def duplicates(url: str) -> float:
    text = requests.get(f"{url}/metrics", timeout=30).text
    found = re.search(r'^lineage_events_total{outcome="duplicate"} (\S+)$', text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_what_the_official_client_sends_again_is_there_once(trouble: Trouble) -> None:
    """A server that is halted takes requests and answers none in time: each transport tries again."""
    http = {"type": "http", "url": trouble.url, "timeout": 0.4, "retry": {"total": 10, "backoff_factor": 0.1}}
    transports: list[dict[str, Any]] = [
        http,
        {**http, "type": "async_http"},
        {"type": "composite", "transports": {"a": http, "b": {**http, "type": "async_http"}}},
    ]
    for place, transport in enumerate(transports):
        before = duplicates(trouble.url)
        client = OpenLineageClient(config={"transport": transport})
        trouble.send(signal.SIGSTOP)
        emitting = threading.Thread(target=client.emit, args=(openlineage_event(place),))
        emitting.start()
        time.sleep(1)
        trouble.send(signal.SIGCONT)
        emitting.join(30)
        assert client.close(30) in (True, None)

        routes = len(transport.get("transports", "1"))
        assert duplicates(trouble.url) >= before + routes, "it was sent again"
        assert len(kept(trouble.place)) == place + 1
