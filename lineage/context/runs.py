"""Which run the current code belongs to, kept in a context variable."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class RunIdentity:
    """The id of a run and the name of its job; and the outermost run it is nested in, where that is known.

    Two of one id and job are equal, whatever is known of the outermost run.
    """

    run_id: str
    job_namespace: str
    job_name: str
    root: RunIdentity | None = field(default=None, compare=False, repr=False)


class ActiveRun(Protocol):
    """What code inside a run can learn about it."""

    @property
    def identity(self) -> RunIdentity:
        """The run itself."""

    @property
    def root(self) -> RunIdentity:
        """The outermost run it is nested in, or the run itself."""

    @property
    def around(self) -> ActiveRun | None:
        """The run that was active where this one was entered."""

    @property
    def left(self) -> bool:
        """Whether code here is inside of it no more, though it still stands in the context variable."""


class RemoteRun:
    """A run of another process, for which the code here works. It tells no events; runs begun inside do.

    It holds in the process that it was taken over in: `ended` after a fork.
    """

    __slots__ = ("_process", "identity", "root")

    around = None

    def __init__(self, identity: RunIdentity, root: RunIdentity | None = None) -> None:
        self.identity = replace(identity, root=root)
        self.root = root or identity
        self._process = os.getpid()

    @property
    def ended(self) -> bool:
        """Whether it is not true here: it was taken over by a parent process."""
        return self._process != os.getpid()

    @property
    def left(self) -> bool:
        """As `ended`."""
        return self.ended


active_run: ContextVar[ActiveRun | None] = ContextVar("lineage_active_run", default=None)
"""The innermost run that the current thread or task is inside of."""

process_runs: list[ActiveRun] = []
"""The run that all code of this process is inside of where it is in no other; empty where there is none."""


completions: list[Callable[[Any], None]] = []
"""What else is known of a run of this process when it ends: each is given its facts and puts more to them.

They stand here, below the events, so that one who counts what happens in runs is asked from the beginning,
without loading what events are made of.
"""


def innermost_run() -> ActiveRun | None:
    """Return the run that code here is inside of, be it a run of this process or a remote one; else None.

    A run that was closed in another thread or task stays behind in the context that it was opened in, and is
    cleared away there; so is what a forked child has of its parent's. In a task that it started, a run that
    has ended is still what the task belongs to. Code inside of no run belongs to that of its whole process,
    if that is part of one.
    """
    run = active_run.get()
    if run is not None and run.left:
        run = _still_entered(run)
        active_run.set(run)
    if run is None and process_runs and not process_runs[0].left:
        return process_runs[0]
    return run


def _still_entered(left: ActiveRun) -> ActiveRun | None:
    """Return the nearest run around one that was left which was not; None also where they go in circles.

    They do where a generator's run was taken up again inside of one that had not been given back.
    """
    seen: set[int] = set()
    run: ActiveRun | None = left
    while run is not None and run.left and id(run) not in seen:
        seen.add(id(run))
        run = run.around
    return run if run is not None and not run.left else None
