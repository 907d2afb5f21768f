"""Frames of pandas: files and tables that are read and written inside a run.

Hooks the `read_...` functions and the `to_...` methods. What became of the columns in between is not known:
frames change in place, in ways that nothing sees, so no column is said to be made from another. Statements of
`read_sql` and `to_sql` are told by the integration of their driver; without one, by this.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import Any

from lineage.tracking import Run
from producers._base import argument, missing, module_version
from producers._frame_sql import commits_by_itself, is_captured, table_of, tell_statement
from producers._frames import (
    FrameProducer,
    Schema,
    replace_functions,
    replace_method,
    schema_of,
    tell_input,
    tell_output,
)
from producers._layers import Tell, telling
from producers._paths import dataset_of, datasets_of

try:
    import pandas
except ImportError as error:
    raise missing("pandas", "pandas", error) from error


def schema_of_frame(frame: Any, *, index: bool = True) -> Schema:
    """Return the columns of a frame with their types, those of its index that have a name before them."""
    if not isinstance(frame, pandas.DataFrame):
        return None
    levels = frame.index
    named = [(name, levels.get_level_values(place).dtype) for place, name in enumerate(levels.names) if name]
    columns = zip(frame.columns, frame.dtypes, strict=True)
    return schema_of([*(named if index else ()), *columns])


class PandasProducer(FrameProducer):
    """Tells runs of what pandas reads and writes."""

    name = "pandas"
    minimum = "2.0.0"

    def hook(self, undo: ExitStack) -> None:
        """Replace the functions that read and the methods that write."""
        tells: dict[str, Tell] = {name: partial(_read, place) for name, place in _READERS.items()}
        tells |= {"read_sql_query": _queried, "read_sql": _queried, "read_sql_table": _fetched}
        functions = {
            name: (getattr(pandas, name), partial(telling, tell=tell)) for name, tell in tells.items()
        }
        replace_functions("pandas", functions, undo)
        for name, place in _WRITERS.items():
            replace_method(pandas.DataFrame, name, partial(telling, tell=partial(_written, place)), undo)
        replace_method(pandas.DataFrame, "to_sql", partial(telling, tell=_inserted), undo)

    def version(self) -> str:
        """Return pandas' version."""
        return module_version(pandas)


PRODUCER = PandasProducer()

_BUFFER = "filepath_or_buffer"
_READERS = {
    **{"read_parquet": "path", "read_csv": _BUFFER, "read_json": "path_or_buf", "read_table": _BUFFER},
    **{"read_fwf": _BUFFER, "read_feather": "path", "read_orc": "path", "read_excel": "io"},
    **{
        "read_pickle": _BUFFER,
        "read_xml": "path_or_buffer",
        "read_stata": _BUFFER,
        "read_hdf": "path_or_buf",
    },
}
"""The functions that read files, with the name of their first argument."""

_WRITERS = {
    **{"to_parquet": "path", "to_csv": "path_or_buf", "to_json": "path_or_buf", "to_feather": "path"},
    **{"to_orc": "path", "to_excel": "excel_writer", "to_pickle": "path", "to_xml": "path_or_buffer"},
    **{"to_stata": "path", "to_hdf": "path_or_buf"},
}
_CHOOSING = ("columns", "usecols", "names", "header", "colspecs")
"""Arguments with which a frame has not all columns of its file, or not by the names they have there."""


def _read(place: str, run: Run, frame: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    given = argument(args, kwargs, 0, place)
    named = list(datasets_of(_file(given), kwargs.get("filesystem"), kwargs.get("storage_options")))
    is_one = len(named) == 1 and isinstance(frame, pandas.DataFrame)
    chosen = not is_one or any(name in kwargs for name in _CHOOSING)
    for dataset in named:
        schema = None if chosen else schema_of_frame(frame)
        tell_input(run, dataset, schema, len(frame) if is_one else None)


def _written(place: str, run: Run, result: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    frame, given = args[0], argument(args, kwargs, 1, place)
    filesystem, options = kwargs.get("filesystem"), kwargs.get("storage_options")
    if given is not None and (dataset := dataset_of(_file(given), filesystem, options)) is not None:
        schema = schema_of_frame(frame, index=kwargs.get("index") is not False)
        added = str(kwargs.get("mode", "")).startswith("a") or isinstance(given, pandas.ExcelWriter)
        tell_output(run, dataset, schema, len(frame), added=added)


def _file(given: Any) -> Any:
    """Return the file of what reads or writes several parts of it."""
    if isinstance(given, pandas.ExcelFile):
        return given._io if isinstance(given._io, str) else getattr(given, "io", None)
    if isinstance(given, pandas.ExcelWriter):
        return getattr(given, "path", None) or getattr(getattr(given, "_handles", None), "handle", None)
    if isinstance(given, pandas.HDFStore):
        return given.filename
    return given


def _queried(run: Run, frame: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    text, connection = str(argument(args, kwargs, 0, "sql")), argument(args, kwargs, 1, "con")
    if is_captured(connection):
        return
    if " " in text.strip():
        tell_statement(run, text, connection)
    else:  # the name of a table
        _tell_table(run, text, None, connection, frame, kwargs)


def _fetched(run: Run, frame: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    table, connection = argument(args, kwargs, 0, "table_name"), argument(args, kwargs, 1, "con")
    if not is_captured(connection):
        _tell_table(run, str(table), argument(args, kwargs, 2, "schema"), connection, frame, kwargs)


def _tell_table(
    run: Run, table: str, schema: Any, connection: Any, frame: Any, kwargs: dict[str, Any]
) -> None:
    dataset = table_of(connection, table, schema)
    if dataset is not None:
        whole = isinstance(frame, pandas.DataFrame)
        columns = schema_of_frame(frame) if whole and kwargs.get("columns") is None else None
        tell_input(run, dataset, columns, len(frame) if whole else None)


def _inserted(run: Run, rows: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    frame, connection = args[0], argument(args, kwargs, 2, "con")
    if is_captured(connection):
        return
    table, schema = argument(args, kwargs, 1, "name"), argument(args, kwargs, 3, "schema")
    dataset = table_of(connection, str(table), schema) if commits_by_itself(connection) else None
    if dataset is not None:
        added = argument(args, kwargs, 4, "if_exists") == "append"
        columns = schema_of_frame(frame, index=argument(args, kwargs, 5, "index") is not False)
        tell_output(run, dataset, columns, len(frame), added=added)
