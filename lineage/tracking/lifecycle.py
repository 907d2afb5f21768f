"""How a run begins and ends: START, then exactly one of COMPLETE, FAIL and ABORT.

A run belongs to the process that began it: a forked child that leaves its block says nothing.
"""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from contextvars import Token
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lineage._guard import guard
from lineage.config import current_config
from lineage.context import (
    ActiveRun,
    RemoteRun,
    RunIdentity,
    active_run,
    completions,
    current_trace,
    innermost_run,
    process_parent,
)
from lineage.context.variables import give_back
from lineage.openlineage_config import OpenLineageConfig
from lineage.tracking import termination
from lineage.tracking.run import DatasetLike, Run, execution_place
from lineage.tracking.versions import versions_of

if TYPE_CHECKING:
    from lineage.events import RunFacts


@dataclass(slots=True)
class JobSpec:
    """A job as its code declares it."""

    name: str
    namespace: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    description: str | None = None
    location: Callable[[], tuple[str, int] | None] = lambda: None
    kind: tuple[str, str] = ("LINEAGE_GRAPH", "JOB")
    """Whose job it is and what it is there, as OpenLineage's jobType facet has it."""
    provenance: str | None = None
    """The tier that its runs record, where it is not the configured one."""
    parameters: tuple[str, ...] = ()
    """Names of parameters that are told by their values, besides those configured."""
    _facets: tuple[OpenLineageConfig, dict[str, Any]] | None = None
    _place: tuple[tuple[str, int] | None] | None = None

    def place(self) -> tuple[str, int] | None:
        """Return the file and line of the job's code where they are known; looked for once."""
        if self._place is None:
            self._place = (self.location(),)
        return self._place[0]

    def facets(self, openlineage: OpenLineageConfig) -> dict[str, Any]:
        """Return the facets that are the same for each run of the job; made once per configuration."""
        if self._facets is None or self._facets[0] is not openlineage:
            self._facets = (openlineage, self._build_facets(openlineage))
        return self._facets[1]

    def _build_facets(self, openlineage: OpenLineageConfig) -> dict[str, Any]:
        from lineage import events
        from lineage.tracking.source import source_location

        made: dict[str, Any] = {"jobType": events.job_type_facet(*self.kind)}
        if tags := events.joined_tags(self.tags, openlineage.job_tags):
            made["tags"] = events.job_tags_facet(tags)
        if self.description:
            made["documentation"] = events.description_facet(self.description)
        if openlineage.source_location:
            with guard("finding a job's source code"):
                if (place := self.place()) is not None:
                    made["sourceCodeLocation"] = events.source_location_facet(source_location(*place))
        return made


class TrackedRun(Run):
    """A run from its beginning to its end, as a context manager around the host's code.

    Leaving it emits the terminal event, without touching the host's result or exception.
    """

    __slots__ = ("_outputs", "_token", "final_event")

    def __init__(
        self,
        facts: RunFacts | None = None,
        outputs: Callable[[], Iterable[DatasetLike]] = tuple,
        emitter: Any = None,
    ) -> None:
        super().__init__(facts, emitter)
        self._outputs = outputs
        self._token: Token[ActiveRun | None] | None = None
        self.final_event: Any = None

    def __enter__(self) -> TrackedRun:
        self.enter()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.leave()
        self.end(error)

    def enter(self) -> None:
        """Make this the current run of the thread or task."""
        if self.recording:
            self.around = active_run.get()
            self.entered_in = execution_place()
            self._token = active_run.set(self)

    def leave(self) -> None:
        """Give the place back to the run around this one."""
        token, self._token = self._token, None
        if token is not None:
            give_back(active_run, token, self)

    def start(self) -> None:
        """Emit START."""
        from lineage import events

        event = events.run_event(self.facts, events.RunState.START, self.facts.started_at)
        events.emit(event, self._emitter)

    def end(self, error: BaseException | None) -> None:
        """Emit the one terminal event; nothing when there was one, or in a forked child."""
        if self.ended or self.pid != os.getpid():
            return
        with guard("ending a run"):
            from lineage import events

            state = terminal_state(error)
            if state == "COMPLETE":
                for one in self._outputs():
                    self.output(one)
            self.facts.failed = state != "COMPLETE"
            for complete in completions:
                with guard("completing a run"):
                    complete(self.facts)
            if self.versions is not None:
                with guard("recording what a run made"):
                    self.versions.end(failed=self.facts.failed)
            self.final_event = events.run_event(
                self.facts,
                events.RunState[state],
                self.now(),
                error=error if state != "COMPLETE" else None,
                partial="closed early" if isinstance(error, GeneratorExit) else None,
            )
            events.emit(self.final_event, self._emitter)
        self.ended = True
        with guard("ending a run"):
            termination.forget(self)


def terminal_state(error: BaseException | None) -> str:
    """Return how a run ends that ended with this exception: COMPLETE, FAIL or ABORT."""
    if error is None or isinstance(error, GeneratorExit):
        return "COMPLETE"
    if isinstance(error, SystemExit):
        return "COMPLETE" if error.code in (None, 0) else "FAIL"
    asyncio_exceptions = sys.modules.get("asyncio.exceptions")
    cancelled = getattr(asyncio_exceptions, "CancelledError", KeyboardInterrupt)
    return "ABORT" if isinstance(error, KeyboardInterrupt | cancelled) else "FAIL"


def begin(
    job: JobSpec,
    inputs: Callable[[], Iterable[DatasetLike]],
    outputs: Callable[[], Iterable[DatasetLike]],
    emitter: Any = None,
    *,
    run_id: str | None = None,
    within: RunIdentity | None = None,
    prepare: Callable[[Run], None] = lambda run: None,
    arguments: Callable[[], Iterable[tuple[str, Any]]] = tuple,
) -> TrackedRun:
    """Begin a run of the job inside the current one, and emit START; never raises.

    `outputs` is called when the run is complete. A scheduler that runs others' code says what it knows: the
    run's own id, the run that this one is `within` where no run was entered here (it was begun by another
    process), and by `prepare` what else START tells. `arguments` are those of the call that the run is.
    """
    run = TrackedRun()
    with guard("starting a run"):
        config = current_config()
        if config.disabled or not config.openlineage.reports(job.name):
            return run
        from lineage import events

        around = _around(within)
        facts = events.RunFacts(
            RunIdentity(run_id or events.sources.run_id(), job.namespace or config.namespace, job.name),
            started_at=events.sources.now(),
            parent=around.identity if around is not None else None,
            root=around.root if around is not None else None,
            job_facets=dict(job.facets(config.openlineage)),
            emitter=emitter,
        )
        if names := config.openlineage.environment_variables:
            facts.run_facets["environmentVariables"] = events.environment_facet(names)
        with guard("finding the trace of a run"):
            if (trace := current_trace()) is not None:
                facts.run_facets["lineageGraph_trace"] = events.trace_facet(trace)
        run = TrackedRun(facts, outputs, emitter)
        with guard("recording the versions of a run"):
            run._versions = versions_of(
                facts, config, tier=job.provenance, place=job.place(), parameters=job.parameters
            )
        for one in inputs():
            run.input(one)
        prepare(run)
        if run.versions is not None:
            with guard("recording the versions of a run"):
                run.versions.begin(arguments)
        termination.watch(run)
        run.start()
        if run.versions is not None:
            run.versions.started()
    return run


def _around(within: RunIdentity | None) -> ActiveRun | None:
    """Return the run that one begun here is inside of; `within` is nearer than what the process works for."""
    around = innermost_run() or process_parent()
    if within is None or active_run.get() is not None:
        return around
    return RemoteRun(within, around.root if around is not None else None)


def job_name_of(function: Callable[..., Any]) -> str:
    """Return the default name of a function's job: `module.function`, without `<locals>`.

    A script's module is named after its file, so that the name is the same however it is started; so is
    Airflow's module of a DAG file, wherever that lies.
    """
    named = function
    while isinstance(named, functools.partial):
        named = named.func
    module = getattr(named, "__module__", None) or "unknown"
    if module == "__main__":
        main = sys.modules.get("__main__")
        spec = getattr(main, "__spec__", None)
        file = getattr(main, "__file__", None)
        module = (
            spec.name if spec is not None else os.path.splitext(os.path.basename(file))[0] if file else module
        )
    name = getattr(named, "__qualname__", type(named).__qualname__)
    return f"{_DAG_FILE.sub('', module)}.{name}".replace("<locals>.", "")


_DAG_FILE = re.compile(r"\Aunusual_prefix_[0-9a-f]{40}_")
"""What Airflow puts before the name of a DAG file as a module: a hash of where the file lies."""
