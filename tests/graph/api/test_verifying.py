"""A log behind a server: it is verified from elsewhere, and signed by who serves it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import closing
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
from made_events import run_event
from typer.testing import CliRunner

from graph import open_store
from graph.cli import app
from graph.ingest import ingest
from graph.questions.signing import checkpoint_of
from graph.store.access import Role, new_token
from lineage.config import reset_config
from lineage.provenance.signing import create_key

RUNNER = CliRunner(**({"mix_stderr": False} if "mix_stderr" in signature(CliRunner).parameters else {}))
EVENTS = [
    json.dumps(run_event(f"r{n}", "COMPLETE", n, inputs=["a"], outputs=["b"])).encode() for n in range(9)
]


def said(*arguments: str) -> tuple[int, str, str]:
    done = RUNNER.invoke(app, [str(each) for each in arguments], catch_exceptions=False)
    return done.exit_code, done.stdout, done.stderr


def test_a_server_has_its_log_verified_as_the_store_is(
    place: str, serve: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PV-25: the same findings from a store and from a server of it, page by page; an admin has it signed."""
    create_key(tmp_path / "key")
    monkeypatch.setenv("LINEAGE_SIGNING_KEY", str(tmp_path / "key"))
    reset_config()
    with closing(open_store(place)) as store:
        for first in range(0, 9, 2):
            ingest(store, EVENTS[first : first + 2])
    served = serve(place)
    kept = tmp_path / "checkpoint"
    code, out, _ = said("verify", "--sign", "--store", served.url)
    assert code == 0
    kept.write_text(out.splitlines()[-1])
    assert checkpoint_of(kept.read_text()).number == 9

    with closing(open_store(place)) as store:
        db: Any = store._db  # type: ignore[attr-defined]
        with db.transaction():
            db.execute("DELETE FROM event WHERE seq = 6")
    for form in (["--json"], [], ["--checkpoint", str(kept)]):
        here, there = (said("verify", *form, "--store", at) for at in (place, served.url))
        assert here == there
        assert (here[0], "deleted" in here[1]) == (1, True)

    findings, cursor, pages = [], None, 0
    while pages == 0 or cursor is not None:
        told = {"limit": 2} | ({} if cursor is None else {"cursor": cursor})
        page = served.get("/api/v2/verify", params=told).json()
        findings += page["items"][0]["findings"]
        cursor, pages = page["next"], pages + 1
    assert [(each["kind"], each["number"]) for each in findings] == [("deleted", 6)]
    assert pages >= 4
    assert served.get("/api/v2/verify", params={"cursor": "7"}).status_code == 400
    assert len(served.get("/api/v2/checkpoints").json()["items"]) == 1


def test_only_an_administrator_has_a_log_signed(
    place: str, serve: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PV-22: a reader verifies, and signs nothing; what an administrator signed is in the record."""
    create_key(tmp_path / "key")
    monkeypatch.setenv("LINEAGE_SIGNING_KEY", str(tmp_path / "key"))
    reset_config()
    headers = {}
    with closing(open_store(place)) as store:
        ingest(store, EVENTS)
        for role in (Role.READER, Role.WRITER, Role.ADMIN):
            made, text = new_token(str(role), role, ())
            store.access.add(made)
            headers[role] = {"Authorization": f"Bearer {text}"}
    served = serve(place, access=True)
    assert served.get("/api/v2/verify", headers=headers[Role.READER]).status_code == 200
    assert served.post("/api/v2/sign", json={}, headers=headers[Role.READER]).status_code == 403
    assert served.post("/api/v2/sign", json={}, headers=headers[Role.WRITER]).status_code == 403
    signed = served.post("/api/v2/sign", json={}, headers=headers[Role.ADMIN]).json()
    assert checkpoint_of(signed["items"][0]["statement"]).is_signed()
    until, record = time.monotonic() + 10, []
    while ("/api/v2/sign", 200) not in record and time.monotonic() < until:
        listed = served.get("/api/v2/audit", headers=headers[Role.ADMIN]).json()["items"]
        record = [(each["path"], each["status"]) for each in listed]
    assert ("/api/v2/sign", 200) in record


def test_a_server_signs_what_is_new_every_so_often_and_nothing_that_was_altered(
    tmp_path: Path, serve: Callable[..., Any]
) -> None:
    """PV-25: a checkpoint where there is something new, none where not, and none of an altered log."""
    create_key(tmp_path / "key")
    place = str(tmp_path / "lineage.db")
    served = serve(place, signing_key=str(tmp_path / "key"), checkpoint_seconds=0.2)

    def signed() -> list[int]:
        items = served.get("/api/v2/checkpoints").json()["items"]
        return [checkpoint_of(each["statement"]).number for each in items]

    def wait_for(numbers: list[int]) -> None:
        until = time.monotonic() + 20
        while signed() != numbers and time.monotonic() < until:
            time.sleep(0.05)
        assert signed() == numbers

    assert served.post("/api/v1/lineage", data=EVENTS[0]).status_code == 201
    wait_for([1])
    assert served.post("/api/v1/lineage", data=EVENTS[1]).status_code == 201
    wait_for([1, 2])
    assert said("verify", "--store", place)[0] == 0
    with closing(open_store(place)) as store:
        db: Any = store._db  # type: ignore[attr-defined]
        with db.transaction():
            db.execute("UPDATE link SET value = ? WHERE number = 4", (b"\0" * 32,))
    assert served.post("/api/v1/lineage", data=EVENTS[2]).status_code == 201
    time.sleep(0.6)
    assert signed() == [1, 2]
