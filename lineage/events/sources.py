"""Where times and run ids come from, and where events go to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from openlineage.client.uuid import generate_new_uuid

from lineage.transport import enqueue


def current_time() -> datetime:
    """Return the time that events are stamped with, in UTC."""
    return datetime.now(UTC)


def new_run_id() -> str:
    """Return a new run id: a UUID that sorts by time."""
    return str(generate_new_uuid())


@dataclass(slots=True)
class Sources:
    """Where times and run ids come from and events go to; tests replace them."""

    now: Callable[[], datetime] = current_time
    run_id: Callable[[], str] = new_run_id
    deliver: Callable[[bytes, str | None], None] = enqueue


sources = Sources()


def format_time(instant: datetime) -> str:
    """Return an instant as RFC 3339 in UTC with milliseconds and `Z`."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
