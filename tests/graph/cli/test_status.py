"""`lineage status`: where events go, what the store holds, what waits, and what needs attention."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from made_events import run_event
from receiver import Receiver

from graph.store._migrations import scripts
from lineage.config import current_config, reset_config
from lineage.destination import store_destination
from lineage.outbox import Outbox, open_outbox

Lineage = Callable[..., Any]


def event(run: str) -> bytes:
    return json.dumps(run_event(run, "COMPLETE", 1, job=run, inputs=["a"], outputs=["b"])).encode()


def outbox() -> Outbox:
    config = current_config()
    return open_outbox(config.outbox, config.destination)


def of_kind(said: Any, kind: str) -> list[dict[str, Any]]:
    return [item for item in said.items["items"] if item["kind"] == kind]


def use(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    reset_config()


def make_older(box: Outbox, age: timedelta) -> None:
    """Let the events of a file have been emitted earlier."""
    with closing(sqlite3.connect(box.path)) as other, other:
        other.execute("UPDATE waiting SET seq = seq - ?", (int(age.total_seconds() * 1e9),))


def test_a_store_that_is_not_there_yet_is_not_made(lineage: Lineage) -> None:
    said = lineage("status", "--json")

    assert of_kind(said, "store") == [{"kind": "store", "location": current_config().store, "exists": False}]
    assert of_kind(said, "outbox") == []
    plain = lineage("status")
    assert (plain.code, plain.err) == (0, "")
    assert f"{current_config().store} (not there yet)\n" in plain.out
    assert f"none in {current_config().outbox}" in plain.out
    assert not Path(current_config().store).exists()


def test_what_is_held_and_what_waits_is_counted_and_nothing_is_drained(lineage: Lineage) -> None:
    assert lineage("ingest", "-", input=event("first") + b"\n{}").code == 1
    before = datetime.now(UTC)
    outbox().append(event("second"))
    outbox().append(event("third"))

    for _ in range(2):
        said = lineage("status", "--json")
        (held,), (waiting,) = of_kind(said, "store"), of_kind(said, "outbox")
        assert (held["events"], held["runs"], held["jobs"], held["datasets"]) == (1, 1, 1, 2)
        assert (held["deadLetters"], held["underived"], held["format"]) == (1, 0, len(scripts("sqlite")))
        assert held["bytes"] > 0
        assert held["lastIngest"] is not None
        assert (waiting["destination"], waiting["transport"]) == (current_config().store, "store")
        assert (waiting["waiting"], waiting["files"], waiting["dropped"], waiting["deadLetters"]) == (
            2,
            1,
            0,
            0,
        )
        assert (waiting["lastError"], waiting["lease"]) == (None, None)
        assert abs((datetime.fromisoformat(waiting["oldest"]) - before).total_seconds()) < 60

    out = lineage("status").out
    assert re.search(r"^ *events +1$", out, re.MULTILINE)
    assert re.search(r"^ *waiting +2, until the store is asked$", out, re.MULTILINE)
    assert re.search(r"^ *oldest +\d.* ago \(20", out, re.MULTILINE)


def test_files_of_single_processes_count_with_the_main_file(lineage: Lineage) -> None:
    main = outbox()
    main.append(event("one"))
    main.append_aside(event("two"))
    main.append_aside(event("three"))

    (state,) = of_kind(lineage("status", "--json"), "outbox")

    assert (state["file"], state["files"], state["waiting"]) == (str(main.path), 3, 3)
    assert f"{main.path} and 2 of processes beside it" in lineage("status").out


def test_who_empties_an_outbox_and_until_when_is_shown(lineage: Lineage) -> None:
    outbox().append(event("one"))
    assert outbox().lease("ship-1-abc", 60)

    (state,) = of_kind(lineage("status", "--json"), "outbox")

    assert state["lease"]["owner"] == "ship-1-abc"
    left = datetime.fromisoformat(state["lease"]["until"]) - datetime.now(UTC)
    assert timedelta(seconds=30) < left <= timedelta(seconds=60)
    assert re.search(r"^ *emptied by +ship-1-abc until 20", lineage("status").out, re.MULTILINE)


SECRET = "geheim-1234"


@pytest.mark.parametrize(
    ("variables", "transport", "destination", "setting"),
    [
        ({}, "store", None, "LINEAGE_STORE"),
        (
            {"OPENLINEAGE_URL": f"http://user:{SECRET}@backend:5000"},
            "http",
            "http://backend:5000/api/v1/lineage",
            "OPENLINEAGE_URL",
        ),
        (
            {
                "OPENLINEAGE_URL": "http://ignored:1",
                "OPENLINEAGE__TRANSPORT__TYPE": "http",
                "OPENLINEAGE__TRANSPORT__URL": "http://backend:2",
            },
            "http",
            "http://backend:2/api/v1/lineage",
            "OPENLINEAGE__TRANSPORT",
        ),
        (
            {
                "OPENLINEAGE__TRANSPORT": json.dumps(
                    {"type": "kafka", "topic": "t", "config": {"sasl.password": SECRET}}
                )
            },
            "kafka",
            None,
            "OPENLINEAGE__TRANSPORT",
        ),
    ],
    ids=["store", "url", "variables", "kafka"],
)
def test_where_events_go_is_told_with_the_setting_and_no_credentials(
    lineage: Lineage,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    transport: str,
    destination: str | None,
    setting: str,
) -> None:
    use(monkeypatch, **variables)

    said, plain = lineage("status", "--json"), lineage("status")

    (going,) = of_kind(said, "configuration")
    assert (going["transport"], going["setting"], going["disabled"]) == (transport, setting, False)
    assert going["destination"] == (destination or current_config().destination.address)
    assert SECRET not in said.out + plain.out
    assert plain.out.startswith("events go to ")
    assert f"({setting})" in plain.out


def test_files_that_say_where_events_go_are_named(
    lineage: Lineage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LINEAGE_STORE")
    monkeypatch.setenv("HOME", str(tmp_path))

    def setting() -> str:
        reset_config()
        (going,) = of_kind(lineage("status", "--json"), "configuration")
        return str(going["setting"])

    assert setting() == "default"
    (tmp_path / "lineage.toml").write_text(f'store = "{tmp_path}/other.db"', encoding="utf-8")
    assert setting() == "lineage.toml"
    (tmp_path / "openlineage.yml").write_text("transport: {type: http, url: 'http://a:1'}", encoding="utf-8")
    assert setting() == "openlineage.yml"
    monkeypatch.setenv("OPENLINEAGE_URL", "http://b:1")
    assert setting() == "openlineage.yml"
    (tmp_path / "named.yml").write_text("transport: {type: http, url: 'http://c:1'}", encoding="utf-8")
    monkeypatch.setenv("OPENLINEAGE_CONFIG", str(tmp_path / "named.yml"))
    assert setting() == "OPENLINEAGE_CONFIG"
    (tmp_path / "openlineage.yml").write_text("transport: [broken", encoding="utf-8")
    assert setting() == "OPENLINEAGE_CONFIG"


def test_that_nothing_is_recorded_is_told(lineage: Lineage, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, LINEAGE_DISABLED="true")

    assert of_kind(lineage("status", "--json"), "configuration")[0]["disabled"] is True
    assert "recording is disabled" in lineage("status").out.splitlines()[0]


def test_nothing_is_hinted_when_all_is_well(lineage: Lineage, monkeypatch: pytest.MonkeyPatch) -> None:
    outbox().append(event("one"))
    use(monkeypatch, OPENLINEAGE_URL="http://backend:1")
    outbox().append(event("two"))

    assert lineage("status").err == ""


def test_events_that_nobody_delivers_are_told(lineage: Lineage, monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver() as backend:
        use(monkeypatch, OPENLINEAGE_URL=backend.url)
        outbox().append(event("one"))
        make_older(outbox(), timedelta(minutes=5))

        hint = lineage("status").err
        assert "Run lineage ship" in hint
        assert backend.url in hint
        outbox().lease("ship-1-abc", 60)
        assert lineage("status").err == ""  # somebody is at it
        outbox().release("ship-1-abc")

        monkeypatch.delenv("OPENLINEAGE_URL")
        reset_config()
        assert "Configure it as the destination again" in lineage("status").err

        use(monkeypatch, OPENLINEAGE_URL=backend.url)
        assert lineage("ship").code == 0
        assert lineage("status").err == ""


def test_events_older_than_a_day_are_told(lineage: Lineage, tmp_path: Path) -> None:
    outbox().append(event("one"))
    other = open_outbox(current_config().outbox, store_destination(tmp_path / "other.db"))
    other.append(event("two"))
    make_older(outbox(), timedelta(hours=23))
    make_older(other, timedelta(hours=25))

    (hint,) = lineage("status").err.splitlines()

    assert hint.endswith(f"lineage runs --store {tmp_path / 'other.db'}")
    assert "25 h 00 min" in hint
    assert lineage("runs", "--store", tmp_path / "other.db").code == 0
    assert lineage("status").err == ""


def test_dead_letters_are_told(lineage: Lineage) -> None:
    lineage("ingest", "-", input=b"{}")
    outbox().append(b"{}")
    outbox().bury(outbox().waiting(1)[0].seq, "400")

    assert lineage("status").err == "Rejected or refused events: 2. See lineage deadletters list\n"


def test_a_store_that_cannot_be_read_is_named_and_the_rest_shown(lineage: Lineage) -> None:
    outbox().append(event("one"))
    store = Path(current_config().store)
    store.write_bytes(b"no database at all" * 100)

    said, plain = lineage("status", "--json"), lineage("status")

    assert (said.code, plain.code) == (3, 3)
    (held,), (waiting,) = of_kind(said, "store"), of_kind(said, "outbox")
    assert "not a SQLite database" in held["error"]
    assert waiting["waiting"] == 1
    assert re.search(r"^ *error +the file is not a SQLite database", plain.out, re.MULTILINE)
    assert re.search(r"^ *waiting +1, ", plain.out, re.MULTILINE)
    assert f"store {store}: " in plain.err


def test_an_outbox_that_cannot_be_read_is_named_and_the_rest_shown(lineage: Lineage) -> None:
    lineage("ingest", "-", input=event("first"))
    outbox().append(event("second"))
    broken = outbox().path.with_name("http-0123456789abcdef-v1.db")
    broken.write_bytes(b"no database at all" * 100)

    said, plain = lineage("status", "--json"), lineage("status")

    assert (said.code, plain.code) == (3, 3)
    (waiting, unreadable) = of_kind(said, "outbox")
    assert waiting["waiting"] == 1
    assert unreadable["file"] == str(broken)
    assert "not a database" in unreadable["error"]
    assert re.search(r"^ *events +1$", plain.out, re.MULTILINE)
    assert str(broken) in plain.err


def test_status_does_not_wait_for_a_process_that_writes(lineage: Lineage) -> None:
    lineage("ingest", "-", input=event("first"))
    outbox().append(event("second"))
    files = [current_config().store, outbox().path]
    writers = [sqlite3.connect(os.fspath(file), isolation_level=None) for file in files]
    for writer in writers:
        writer.execute("BEGIN IMMEDIATE")
    began = time.monotonic()

    assert lineage("status").code == 0

    assert time.monotonic() - began < 1
    for writer in writers:
        writer.close()
