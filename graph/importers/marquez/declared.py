"""Marquez's own records of datasets, jobs and runs as OpenLineage events."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from openlineage.client import facet_v2
from openlineage.client.event_v2 import (
    DatasetEvent,
    InputDataset,
    Job,
    JobEvent,
    OutputDataset,
    Run,
    RunEvent,
    RunState,
    StaticDataset,
)

from graph.importers.marquez.listing import Record
from graph.importers.marquez.told import Name
from lineage.encoding import encode

IMPORTER = "https://github.com/lineage-graph/lineage-graph/tree/main/graph/importers/marquez"
"""The producer of these events; it names no release, so that a later one makes the same events."""

_ENDS = {"COMPLETED": RunState.COMPLETE, "FAILED": RunState.FAIL, "ABORTED": RunState.ABORT}
_LINEAGE = frozenset({"sql", "lineage", "lineageGraph_statements"})
"""Facets of jobs that make edges: not declared for those that ran, of which the latest runs count."""

Facets = Mapping[str, Any]


def dataset_event(record: Record, told: Collection[str], *, known: bool) -> Iterator[bytes]:
    """Yield the DatasetEvent with what is known of a dataset beyond the facets `told`; none if there is none.

    A dataset that is not `known` by events has one in any case.
    """
    made = {**(record.get("facets") or {}), **_dataset_facets(record)}
    facets = {name: facet for name, facet in made.items() if name not in told}
    if facets or not known:
        dataset = StaticDataset(record["namespace"], record["name"], facets=facets)
        yield encode(DatasetEvent(eventTime=record["updatedAt"], producer=IMPORTER, dataset=dataset))


def _dataset_facets(record: Record) -> dict[str, Any]:
    facets: dict[str, Any] = {}
    raw, fields = record.get("facets") or {}, record.get("fields") or []
    if fields and "schema" not in raw:
        columns = [
            facet_v2.schema_dataset.SchemaDatasetFacetFields(
                name=field["name"], type=field.get("type"), description=field.get("description")
            )
            for field in fields
        ]
        facets["schema"] = facet_v2.schema_dataset.SchemaDatasetFacet(fields=columns, producer=IMPORTER)
    if record.get("columnLineage") and "columnLineage" not in raw:
        facets["columnLineage"] = _column_lineage(record["columnLineage"])
    if record.get("description") and "documentation" not in raw:
        facets["documentation"] = facet_v2.documentation_dataset.DocumentationDatasetFacet(
            description=record["description"], producer=IMPORTER
        )
    tag = facet_v2.tags_dataset.TagsDatasetFacetFields
    tags = [tag(key=key, value="true", source="MARQUEZ") for key in sorted(record.get("tags") or ())]
    for field in fields:
        keys = sorted(field.get("tags") or ())
        tags += [tag(key=key, value="true", source="MARQUEZ", field=field["name"]) for key in keys]
    if tags:
        facets["tags"] = facet_v2.tags_dataset.TagsDatasetFacet(tags=tags, producer=IMPORTER)
    return facets


def _column_lineage(columns: list[Record]) -> Any:
    lineage = facet_v2.column_lineage_dataset
    fields = {
        column["name"]: lineage.Fields(
            inputFields=[
                lineage.InputField(namespace=one["namespace"], name=one["dataset"], field=one["field"])
                for one in column.get("inputFields") or ()
            ],
            transformationDescription=column.get("transformationDescription"),
            transformationType=column.get("transformationType"),
        )
        for column in columns
    }
    return lineage.ColumnLineageDatasetFacet(fields=fields, producer=IMPORTER)


def job_event(record: Record, name: Name, told: Collection[str], *, known: bool) -> Iterator[bytes]:
    """Yield the JobEvent with what is known of a job beyond the facets `told`; none if there is none.

    What the job reads and writes is declared only where neither events nor runs tell it: what is declared
    stands until it is declared otherwise.
    """
    ran = bool(record.get("latestRun"))
    made = {**(record.get("facets") or {}), **_job_facets(record)}
    facets = {facet: made[facet] for facet in made if facet not in told}
    if known or ran:
        facets = {facet: facets[facet] for facet in facets if facet not in _LINEAGE}
    if not facets and (known or ran):
        return
    inputs, outputs = None, None
    if not (known or ran):
        inputs = [InputDataset(one["namespace"], one["name"]) for one in record.get("inputs") or ()]
        outputs = [OutputDataset(one["namespace"], one["name"]) for one in record.get("outputs") or ()]
    yield encode(
        JobEvent(
            eventTime=record["updatedAt"],
            producer=IMPORTER,
            job=Job(*name, facets=facets),
            inputs=inputs,
            outputs=outputs,
        )
    )


def _job_facets(record: Record) -> dict[str, Any]:
    facets: dict[str, Any] = {}
    raw = record.get("facets") or {}
    if record.get("description") and "documentation" not in raw:
        facets["documentation"] = facet_v2.documentation_job.DocumentationJobFacet(
            description=record["description"], producer=IMPORTER
        )
    if record.get("location") and "sourceCodeLocation" not in raw:
        facets["sourceCodeLocation"] = facet_v2.source_code_location_job.SourceCodeLocationJobFacet(
            type="url", url=record["location"], producer=IMPORTER
        )
    tag = facet_v2.tags_job.TagsJobFacetFields
    tags = [tag(key=key, value="true", source="MARQUEZ") for key in sorted(record.get("tags") or ())]
    if tags:
        facets["tags"] = facet_v2.tags_job.TagsJobFacet(tags=tags, producer=IMPORTER)
    return facets


def run_events(record: Record, job: Name, job_facets: Facets) -> Iterator[bytes]:
    """Yield the START of a run and, where it has one, its end."""
    run = Run(record["id"], facets=_run_facets(record))
    inputs = [
        InputDataset(*name, inputFacets=facets) for name, facets in _versions(record, "inputDatasetVersions")
    ]
    outputs = [
        OutputDataset(*name, outputFacets=facets)
        for name, facets in _versions(record, "outputDatasetVersions")
    ]
    end = _ENDS.get(record.get("state") or "")
    began = record.get("startedAt") or (None if end else record["createdAt"])
    times = [(RunState.START, began), (end, record.get("endedAt") or record["updatedAt"] if end else None)]
    for state, time in times:
        if time is not None:
            yield encode(
                RunEvent(
                    eventType=state,
                    eventTime=time,
                    producer=IMPORTER,
                    run=run,
                    job=Job(*job, facets=dict(job_facets)),
                    inputs=inputs,
                    outputs=outputs,
                )
            )


def _run_facets(record: Record) -> dict[str, Any]:
    facets = dict(record.get("facets") or {})
    if record.get("nominalStartTime") and "nominalTime" not in facets:
        facets["nominalTime"] = facet_v2.nominal_time_run.NominalTimeRunFacet(
            nominalStartTime=record["nominalStartTime"],
            nominalEndTime=record.get("nominalEndTime"),
            producer=IMPORTER,
        )
    return facets


def _versions(record: Record, key: str) -> Iterator[tuple[Name, dict[str, Any]]]:
    for version in record.get(key) or ():
        of = version["datasetVersionId"]
        yield (of["namespace"], of["name"]), version.get("facets") or {}
