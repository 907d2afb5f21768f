"""One way from the outbox files of a destination to its backend, and passes over them."""

from __future__ import annotations

import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from lineage._guard import guard, logger
from lineage.config import Config
from lineage.destination import Destination
from lineage.errors import ConfigError, DeliveryError, OutboxError
from lineage.outbox import Outbox, Waiting, open_existing, outbox_files
from lineage.shipping.http import HttpSender
from lineage.shipping.openlineage_transport import TransportSender
from lineage.shipping.verdicts import Fate, Sender, Verdict, pause

BATCH_EVENTS = 100
BATCH_BYTES = 1 << 20
_LEASE_SECONDS = 60.0
_MAY_HAVE_SQL = b'"query"'
_COMPLETING_SECONDS = 0.5
"""How long events are completed before those that are go on their way."""

_FAILURES_TO_STOP = 3


@dataclass(slots=True)
class ShipCounts:
    """What shipping did, in events. `error` is why it stopped early, None when it did not.

    `retry_after` is the pause in seconds the backend asked for. `leased_elsewhere` says that another
    process is emptying the outbox.
    """

    sent: int = 0
    postponed: int = 0
    dead: int = 0
    error: str | None = None
    retry_after: float | None = None
    leased_elsewhere: bool = False


class _Parcel(NamedTuple):
    outbox: Outbox
    event: Waiting


class Route:
    """Ships the events of one destination. Not for several threads at once.

    `apart` says that this process is ours, so that SQL may be read in a process of its own.
    """

    def __init__(self, destination: Destination, config: Config, *, apart: bool = False) -> None:
        """Raises ConfigError when the destination is the embedded store, which drains its outbox itself."""
        if destination.is_store:
            raise ConfigError(
                "destination",
                destination.address,
                "configuration",
                "an embedded store takes its events itself, when it is asked or served",
            )
        self.destination = destination
        self.config = config
        self.apart = apart
        self._owner = f"ship-{os.getpid()}-{secrets.token_hex(4)}"
        self._sender: Sender | None = None
        self._leased: list[Outbox] = []
        self._leased_at = 0.0
        self._failures = 0
        self._unreadable: set[Path] = set()

    def ship(self, seconds: float | None = None, stopped: Callable[[], bool] = lambda: False) -> ShipCounts:
        """Deliver what waits, until nothing is left that may go now, the backend ails, or time is up."""
        counts = ShipCounts()
        self._failures = 0
        deadline = None if seconds is None else time.monotonic() + seconds
        try:
            while not stopped() and (deadline is None or time.monotonic() < deadline):
                parcels = self._next(counts)
                if not parcels or not self._ship(parcels, counts, deadline):
                    break
        except DeliveryError as fault:
            counts.error = str(fault)
            for outbox in self._leased:
                with suppress(OutboxError, sqlite3.Error):
                    outbox.note_error(str(fault))
        except (OutboxError, sqlite3.Error) as fault:
            counts.error = f"the outbox cannot be used: {fault}"
        finally:
            self._release()
        return counts

    def is_empty(self) -> bool:
        """Return whether no event of this destination waits in any file; False when one cannot be read."""
        try:
            return all(open_existing(path).is_empty() for path in self._files())
        except (OutboxError, sqlite3.Error):
            return False

    def close(self) -> None:
        """Close the connection to the backend."""
        if self._sender is not None:
            self._sender.close()
            self._sender = None

    def _files(self) -> list[Path]:
        return outbox_files(self.config.outbox, self.destination)

    def _next(self, counts: ShipCounts) -> list[_Parcel]:
        """Take the lease of every file where something waits, and return the oldest events of all of them."""
        parcels: list[_Parcel] = []
        for path in self._files():
            try:
                parcels += self._of_file(path, counts)
            except (OutboxError, sqlite3.Error) as fault:
                # Whatever is wrong with one file, the events of the others go.
                if path.exists() and path not in self._unreadable:
                    self._unreadable.add(path)
                    logger.warning("The outbox file %s cannot be read and is passed over: %s", path, fault)
        self._leased_at = time.monotonic()
        return sorted(parcels, key=lambda parcel: parcel.event.seq)[:BATCH_EVENTS]

    def _of_file(self, path: Path, counts: ShipCounts) -> list[_Parcel]:
        outbox = open_existing(path)
        if outbox.is_empty():
            if outbox not in self._leased:
                outbox.delete_if_done()
            return []
        if not outbox.lease(self._owner, _LEASE_SECONDS):
            counts.leased_elsewhere = True
            return []
        if outbox not in self._leased:
            self._leased.append(outbox)
        return [_Parcel(outbox, event) for event in self._completed(outbox)]

    def _completed(self, outbox: Outbox) -> list[Waiting]:
        """Return the oldest events as they are sent: with the lineage of their SQL, read once and kept.

        Those for which there is no time now are left for the next call.
        """
        until = time.monotonic() + _COMPLETING_SECONDS
        events: list[Waiting] = []
        new: dict[int, bytes] = {}
        for event in outbox.waiting(BATCH_EVENTS):
            sent = event.completed
            if sent is None and _MAY_HAVE_SQL in event.body:
                if new and time.monotonic() >= until:
                    break
                sent = new[event.seq] = self._complete(event.body)
            events.append(event._replace(body=sent) if sent else event)
        if new:
            outbox.complete(new)
        return events

    def _complete(self, body: bytes) -> bytes:
        with guard("completing an event with the lineage of its SQL"):
            from lineage.shipping.completion import completed

            return completed(body, apart=self.apart) or b""
        return b""

    def _ship(self, parcels: list[_Parcel], counts: ShipCounts, deadline: float | None) -> bool:
        """Deliver these events; False when the pass should end because the backend ails or time is up."""
        sender = self._sender = self._sender or _sender(self.destination)
        held: set[str] = set()
        for group, verdicts in _posted(sender, parcels, held):
            self._settle(group, verdicts, counts, held)
            self._prolong()
            ailing = next((verdict for verdict in verdicts if verdict.ailing), None)
            if ailing is None:
                self._failures = 0
                continue
            self._failures += 1 if len(group) == 1 else _FAILURES_TO_STOP
            if self._failures >= _FAILURES_TO_STOP:
                counts.error, counts.retry_after = ailing.reason, ailing.wait
                return False
            if deadline is not None and time.monotonic() >= deadline:
                return False
        return True

    def _settle(
        self, group: list[_Parcel], verdicts: list[Verdict], counts: ShipCounts, held: set[str]
    ) -> None:
        """Write down in the outbox what became of each event."""
        delivered: dict[Outbox, list[int]] = {}
        retried: dict[tuple[Outbox, str, float | None], list[Waiting]] = {}
        for (outbox, event), verdict in zip(group, verdicts, strict=True):
            if verdict.fate is Fate.DELIVERED:
                delivered.setdefault(outbox, []).append(event.seq)
            elif verdict.fate is Fate.RETRY:
                retried.setdefault((outbox, verdict.reason, verdict.wait), []).append(event)
                if event.run_id is not None:
                    held.add(event.run_id)
            else:
                outbox.bury(event.seq, verdict.reason)
                counts.dead += 1
        for outbox, seqs in delivered.items():
            outbox.remove(seqs)
            counts.sent += len(seqs)
        for (outbox, reason, wait), events in retried.items():
            attempts = max(event.attempts for event in events) + 1
            until = time.time() + (pause(attempts) if wait is None else wait)
            outbox.postpone([event.seq for event in events], until, reason)
            counts.postponed += len(events)

    def _prolong(self) -> None:
        if time.monotonic() - self._leased_at > _LEASE_SECONDS / 3:
            for outbox in self._leased:
                outbox.lease(self._owner, _LEASE_SECONDS)
            self._leased_at = time.monotonic()

    def _release(self) -> None:
        for outbox in self._leased:
            with suppress(OutboxError, sqlite3.Error):
                outbox.release(self._owner)
            outbox.delete_if_done()
        self._leased.clear()


def _sender(destination: Destination) -> Sender:
    if destination.kind == "http":
        return HttpSender(destination.options)
    return TransportSender(destination.options)


def _posted(
    sender: Sender, parcels: list[_Parcel], held: set[str]
) -> Iterator[tuple[list[_Parcel], list[Verdict]]]:
    """Post events in batches or one by one; yield each post with its verdicts.

    `held` holds the runs whose later events must wait; whoever reads this adds to it in between.
    """
    for chunk in _chunks(parcels):
        free = [parcel for parcel in chunk if parcel.event.run_id not in held]
        batch = sender.batches and len(free) > 1
        verdicts = sender.post_batch([parcel.event for parcel in free]) if batch else None
        if verdicts is not None:
            yield free, verdicts
            continue
        delivered = 0
        for parcel in free:
            if parcel.event.run_id not in held:
                verdict = sender.post(parcel.event)
                delivered += verdict.fate is Fate.DELIVERED
                yield [parcel], [verdict]
        if batch and delivered == len(free):
            # Each event was welcome and the batch was not: this backend wants another form of batch.
            sender.batches = False


def _chunks(parcels: list[_Parcel]) -> Iterator[list[_Parcel]]:
    """Cut events into batches: smaller ones after failures, so that one bad event is found out."""
    chunk: list[_Parcel] = []
    size = 0
    most = BATCH_EVENTS
    for parcel in parcels:
        allowed = max(1, BATCH_EVENTS >> (2 * min(parcel.event.attempts, 4)))
        length = len(parcel.event.body) + 1
        if chunk and (len(chunk) >= min(most, allowed) or size + length > BATCH_BYTES):
            yield chunk
            chunk, size, most = [], 0, BATCH_EVENTS
        chunk.append(parcel)
        size += length
        most = min(most, allowed)
    if chunk:
        yield chunk
