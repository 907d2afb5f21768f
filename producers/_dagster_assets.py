"""What Dagster says of its assets, as datasets.

An asset is the dataset called as its key is shown (`warehouse/orders`), in the namespace of jobs. Where it
says where it is kept (`dagster/uri`), that is another name of the same dataset.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from openlineage.client import facet_v2

from lineage._guard import guard
from lineage.config import current_config
from lineage.datasets import Dataset, Field, normalise, parse_dataset
from lineage.sql.facets import Made, input_field
from lineage.tracking import Run
from lineage.version import PRODUCER

Name = tuple[str, str]
Metadata = Mapping[str, Any]

_READING = guard("reading the metadata of a Dagster asset")
_SUBSETS = "https://openlineage.io/spec/facets/1-0-0/BaseSubsetDatasetFacet.json#/$defs"


def name_of(key: Any) -> Name:
    """Return the namespace and name of an asset's dataset."""
    return normalise(current_config().namespace, "/".join(key.path))


def dataset_of(key: Any, metadata: Metadata) -> Dataset:
    """Return an asset's dataset, with the columns and the address that its metadata tells."""
    fields: list[Field] = []
    address: list[Name] = []
    with _READING:
        schema = _value(metadata, "dagster/column_schema")
        fields = [Field(one.name, one.type, one.description) for one in schema.columns] if schema else []
    with _READING:
        if uri := _value(metadata, "dagster/uri"):
            named = parse_dataset(str(uri), default_namespace=current_config().namespace)
            address = [(named.namespace, named.name), *named.symlinks]
    name = name_of(key)
    return Dataset(*name, fields, [one for one in dict.fromkeys(address) if one != name])


def tell_output(run: Run, key: Any, metadata: Metadata, parents: Iterable[Any] | None) -> None:
    """Tell a run of an asset that it materialized: rows, columns, and what they are made from.

    `parents` are the keys of all that this asset of several is made from; None where that is all inputs.
    """
    rows = _value(metadata, "dagster/row_count")
    if rows is None:
        rows = _value(metadata, "dagster/partition_row_count")
    run.output(dataset_of(key, metadata), row_count=rows if isinstance(rows, int) else None)
    columns = _value(metadata, "dagster/column_lineage")
    known = run.facts.outputs.get(name_of(key))
    if known is None or (columns is None and parents is None):
        return
    made = known.made = known.made or Made()
    made.inputs |= dict.fromkeys(name_of(parent) for parent in parents or ())
    with _READING:
        for column, one in _sources(columns):
            made.inputs[name_of(one.asset_key)] = None
            made.fields.setdefault(column, [])
            # Dagster says that a column is made from another one, and not how.
            source = input_field(name_of(one.asset_key), one.column_name, "DIRECT", None)
            if source not in made.fields[column]:
                made.fields[column].append(source)
    for name in made.inputs.keys() - run.facts.inputs.keys() - run.facts.outputs.keys():
        run.input(Dataset(*name))


def tell_partitions(run: Run, partitions: Mapping[Name, Iterable[str]]) -> None:
    """Tell a run which partitions of its outputs it wrote."""
    subset = facet_v2.base_subset_dataset
    for name, keys in partitions.items():
        if name in run.facts.outputs:
            parts = [subset.Partition(_dimensions(key), str(key)) for key in dict.fromkeys(keys)]
            facet = subset.OutputSubsetOutputDatasetFacet(
                subset.PartitionSubsetCondition(parts), producer=PRODUCER
            )
            run.facts.outputs[name].io_facets["outputSubset"] = facet


def tell_checks(run: Run, key: Any, checks: Iterable[Any]) -> None:
    """Tell a run how the checks of an asset that it read went."""
    run.input(Dataset(*name_of(key)))
    said: list[Any] = [
        {
            "assertion": one.check_name,
            "name": one.check_name,
            "success": bool(one.passed),
            "severity": "warn" if one.severity.value == "WARN" else "error",
        }
        for one in checks
    ]
    facet = facet_v2.data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(
        assertions=said, producer=PRODUCER
    )
    run.facts.inputs[name_of(key)].io_facets["dataQualityAssertions"] = facet


def _dimensions(key: Any) -> dict[str, str]:
    """Return the parts of a partition's key by dimension; of one dimension it is called `partition`."""
    several = getattr(key, "keys_by_dimension", None)
    return dict(several) if several else {"partition": str(key)}


def _sources(columns: Any) -> Iterator[tuple[str, Any]]:
    for column, sources in columns.deps_by_column.items() if columns is not None else ():
        for one in sources:
            yield str(column), one


def _value(metadata: Metadata, name: str) -> Any:
    """Return what metadata has under a name, out of the wrapper that Dagster puts around it."""
    found = metadata.get(name)
    return getattr(found, "value", found)
