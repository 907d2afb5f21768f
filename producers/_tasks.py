"""Runs of what an orchestrator executes: a task, an op, and the flow or job that they are in.

An orchestrator tries the same work several times. Each attempt is a run of its own: it failed or it did not.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import NAMESPACE_OID, UUID, uuid5

from lineage._guard import guard
from lineage.tracking.lifecycle import TrackedRun

_HOLDING = guard("entering or leaving a task's run")
_ENDING = guard("ending a task's run")


class TaskFailedError(Exception):
    """A task failed without an exception that is seen here: what its orchestrator says of it."""


def run_id_of(work: object, *parts: object) -> str:
    """Return the id of a run, the same wherever it is asked for: the orchestrator's own, where it is a UUID.

    With `parts` it is that of a part of the work, as of a step of a job or of a later attempt.
    """
    text = str(work)
    try:
        whole = UUID(text)
    except ValueError:
        whole = uuid5(NAMESPACE_OID, text)
    return str(uuid5(whole, "/".join(map(str, parts))) if parts else whole)


class Attempt:
    """One attempt at a piece of work, as a context manager around the host's code.

    `outcome` is asked when it is left, with the exception that came out of it, and returns the one that the
    run ends with: None is COMPLETE, KeyboardInterrupt ABORT, any other FAIL.
    """

    __slots__ = ("_outcome", "run")

    def __init__(
        self, run: TrackedRun, outcome: Callable[[BaseException | None], BaseException | None]
    ) -> None:
        self.run = run
        self._outcome = outcome

    def __enter__(self) -> Attempt:
        self.enter()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.leave()
        self.end(error)

    def enter(self) -> None:
        """Have what runs now be inside of it. Never raises."""
        with _HOLDING:
            self.run.enter()

    def leave(self) -> None:
        """Have it be inside no more, without an end. Never raises."""
        with _HOLDING:
            self.run.leave()

    def end(self, error: BaseException | None) -> None:
        """End the run as the orchestrator says; where that cannot be asked, with the exception itself.

        Never raises.
        """
        ending = error
        with _ENDING:
            ending = self._outcome(error)
        with _ENDING:
            self.run.end(ending)
