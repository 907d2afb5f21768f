"""The fence between our faults and the program we watch.

`guard` is the only place of the package that catches every `Exception`. It logs the first fault of
each kind with its traceback and counts all of them. `lineage.testing` makes it re-raise instead, so
a fault of ours cannot hide in a test suite.
"""

from __future__ import annotations

import logging
from collections import Counter

logger = logging.getLogger("lineage")
logger.addHandler(logging.NullHandler())

faults: Counter[str] = Counter()
"""How often each guarded piece of work failed in this process, by its name."""

_reraise = False


class guard:  # noqa: N801 - reads as the statement it is
    """Run a block of ours so that no `Exception` of it reaches the host.

    `doing` completes the sentence "Lineage failed while ...". Exceptions that are not `Exception`
    (KeyboardInterrupt, SystemExit, CancelledError) belong to the host and pass.
    """

    __slots__ = ("_doing",)

    def __init__(self, doing: str) -> None:
        self._doing = doing

    def __enter__(self) -> None:
        """Nothing to do: the fence stands at the end."""

    def __exit__(self, kind: object, fault: BaseException | None, trace: object) -> bool:
        if fault is None or not isinstance(fault, Exception):
            return False
        _count(self._doing, fault)
        return not _reraise


def _count(doing: str, fault: Exception) -> None:
    faults[doing] += 1
    if faults[doing] == 1 and not _reraise:
        # The message of an unknown fault may hold the host's data: the type is enough to find it.
        logger.warning(
            "Lineage failed while %s (%s); the watched code is not affected. Told once, counted after.",
            doing,
            type(fault).__name__,
        )
        logger.debug("The fault while %s:", doing, exc_info=True)


def reraise_faults(on: bool) -> None:
    """Let faults pass through `guard` (for tests), or contain them again."""
    global _reraise
    _reraise = on
