"""Dead letters of an outbox file: listed, put back, forgotten."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from lineage.destination import store_destination
from lineage.outbox import Outbox, open_outbox

STORE = store_destination("/data/lineage.db")


def outbox_with(path: Path, *bodies: bytes) -> tuple[Outbox, list[int]]:
    """Return an outbox whose events were all refused, and their seqs."""
    outbox = open_outbox(path, STORE)
    for body in bodies:
        outbox.append(body, "run")
    seqs = [event.seq for event in outbox.waiting(100)]
    for seq in seqs:
        outbox.postpone([seq], 0.0, "later")
        outbox.bury(seq, f"400: {seq}")
    return outbox, seqs


def test_dead_letters_are_listed_latest_first_in_pages(tmp_path: Path) -> None:
    outbox, seqs = outbox_with(tmp_path, b"a", b"b", b"c")

    first = outbox.refused(2)
    rest = outbox.refused(2, before=first[-1].seq)

    assert [(one.seq, one.body) for one in first + rest] == list(zip(seqs, [b"a", b"b", b"c"], strict=True))[
        ::-1
    ]
    assert [(one.run_id, one.attempts, one.reason) for one in rest] == [("run", 1, f"400: {seqs[0]}")]


def test_what_is_put_back_waits_where_it_was_in_the_order(tmp_path: Path) -> None:
    outbox, seqs = outbox_with(tmp_path, b"a", b"b", b"c")
    outbox.append(b"d", "run")

    assert outbox.put_back([seqs[2], seqs[0], 7]) == 2

    assert [(event.body, event.attempts) for event in outbox.waiting(100)] == [
        (b"a", 0),
        (b"c", 0),
        (b"d", 0),
    ]
    assert [one.body for one in outbox.refused(100)] == [b"b"]


def test_an_event_that_has_the_number_by_now_is_not_overwritten(tmp_path: Path) -> None:
    outbox, (seq,) = outbox_with(tmp_path, b"refused")
    with closing(sqlite3.connect(outbox.path)) as other, other:
        other.execute("INSERT INTO waiting (seq, body) VALUES (?, ?)", (seq, b"later"))

    assert outbox.put_back([seq]) == 1

    assert [event.body for event in outbox.waiting(100)] == [b"later", b"refused"]
    assert outbox.refused(100) == []


def test_a_refused_event_does_not_take_the_place_of_one_with_its_number(tmp_path: Path) -> None:
    outbox, (seq,) = outbox_with(tmp_path, b"first")
    with closing(sqlite3.connect(outbox.path)) as other, other:
        other.execute("INSERT INTO waiting (seq, body) VALUES (?, ?)", (seq, b"second"))

    outbox.bury(seq, "400")

    assert [one.body for one in outbox.refused(100)] == [b"second", b"first"]


def test_putting_back_is_all_or_nothing(tmp_path: Path) -> None:
    outbox, seqs = outbox_with(tmp_path, b"a", b"b", b"c")
    with closing(sqlite3.connect(outbox.path)) as other, other:
        other.execute(
            "CREATE TRIGGER fault BEFORE INSERT ON waiting WHEN NEW.body = x'63'"
            " BEGIN SELECT RAISE(ABORT, 'a fault'); END"
        )

    with pytest.raises(sqlite3.Error, match="a fault"):
        outbox.put_back(seqs)

    assert outbox.waiting(100) == []
    assert [one.seq for one in outbox.refused(100)] == seqs[::-1]


def test_dead_letters_are_forgotten_by_seq(tmp_path: Path) -> None:
    outbox, seqs = outbox_with(tmp_path, b"a", b"b", b"c")

    assert outbox.drop_refused([seqs[1], seqs[1], 7]) == 1
    assert [one.body for one in outbox.refused(100)] == [b"c", b"a"]
    assert outbox.stats().dead_letters == 2
