"""The datasets of an event, from what a run knows about them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from openlineage.client import facet_v2
from openlineage.client.event_v2 import InputDataset, OutputDataset

from lineage.datasets import Field
from lineage.events.facts import DatasetFacts
from lineage.version import PRODUCER


def input_dataset(known: DatasetFacts) -> InputDataset:
    """Return a dataset as an input."""
    dataset = known.dataset
    return InputDataset(
        dataset.namespace, dataset.name, facets=_dataset_facets(known), inputFacets=dict(known.io_facets)
    )


def output_dataset(known: DatasetFacts) -> OutputDataset:
    """Return a dataset as an output, with the lineage of its columns."""
    facets = _dataset_facets(known)
    if known.made is not None:
        from lineage.sql.facets import column_lineage_facet

        if (columns := column_lineage_facet(known.made)) is not None:
            facets["columnLineage"] = columns
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
