"""What an outbox answers: a waiting event, and the state of a file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple


class Waiting(NamedTuple):
    """An event that waits for delivery.

    `seq` names it within its file and grows with time (nanoseconds since 1970 when it was appended).
    `attempts` is how often its delivery was put off by `Outbox.postpone`. `completed` is what
    `Outbox.complete` keeps beside it: None before that, empty where there was nothing to add.
    """

    seq: int
    body: bytes
    run_id: str | None
    attempts: int
    completed: bytes | None = None


class Refused(NamedTuple):
    """An event that a backend refused for good: a dead letter.

    `seq` is what it was while it waited; `attempts` is how often its delivery was put off before.
    """

    seq: int
    body: bytes
    run_id: str | None
    attempts: int
    reason: str


@dataclass(frozen=True, slots=True)
class OutboxStats:
    """The state of one outbox file.

    `destination` is the identity of the destination (JSON, no credentials); `oldest` is when the
    oldest waiting event was appended (UTC), None when none waits; `dropped` counts events lost to the
    bound of size or a full disk; `last_error` is why the last delivery failed; `lease` is the owner of a
    running lease and `lease_until` when it ends (UTC), both None when nobody empties the file.
    """

    path: Path
    destination: str
    waiting: int
    oldest: datetime | None
    dropped: int
    dead_letters: int
    last_error: str | None
    lease: str | None
    lease_until: datetime | None = None
