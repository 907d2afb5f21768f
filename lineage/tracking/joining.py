"""A process that is part of a run: another one began the run, and will end it.

`lineage run` begins a run, starts a program and ends the run with it. The Python processes that the program
is made of join the run: what each has seen it tells when it ends, by one RUNNING event of that run. A task of
a scheduler that tells its runs by itself is joined by the process that it is done in.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

from lineage._guard import guard
from lineage.config import current_config
from lineage.context import RunIdentity, completions, process_parent, process_runs
from lineage.tracking.run import Run
from lineage.tracking.versions import versions_of

if TYPE_CHECKING:
    from lineage.events import RunFacts
    from lineage.provenance.recording import Recording

VARIABLE = "LINEAGE_JOIN"
"""The variable that has the id of the run that a process and all that it starts are part of."""


class JoinedRun(Run):
    """The part of a run that happens in this process."""

    __slots__ = ("_identity", "_made", "_root")

    def __init__(self, identity: RunIdentity, root: RunIdentity) -> None:
        super().__init__()
        self.ended = False
        self._identity = identity
        self._root = root
        self._made: RunFacts | None = None

    @property
    def facts(self) -> RunFacts:
        """What is known of the run here; made when there is something, as most processes see nothing."""
        if self._made is None:
            from lineage import events

            self._made = events.RunFacts(self._identity, started_at=events.sources.now())
            with guard("recording the versions of a run"):
                self._versions = versions_of(self._made, current_config())
        return self._made

    @property
    def versions(self) -> Recording | None:
        """What records the versions of the data that is seen here; who began the run tells of its code."""
        _ = self.facts
        return self._versions

    @property
    def identity(self) -> RunIdentity:
        """The run that the process is part of."""
        return self._identity

    @property
    def root(self) -> RunIdentity:
        """The outermost run that it is nested in, or itself."""
        return self._root

    def finish(self, error: BaseException | None = None) -> None:
        """Tell what was seen here, if anything was: the part of the run that happens here is over.

        Of a part that failed, with an `error`, no outputs are claimed.
        """
        if self.ended or self.pid != os.getpid():
            return
        with guard("telling what a process saw"):
            if self._made is not None or "lineage.attribution.runs" in sys.modules:
                self._tell(error)
        self.ended = True
        if process_runs and process_runs[0] is self:
            process_runs.clear()

    def _tell(self, error: BaseException | None) -> None:
        from lineage import events

        self.facts.failed = error is not None
        for complete in completions:
            with guard("completing a run"):
                complete(self.facts)
        if self.versions is not None:
            with guard("recording what a run made"):
                self.versions.end(failed=self.facts.failed)
        if _has_content(self.facts):
            # The one that began the run tells its end: FAIL would be a second one.
            state = events.RunState.RUNNING if error is None else events.RunState.OTHER
            events.emit(events.run_event(self.facts, state, self.now(), error=error))


def _has_content(facts: RunFacts) -> bool:
    parts: tuple[Any, ...] = (facts.inputs, facts.outputs, facts.statements, facts.run_facets, facts.tags)
    return any(map(bool, parts))


def join(environment: MutableMapping[str, str]) -> JoinedRun | None:
    """Have this process be part of the run that its environment names; None where there is none to join.

    It does where the run is the one around the process: a program that began a run of its own and started
    this process inside has become its parent.
    """
    config = current_config()
    around = process_parent()
    if (
        process_runs
        or config.disabled
        or around is None
        or around.identity.run_id != environment.get(VARIABLE)
    ):
        return None
    run = JoinedRun(around.identity, around.root)
    process_runs[:] = [run]
    atexit.register(run.finish)
    return run
