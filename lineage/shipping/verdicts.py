"""What a backend said of an event, and how long to wait after a failure."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Protocol

from lineage.outbox import Waiting

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 300.0
_LONGEST_RETRY_AFTER_SECONDS = 3600.0


class Fate(Enum):
    """What becomes of an event: it leaves the outbox, is tried again, or is a dead letter."""

    DELIVERED = "delivered"
    RETRY = "retry"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The fate of one event. `wait` is the pause the backend asked for, in seconds.

    `ailing` says that the failure is likely the backend's, not the event's.
    """

    fate: Fate
    reason: str = ""
    wait: float | None = None
    ailing: bool = False


DELIVERED = Verdict(Fate.DELIVERED)


class Sender(Protocol):
    """A way to a backend. Both methods raise DeliveryError when the backend cannot be reached at all."""

    batches: bool
    """Whether `post_batch` may be used."""

    def post(self, event: Waiting) -> Verdict:
        """Deliver one event."""

    def post_batch(self, events: Sequence[Waiting]) -> list[Verdict] | None:
        """Deliver several events, a verdict for each; None when they must be posted one by one."""

    def close(self) -> None:
        """Give back what the sender holds open."""


def pause(failures: int) -> float:
    """Return how long to wait after so many failures in a row: exponential, with jitter, in seconds."""
    longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(max(failures - 1, 0), 30))
    return longest * random.uniform(0.5, 1.0)


def retry_after(header: str | None) -> float | None:
    """Return the seconds that a Retry-After header asks for (a number or a date): from one to an hour."""
    if not header:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(header).timestamp() - time.time()
        except (TypeError, ValueError):
            return None
    if math.isnan(seconds):
        return None
    return min(max(seconds, FIRST_PAUSE_SECONDS), _LONGEST_RETRY_AFTER_SECONDS)
