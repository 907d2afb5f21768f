"""Files that lazy frames of polars scan, by the names that the program gave: folders and patterns too."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import PurePath
from typing import Any

from lineage.datasets import Dataset
from producers._frames import Schema, schema_of
from producers._paths import dataset_of
from producers._polars_columns import Origin, of_dataset

_MOST = 1_000

Read = dict[tuple[str, str], tuple[Dataset, Schema]]
"""The datasets that a plan reads, by namespace and name, with the columns that they have."""


class Scans:
    """What was scanned in this process, the latest of it."""

    def __init__(self) -> None:
        self._noted: OrderedDict[str, bool] = OrderedDict()

    def note(self, given: Any, *, renamed: bool) -> None:
        """Take note of what a scan was given, and whether its columns have not the names of the files."""
        for source in given if isinstance(given, list | tuple) else (given,):
            if isinstance(source, str | PurePath):
                self._noted[str(source)] = renamed
        while len(self._noted) > _MOST:
            self._noted.popitem(last=False)

    def origin(self, paths: list[str], schema: Mapping[str, Any], read: Read) -> Origin:
        """Return the origin of a scan of these paths with these columns, and add what it reads."""
        origin = Origin(dict.fromkeys(schema, frozenset()))
        for path in named_paths(paths, list(self._noted)):
            dataset = dataset_of(path)
            if dataset is None:
                return Origin(dict.fromkeys(schema), whole=False)
            one = of_dataset(dataset, schema)
            origin.inputs.update(one.inputs)
            read[dataset.namespace, dataset.name] = (dataset, None)
            if self._noted.get(path):
                return Origin(dict.fromkeys(schema), inputs=origin.inputs)
            for column, sources in one.columns.items():
                origin.columns[column] = (origin.columns[column] or frozenset()) | (sources or frozenset())
            read[dataset.namespace, dataset.name] = (dataset, schema_of(schema.items()))
        return origin


def named_paths(paths: list[str], scans: list[str]) -> list[str]:
    """Return what the files of a scan are called: the folders and patterns that were asked for, else each."""
    found: dict[str, None] = {}
    for path in paths:
        plain = path.removeprefix("file://")
        asked = [scan for scan in scans if _holds(scan.removeprefix("file://"), plain)]
        nearest = max(asked, key=lambda scan: (scan == path, len(scan)), default=path)
        found[nearest] = None
    return list(found)


def _holds(scan: str, path: str) -> bool:
    if scan == path or path.startswith(scan.rstrip("/") + "/"):
        return True
    return any(sign in scan for sign in "*?[") and fnmatchcase(path, scan)
