"""Rejected events once more, such as after an upgrade that understands them."""

from __future__ import annotations

from collections.abc import Sequence

from graph.ingest.batch import apply_bodies
from graph.store.base import LineageStore
from graph.store.changes import DeadLetter, Outcome, Status


def retry_dead_letters(store: LineageStore, letters: Sequence[DeadLetter]) -> list[Outcome]:
    """Ingest dead letters of a store again and return what became of each, in order.

    One that is an event now is no dead letter any more; one that is rejected again stays, with its new
    reasons. Raises StoreError when the store cannot be written: every one is in the store all the same, as
    an event or as a dead letter.
    """
    outcomes = apply_bodies(store, [letter.body for letter in letters])
    taken = [
        letter.id
        for letter, outcome in zip(letters, outcomes, strict=True)
        if outcome.status is not Status.REJECTED
    ]
    if taken:
        store.remove_dead_letters(taken)
    return outcomes
