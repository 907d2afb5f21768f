"""Lineage of columns and datasets as OpenLineage has it on the wire: the columnLineage and lineage facets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lineage.sql.named import NamedStatement, described
from lineage.sql.naming import Name
from lineage.sql.results import ColumnEdges, Source
from lineage.version import PRODUCER

_SCHEMAS = "https://openlineage.io/spec/facets"
_COLUMN_SCHEMA = f"{_SCHEMAS}/1-2-0/ColumnLineageDatasetFacet.json#/$defs/ColumnLineageDatasetFacet"
_LINEAGE_SCHEMA = f"{_SCHEMAS}/1-0-0/LineageFacet.json#/$defs/LineageJobFacet"

_OF_ONE = ("CONDITIONAL", "WINDOW")
"""What decides about the value of one column only."""

InputField = dict[str, Any]
"""A source field as the columnLineage facet has it: namespace, name, field, transformations."""


@dataclass(slots=True)
class Made:
    """What one dataset is made from.

    `fields` are the source fields of each column, `rows` those that decide about all rows. `complete` says
    that all columns are known without doubt.
    """

    inputs: dict[Name, None] = field(default_factory=dict)
    fields: dict[str, list[InputField]] = field(default_factory=dict)
    rows: list[InputField] = field(default_factory=list)
    complete: bool = True

    def add(self, other: Made) -> None:
        """Add what the dataset is made from besides; what is there already is not repeated."""
        self.inputs |= other.inputs
        self.complete = self.complete and other.complete
        for column, sources in other.fields.items():
            known = self.fields.setdefault(column, [])
            known += [source for source in sources if source not in known]
        self.rows += [source for source in other.rows if source not in self.rows]


def input_field(
    dataset: Name,
    column: str,
    type_: str,
    subtype: str | None,
    description: str | None = None,
    *,
    masking: bool = False,
) -> InputField:
    """Return a source field with how it is used; what is None or false is left out."""
    how = {"type": type_, "subtype": subtype, "description": description or None, "masking": masking or None}
    transformation = {key: value for key, value in how.items() if value is not None}
    return {"namespace": dataset[0], "name": dataset[1], "field": column, "transformations": [transformation]}


def made_by(statements: Iterable[NamedStatement]) -> dict[Name, Made]:
    """Return what each dataset that the statements write is made from."""
    found: dict[Name, Made] = {}
    for statement in statements:
        names = statement.datasets
        inputs = {names[one.name]: None for one in statement.lineage.inputs if one.name in names}
        for table in statement.lineage.outputs:
            if table.name in names:
                made = _columns(statement, table.name)
                made.inputs = {name: None for name in inputs if name != names[table.name]}
                found.setdefault(names[table.name], Made()).add(made)
    return found


def _columns(statement: NamedStatement, table: str) -> Made:
    columns = [edges for edges in statement.lineage.columns if edges.output.table == table]
    named = [edges for edges in columns if edges.output.column not in ("", "*")]
    shared = _of_all(columns)
    made = Made(complete=statement.columns_certain)
    made.rows = list(_input_fields(statement, shared, "INDIRECT", ""))
    for edges in named:
        description = described(edges.expression, statement.lineage.dialect)
        own = [source for source in edges.indirect if source not in shared]
        sources = [
            *_input_fields(statement, edges.inputs, "DIRECT", description),
            *_input_fields(statement, own, "INDIRECT", ""),
        ]
        if sources:
            made.fields[edges.output.column] = sources
    return made


def _of_all(columns: list[ColumnEdges]) -> list[Source]:
    """Return the sources that decide about the rows, and so about every column."""
    if not columns:
        return []
    others = [set(edges.indirect) for edges in columns[1:]]
    return [
        source
        for source in columns[0].indirect
        if source.subtype not in _OF_ONE and all(source in other for other in others)
    ]


def _input_fields(
    statement: NamedStatement, sources: Iterable[Source], type_: str, description: str
) -> Iterable[InputField]:
    for source in sources:
        dataset = statement.datasets.get(source.table)
        if dataset is not None and source.column not in ("", "*"):
            yield input_field(
                dataset, source.column, type_, source.subtype, description, masking=source.masking
            )


def column_lineage_facet(made: Made) -> dict[str, Any] | None:
    """Return the columnLineage facet of a dataset; None when nothing is known of its columns."""
    if not made.fields:
        return None
    facet: dict[str, Any] = {"_producer": PRODUCER, "_schemaURL": _COLUMN_SCHEMA}
    facet["fields"] = {column: {"inputFields": sources} for column, sources in made.fields.items()}
    return {**facet, "dataset": made.rows} if made.rows else facet


def lineage_facet(made: Mapping[Name, Made]) -> dict[str, Any]:
    """Return the explicit lineage facet of a job: which dataset, and which field, feeds which.

    Of a dataset whose columns are not all known it names no fields: a consumer takes it for all there is.
    """
    entries = [_entry(name, one) for name, one in made.items()]
    return {"_producer": PRODUCER, "_schemaURL": _LINEAGE_SCHEMA, "entries": entries}


def explains(made: Mapping[Name, Made], inputs: Iterable[Name], outputs: Iterable[Name]) -> bool:
    """Tell whether it is known what feeds each output, and what each input feeds.

    Only then may a lineage facet be sent, as consumers take what it leaves out for unconnected.
    """
    feeding = {name for one in made.values() for name in one.inputs}
    return bool(made) and made.keys() >= set(outputs) and feeding | made.keys() >= set(inputs)


def _entry(name: Name, made: Made) -> dict[str, Any]:
    entry = {**_dataset(name), "inputs": [_dataset(one) for one in made.inputs]}
    if made.complete and made.fields:
        entry["inputs"] += [_explicit(one) for one in made.rows]
        entry["fields"] = {
            column: {"inputs": [_explicit(one) for one in sources]} for column, sources in made.fields.items()
        }
    return entry


def _dataset(name: Name) -> dict[str, Any]:
    return {"type": "DATASET", "namespace": name[0], "name": name[1]}


def _explicit(source: InputField) -> dict[str, Any]:
    return {"type": "DATASET", **source}
