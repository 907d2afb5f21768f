"""Which run the current code belongs to, kept in a context variable."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class RunIdentity:
    """The id of a run and the name of its job."""

    run_id: str
    job_namespace: str
    job_name: str


class ActiveRun(Protocol):
    """What code inside a run can learn about it."""

    @property
    def identity(self) -> RunIdentity:
        """The run itself."""

    @property
    def root(self) -> RunIdentity:
        """The outermost run it is nested in, or the run itself."""


active_run: ContextVar[ActiveRun | None] = ContextVar("lineage_active_run", default=None)
"""The innermost run that the current thread or task is inside of."""
