"""The fence between our faults and the program we watch.

`guard` is the only place of the package that catches every `Exception`. It logs the first fault of
each kind with its traceback and counts all of them. `lineage.testing` makes it re-raise instead, so
a fault of ours cannot hide in a test suite.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

logger = logging.getLogger("lineage")
logger.addHandler(logging.NullHandler())

faults: Counter[str] = Counter()
"""How often each guarded piece of work failed in this process, by its name."""

_reraise = False


@contextmanager
def guard(doing: str) -> Iterator[None]:
    """Run a block of ours so that no `Exception` of it reaches the host.

    `doing` completes the sentence "Lineage failed while ...". Exceptions that are not `Exception`
    (KeyboardInterrupt, SystemExit, CancelledError) belong to the host and pass.
    """
    try:
        yield
    except Exception as fault:
        faults[doing] += 1
        if _reraise:
            raise
        if faults[doing] == 1:
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
