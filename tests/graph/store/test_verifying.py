"""A log that somebody altered is found out, and the first record that is not as it was is named."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from altered_logs import Alteration, Said, alter, findings_of, said_by
from made_events import FIXTURES, put, run_event, run_id
from random_events import some_event

from graph import nodes, open_store
from graph.ingest import give, ingest, prune, rebuild
from graph.ingest.verify import identify, verify_page
from graph.store import LineageStore
from graph.store.chain import Place
from graph.store.commands import CommandKind
from graph.store.retention import Policy


def checkpoint(store: LineageStore) -> str:
    def made(log_id: str, place: Place, number: int) -> str:
        return json.dumps({"log": log_id, "place": place.text, "number": number})

    return store.keep_signed(made)


def filled(store: LineageStore, random: Random) -> None:
    """Fill a store with a little of everything that a log has."""
    lines = [
        line for name in ("airflow", "dbt") for line in (FIXTURES / f"{name}.jsonl").read_bytes().splitlines()
    ]
    lines += [json.dumps(some_event(random)).encode() for _ in range(60)]
    odd = {**some_event(random), "unknown": {"a": [1, 2.5, None]}}
    lines.append(json.dumps(odd).encode())
    ingest(store, lines[:40], batch=7)
    give(store, CommandKind.TAG, nodes.dataset("ns", "a"), "pii")
    checkpoint(store)
    ingest(store, lines[40:], batch=16)
    prune(store, Policy(job=nodes.job("ns", "two")))
    for name in "abc":
        give(store, CommandKind.DESCRIBE, nodes.dataset("ns", name), value=f"About {name}")
    checkpoint(store)
    ingest(store, [json.dumps(some_event(random)).encode() for _ in range(8)], batch=3)


@pytest.fixture(scope="module")
def sound_log(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Said]:
    """A log as it was written, in a file, and what it says."""
    path = tmp_path_factory.mktemp("sound") / "lineage.db"
    with closing(open_store(path)) as store:
        filled(store, Random(5))
        assert findings_of(store) == []
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path, said_by(path)


@pytest.mark.parametrize(
    "rounds",
    [
        pytest.param(60, id="short"),
        pytest.param(1000, id="full", marks=[pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(1800)]),
    ],
)
def test_every_alteration_is_found_and_the_first_bad_record_named(
    rounds: int, sound_log: tuple[Path, Said], tmp_path: Path
) -> None:
    """PV-25, PV-43: flipped, deleted, inserted, reordered, truncated, a checkpoint replaced: in the file."""
    sound, said = sound_log
    random = Random(17)
    done: Counter[str] = Counter()
    missed = []
    while done.total() < rounds:
        path = tmp_path / f"{done.total()}.db"
        shutil.copy(sound, path)
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            try:
                alteration = alter(db, random)
            except sqlite3.IntegrityError:
                continue
        if alteration is None:
            continue
        first = _first_bad(said, said_by(path), alteration)
        if first is None and alteration.name.split(".")[0] in _SAYING:
            continue  # what was changed says nothing
        with closing(open_store(path)) as store:
            findings = findings_of(store)
        done[alteration.name] += 1
        if not findings or (first is not None and findings[0].number != first):
            missed.append((alteration, first, findings[:2]))
        path.unlink()
    print(dict(done))
    assert missed == []


_SAYING = {
    f"{how} {table}"
    for how in ("flip", "delete")
    for table in ("event", "run_id", "content", "content_pack", "form_text")
}


def _first_bad(before: Said, after: Said, alteration: Alteration) -> int | None:
    """Return the first number under which the log says something else than before."""
    others = [number for number in before.keys() | after.keys() if before.get(number) != after.get(number)]
    return min([*others, *([] if alteration.number is None else [alteration.number])], default=None)


EVENTS = [run_event(f"r{n}", "COMPLETE", n, job="load", inputs=["a"], outputs=["b"]) for n in range(9)]


def run_sql(store: LineageStore, *statements: str) -> None:
    db = store._db  # type: ignore[attr-defined]
    with db.transaction():
        for sql in statements:
            db.execute(sql)


def test_a_log_that_nobody_altered_is_verified(store: LineageStore) -> None:
    """PV-25: events, commands, removals and checkpoints are one chain, and so they are when rebuilt."""
    filled(store, Random(3))
    assert findings_of(store) == findings_of(store, limit=10) == []
    page = verify_page(store)
    assert (page.end, page.uncovered, page.covered_from) == (True, 0, 1)
    assert page.checked == page.last > page.removed > 10
    rebuild(store)
    assert findings_of(store) == []
    assert verify_page(store).place == page.place


def test_what_is_named_is_the_record_with_its_event_job_and_run(store: LineageStore) -> None:
    """PV-25: on both engines the number, the event, the job and the run of what is not as it was."""
    put(store, *EVENTS)
    put(store, run_event("later", "COMPLETE", 20, job="report", inputs=["b"]))
    for number in (4, 7):
        run_sql(store, f"UPDATE event SET event_time = event_time + 1000000000 WHERE seq = {number}")
    first, second = findings_of(store)
    assert (first.kind, first.number, first.job, first.run_id) == ("altered", 4, "load", run_id("r3"))
    assert first.id is not None
    assert (second.kind, second.number) == ("altered", 7)
    run_sql(store, "UPDATE event SET event_time = event_time - 1000000000 WHERE seq IN (4, 7)")
    assert findings_of(store) == []

    run_sql(store, "UPDATE event SET form = 7 WHERE seq = 2")
    assert [(one.kind, one.number, one.run_id) for one in findings_of(store)] == [
        ("altered", 2, run_id("r1"))
    ]
    run_sql(store, "UPDATE event SET form = (SELECT form FROM event WHERE seq = 3) WHERE seq = 2")
    assert findings_of(store) == []

    run_sql(store, "DELETE FROM event WHERE seq = 6")
    (found,) = findings_of(store)
    assert (found.kind, found.number) == ("deleted", 6)
    assert identify(json.dumps(EVENTS[5]).encode()).digest.hex().startswith((found.id or "?").rstrip("."))


def test_a_removal_by_policy_leaves_a_chain_that_verifies_and_nothing_of_what_it_took(
    tmp_path: Path,
) -> None:
    """PV-24: tombstones verify; the names that went are nowhere in the file; a made-up removal is found."""
    path = tmp_path / "lineage.db"
    with closing(open_store(path)) as store:
        secret = run_event("gone", "COMPLETE", 1, job="planted-job", outputs=["planted-dataset"])
        put(store, *EVENTS, secret)
        put(store, {**secret, "eventTime": "2026-01-01T00:00:05Z", "planted-key": "planted-value"})
        give(store, CommandKind.TAG, nodes.dataset("ns", "planted-dataset"), "planted-tag")
        assert b"planted" in path.read_bytes() + (tmp_path / "lineage.db-wal").read_bytes()
        give(store, CommandKind.DELETE, nodes.job("ns", "planted-job"))
        prune(store, Policy(decommissioned=True))
        assert findings_of(store) == []
        assert verify_page(store).removed == 4
    with closing(sqlite3.connect(path)) as db:
        db.execute("VACUUM")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert b"planted" not in path.read_bytes()

        db.execute("INSERT INTO tombstone SELECT 3, link, item FROM tombstone LIMIT 1")
        db.execute("DELETE FROM event WHERE seq = 3")
        db.execute("INSERT INTO removal SELECT number + 1, removed_at, seq, 1, horizon, body FROM removal")
        db.commit()
    with closing(open_store(path)) as store:
        found = findings_of(store)
        assert (found[0].kind, found[0].number) == ("altered", 3)
        assert "removal 2 is of none that was made" in found[-1].text


def test_what_is_older_than_the_chain_is_said_to_be_uncovered(place: str) -> None:
    """PV-25: never silently as fine; what comes after an upgrade is covered, what was there can go."""
    with closing(open_store(place)) as store:
        put(store, *EVENTS[:4])
        prune(store, Policy(before=datetime(2025, 1, 1, tzinfo=UTC)))
        columns = ("log_id", "covered_from", "removals_before", "link", "chain")
        format_ = "UPDATE store_state SET format = 7" if "://" in place else "PRAGMA user_version = 10"
        run_sql(
            store,
            *(f"DROP TABLE {table}" for table in ("link", "tombstone", "removal_step", "signed", "artifact")),
            *(f"ALTER TABLE log_end DROP COLUMN {column}" for column in columns),
            format_,
        )
    with closing(open_store(place)) as store:
        assert (verify_page(store).uncovered, verify_page(store).findings) == (4, ())
        put(store, *EVENTS[4:])
        page = verify_page(store)
        assert (page.uncovered, page.covered_from, page.checked, page.findings) == (4, 5, 5, ())
        rebuild(store)
        prune(store, Policy(job=nodes.job("ns", "load")))
        assert findings_of(store) == []
        assert verify_page(store).removed == 5


def test_a_copy_that_was_completed_on_its_way_is_held_to_what_it_says(store: LineageStore) -> None:
    """Its id is that of the event it was made from: an alteration of the copy is found and named."""
    original = identify(json.dumps(EVENTS[0]).encode()).digest.hex()
    tag = {"tags": [{"key": "lineage_event_id", "value": original, "source": "lineage"}]}
    copy = run_event("r0", "COMPLETE", 0, job="load", inputs=["a"], outputs=["b"], run_facets={"tags": tag})
    put(store, EVENTS[1], copy, EVENTS[2])
    assert ingest(store, [json.dumps(EVENTS[0]).encode()]).duplicate == 1
    assert findings_of(store) == []
    run_sql(store, "UPDATE event SET run = (SELECT run FROM event WHERE seq = 1) WHERE seq = 2")
    assert [(one.kind, one.number) for one in findings_of(store)] == [("altered", 2)]


def test_whoever_brings_the_whole_log_down_to_an_earlier_state_is_found_by_a_value_kept_elsewhere(
    tmp_path: Path,
) -> None:
    """PV-25: a tail cut off with all that knew of it is told by the value of the chain that was noted."""
    path, early = tmp_path / "lineage.db", tmp_path / "early.db"
    with closing(open_store(path)) as store:
        put(store, *EVENTS[:5])
    shutil.copy(path, early)
    with closing(open_store(path)) as store:
        put(store, *EVENTS[5:])
        noted = verify_page(store).place
    with closing(open_store(early)) as store:
        page = verify_page(store, wanted=[noted.link])
        assert (page.findings, page.passed, page.end) == ((), (), True)
        put(store, run_event("other", "COMPLETE", 3))
        ((link, value),) = verify_page(store, wanted=[noted.link]).passed
        assert (link, value == noted.value) == (noted.link, False)
