"""`lineage runs` and `ship`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from receiver import Receiver

from lineage.config import current_config, reset_config
from lineage.destination import store_destination
from lineage.outbox import open_outbox

Lineage = Callable[..., Any]


def event(job: str, type_: str = "COMPLETE", run: int = 1, **more: Any) -> bytes:
    return json.dumps(
        {
            "eventType": type_,
            "eventTime": f"2026-01-01T00:0{run}:00Z",
            "producer": "https://example.com/tests",
            "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
            "run": {"runId": f"00000000-0000-0000-0000-00000000000{run}", **more},
            "job": {"namespace": "ns", "name": job},
            "inputs": [{"namespace": "ns", "name": "a"}],
            "outputs": [{"namespace": "ns", "name": "b"}],
        }
    ).encode()


def emit(*bodies: bytes) -> None:
    config = current_config()
    outbox = open_outbox(config.outbox, config.destination)
    for body in bodies:
        outbox.append(body)


def waiting(lineage: Lineage) -> int:
    """Return how many events wait in the one outbox there is."""
    (outbox,) = (item for item in lineage("status", "--json").items["items"] if item["kind"] == "outbox")
    count: int = outbox["waiting"]
    return count


def test_a_question_takes_in_what_waits_in_the_outbox(lineage: Lineage) -> None:
    emit(event("waiting"))

    answer = lineage("upstream", "b", "--json").answer

    assert {node["id"] for node in answer["nodes"]} == {"dataset:ns:a", "dataset:ns:b", "job:ns:waiting"}
    assert answer["incomplete"] is False
    assert waiting(lineage) == 0


def test_the_outbox_of_another_store_is_left_alone(lineage: Lineage, tmp_path: Path) -> None:
    emit(event("waiting"))
    other = tmp_path / "other.db"
    assert lineage("ingest", "-", "--store", other, input=event("first")).code == 0

    assert len(lineage("runs", "--store", other, "--json").items["items"]) == 1
    assert waiting(lineage) == 1
    open_outbox(current_config().outbox, store_destination(other)).append(event("second", run=2))
    assert len(lineage("runs", "--store", other, "--json").items["items"]) == 2


def test_runs_are_listed_latest_first_with_filters_and_pages(lineage: Lineage) -> None:
    error = {"facets": {"errorMessage": {"message": "boom\nat line 1", "programmingLanguage": "python"}}}
    lines = [
        event("a", "START", 1),
        event("a", "START", 2),
        event("a", "FAIL", 2, **error),
        event("b", "COMPLETE", 3),
        event("b", "ABORT", 4),
    ]
    assert lineage("ingest", "-", input=b"\n".join(lines)).code == 0

    items = lineage("runs", "--json").items["items"]
    assert [(item["job"], item["state"]) for item in items] == [
        ("job:ns:b", "ABORT"),
        ("job:ns:b", "COMPLETE"),
        ("job:ns:a", "FAIL"),
        ("job:ns:a", "RUNNING"),
    ]
    assert items[3]["endedAt"] is None
    assert items[3]["durationMs"] is None
    assert items[2]["error"].startswith("boom")
    assert items[2]["startedAt"] == "2026-01-01T00:02:00.000Z"

    assert len(lineage("runs", "b", "--json").items["items"]) == 2
    states = lineage("runs", "ns", "a", "--state", "fail", "--state", "RUNNING", "--json").items["items"]
    assert [item["state"] for item in states] == ["FAIL", "RUNNING"]
    first = lineage("runs", "--limit", "3", "--json").items
    rest = lineage("runs", "--limit", "3", "--cursor", first["next"], "--json").items
    assert (first["items"] + rest["items"], rest["next"]) == (items, None)

    rows = lineage("runs", "--state", "FAIL").out.splitlines()
    assert [re.split(r"  +", row)[1:] for row in rows] == [
        ["job", "state", "started", "took", "error"],
        ["a", "FAIL", "2026-01-01T00:02:00.000Z", "0 ms", "boom"],
    ]


def test_ship_delivers_to_the_configured_backend(lineage: Lineage, monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver() as backend:
        monkeypatch.setenv("OPENLINEAGE_URL", backend.url)
        reset_config()
        emit(event("a"), event("b", run=2))

        (item,) = lineage("ship", "--json").items["items"]

        assert item == {"sent": 2, "postponed": 0, "refused": 0, "error": None}
        assert len(backend.distinct) == 2
        assert lineage("ship").out == "0 sent, 0 put off, 0 refused\n"


def test_ship_ends_with_3_when_the_backend_is_down(lineage: Lineage, monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver() as backend:
        monkeypatch.setenv("OPENLINEAGE_URL", backend.url)
        reset_config()
        emit(event("a"))
        backend.down()

        said = lineage("ship")

        assert said.code == 3
        assert f"127.0.0.1:{backend.port}" in said.err
        outbox = lineage("status", "--json").items["items"][-1]
        assert outbox["waiting"] == 1
        assert outbox["lastError"]


def test_ship_has_nothing_to_do_for_the_embedded_store(lineage: Lineage) -> None:
    said = lineage("ship")

    assert said.code == 2
    assert current_config().store in said.err
