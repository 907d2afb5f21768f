"""The outbox of a store to the store: events of this machine that wait to be asked for."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from graph.ingest.batch import IngestCounts, apply_bodies
from graph.ingest.patience import patient_until
from graph.store.base import LineageStore
from lineage._guard import guard
from lineage.config import current_config
from lineage.destination import store_destination
from lineage.errors import OutboxError
from lineage.outbox import PATIENCE_SECONDS, Outbox, Waiting, open_existing, outbox_files

_BATCH = 500
_LEASE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Drained:
    """What became of the events of an outbox; `complete` is whether none is known to wait any longer."""

    counts: IngestCounts
    complete: bool


def drain(
    store: LineageStore, files: Iterable[Path] | None = None, *, seconds: float | None = None
) -> Drained:
    """Ingest what waits in outbox files, for at most about `seconds` (None: until nothing waits).

    None for `files` means the outbox of this store, in the folder that `LINEAGE_OUTBOX` names. An event
    leaves the outbox when the store has it; after a kill in between it is found there again and is a
    duplicate. A file that cannot be read, or that somebody else empties, is passed over. A read-only store
    takes nothing. Raises StoreError when the store cannot be written, also because another process was
    writing until the time was up; the events wait on.
    """
    if files is None:
        files = outbox_files(current_config().outbox, store_destination(store.location))
    deadline = None if seconds is None else time.monotonic() + seconds
    owner = f"drain-{os.getpid()}-{secrets.token_hex(4)}"
    counts, complete = IngestCounts(), True
    for path in files:
        try:
            outbox = open_existing(path)
        except OutboxError:
            # Another process emptied and deleted it since the folder was read.
            continue
        counts, emptied = _drain_one(store, outbox, owner, deadline, counts)
        complete = complete and emptied
    return Drained(counts, complete)


def _drain_one(
    store: LineageStore, outbox: Outbox, owner: str, deadline: float | None, counts: IngestCounts
) -> tuple[IngestCounts, bool]:
    """Drain one file; return the counts so far and whether nothing is left in it."""
    leased = removed = False
    try:
        while rows := _next(outbox, owner, deadline, writable=not store.read_only):
            leased, removed = True, False
            if deadline is not None and time.monotonic() >= deadline:
                break
            with patient_until(store, deadline):
                counts = counts.plus(apply_bodies(store, [row.body for row in rows]))
            with guard("removing ingested events from the outbox"):
                outbox.remove(row.seq for row in rows)
                removed = True
            if not removed:
                break
    finally:
        with guard("giving back the outbox"):
            if leased:
                outbox.release(owner)
            outbox.close()
    return counts, rows == []


def _next(outbox: Outbox, owner: str, deadline: float | None, *, writable: bool) -> list[Waiting] | None:
    """Return the next events, none when nothing waits, None when they cannot be had now."""
    with guard("reading the outbox"):
        if outbox.is_empty():
            return []
        patience = PATIENCE_SECONDS if deadline is None else max(0.0, deadline - time.monotonic())
        if writable and outbox.lease(owner, _LEASE_SECONDS, patience=min(patience, PATIENCE_SECONDS)):
            return outbox.waiting(_BATCH)
    return None
