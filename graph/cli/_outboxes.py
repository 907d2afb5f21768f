"""The outboxes of a folder as people count them: one per destination, whatever files it is in."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lineage.destination import Destination
from lineage.errors import OutboxError
from lineage.outbox import OutboxStats, open_existing, outbox_files


@dataclass(frozen=True, slots=True)
class OutboxState:
    """What the files of one destination hold together; `files` begins with the main file if there is one."""

    destination: Destination
    files: tuple[Path, ...]
    waiting: int
    oldest: datetime | None
    dropped: int
    dead_letters: int
    last_error: str | None
    lease: str | None
    lease_until: datetime | None


@dataclass(frozen=True, slots=True)
class UnreadableOutbox:
    """A file that cannot be read, and why."""

    file: Path
    reason: str


def outbox_states(folder: Path) -> tuple[list[OutboxState], list[UnreadableOutbox]]:
    """Return the outboxes in a folder (and its replacement in the temp directory), and what is unreadable."""
    by_destination: dict[str, list[OutboxStats]] = {}
    unreadable = []
    for file in outbox_files(folder):
        try:
            with closing(open_existing(file)) as outbox:
                stats = outbox.stats()
        except (OutboxError, sqlite3.Error, ValueError) as error:
            # A file that is gone was emptied and deleted since the folder was read.
            if file.exists():
                unreadable.append(UnreadableOutbox(file, str(error).removeprefix(f"outbox {file}: ")))
            continue
        by_destination.setdefault(stats.destination, []).append(stats)
    return [_together(parts) for parts in by_destination.values()], unreadable


def destination_of(identity: str) -> Destination:
    """Return the destination that is written down in an outbox file, without its options."""
    written = json.loads(identity) or {}
    return Destination(str(written.get("kind", "unknown")), str(written.get("address", "unknown")))


def _together(parts: list[OutboxStats]) -> OutboxState:
    leased = [part for part in parts if part.lease is not None]
    return OutboxState(
        destination=destination_of(parts[0].destination),
        files=tuple(part.path for part in parts),
        waiting=sum(part.waiting for part in parts),
        oldest=min(_known(part.oldest for part in parts), default=None),
        dropped=sum(part.dropped for part in parts),
        dead_letters=sum(part.dead_letters for part in parts),
        last_error=next((part.last_error for part in parts if part.last_error), None),
        lease=leased[0].lease if leased else None,
        lease_until=leased[0].lease_until if leased else None,
    )


def _known(times: Iterable[datetime | None]) -> list[datetime]:
    return [time for time in times if time is not None]


def in_words(destination: Destination) -> str:
    """Return a destination for people: a store's path, a URL, or a transport's name with its options."""
    if destination.is_store:
        return f"the store {destination.address}"
    return destination.address if destination.kind == "http" else f"{destination.kind} {destination.address}"
