"""What runs were told of frames and files, in a form that tests can compare."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from lineage import track_run
from lineage.testing import capture


@dataclass
class Told:
    """The last event of a run: its datasets by the last part of their names."""

    event: dict[str, Any] = field(default_factory=dict)

    @property
    def inputs(self) -> dict[str, int | None]:
        """The inputs with the rows that were read."""
        return {_short(one): _rows(one, "input") for one in self.event["inputs"]}

    @property
    def outputs(self) -> dict[str, int | None]:
        """The outputs with the rows that were written."""
        return {_short(one): _rows(one, "output") for one in self.event["outputs"]}

    def dataset(self, name: str) -> dict[str, Any]:
        """Return a dataset as the event has it."""
        both = [*self.event["outputs"], *self.event["inputs"]]
        found: dict[str, Any] = next(one for one in both if _short(one) == name)
        return found

    def schema(self, name: str) -> dict[str, str]:
        """Return the columns of a dataset with their types."""
        fields = self.dataset(name)["facets"].get("schema", {}).get("fields", [])
        return {each["name"]: each["type"] for each in fields}

    def columns(self, name: str) -> dict[str, set[str]]:
        """Return what each column of an output is made of: `orders.parquet.amount AGGREGATION`."""
        fields = self.dataset(name)["facets"].get("columnLineage", {}).get("fields", {})
        return {column: {_source(one) for one in each["inputFields"]} for column, each in fields.items()}

    def rows(self, name: str) -> set[str]:
        """Return what decides about the rows of an output."""
        return {_source(one) for one in self.dataset(name)["facets"]["columnLineage"].get("dataset", [])}

    def feeding(self, name: str) -> set[str] | None:
        """Return what the lineage facet says to feed an output; None where it is not sent."""
        facet = self.event["job"]["facets"].get("lineage")
        if facet is None:
            return None
        (entry,) = [one for one in facet["entries"] if _short(one) == name]
        return {_short(one) for one in entry["inputs"] if "field" not in one}


@contextmanager
def told_run(name: str = "etl") -> Iterator[Told]:
    """Run the block as a run, and give what it was told when it has ended."""
    told = Told()
    with capture() as events:
        with track_run(name):
            yield told
        told.event = events[-1]


def _short(dataset: dict[str, Any]) -> str:
    return str(dataset["name"]).rsplit("/", 1)[-1]


def _rows(dataset: dict[str, Any], side: str) -> int | None:
    facet = dataset.get(f"{side}Facets", {}).get(f"{side}Statistics", {})
    rows: int | None = facet.get("rowCount")
    return rows


def _source(source: dict[str, Any]) -> str:
    (how,) = source["transformations"]
    return f"{_short(source)}.{source['field']} {how['subtype']}"
