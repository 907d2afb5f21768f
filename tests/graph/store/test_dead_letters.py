"""What a store rejected: listed in pages, found by id, ingested again, forgotten."""

from __future__ import annotations

import json

import pytest
from made_events import dump, feeds, run_event

from graph.errors import InvalidQueryError, StoreError
from graph.ingest import apply_bodies, batch, retry_dead_letters
from graph.store import LineageStore, open_store
from graph.store.changes import Changes, Rejected, Status

REJECTED = [b"{}", b"no JSON", b'{"eventTime": "yesterday"}', b"[]"]


def reject(store: LineageStore) -> list[str]:
    """Reject four bodies, one after the other, and return their ids, the latest first."""
    for body in REJECTED:
        (outcome,) = apply_bodies(store, [body])
        assert outcome.status is Status.REJECTED
    letters = store.dead_letters()
    assert [letter.body for letter in letters] == REJECTED[::-1]
    return [letter.id for letter in letters]


def test_pages_go_on_where_the_one_before_ended(store: LineageStore) -> None:
    ids = reject(store)

    first = store.dead_letters(limit=3)
    rest = store.dead_letters(limit=3, after=first[-1].id)

    assert [letter.id for letter in first + rest] == ids
    assert store.dead_letters(after=ids[-1]) == []
    for wrong in ("f" * 32, "no digits"):
        with pytest.raises(InvalidQueryError):
            store.dead_letters(after=wrong)


def test_letters_of_one_batch_come_in_pages_too(store: LineageStore) -> None:
    apply_bodies(store, REJECTED)
    ids = [letter.id for letter in store.dead_letters()]

    paged, after = [], None
    while page := store.dead_letters(limit=1, after=after):
        paged += [letter.id for letter in page]
        after = page[-1].id

    assert paged == ids
    assert len(set(ids)) == 4


def test_a_letter_is_found_by_the_beginning_of_its_id(store: LineageStore) -> None:
    ids = reject(store)

    for id_ in ids:
        assert [letter.id for letter in store.dead_letters_like(id_)] == [id_]
        assert id_ in [letter.id for letter in store.dead_letters_like(id_[:3])]
    assert [letter.id for letter in store.dead_letters_like("", limit=9)] == sorted(ids)
    with pytest.raises(InvalidQueryError, match="hexadecimal"):
        store.dead_letters_like("xyz")


def test_what_was_rejected_twice_is_one_letter_with_its_first_time_and_its_last_reasons(
    store: LineageStore,
) -> None:
    reject(store)
    before = store.dead_letters()

    store.apply([Rejected(b"{}", ("another reason",))])

    after = store.dead_letters()
    assert [(letter.id, letter.received_at) for letter in after] == [
        (letter.id, letter.received_at) for letter in before
    ]
    assert after[-1].reasons == ("another reason",)


def test_retrying_what_is_still_no_event_loses_nothing(store: LineageStore) -> None:
    reject(store)
    letters = store.dead_letters()

    outcomes = retry_dead_letters(store, letters)

    assert [outcome.reasons for outcome in outcomes] == [letter.reasons for letter in letters]
    assert store.dead_letters() == letters
    assert store.counts().events == 0


def test_an_event_that_is_understood_by_now_is_ingested(
    store: LineageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = json.dumps(run_event("r", "COMPLETE", 1, inputs=["a"], outputs=["b"])).encode()
    real = batch.understand

    def old_release(one: bytes) -> Changes | Rejected:
        return Rejected(one, ("not understood yet",))

    monkeypatch.setattr(batch, "understand", old_release)
    apply_bodies(store, [body, b"{}"])
    monkeypatch.setattr(batch, "understand", real)

    letters = store.dead_letters()
    outcomes = retry_dead_letters(store, letters)

    assert {letter.body: outcome.status for letter, outcome in zip(letters, outcomes, strict=True)} == {
        body: Status.ACCEPTED,
        b"{}": Status.REJECTED,
    }
    assert [letter.body for letter in store.dead_letters()] == [b"{}"]
    assert feeds(store) == {"a -> b"}


def test_a_retry_that_was_killed_halfway_is_completed_by_the_next(store: LineageStore) -> None:
    body = json.dumps(run_event("r", "COMPLETE", 1, inputs=["a"], outputs=["b"])).encode()
    apply_bodies(store, [body])
    once = dump(store)
    store.apply([Rejected(body, ("an event and a dead letter at once, as after a kill",))])

    (outcome,) = retry_dead_letters(store, store.dead_letters())

    assert outcome.status is Status.DUPLICATE
    assert store.dead_letters() == []
    assert dump(store) == once


def test_letters_are_forgotten_by_id(store: LineageStore) -> None:
    ids = reject(store)

    assert store.remove_dead_letters([ids[0], ids[2], ids[2], "0" * 32]) == 2
    assert [letter.id for letter in store.dead_letters()] == [ids[1], ids[3]]
    assert store.remove_dead_letters([]) == 0
    with open_store(store.location, read_only=True) as reader:  # type: ignore[attr-defined]
        with pytest.raises(StoreError, match="read-only"):
            reader.remove_dead_letters(ids)
        assert len(reader.dead_letters()) == 2
