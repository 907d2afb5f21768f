"""What Airflow's inlets, outlets and assets are called as datasets; nothing of Airflow is imported.

A hint is known by what it has, as its classes moved from one version of Airflow to the next: assets (Airflow
2's datasets) have a `uri`, files a `url`, tables a `cluster`, a `database` and a `name`, datasets of
OpenLineage and of this package a `namespace` and a `name`. Text is taken as it is by `parse_dataset`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from lineage._guard import guard
from lineage.datasets import Dataset, Field, parse_dataset


def hinted(hints: Iterable[Any], namespace: str) -> Iterator[Dataset]:
    """Yield the datasets that a task's inlets or outlets name; what names none is left out.

    `namespace` is that of assets which have a name and no URI.
    """
    for hint in hints:
        found = None
        with guard("reading a task's inlets and outlets"):
            found = dataset_of(hint, namespace)
        if found is not None:
            yield found


def dataset_of(hint: Any, namespace: str) -> Dataset | None:
    """Return the dataset that a hint names; None for what names none, as an alias of assets."""
    if isinstance(hint, str | Dataset):
        return parse_dataset(hint, default_namespace=namespace)
    address = _text(hint, "uri") or _text(hint, "url")
    if address is not None:
        return _at(address, namespace)
    name = _text(hint, "name")
    if name is None:
        return None
    if (database := _text(hint, "database")) is not None:
        cluster = _text(hint, "cluster") or namespace
        return parse_dataset(Dataset(cluster, f"{database}.{name}", _fields(hint)))
    if (said := _text(hint, "namespace")) is not None:
        return parse_dataset(Dataset(said, name))
    return None


def _at(address: str, namespace: str) -> Dataset:
    # An asset without a scheme is called so: its slashes are no folders.
    return parse_dataset(address) if ":" in address else Dataset(namespace, address)


def _fields(table: Any) -> list[Field]:
    columns = getattr(table, "columns", None) or ()
    return [
        Field(column.name, _text(column, "data_type"), _text(column, "description")) for column in columns
    ]


def _text(of: Any, name: str) -> str | None:
    value = getattr(of, name, None)
    return value if isinstance(value, str) and value else None
