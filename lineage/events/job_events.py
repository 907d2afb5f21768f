"""Build the events of jobs that are declared rather than run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from openlineage.client import facet_v2
from openlineage.client.event_v2 import InputDataset, Job, JobEvent, OutputDataset

from lineage.config import current_config
from lineage.events.job_facets import job_tags_facet, job_type_facet
from lineage.events.sources import format_time, sources
from lineage.version import PRODUCER

_LINEAGE_SCHEMA = "https://openlineage.io/spec/facets/1-0-0/LineageFacet.json#/$defs/LineageJobFacet"

_Name = tuple[str, str]


def column_lineage_event(namespace: str, name: str, records: Iterable[Mapping[str, Any]]) -> JobEvent:
    """Return the JobEvent that declares all of a job's column lineage.

    A record has `output` and `input_columns` (namespace and name, and for a column its `field`),
    `output_column` and `transformation`. The event carries the lineage facet, which says which input feeds
    which output, and the columnLineage facets for consumers that do not know it.
    """
    outputs: dict[_Name, list[Mapping[str, Any]]] = {}
    for record in records:
        outputs.setdefault(_name(record["output"]), []).append(record)
    facets = {"jobType": job_type_facet(), "lineage": _lineage(outputs)}
    if tags := current_config().openlineage.job_tags:
        facets["tags"] = job_tags_facet(tags)
    inputs = {_name(one) for made in outputs.values() for record in made for one in record["input_columns"]}
    return JobEvent(
        eventTime=format_time(sources.now()),
        producer=PRODUCER,
        job=Job(namespace, name, facets=facets),
        inputs=[InputDataset(*one) for one in sorted(inputs)],
        outputs=[
            OutputDataset(*output, facets={"columnLineage": _columns(made)})
            for output, made in outputs.items()
        ],
    )


def _name(dataset: Mapping[str, Any]) -> _Name:
    return dataset["namespace"], dataset["name"]


def _how(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the transformation of a record: said in words, or the value as it is."""
    if record["transformation"]:
        return {"type": "DIRECT", "subtype": "TRANSFORMATION", "description": record["transformation"]}
    return {"type": "DIRECT", "subtype": "IDENTITY"}


def _columns(made: Iterable[Mapping[str, Any]]) -> Any:
    lineage = facet_v2.column_lineage_dataset
    fields = {
        record["output_column"]: lineage.Fields(
            inputFields=[
                lineage.InputField(*_name(one), one["field"], [lineage.Transformation(**_how(record))])
                for one in record["input_columns"]
            ]
        )
        for record in made
    }
    return lineage.ColumnLineageDatasetFacet(fields=fields, producer=PRODUCER)


def _lineage(outputs: Mapping[_Name, Iterable[Mapping[str, Any]]]) -> Any:
    # Written as JSON: openlineage-python has classes for this facet only since 1.54.
    entries = [_entry(output, list(made)) for output, made in outputs.items()]
    return {"_producer": PRODUCER, "_schemaURL": _LINEAGE_SCHEMA, "entries": entries}


def _entry(output: _Name, made: list[Mapping[str, Any]]) -> dict[str, Any]:
    sources_of_it = sorted({_name(one) for record in made for one in record["input_columns"]})
    return {
        **_dataset(output),
        "inputs": [_dataset(one) for one in sources_of_it],
        "fields": {
            record["output_column"]: {
                "inputs": [
                    {**_dataset(_name(one)), "field": one["field"], "transformations": [_how(record)]}
                    for one in record["input_columns"]
                ]
            }
            for record in made
        },
    }


def _dataset(name: _Name) -> dict[str, Any]:
    return {"type": "DATASET", "namespace": name[0], "name": name[1]}
