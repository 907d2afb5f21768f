"""`lineage verify` and `lineage key`: what a log is, who signed it, and what the exit codes are."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from made_events import run_event, run_id

from graph import open_store
from graph.ingest import ingest
from graph.questions.signing import checkpoint_of
from lineage.config import current_config, reset_config
from lineage.provenance.signing import create_key, key_id, read_key

EVENTS = [
    json.dumps(run_event(f"r{n}", "COMPLETE", n, job="load", inputs=["a"], outputs=["b"])).encode()
    for n in range(12)
]


@pytest.fixture
def log() -> Path:
    """The file of the test's store, with a log of two batches."""
    path = Path(current_config().store)
    add(path, EVENTS[:6])
    add(path, EVENTS[6:9])
    return path


def add(path: Path, events: list[bytes]) -> None:
    with closing(open_store(path)) as store:
        assert ingest(store, events).accepted == len(events)


def run_sql(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as db:
        for sql in statements:
            db.execute(sql)
        db.commit()


@pytest.fixture
def set_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have these files be the key to sign with, and the keys that are trusted."""

    def put(signing: str | None = None, *trusted: str) -> None:
        if signing is not None:
            monkeypatch.setenv("LINEAGE_SIGNING_KEY", str(tmp_path / signing))
        if trusted:
            (tmp_path / "trusted").write_text("\n".join(trusted))
            monkeypatch.setenv("LINEAGE_TRUSTED_KEYS", str(tmp_path / "trusted"))
        reset_config()

    return put


def found(said: Any) -> list[tuple[str, int | None]]:
    (item,) = said.items["items"]
    assert (said.code == 0) is item["verified"] is (not item["findings"])
    return [(each["kind"], each["number"]) for each in item["findings"]]


def test_a_log_is_verified_by_exit_code(lineage: Callable[..., Any], log: Path, tmp_path: Path) -> None:
    """PV-25: 0 where it is as it was written, 1 and the first bad record where not, 2 and 3 as everywhere."""
    said = lineage("verify")
    assert (said.code, said.out.splitlines()) == (
        0,
        [
            "9 records: they are as they were written",
            "No checkpoint in it was signed: who can write the store can also write another chain",
        ],
    )
    (item,) = lineage("verify", "--json").items["items"]
    assert (item["verified"], item["checked"], item["last"], item["uncovered"]) == (True, 9, 9, 0)

    run_sql(log, "UPDATE event SET run = 1 WHERE seq = 5")
    said = lineage("verify")
    assert said.code == 1
    words = said.out.splitlines()[1].split()
    assert (words[0], words[1], words[3], words[4]) == ("altered", "5", "load", run_id("r0"))
    assert found(lineage("verify", "--json")) == [("altered", 5)]
    assert "Nothing was signed" in lineage("verify", "--sign").err

    said = lineage("verify", "--checkpoint", tmp_path / "none")
    assert (said.code, "No such file" in said.err) == (2, True)
    assert lineage("verify", "--from", "3").code == 2
    assert lineage("verify", "--store", tmp_path / "no.db").code == 3


def test_a_file_that_cannot_even_be_read_as_a_store_is_altered(
    lineage: Callable[..., Any], log: Path
) -> None:
    """PV-25: bytes overwritten in the file itself: exit with 1, as for any alteration."""
    run_sql(log, "PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(log.read_bytes())
    content[8192:-4096] = b"\xff" * (len(content) - 12288)
    log.write_bytes(content)
    said = lineage("verify")
    assert (said.code, said.out, "damaged" in said.err) == (1, "", True)


def test_verifying_writes_nothing(lineage: Callable[..., Any], log: Path) -> None:
    log.chmod(0o400)
    before = log.read_bytes()
    assert lineage("verify").code == 0
    assert log.read_bytes() == before


def test_a_checkpoint_that_is_kept_elsewhere_finds_what_was_cut_off_with_all_traces(
    lineage: Callable[..., Any], log: Path, tmp_path: Path, set_key: Callable[..., None]
) -> None:
    """PV-25: nobody can tell the earlier state of a store from a cut one, but for who kept a checkpoint."""
    early, kept = tmp_path / "early.db", tmp_path / "checkpoint.json"
    shutil.copy(log, early)
    create_key(tmp_path / "key")
    set_key("key")
    add(log, EVENTS[9:])
    said = lineage("verify", "--sign")
    assert said.code == 0
    kept.write_text(said.out.splitlines()[-1])
    assert checkpoint_of(kept.read_text()).number == 12
    assert found(lineage("verify", "--json", "--checkpoint", kept)) == []

    assert found(lineage("verify", "--json", "--store", early)) == []
    assert found(lineage("verify", "--json", "--store", early, "--checkpoint", kept)) == [("truncated", 10)]
    add(early, [EVENTS[10], EVENTS[9], EVENTS[11]])
    with closing(open_store(early)) as store:
        for _ in range(3):
            store.keep_signed(lambda *_: "{}")
    assert ("checkpoint", 12) in found(lineage("verify", "--json", "--store", early, "--checkpoint", kept))

    other = tmp_path / "other.db"
    add(other, EVENTS)
    said = lineage("verify", "--json", "--store", other, "--checkpoint", kept)
    assert found(said) == [("checkpoint", None)]
    assert "is of the log" in said.out


def test_a_forged_signature_is_found(
    lineage: Callable[..., Any], log: Path, tmp_path: Path, set_key: Callable[..., None]
) -> None:
    """PV-25: in the log and in a file, of a key that is not trusted, and where there is none at all."""
    key = create_key(tmp_path / "key")
    set_key("key", key.public)
    assert found(lineage("verify", "--json")) == [("checkpoint", None)]
    set_key("key", create_key(tmp_path / "unused").public, key.public)
    assert lineage("verify", "--sign").code == 0
    assert found(lineage("verify", "--json")) == []
    assert lineage("verify").out.endswith(f" by key {key_id(key.public)}\n")

    forged = tmp_path / "forged.json"
    (body,) = read_signed(log)
    for change in (
        {"number": 8},
        {"value": "00" * 32},
        {"key": create_key(tmp_path / "k").public},
        {"time": "x"},
    ):
        forged.write_text(json.dumps({**json.loads(body), **change}))
        assert found(lineage("verify", "--json", "--checkpoint", forged)) == [("signature", None)], change
    run_signed(log, tmp_path / "k")
    assert found(lineage("verify", "--json")) == [("signature", 9)]

    run_sql(log, "UPDATE signed SET body = replace(body, '\"number\": 9', '\"number\": 8') WHERE rowid = 3")
    kinds = {kind for kind, _ in found(lineage("verify", "--json"))}
    assert kinds == {"signature", "checkpoint"}


def run_signed(log: Path, key: Path) -> str:
    from graph.questions.signing import sign

    with closing(open_store(log)) as store:
        return sign(store, read_key(key))


def read_signed(log: Path) -> list[str]:
    with closing(open_store(log, read_only=True)) as store:
        return [body for _, body in store.signed()]


def test_a_key_hands_over_to_the_next_and_counts_no_more(
    lineage: Callable[..., Any], log: Path, tmp_path: Path, set_key: Callable[..., None]
) -> None:
    """PV-25: who trusts the first key follows to the next; what a key that was retired signs is found."""
    made = lineage("key", "create", tmp_path / "old")
    old = made.out.strip()
    set_key("old", old)
    run_signed(log, tmp_path / "old")
    rotated = lineage("key", "rotate", tmp_path / "new", "--json")
    (item,) = rotated.items["items"]
    set_key("new")
    add(log, EVENTS[9:])
    run_signed(log, tmp_path / "new")
    (verified,) = lineage("verify", "--json").items["items"]
    assert verified["verified"] is True
    assert verified["signers"] == {key_id(old): 2, item["id"]: 2}

    for number, checked in ((12, 0), (9, 3)):
        said = lineage("verify", "--from", str(number), "--json")
        assert (found(said), said.items["items"][0]["checked"]) == ([], checked)
    assert lineage("verify", "--from", "7").code == 2
    set_key(None, item["key"])
    said = lineage("verify", "--from", "9")
    assert (said.code, "not signed by a key that is trusted" in said.err) == (2, True)
    set_key(None, old)

    run_signed(log, tmp_path / "old")
    assert found(lineage("verify", "--json")) == [("signature", 12)]


def test_keys_are_made_shown_and_trusted(
    lineage: Callable[..., Any], tmp_path: Path, set_key: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lineage("key", "show").err.startswith("No key is set")
    assert lineage("key", "rotate", tmp_path / "x").code == 2
    made = lineage("key", "create", tmp_path / "key", "--json").items["items"][0]
    assert lineage("key", "create", tmp_path / "key").code == 2
    assert lineage("key", "trust", made["key"]).code == 2
    monkeypatch.setenv("LINEAGE_TRUSTED_KEYS", str(tmp_path / "folder" / "trusted"))
    set_key("key")
    assert lineage("key", "trust", "ed25519:no").code == 2
    for _ in range(2):
        assert lineage("key", "trust", made["key"]).code == 0
    assert (tmp_path / "folder" / "trusted").read_text().count("ed25519:") == 1
    (item,) = lineage("key", "show", "--json").items["items"]
    assert item == {**made, "signs": True, "trusted": True}
    (tmp_path / "key").chmod(0o644)
    said = lineage("key", "show")
    assert (said.code, "chmod 600" in said.err) == (2, True)
