"""Build OpenLineage run events from what is known about a run, and emit them.

The events are made of openlineage-python's own classes. Outputs are claimed by COMPLETE alone
(a failed run may have written nothing); inputs are declared from START on.
"""

from __future__ import annotations

import platform
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

from openlineage.client import facet_v2
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent
from openlineage.client.event_v2 import RunState as RunState
from openlineage.client.uuid import generate_new_uuid

from lineage import facets as own
from lineage.context import RunIdentity
from lineage.datasets import Dataset, Field
from lineage.encoding import encode
from lineage.redaction import redact_text
from lineage.transport import enqueue
from lineage.version import PRODUCER, VERSION

FACET_KEYS = {
    "statements": "lineageGraph_statements",
    "output_statistics": "lineageGraph_outputStatistics",
    "partial": "lineageGraph_partial",
}


@dataclass(slots=True)
class DatasetFacts:
    """What a run knows about one of its datasets; `facets` and `io_facets` go on the wire as they are."""

    dataset: Dataset
    facets: dict[str, Any] = field(default_factory=dict)
    io_facets: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, list[facet_v2.column_lineage_dataset.InputField]] = field(default_factory=dict)


@dataclass(slots=True)
class RunFacts:
    """Everything known about a run up to now."""

    identity: RunIdentity
    started_at: datetime
    parent: RunIdentity | None = None
    root: RunIdentity | None = None
    inputs: dict[tuple[str, str], DatasetFacts] = field(default_factory=dict)
    outputs: dict[tuple[str, str], DatasetFacts] = field(default_factory=dict)
    statements: list[own.Statement] = field(default_factory=list)
    statement_statistics: dict[int, own.StatementStatistics] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    run_facets: dict[str, Any] = field(default_factory=dict)
    job_facets: dict[str, Any] = field(default_factory=dict)


def current_time() -> datetime:
    """Return the time that events are stamped with, in UTC."""
    return datetime.now(UTC)


def new_run_id() -> str:
    """Return a new run id: a UUID that sorts by time."""
    return str(generate_new_uuid())


@dataclass(slots=True)
class Sources:
    """Where times and run ids come from and events go to; tests replace them."""

    now: Callable[[], datetime] = current_time
    run_id: Callable[[], str] = new_run_id
    deliver: Callable[[bytes, str], None] = enqueue


sources = Sources()


def format_time(instant: datetime) -> str:
    """Return an instant as RFC 3339 in UTC with milliseconds and `Z`."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def run_event(
    facts: RunFacts,
    state: RunState,
    at: datetime,
    *,
    error: BaseException | None = None,
    partial: str | None = None,
) -> RunEvent:
    """Return the event that says the run is in `state` since `at`."""
    run_facets = _run_facets(facts)
    if error is not None:
        run_facets["errorMessage"] = error_facet(error)
    if partial is not None:
        run_facets[FACET_KEYS["partial"]] = own.LineageGraphPartialRunFacet(reason=partial, producer=PRODUCER)
    outputs = facts.outputs.values() if state is RunState.COMPLETE else ()
    return RunEvent(
        eventTime=format_time(at),
        eventType=state,
        producer=PRODUCER,
        run=Run(runId=facts.identity.run_id, facets=run_facets),
        job=Job(facts.identity.job_namespace, facts.identity.job_name, facets=_job_facets(facts)),
        inputs=[_input(known) for known in list(facts.inputs.values())],
        outputs=[_output(known) for known in list(outputs)],
    )


def _run_facets(facts: RunFacts) -> dict[str, Any]:
    made: dict[str, Any] = {"processing_engine": _engine_facet()}
    if facts.parent is not None:
        made["parent"] = _parent_facet(facts.parent, facts.root or facts.parent)
    if facts.tags:
        tags = [
            facet_v2.tags_run.TagsRunFacetFields(key, value, source="USER")
            for key, value in facts.tags.items()
        ]
        made["tags"] = facet_v2.tags_run.TagsRunFacet(tags=tags, producer=PRODUCER)
    if facts.statement_statistics:
        made[FACET_KEYS["output_statistics"]] = own.LineageGraphOutputStatisticsRunFacet(
            statistics=list(facts.statement_statistics.values()), producer=PRODUCER
        )
    return {**made, **facts.run_facets}


@cache
def _engine_facet() -> facet_v2.processing_engine_run.ProcessingEngineRunFacet:
    return facet_v2.processing_engine_run.ProcessingEngineRunFacet(
        name=platform.python_implementation(),
        version=platform.python_version(),
        openlineageAdapterVersion=VERSION,
        producer=PRODUCER,
    )


def _parent_facet(parent: RunIdentity, root: RunIdentity) -> facet_v2.parent_run.ParentRunFacet:
    return facet_v2.parent_run.ParentRunFacet(
        run=facet_v2.parent_run.Run(runId=parent.run_id),
        job=facet_v2.parent_run.Job(namespace=parent.job_namespace, name=parent.job_name),
        root=facet_v2.parent_run.Root(
            run=facet_v2.parent_run.RootRun(runId=root.run_id),
            job=facet_v2.parent_run.RootJob(namespace=root.job_namespace, name=root.job_name),
        ),
        producer=PRODUCER,
    )


def _job_facets(facts: RunFacts) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if facts.statements:
        dialects = {statement.dialect for statement in facts.statements}
        made["sql"] = facet_v2.sql_job.SQLJobFacet(
            query=";\n".join(statement.query.strip().rstrip(";") for statement in facts.statements),
            dialect=dialects.pop() if len(dialects) == 1 else None,
            producer=PRODUCER,
        )
        made[FACET_KEYS["statements"]] = own.LineageGraphStatementsJobFacet(
            statements=list(facts.statements), producer=PRODUCER
        )
    return {**made, **facts.job_facets}


def job_type_facet() -> Any:
    """Return the facet that says what kind of job our own jobs are."""
    return facet_v2.job_type_job.JobTypeJobFacet(
        processingType="BATCH", integration="LINEAGE_GRAPH", jobType="JOB", producer=PRODUCER
    )


def job_tags_facet(tags: Mapping[str, str]) -> Any:
    """Return the facet of tags that a job was declared with."""
    fields = [facet_v2.tags_job.TagsJobFacetFields(key, value, source="USER") for key, value in tags.items()]
    return facet_v2.tags_job.TagsJobFacet(tags=fields, producer=PRODUCER)


def description_facet(description: str) -> Any:
    """Return the facet of a job's description."""
    return facet_v2.documentation_job.DocumentationJobFacet(description=description, producer=PRODUCER)


def source_location_facet(location: Mapping[str, Any]) -> Any:
    """Return the facet of where a job's code is, from the fields `type`, `url` and what else is known."""
    return facet_v2.source_code_location_job.SourceCodeLocationJobFacet(**location, producer=PRODUCER)


def error_facet(error: BaseException) -> facet_v2.error_message_run.ErrorMessageRunFacet:
    """Return the facet of an error: its message without values, and where it was raised.

    The stack trace names files, lines and functions only: source lines may hold values.
    """
    frames = [
        f'  File "{frame.f_code.co_filename}", line {line}, in {frame.f_code.co_name}'
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    kind = type(error).__qualname__
    return facet_v2.error_message_run.ErrorMessageRunFacet(
        message=_message_of(error),
        programmingLanguage="PYTHON",
        stackTrace="\n".join(["Traceback (most recent call last):", *frames, kind]),
        producer=PRODUCER,
    )


def _message_of(error: BaseException) -> str:
    kind = type(error).__qualname__
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - the host's own __str__ may fail in any way, and the type is still worth telling
        return kind
    return f"{kind}: {redact_text(text)}" if text else kind


def _input(known: DatasetFacts) -> InputDataset:
    dataset = known.dataset
    return InputDataset(
        dataset.namespace, dataset.name, facets=_dataset_facets(known), inputFacets=dict(known.io_facets)
    )


def _output(known: DatasetFacts) -> OutputDataset:
    facets = _dataset_facets(known)
    if known.sources:
        lineage = facet_v2.column_lineage_dataset
        facets["columnLineage"] = lineage.ColumnLineageDatasetFacet(
            fields={name: lineage.Fields(inputFields=list(found)) for name, found in known.sources.items()},
            producer=PRODUCER,
        )
    dataset = known.dataset
    return OutputDataset(dataset.namespace, dataset.name, facets=facets, outputFacets=dict(known.io_facets))


def _dataset_facets(known: DatasetFacts) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if known.dataset.schema:
        fields = _schema_fields(known.dataset.schema)
        made["schema"] = facet_v2.schema_dataset.SchemaDatasetFacet(fields=fields, producer=PRODUCER)
    if known.dataset.symlinks:
        made["symlinks"] = facet_v2.symlinks_dataset.SymlinksDatasetFacet(
            identifiers=[
                facet_v2.symlinks_dataset.Identifier(namespace, name, type="LOCATION")
                for namespace, name in known.dataset.symlinks
            ],
            producer=PRODUCER,
        )
    return {**made, **known.facets}


def _schema_fields(schema: Iterable[Field]) -> list[facet_v2.schema_dataset.SchemaDatasetFacetFields]:
    return [
        facet_v2.schema_dataset.SchemaDatasetFacetFields(
            name=column.name,
            type=column.type,
            description=column.description,
            fields=_schema_fields(column.fields),
        )
        for column in schema
    ]


def emit(event: RunEvent, emitter: Any = None) -> bytes:
    """Hand an event over and return its JSON: to the outbox, or to `emitter` where one is given.

    `emitter` is any OpenLineage client or transport; it is called in the caller's thread.
    """
    body = encode(event)
    if emitter is not None:
        emitter.emit(event)
    else:
        sources.deliver(body, event.run.runId)
    return body
