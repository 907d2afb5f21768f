"""Tables of Arrow: Parquet, CSV, JSON, Feather and ORC files, and datasets of many of them.

Hooks the functions of pyarrow's modules once they are loaded, and the classes `ParquetFile`, `ParquetWriter`
and `ParquetDataset`. A dataset is an input when it has been made of files: the methods by which it is read
are those of C types, which cannot be hooked, and neither can `CSVWriter`. Of columns nothing is known.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial, wraps
from typing import Any
from weakref import WeakKeyDictionary

from lineage._guard import guard
from lineage.datasets import Dataset
from lineage.tracking import Run
from producers._base import argument, missing, module_version
from producers._frames import (
    FrameProducer,
    Schema,
    replace_functions,
    replace_method,
    schema_of,
    tell_input,
    tell_output,
)
from producers._layers import Tell, run_to_tell, telling
from producers._paths import dataset_of, datasets_of

try:
    import pyarrow
except ImportError as error:
    raise missing("pyarrow", "pyarrow", error) from error


def arrow_schema(data: Any) -> Schema:
    """Return the columns of a table, a batch, a dataset or a schema of Arrow with their types."""
    schema = data if isinstance(data, pyarrow.Schema) else getattr(data, "schema", None)
    if not isinstance(schema, pyarrow.Schema):
        return None
    return schema_of(zip(schema.names, schema.types, strict=True))


class PyArrowProducer(FrameProducer):
    """Tells runs of what pyarrow reads and writes."""

    name = "pyarrow"
    minimum = "17.0.0"

    def hook(self, undo: ExitStack) -> None:
        """Replace the functions of the modules that are loaded, and of the others once they are."""
        from wrapt import register_post_import_hook

        for name in _MODULES:
            if name in sys.modules:
                _hook(sys.modules[name], undo)
            elif name not in self._awaited:
                self._awaited.add(name)
                register_post_import_hook(self._loaded, name)

    def __init__(self) -> None:
        super().__init__()
        self._awaited: set[str] = set()

    def _loaded(self, module: Any) -> None:
        with guard("instrumenting a module of pyarrow"), self._lock:
            if self._undo is not None:
                _hook(module, self._undo)

    def version(self) -> str:
        """Return pyarrow's version."""
        return module_version(pyarrow)


PRODUCER = PyArrowProducer()

_READERS = {
    "pyarrow.parquet": ("read_table", "read_pandas"),
    "pyarrow.csv": ("read_csv", "open_csv"),
    "pyarrow.json": ("read_json", "open_json"),
    "pyarrow.feather": ("read_table", "read_feather"),
    "pyarrow.orc": ("read_table",),
    "pyarrow.dataset": ("dataset", "parquet_dataset"),
}
_WRITERS = {
    "pyarrow.parquet": {"write_table": ("table", "where"), "write_to_dataset": ("table", "root_path")},
    "pyarrow.csv": {"write_csv": ("data", "output_file")},
    "pyarrow.feather": {"write_feather": ("df", "dest")},
    "pyarrow.orc": {"write_table": ("table", "where")},
    "pyarrow.dataset": {"write_dataset": ("data", "base_dir")},
}
"""The functions that write files, with the names of their first two arguments: what, and where to."""

_MODULES = tuple(_READERS)
_CHOOSING = ("columns", "read_options", "convert_options", "parse_options", "schema")

_files: WeakKeyDictionary[Any, Dataset] = WeakKeyDictionary()
"""What open files of Parquet are called."""

_NOTING = guard("taking note of a file of pyarrow")


def _hook(module: Any, undo: ExitStack) -> None:
    name = module.__name__
    tells: dict[str, Tell] = {reader: partial(_read, 0) for reader in _READERS[name]}
    tells |= {writer: partial(_written, names) for writer, names in _WRITERS.get(name, {}).items()}
    there = {each: (vars(module)[each], tell) for each, tell in tells.items() if each in vars(module)}
    functions = {each: (found, partial(telling, tell=tell)) for each, (found, tell) in there.items()}
    replace_functions("pyarrow", functions, undo)
    if name == "pyarrow.parquet":
        replace_method(module.ParquetDataset, "__init__", partial(telling, tell=partial(_read, 1)), undo)
        for kind, first in ((module.ParquetFile, "source"), (module.ParquetWriter, "where")):
            replace_method(kind, "__init__", partial(_noting, first), undo)
        for method in ("read", "read_row_group", "read_row_groups", "iter_batches"):
            replace_method(module.ParquetFile, method, partial(telling, tell=_read_of_file), undo)
        for method in ("write_table", "write_batch"):
            replace_method(module.ParquetWriter, method, partial(telling, tell=_written_to_file), undo)


def _noting(first: str, init: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(init)
    def call(file: Any, *args: Any, **kwargs: Any) -> None:
        init(file, *args, **kwargs)
        with _NOTING:
            if run_to_tell() is not None:
                named = dataset_of(argument(args, kwargs, 0, first), kwargs.get("filesystem"))
                if named is not None:
                    _files[file] = named

    return call


def _rows(data: Any) -> int | None:
    rows = getattr(data, "num_rows", None)
    return rows if isinstance(rows, int) else None


def _read(place: int, run: Run, table: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    given = args[place] if len(args) > place else next(iter(kwargs.values()), None)
    named = list(datasets_of(given, kwargs.get("filesystem")))
    whole = len(named) == 1 and all(kwargs.get(name) is None for name in _CHOOSING)
    for dataset in named:
        rows = _rows(table) if len(named) == 1 else None
        tell_input(run, dataset, arrow_schema(table) if whole else None, rows)


def _written(
    names: tuple[str, str], run: Run, result: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    data, target = (argument(args, kwargs, place, name) for place, name in enumerate(names))
    if (dataset := dataset_of(target, kwargs.get("filesystem"))) is not None:
        tell_output(run, dataset, arrow_schema(data), _rows(data))


def _read_of_file(run: Run, table: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    if (dataset := _files.get(args[0])) is not None:
        tell_input(run, dataset, arrow_schema(args[0].schema_arrow))


def _written_to_file(run: Run, result: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    if (dataset := _files.get(args[0])) is not None and len(args) > 1:
        tell_output(run, dataset, arrow_schema(args[1]), _rows(args[1]), added=True)
