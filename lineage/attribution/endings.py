"""How a query ended: its status, and what is told of its error."""

from __future__ import annotations

import sys

from lineage._guard import guard
from lineage.redaction import redact_text

STATUSES = ("ok", "error", "cancelled")


def status_of(error: BaseException) -> str:
    """Return how a query ended that ended with this exception: `error`, `cancelled`, or `ok`.

    A generator that is closed early has what it wanted: GeneratorExit is `ok`.
    """
    if isinstance(error, GeneratorExit):
        return "ok"
    asyncio_exceptions = sys.modules.get("asyncio.exceptions")
    cancelled = getattr(asyncio_exceptions, "CancelledError", KeyboardInterrupt)
    return "cancelled" if isinstance(error, KeyboardInterrupt | SystemExit | cancelled) else "error"


def known_status(status: str) -> str:
    """Return the status; raises ValueError for what is none."""
    if status not in STATUSES:
        raise ValueError(f"a query ends as one of {', '.join(STATUSES)}")
    return status


def told_error(error: BaseException) -> tuple[str, str]:
    """Return an exception's type and its message without values."""
    text = ""
    with guard("reading an error's message"):
        text = redact_text(str(error), limit=500)
    return type(error).__qualname__, text
