"""From an event's bytes to the outbox of its destination, and the shipper that empties it."""

from __future__ import annotations

import atexit
import math
import os
import sqlite3
import threading
import time
from pathlib import Path

from lineage._guard import guard, logger
from lineage.config import Config, current_config
from lineage.destination import Destination
from lineage.errors import OutboxError
from lineage.outbox import Outbox, close_all, open_outbox, outbox_path
from lineage.shipping import Shipper

EXIT_SECONDS = 1.0

_lock = threading.Lock()
_deliveries: dict[Path, Delivery] = {}
_current: Delivery | None = None
_told = False


class Delivery:
    """The outbox of one destination and, for another backend, the shipper that empties it."""

    def __init__(self, outbox: Outbox, destination: Destination, config: Config) -> None:
        self.outbox = outbox
        self.destination = destination
        self.config = config
        self.shipper = None if destination.is_store else Shipper(destination, config)

    def serves(self, destination: Destination, config: Config) -> bool:
        """Return whether events of this destination are delivered under these settings already."""
        return self.config.ship == config.ship and self.destination.options == destination.options

    def put(self, body: bytes, run_id: str | None) -> None:
        """Append an event. One that cannot be stored is dropped, counted, and told of once in the log."""
        try:
            self.outbox.append(body, run_id)
        except (OutboxError, sqlite3.Error) as fault:
            _tell(fault)
            return
        if self.shipper is not None and self.config.ship:
            self.shipper.wake()

    def finish(self, timeout: float) -> bool:
        """Wait for the last deliveries, where this process makes any; True when nothing waits."""
        if self.shipper is None:
            return True
        return self.shipper.finish(timeout) if self.config.ship else self.shipper.is_empty()


def delivery_to(destination: Destination, config: Config) -> Delivery:
    """Return the way to a destination, one per outbox file; OutboxError when no folder can be used."""
    with _lock:
        outbox = open_outbox(
            config.outbox, destination, limit=config.outbox_limit, durability=config.outbox_durability
        )
        known = _deliveries.get(outbox.path)
        if known is not None:
            if known.serves(destination, config):
                return known
            if known.shipper is not None:
                known.shipper.stop()
        delivery = _deliveries[outbox.path] = Delivery(outbox, destination, config)
        return delivery


def _to_current() -> Delivery:
    global _current
    config = current_config()
    delivery = _current
    if delivery is None or delivery.config is not config:
        delivery = _current = delivery_to(config.destination, config)
    return delivery


def enqueue(body: bytes, run_id: str | None) -> None:
    """Hand over a serialised event for the destination of the current settings. Never raises, never waits.

    When this returns the event is in the outbox, or it was dropped: counted, and told once in the log.
    The shipper thread is started when the destination is another backend.
    """
    with guard("queueing an event"):
        try:
            _to_current().put(body, run_id)
        except OutboxError as fault:
            _tell(fault)


def append_aside(body: bytes, run_id: str | None) -> None:
    """Hand over an event from a signal handler: as `enqueue`, but no lock is taken and no thread started."""
    with guard("queueing an event in a signal handler"):
        if _current is not None:
            outbox = _current.outbox
        else:
            config = current_config()
            path = outbox_path(config.outbox, config.destination)
            outbox = Outbox(path, identity=config.destination.identity)
        try:
            outbox.append_aside(body, run_id)
        except OutboxError as fault:
            _tell(fault)


def _tell(fault: BaseException) -> None:
    global _told
    if not _told:
        _told = True
        logger.warning("An event could not be kept and is lost (told once, counted after): %s", fault)


def flush(timeout: float | None = None) -> bool:
    """Have the events of this process delivered, and return whether nothing waits any more.

    `timeout` bounds the wait in seconds; None waits until everything is delivered or an attempt fails.
    Events for the embedded store count as delivered: they are safe, and the store takes them when it is
    asked. In a forked child this is how events are sent, since no thread runs there.
    """
    deadline = math.inf if timeout is None else time.monotonic() + timeout
    delivered = True
    for delivery in list(_deliveries.values()):
        if delivery.shipper is not None:
            left = deadline - time.monotonic()
            delivered &= delivery.shipper.flush(None if left == math.inf else max(0.0, left))
    return delivered


def shutdown(timeout: float = EXIT_SECONDS) -> bool:
    """Finish: wait for the last deliveries, end the threads, give back the files. Called at exit.

    Waits at most `timeout` seconds in all, and not at all for a backend whose last attempt failed; what
    is not delivered stays in the outbox, as all does where `ship` is off. Returns whether nothing waits.
    Events may be emitted afterwards.
    """
    global _current
    deadline = time.monotonic() + timeout
    delivered = True
    with _lock:
        finished = list(_deliveries.values())
        _deliveries.clear()
        _current = None
    for delivery in finished:
        delivered &= delivery.finish(max(0.0, deadline - time.monotonic()))
        if delivery.shipper is not None:
            delivery.shipper.stop()
    close_all()
    return delivered


def _forget_after_fork() -> None:
    global _lock
    _lock = threading.Lock()


def _at_exit(pid: int) -> None:
    # A forked child that ends normally runs this too; its events are safe and nobody waits for them.
    if pid == os.getpid():
        with guard("finishing deliveries"):
            shutdown()


os.register_at_fork(after_in_child=_forget_after_fork)
atexit.register(_at_exit, os.getpid())
