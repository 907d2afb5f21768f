"""What to remove from a store, and what was removed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from graph.nodes import Node


@dataclass(frozen=True, slots=True)
class Policy:
    """What to remove from the log, and with it from the graph. All that is given has to be true of it.

    `before`: events of runs that were over by then, and older events without a run. `namespace`, `job`:
    events of the jobs, and of the datasets that DatasetEvents are about, in a namespace; of one job.
    `decommissioned`: events of jobs and datasets that are deleted.

    By age nothing goes that the current graph is made of, or that the graph at `before` was made of. Without
    an age, and of what is deleted, everything goes. `who` asks for it.
    """

    before: datetime | None = None
    namespace: str | None = None
    job: Node | None = None
    decommissioned: bool = False
    who: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is said of what to remove."""
        return self.before is None and self.namespace is None and self.job is None and not self.decommissioned

    @property
    def spares_current(self) -> bool:
        """Whether what the current graph is made of stays."""
        return self.before is not None and not self.decommissioned


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was removed, or would be: how many events, and how many runs of which nothing is left.

    `nodes` are the jobs and datasets that no event names then, `until` the latest time of any of the events.
    """

    events: int = 0
    runs: int = 0
    nodes: tuple[Node, ...] = ()
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Removal:
    """The record of something that was removed from the log.

    `seq` is the last number that the log had given then, `events` how many went. `horizon` is what
    `Policy.before` was. `policy` says what was asked for, as JSON.
    """

    number: int
    removed_at: datetime
    seq: int
    events: int
    horizon: datetime | None
    policy: str
