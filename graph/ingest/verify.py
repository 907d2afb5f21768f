"""The log of a store held against its chain."""

from __future__ import annotations

from collections.abc import Collection

from graph.errors import InvalidEventError
from graph.ingest.decode import decode
from graph.store.base import LineageStore
from graph.store.chain import Identity, Place, Verified


def verify_page(
    store: LineageStore, place: Place | None = None, *, limit: int = 5000, wanted: Collection[int] = ()
) -> Verified:
    """Hold a part of the log against its chain: see `LineageStore.verify`."""
    return store.verify(identify, place, limit=limit, wanted=wanted)


def identify(body: bytes) -> Identity:
    """Return what an event is; raises ValueError where it is none."""
    try:
        event = decode(body)
    except InvalidEventError as error:
        raise ValueError("; ".join(error.problems)) from error
    about = event.job or event.dataset
    owner = (about.namespace, about.name) if about is not None else ("", "")
    return Identity(event.digest, event.time, event.run_id, owner)
