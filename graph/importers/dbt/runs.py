"""What an invocation of dbt ran, as runs with their START and their end."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from openlineage.client import facet_v2
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState

from graph.importers.dbt.artifacts import Metadata, Timing
from graph.importers.dbt.facets import Facets
from graph.importers.dbt.project import IMPORTER, Project
from lineage.encoding import encode
from lineage.event_id import parse_time
from lineage.redaction import redact_text

_NOWHERE = uuid.UUID("6c1f3a52-7f0b-5a3e-9a58-0d8f5f2f6a11")
"""Of invocations without an id of their own."""

_NAMED = 5

COMPLETE, FAIL, ABORT = RunState.COMPLETE, RunState.FAIL, RunState.ABORT


@dataclass(slots=True)
class NodeRun:
    """How one job of an invocation ran; its inputs as they are at its end, and what it wrote if it did."""

    key: str
    job: str
    state: RunState
    job_facets: Facets
    inputs: Sequence[InputDataset]
    output: OutputDataset | None = None
    times: tuple[str, str] | None = None
    messages: Sequence[str] = ()
    run_facets: Facets = field(default_factory=dict)


class Invocation:
    """One call of dbt: the parent of the runs of its nodes."""

    def __init__(self, project: Project, metadata: Metadata) -> None:
        self._project = project
        self._metadata = metadata
        self._job = f"dbt-run-{project.name}"
        known = metadata.invocation_id or ""
        try:
            self._id = uuid.UUID(known)
        except ValueError:
            self._id = uuid.uuid5(_NOWHERE, known or metadata.generated_at)

    def events(self, runs: Iterable[NodeRun], job_facets: Facets) -> Iterator[bytes]:
        """Yield the events of the invocation around those of its nodes."""
        runs = list(runs)
        times = [one.times[0] for one in runs if one.times]
        end = self._metadata.generated_at
        began = self._metadata.invocation_started_at
        start = began if began and time_of(began) else min(times, default=end, key=time_of)
        failed = [one.job for one in runs if one.state is FAIL]
        job = Job(self._project.job_namespace, self._job, facets=job_facets)
        run = Run(str(self._id), facets=self._engine())
        yield _event(RunState.START, start, run, job)
        for one in runs:
            yield from self._of_node(one)
        if failed:
            run = Run(str(self._id), facets={**self._engine(), "errorMessage": _error([_failure(failed)])})
        yield _event(FAIL if failed else COMPLETE, end, run, job)

    def _of_node(self, one: NodeRun) -> Iterator[bytes]:
        end = self._metadata.generated_at
        started, ended = one.times or (end, end)
        facets = {**self._engine(), "parent": self._parent(), **one.run_facets}
        run_id = str(uuid.uuid5(self._id, one.key))
        job = Job(self._project.job_namespace, one.job, facets=one.job_facets)
        asked = [InputDataset(each.namespace, each.name, facets=each.facets) for each in one.inputs]
        yield _event(RunState.START, started, Run(run_id, facets=facets), job, asked)
        if one.messages:
            facets = {**facets, "errorMessage": _error(one.messages)}
        outputs = [one.output] if one.output is not None and one.state is COMPLETE else []
        yield _event(one.state, ended, Run(run_id, facets=facets), job, one.inputs, outputs)

    def _engine(self) -> Facets:
        version = self._metadata.dbt_version
        if not version:
            return {}
        engine = facet_v2.processing_engine_run.ProcessingEngineRunFacet(
            name="dbt", version=version, producer=IMPORTER
        )
        return {"processing_engine": engine}

    def _parent(self) -> Any:
        parent = facet_v2.parent_run
        identity, namespace = str(self._id), self._project.job_namespace
        return parent.ParentRunFacet(
            run=parent.Run(runId=identity),
            job=parent.Job(namespace=namespace, name=self._job),
            root=parent.Root(
                run=parent.RootRun(runId=identity), job=parent.RootJob(namespace=namespace, name=self._job)
            ),
            producer=IMPORTER,
        )


def span(timings: Iterable[Sequence[Timing]]) -> tuple[str, str] | None:
    """Return when the first of several executions began and the last one ended; None where none has times."""
    spans = [
        (part.started_at, part.completed_at)
        for timing in timings
        for part in timing
        if part.name == "execute" and part.started_at and part.completed_at
    ]
    spans = [one for one in spans if time_of(one[0]) and time_of(one[1])]
    if not spans:
        return None
    return min((one[0] for one in spans), key=time_of), max((one[1] for one in spans), key=time_of)


def time_of(text: str) -> int:
    """Return a time of an artifact in nanoseconds since 1970; 0 for what is none."""
    return parse_time(text) or 0


def _event(
    state: RunState,
    time: str,
    run: Run,
    job: Job,
    inputs: Sequence[InputDataset] = (),
    outputs: Sequence[OutputDataset] = (),
) -> bytes:
    return encode(
        RunEvent(
            eventType=state,
            eventTime=time,
            producer=IMPORTER,
            run=run,
            job=job,
            inputs=list(inputs),
            outputs=list(outputs),
        )
    )


def _failure(jobs: Sequence[str]) -> str:
    more = f" and {len(jobs) - _NAMED} more" if len(jobs) > _NAMED else ""
    return f"failed: {', '.join(jobs[:_NAMED])}{more}"


def _error(messages: Sequence[str]) -> Any:
    return facet_v2.error_message_run.ErrorMessageRunFacet(
        message=redact_text("\n".join(messages)), programmingLanguage="SQL", producer=IMPORTER
    )
