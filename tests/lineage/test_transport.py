"""Where events leave our hands: `enqueue`, and the transport that any OpenLineage client can name."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openlineage.client import OpenLineageClient, event_v2
from openlineage.client.transport import get_default_factory
from receiver import Receiver

import lineage.transport
from lineage.config import configure, current_config
from lineage.destination import store_destination, transport_destination
from lineage.errors import ConfigError
from lineage.outbox import open_outbox, outbox_files
from lineage.shipping import Shipper
from lineage.transport import OutboxTransport, append_aside, enqueue, flush, shutdown

TYPE = "lineage.transport.OutboxTransport"
RUN_ID = "01941f29-7c00-7000-8000-000000000001"


@pytest.fixture
def backend() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver
        shutdown(0)


@pytest.fixture(autouse=True)
def _no_environment_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The official client writes into os.environ."""
    before = dict(os.environ)
    yield
    for name in set(os.environ) - set(before):
        del os.environ[name]


def event() -> Any:
    return event_v2.RunEvent(
        eventType=event_v2.RunState.START,
        eventTime="2026-01-01T10:00:00.000Z",
        run=event_v2.Run(runId=RUN_ID),
        job=event_v2.Job(namespace="shop", name="orders"),
        producer="https://example.com/producer",
    )


def store_bodies() -> list[Any]:
    config = current_config()
    outbox = open_outbox(config.outbox, store_destination(config.store))
    return [json.loads(waiting.body) for waiting in outbox.waiting(100)]


def test_enqueue_appends_for_the_embedded_store_and_starts_no_thread() -> None:
    before = threading.active_count()
    enqueue(b'{"n": 1}', "run")

    assert store_bodies() == [{"n": 1}]
    assert threading.active_count() == before
    assert flush(0.0)


def test_enqueue_delivers_to_another_backend_by_itself(backend: Receiver) -> None:
    """DD-04: what OpenLineage configuration names is where events go."""
    configure(destination={"type": "http", "url": backend.url})
    for number in range(10):
        enqueue(b'{"n": %d}' % number, "run")

    deadline = time.monotonic() + 10
    while len(backend.events) < 10 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [json.loads(body)["n"] for body in backend.events] == list(range(10))


def test_openlineage_url_and_api_key_are_honoured(backend: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """DD-04: OPENLINEAGE_URL configures delivery."""
    monkeypatch.setenv("OPENLINEAGE_URL", backend.url)
    monkeypatch.setenv("OPENLINEAGE_API_KEY", "the-key")
    enqueue(b'{"n": 1}', None)

    assert flush(10)
    assert backend.requests[0][1]["Authorization"] == "Bearer the-key"


def test_enqueue_never_raises_whatever_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "file"))
    monkeypatch.setattr("lineage.transport.delivery._told", False)
    (tmp_path / "file").touch()
    configure(outbox=str(tmp_path / "file" / "outbox"))

    with caplog.at_level(logging.WARNING, logger="lineage"):
        for _ in range(3):
            enqueue(b"{}", None)
        enqueue("not bytes", None)  # type: ignore[arg-type]
        enqueue(None, None)  # type: ignore[arg-type]
        append_aside(b"{}", None)

    assert len([record for record in caplog.records if "is lost" in record.getMessage()]) == 1


def test_a_wrong_configuration_reaches_the_host_on_no_emit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINEAGE_OUTBOX_LIMIT", "a lot")
    enqueue(b"{}", None)
    append_aside(b"{}", None)


def test_what_is_appended_aside_waits_for_the_same_destination() -> None:
    enqueue(b'{"n": 1}', "run")
    append_aside(b'{"n": 2}', "run")

    config = current_config()
    assert len(outbox_files(config.outbox, config.destination)) == 2


def test_settings_that_change_change_the_destination_of_later_events(backend: Receiver) -> None:
    enqueue(b'{"n": 1}', None)
    configure(destination={"type": "http", "url": backend.url})
    enqueue(b'{"n": 2}', None)

    assert flush(10)
    assert [json.loads(body)["n"] for body in backend.events] == [2]
    assert store_bodies() == [{"n": 1}]


def test_no_thread_is_started_when_shipping_is_off(backend: Receiver) -> None:
    configure(destination={"type": "http", "url": backend.url}, ship=False)
    before = threading.active_count()
    enqueue(b'{"n": 1}', None)
    time.sleep(0.2)

    assert threading.active_count() == before
    assert backend.requests == []
    assert flush(10), "an explicit flush delivers all the same"
    assert len(backend.events) == 1


def test_nothing_is_delivered_at_exit_when_shipping_is_off(backend: Receiver) -> None:
    configure(destination={"type": "http", "url": backend.url}, ship=False)
    enqueue(b'{"n": 1}', None)

    assert not shutdown(10)
    assert backend.requests == []
    enqueue(b'{"n": 2}', None)
    assert flush(10)
    assert [json.loads(body)["n"] for body in backend.events] == [1, 2]


def test_flush_returns_when_an_attempt_fails(backend: Receiver) -> None:
    backend.mode = "500"
    configure(destination={"type": "http", "url": backend.url})
    enqueue(b'{"n": 1}', None)

    start = time.perf_counter()
    assert not flush()
    assert time.perf_counter() - start < 5


def test_flush_keeps_its_bound_of_time(backend: Receiver) -> None:
    backend.mode = "hanging"
    configure(destination={"type": "http", "url": backend.url})
    enqueue(b'{"n": 1}', None)

    start = time.perf_counter()
    assert not flush(0.3)
    assert time.perf_counter() - start < 2


def test_events_may_be_emitted_after_shutdown(backend: Receiver) -> None:
    configure(destination={"type": "http", "url": backend.url})
    enqueue(b'{"n": 1}', None)
    assert shutdown(10)
    enqueue(b'{"n": 2}', None)

    assert flush(10)
    assert sorted(json.loads(body)["n"] for body in backend.events) == [1, 2]


def test_a_forked_child_starts_no_thread_and_can_flush(backend: Receiver) -> None:
    configure(destination={"type": "http", "url": backend.url})
    enqueue(b'{"n": 1}', None)
    assert flush(10)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            enqueue(b'{"n": 2}', None)
            alone = threading.active_count() == 1
            status = 0 if alone and flush(10) else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert [json.loads(body)["n"] for body in backend.events] == [1, 2]


def test_the_parents_thread_sends_what_a_child_left(
    backend: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lineage.shipping.worker.IDLE_POLL_SECONDS", 0.1)
    configure(destination={"type": "http", "url": backend.url})
    enqueue(b'{"n": 1}', None)
    assert flush(10)
    child = os.fork()
    if child == 0:
        enqueue(b'{"n": 2}', None)
        os._exit(0)
    os.waitpid(child, 0)

    deadline = time.monotonic() + 10
    while len(backend.events) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert [json.loads(body)["n"] for body in backend.events] == [1, 2]


def test_a_child_forked_while_the_shipper_writes_loses_nothing(backend: Receiver) -> None:
    configure(destination={"type": "http", "url": backend.url})
    children = []
    for number in range(15):
        for part in range(10):
            enqueue(b'{"n": "parent %d.%d"}' % (number, part), None)
        child = os.fork()
        if child == 0:
            enqueue(b'{"n": "child %d"}' % number, None)
            os._exit(0)
        children.append(child)
    for child in children:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

    assert flush(20)
    expected = {f"parent {n}.{part}" for n in range(15) for part in range(10)}
    assert {json.loads(body)["n"] for body in backend.distinct} == expected | {
        f"child {n}" for n in range(15)
    }


def test_the_official_client_takes_the_transport_from_the_environment(
    backend: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = {"type": "http", "url": backend.url}
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT", json.dumps({"type": TYPE, "target": target}))
    client = OpenLineageClient()
    assert isinstance(client.transport, OutboxTransport)
    client.emit(event())

    assert client.close(10)
    (body,) = backend.events
    assert json.loads(body)["run"]["runId"] == RUN_ID
    assert current_config().destination == transport_destination(target), "our own events go there too"


def test_the_official_client_takes_the_transport_from_nested_variables(
    backend: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TYPE", TYPE)
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TARGET__TYPE", "http")
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TARGET__URL", backend.url)
    client = OpenLineageClient()
    client.emit(event())

    assert client.close(10)
    assert len(backend.events) == 1


def test_the_official_client_takes_the_transport_from_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "openlineage.yml"
    file.write_text(f"transport:\n  type: {TYPE}\n  path: {tmp_path / 'here'}\n  ship: false\n")
    monkeypatch.setenv("OPENLINEAGE_CONFIG", str(file))
    client = OpenLineageClient()
    client.emit(event())

    assert client.close()
    config = current_config()
    outbox = open_outbox(tmp_path / "here", store_destination(config.store))
    (waiting,) = outbox.waiting(10)
    assert waiting.run_id == RUN_ID
    assert json.loads(waiting.body)["job"] == {"namespace": "shop", "name": "orders", "facets": {}}


def test_without_a_target_events_wait_for_the_embedded_store() -> None:
    transport = get_default_factory().create({"type": TYPE})  # type: ignore[dict-item]
    transport.emit(event())

    assert transport.close()
    assert store_bodies()[0]["run"]["runId"] == RUN_ID


@pytest.mark.parametrize(
    "target",
    [
        {"type": TYPE},
        {"type": "composite", "transports": [{"type": "console"}, {"type": TYPE}]},
        {"type": "composite", "transports": {"a": {"type": TYPE}}},
    ],
)
def test_our_own_class_as_target_is_an_error(target: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"transport\.target.*name the transport behind it"):
        get_default_factory().create({"type": TYPE, "target": target})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("options", "setting"),
    [({"target": "http"}, "target"), ({"path": 3}, "path"), ({"ship": "perhaps"}, "ship")],
)
def test_wrong_options_are_named(options: dict[str, Any], setting: str) -> None:
    with pytest.raises(ConfigError, match=rf"transport\.{setting}"):
        get_default_factory().create({"type": TYPE, **options})


def test_the_transport_never_raises_into_a_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    transport = get_default_factory().create({"type": TYPE})  # type: ignore[dict-item]
    transport.emit(object())  # type: ignore[arg-type]
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "file"))
    (tmp_path / "file").touch()
    unusable = {"type": TYPE, "path": str(tmp_path / "file" / "outbox")}
    get_default_factory().create(unusable).emit(event())


def test_closing_does_not_wait_for_a_backend_that_fails(backend: Receiver) -> None:
    backend.down()
    target = {"type": "http", "url": backend.url}
    transport = get_default_factory().create({"type": TYPE, "target": target})  # type: ignore[dict-item]
    transport.emit(event())
    assert not transport.close(5)

    start = time.perf_counter()
    assert not transport.close()
    assert time.perf_counter() - start < 0.5


def test_importing_the_transport_loads_no_openlineage() -> None:
    code = "import sys, lineage.transport; print([n for n in sys.modules if n.startswith(('openl', 'requ'))])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
    with pytest.raises(AttributeError):
        _ = lineage.transport.nothing  # type: ignore[attr-defined]


def test_a_shipper_that_was_stopped_starts_again(backend: Receiver) -> None:
    config = configure(destination={"type": "http", "url": backend.url})
    outbox = open_outbox(config.outbox, config.destination)
    shipper = Shipper(config.destination, config)
    for number in range(3):
        outbox.append(b'{"n": %d}' % number)
        shipper.wake()
        assert shipper.flush(10)
        shipper.stop()
    assert len(backend.distinct) == 3
