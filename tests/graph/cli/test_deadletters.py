"""`lineage deadletters`: what the store rejected and what backends refused, and their ways back."""

from __future__ import annotations

import json
import os
import pty
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from made_events import run_event
from receiver import Receiver

from graph.ingest import batch
from graph.store.changes import Changes, Rejected
from lineage.config import current_config, reset_config
from lineage.outbox import Outbox, open_outbox

Lineage = Callable[..., Any]

BROKEN = b'{"job": {"namespace": "ns", "name": "nightly"}, "run": {"runId": "1"}, "eventTime": "yesterday"}'


def event(name: str, type_: str = "COMPLETE") -> bytes:
    return json.dumps(run_event(name, type_, 1, job=name, inputs=["a"], outputs=["b"])).encode()


def outbox() -> Outbox:
    config = current_config()
    return open_outbox(config.outbox, config.destination)


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A backend that refuses events which hold "poison", and is where events go."""
    with Receiver("409 one") as receiver:
        monkeypatch.setenv("OPENLINEAGE_URL", receiver.url)
        reset_config()
        yield receiver


def refuse(lineage: Lineage, *bodies: bytes) -> None:
    """Let the backend refuse events."""
    for body in bodies:
        outbox().append(body)
    (item,) = lineage("ship", "--json").items["items"]
    assert item["refused"] == len(bodies)


def letters(lineage: Lineage) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = lineage("deadletters", "list", "--json").items["items"]
    return items


def test_there_are_none_where_there_is_nothing(lineage: Lineage) -> None:
    said = lineage("deadletters", "list")

    assert (said.code, said.out, said.err) == (0, "", "There are no dead letters.\n")
    assert lineage("deadletters", "retry", "--all").code == 0
    assert lineage("deadletters", "drop", "--all", "--yes").out == "0 dropped\n"


def test_both_kinds_are_listed_latest_first_with_reasons(lineage: Lineage, backend: Receiver) -> None:
    lineage("ingest", "-", input=BROKEN)
    refuse(lineage, event("poison"))
    lineage("ingest", "-", input=b"no JSON")

    latest, refused, first = letters(lineage)

    assert (latest["from"], latest["job"], latest["bytes"]) == ("store", None, 7)
    assert latest["reasons"][0].startswith("not JSON")
    assert (refused["from"], refused["job"]) == ("backend", "job:ns:poison")
    assert refused["source"] == f"{backend.url}/api/v1/lineage"
    assert refused["reasons"][0].startswith("409 from")
    assert (first["from"], first["source"], first["job"]) == (
        "store",
        current_config().store,
        "job:ns:nightly",
    )
    assert "yesterday" in first["reasons"][0]
    rows = [re.split(r"  +", row) for row in lineage("deadletters", "list").out.splitlines()]
    assert rows[0] == ["id", "time", "from", "job", "reason"]
    assert [row[0] for row in rows[1:]] == [letter["id"][:12] for letter in (latest, refused, first)]
    assert rows[3][2:4] == ["the store", "nightly"]


def test_pages_hold_each_letter_once(lineage: Lineage, backend: Receiver) -> None:
    for number in range(4):
        lineage("ingest", "-", input=b"no JSON %d" % number)
        refuse(lineage, event(f"poison{number}"))
    whole = letters(lineage)

    paged: list[Any] = []
    cursor: list[str] = []
    while True:
        said = lineage("deadletters", "list", "--limit", "3", "--json", *cursor).items
        paged += said["items"]
        if said["next"] is None:
            break
        cursor = ["--cursor", said["next"]]

    assert paged == whole
    assert len({letter["id"] for letter in whole}) == 8
    assert "There is more: --cursor" in lineage("deadletters", "list", "--limit", "3").err
    assert lineage("deadletters", "list", "--cursor", "0" * 32).code == 2


def test_one_is_shown_as_it_came(lineage: Lineage) -> None:
    body = b'{"eventTime": 1.0, "a": [], "x": 1, "x": {"y": "\\u00e4{,\\""}}'
    lineage("ingest", "-", input=body)
    (letter,) = letters(lineage)

    said = lineage("deadletters", "show", letter["id"][:6])

    assert said.out.splitlines() == [
        "{",
        '  "eventTime": 1.0,',
        '  "a": [],',
        '  "x": 1,',
        '  "x": {',
        '    "y": "\\u00e4{,\\""',
        "  }",
        "}",
    ]
    assert "stands twice" in said.err
    (item,) = lineage("deadletters", "show", letter["id"], "--json").items["items"]
    assert item == {**letter, "body": body.decode()}


def test_what_is_no_text_is_shown_without_harm_to_the_terminal(lineage: Lineage) -> None:
    lineage("ingest", "-", input=b"\xff\x1b[31m")
    (letter,) = letters(lineage)

    assert lineage("deadletters", "show", letter["id"]).out == "\ufffd\\x1b[31m\n"


def test_ids_that_fit_none_or_several_are_told(lineage: Lineage) -> None:
    lineage("ingest", "-", input=b"\n".join(b"no JSON %d" % number for number in range(17)))
    ids = [letter["id"] for letter in letters(lineage)]
    (twice,) = [digit for digit in "0123456789abcdef" if sum(id_[0] == digit for id_ in ids) > 1][:1]

    for command in (["show"], ["retry"], ["drop", "--yes"]):
        none = lineage("deadletters", *command, "0" * 32)
        several = lineage("deadletters", *command, twice)
        assert (none.code, several.code) == (2, 2)
        assert "lineage deadletters list" in none.err
        assert next(id_ for id_ in ids if id_[0] == twice) in several.err
    for command in (["retry"], ["drop", "--yes"]):
        assert lineage("deadletters", *command).code == 2
        assert lineage("deadletters", *command, ids[0], "--all").code == 2
    assert len(letters(lineage)) == 17


def test_what_the_store_rejects_again_stays_and_says_why(lineage: Lineage) -> None:
    lineage("ingest", "-", input=BROKEN + b"\nno JSON")
    before = letters(lineage)

    said, told = lineage("deadletters", "retry", "--all", "--json"), lineage("deadletters", "retry", "--all")

    assert (said.code, told.code) == (1, 1)
    assert [(item["id"], item["result"]) for item in said.items["items"]] == [
        (letter["id"], "rejected") for letter in before
    ]
    assert told.out == "0 ingested, 2 rejected again, 0 waiting for delivery again\n"
    assert "yesterday" in told.err
    assert letters(lineage) == before


def test_what_the_store_understands_by_now_is_ingested(
    lineage: Lineage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upgrade: the release that rejected the events could not read them, this one can."""
    real = batch.understand

    def old_release(body: bytes) -> Changes | Rejected:
        return Rejected(body, ("a newer format",))

    monkeypatch.setattr(batch, "understand", old_release)
    lineage("ingest", "-", input=b"\n".join([event("one"), event("two"), event("three"), b"no JSON"]))
    monkeypatch.setattr(batch, "understand", real)
    one = next(letter["id"] for letter in letters(lineage) if letter["job"] == "job:ns:one")

    assert lineage("deadletters", "retry", one).out.startswith("1 ingested, 0 rejected again")
    assert len(letters(lineage)) == 3
    said = lineage("deadletters", "retry", "--all")
    assert (said.code, said.out[:29]) == (1, "2 ingested, 1 rejected again,")
    assert {run["job"] for run in lineage("runs", "--json").items["items"]} == {
        "job:ns:one",
        "job:ns:two",
        "job:ns:three",
    }
    assert [letter["job"] for letter in letters(lineage)] == [None]


def test_what_a_backend_refused_is_delivered_when_it_accepts(lineage: Lineage, backend: Receiver) -> None:
    bodies = [event("poison", "START"), event("poison", "COMPLETE"), event("poison2")]
    refuse(lineage, *bodies)
    outbox().append(event("fine"))

    said = lineage("deadletters", "retry", "--all")

    assert said.out == "0 ingested, 0 rejected again, 3 waiting for delivery again\n"
    assert "lineage ship" in said.err
    assert letters(lineage) == []
    assert lineage("ship", "--json").items["items"][0]["refused"] == 3
    assert len(letters(lineage)) == 3

    backend.mode = "ok"
    backend.events.clear()
    (item, *_) = lineage("deadletters", "retry", "--all", "--json").items["items"]
    assert (item["from"], item["result"]) == ("backend", "waiting")
    assert lineage("ship").out == "3 sent, 0 put off, 0 refused\n"
    assert [json.loads(body) for body in backend.events] == [json.loads(body) for body in bodies]
    assert letters(lineage) == []


def test_a_retry_while_the_backend_is_down_loses_nothing(lineage: Lineage, backend: Receiver) -> None:
    refuse(lineage, event("poison"))
    backend.down()

    assert lineage("deadletters", "retry", letters(lineage)[0]["id"]).code == 0
    assert lineage("ship").code == 3

    assert [event_.body for event_ in outbox().waiting(9, now=1e12)] == [event("poison")]


def test_a_retry_into_a_store_that_cannot_be_written_loses_nothing(lineage: Lineage) -> None:
    lineage("ingest", "-", input=BROKEN)
    before = letters(lineage)
    with closing(sqlite3.connect(current_config().store)) as other:
        other.execute(
            "CREATE TRIGGER fault BEFORE UPDATE ON dead_letter BEGIN SELECT RAISE(ABORT, 'full'); END"
        )

    said = lineage("deadletters", "retry", "--all")

    assert said.code == 3
    assert "full" in said.err
    assert letters(lineage) == before


def test_an_outbox_that_cannot_be_written_is_told_and_loses_nothing(
    lineage: Lineage, backend: Receiver
) -> None:
    refuse(lineage, event("poison"))
    before = letters(lineage)
    with closing(sqlite3.connect(outbox().path)) as other:
        other.execute("CREATE TRIGGER fault BEFORE DELETE ON dead BEGIN SELECT RAISE(ABORT, 'fault'); END")

    for command in (["retry"], ["drop", "--yes"]):
        said = lineage("deadletters", *command, "--all")
        assert said.code == 3
        assert f"outbox {outbox().path}: fault" in said.err

    assert letters(lineage) == before
    assert outbox().is_empty()


def test_some_are_dropped_and_the_others_stay(lineage: Lineage, backend: Receiver) -> None:
    lineage("ingest", "-", input=b"no JSON\nnor this")
    refuse(lineage, event("poison1"), event("poison2"))
    ids = {letter["from"]: letter["id"] for letter in letters(lineage)}

    said = lineage("deadletters", "drop", ids["store"], ids["backend"][:8], "--yes")

    assert (said.code, said.out) == (0, "2 dropped\n")
    rest = letters(lineage)
    assert sorted(letter["from"] for letter in rest) == ["backend", "store"]
    assert not {letter["id"] for letter in rest} & set(ids.values())
    assert lineage("deadletters", "drop", "--all", "--yes", "--json").items["items"] == [{"dropped": 2}]
    assert letters(lineage) == []


def test_nothing_is_dropped_unasked(lineage: Lineage) -> None:
    lineage("ingest", "-", input=b"no JSON")

    said = lineage("deadletters", "drop", "--all", input="y\n")

    assert said.code == 2
    assert "--yes" in said.err
    assert len(letters(lineage)) == 1


@pytest.mark.parametrize(("reply", "code", "left"), [(b"n\n", 1, 1), (b"y\n", 0, 0)])
def test_a_terminal_is_asked_before_anything_is_dropped(
    lineage: Lineage, reply: bytes, code: int, left: int
) -> None:
    lineage("ingest", "-", input=b"no JSON")
    parent, child = pty.openpty()
    command = [sys.executable, "-c", "from graph.cli import main; main()", "deadletters", "drop", "--all"]
    process = subprocess.Popen(
        command, stdin=child, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    os.close(child)
    os.write(parent, reply)

    out, told = process.communicate(timeout=60)

    os.close(parent)
    assert process.returncode == code
    assert "Forget this dead letter for good?" in told
    assert ("1 dropped" in out) is (code == 0)
    assert len(letters(lineage)) == left


def test_an_outbox_that_cannot_be_read_is_named_and_the_rest_listed(lineage: Lineage) -> None:
    lineage("ingest", "-", input=b"no JSON")
    outbox().append(b"{}")
    broken = outbox().path.with_name("http-0123456789abcdef-v1.db")
    broken.write_bytes(b"no database at all" * 100)

    said = lineage("deadletters", "list")

    assert said.code == 3
    assert "not JSON" in said.out
    assert str(broken) in said.err
