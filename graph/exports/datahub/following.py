"""A DataHub kept up to date: an export of the changes each time that the log has moved.

The numbers of the log follow the order of the commits (one writer at a time), so what is read behind the end
that was seen before an export is all that this export may have missed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from graph.errors import StoreError
from graph.exports.datahub.exporting import Counts, export
from graph.exports.datahub.gms import Gms
from graph.exports.datahub.names import Naming
from graph.exports.datahub.proposals import Note
from graph.exports.datahub.sent import Sent
from graph.questions.log import end_of_log
from graph.store.base import LineageStore
from lineage.errors import DeliveryError

_LONGEST_WAIT = 60.0
_REFRESH = 900.0
"""Seconds after which the graph is compared although the log has not moved: pruning leaves no line there."""

Opened = Callable[[], AbstractContextManager[tuple[LineageStore, bool]]]
"""Gives the store, up to date, and whether events or SQL still wait."""


def follow(
    opened: Opened,
    naming: Naming,
    gms: Gms,
    sent: Sent,
    stop: threading.Event,
    *,
    every: float,
    schemas: bool = True,
    note: Note = lambda _: None,
    done: Callable[[Counts], None] = lambda _: None,
) -> None:
    """Export what differs from what was sent, now and whenever the log has moved, until `stop` is set.

    It looks each `every` seconds. A DataHub or store that cannot be reached is tried again, ever more rarely
    until it is once a minute, and DataHub gets what it missed. `done` is told of each export. Raises
    StoreError where the store was never open.
    """
    place, exported_at, failures, told = 0, None, 0, ""
    is_open = False
    while not stop.is_set():
        wait = every
        try:
            with opened() as (store, waiting):
                is_open = True
                end = end_of_log(store, place)
                if end != place or exported_at is None or time.monotonic() - exported_at > _REFRESH:
                    with store.snapshot():
                        counts = export(
                            store,
                            naming,
                            gms,
                            sent,
                            changes_only=True,
                            schemas=schemas,
                            note=note,
                            stopped=stop.is_set,
                        )
                    done(counts)
                    place, exported_at = end, None if waiting else time.monotonic()
            failures, told = 0, ""
        except (DeliveryError, StoreError) as error:
            if isinstance(error, StoreError) and not is_open:
                raise
            if str(error) != told:
                told = str(error)
                note(f"{error}; it is tried again")
            wait = min(_LONGEST_WAIT, max(every, 1.0) * 2**failures)
            failures = min(failures + 1, 10)
        stop.wait(wait)
