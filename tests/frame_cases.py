"""The contract of integrations on libraries of frames and files: reading a CSV file inside a run."""

from __future__ import annotations

import csv
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec
import fsspec.asyn
import fsspec.spec
import pandas
import polars
import pyarrow
import pyarrow.csv
import pyarrow.parquet
from fsspec.implementations.local import LocalFileSystem
from held_attributes import attributes
from postgres_server import PostgresServer
from producer_cases import Case

import producers.fsspec
import producers.pandas
import producers.polars
import producers.pyarrow
from lineage import track_run

Rows = list[tuple[Any, ...]]


class Folder:
    """A folder with one file, and what the runs that read it were told."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.told: list[dict[str, Any]] = []

    def emit(self, event: Any) -> None:
        """Take an event of a run, as an OpenLineage transport does."""
        for dataset in event.inputs if event.eventType.value != "START" else ():
            self.told.append({"dataset": dataset.name, "facets": repr(dataset)})


@contextmanager
def folder(postgres: PostgresServer) -> Iterator[Folder]:
    with tempfile.TemporaryDirectory() as path:
        yield Folder(Path(path))


_CONSTANT = re.compile(r"(?:'(?P<text>[^']*)'|(?P<number>\d+))(?: as (?P<name>\w+))?")


def reading(read: Callable[[str], Rows]) -> Callable[[Folder, str], Rows]:
    """Return what takes a statement for the contents of a file, and reads them inside a run."""

    def run(there: Folder, statement: str) -> Rows:
        path = there.path / "data.csv"
        found = list(_CONSTANT.finditer(statement))
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(each["name"] or f"c{place}" for place, each in enumerate(found))
            writer.writerow(each["text"] or each["number"] for each in found)
        with track_run("contract", emitter=there):
            return read(str(path if found else there.path / "nowhere.csv"))

    return run


class Failing:
    """A file that cannot be read."""

    closed = False

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __iter__(self) -> Any:
        raise self.error

    def read(self, *args: Any) -> Any:
        raise self.error

    readline = readlines = read

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def writable(self) -> bool:
        return False

    def close(self) -> None:
        pass


def failing(read: Callable[[Any], Any]) -> Callable[[Folder, BaseException], Any]:
    def run(there: Folder, error: BaseException) -> Any:
        with track_run("contract", emitter=there):
            return read(Failing(error))

    return run


class FailingFiles(LocalFileSystem):
    """A file system none of whose files can be opened."""

    cachable = False

    def __init__(self, failing: Failing) -> None:
        super().__init__()
        self.failing = failing

    def _open(self, path: str, *args: Any, **kwargs: Any) -> Any:
        raise self.failing.error


def _pandas(source: Any) -> Rows:
    return list(pandas.read_csv(source).itertuples(index=False, name=None))


class FailingPath(type(Path())):  # type: ignore[misc]
    """A path that fails where it is asked for."""

    error: BaseException

    def __fspath__(self) -> str:
        raise self.error


def _polars(source: Any) -> Rows:
    if isinstance(
        source, Failing
    ):  # what its engine asks a file for comes back as an exception of another kind
        failing, source = source, FailingPath("data.csv")
        source.error = failing.error
    return polars.read_csv(source).rows()


def _pyarrow(source: Any) -> Rows:
    return [tuple(row.values()) for row in pyarrow.csv.read_csv(source).to_pylist()]


def _fsspec(source: Any) -> Rows:
    if isinstance(source, Failing):
        return FailingFiles(source).open("/data.csv")  # type: ignore[no-any-return]
    with fsspec.open(source, "r") as file:
        _, *rows = csv.reader(file)
    return [tuple(int(each) if each.isdigit() else each for each in row) for row in rows]


def _case(name: str, module: Any, read: Callable[[Any], Rows], *holders: Any) -> Case:
    return Case(
        name,
        module,
        folder,
        reading(read),
        failing(read),
        lambda there: attributes(*holders),
        told=lambda there: there.told,
        targets=False,
        steps=("run_to_tell", "dataset_of", "tell_input"),
    )


CASES = {
    "fsspec": _case("fsspec", producers.fsspec, _fsspec, fsspec.spec.AbstractFileSystem, fsspec.asyn),
    "pandas": _case(
        "pandas", producers.pandas, _pandas, pandas, pandas.io.api, *pandas.DataFrame.__mro__[:-1]
    ),
    "polars": _case("polars", producers.polars, _polars, polars, polars.DataFrame, polars.LazyFrame),
    "pyarrow": _case(
        "pyarrow",
        producers.pyarrow,
        _pyarrow,
        pyarrow.csv,
        pyarrow.parquet,
        pyarrow.parquet.ParquetFile,
        pyarrow.parquet.ParquetWriter,
        pyarrow.parquet.ParquetDataset,
    ),
}
