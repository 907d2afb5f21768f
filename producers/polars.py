"""Frames of polars: what is read and written inside a run, and what its columns are made from.

Hooks the functions that read, the methods that write and those that run a lazy frame. A lazy frame reads when
it is collected or sunk, and then its plan says which files those were and how each column is made; so does
each step of an eager frame. What a plan does not show (Python functions, a reader of somebody's own) is not
known, nor are frames that were changed in place. `collect_async` and queries in the background are not seen.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial, wraps
from typing import Any

from lineage._guard import guard
from lineage.tracking import Run
from producers._base import argument, missing, module_version, replace
from producers._frame_sql import commits_by_itself, is_captured, table_of, tell_statement, url_of
from producers._frames import (
    FrameProducer,
    Schema,
    replace_functions,
    replace_method,
    schema_of,
    tell_input,
    tell_output,
)
from producers._layers import run_to_tell, telling
from producers._paths import dataset_of, datasets_of
from producers._polars_columns import Origin, of_dataset
from producers._polars_origins import Origins
from producers._polars_scans import Read, Scans

try:
    import polars
except ImportError as error:
    raise missing("polars", "polars", error) from error

from producers._polars_plans import Plan


class PolarsProducer(FrameProducer):
    """Tells runs of what polars reads and writes."""

    name = "polars"
    minimum = "1.31.0"

    def hook(self, undo: ExitStack) -> None:
        """Replace what reads, writes, collects and changes frames."""
        known = {name: (getattr(polars, name, None), hooked) for name, hooked in _functions().items()}
        replace_functions("polars", {name: one for name, one in known.items() if one[0] is not None}, undo)
        for name, hooked in _methods_of_lazy_frames().items():
            replace_method(polars.LazyFrame, name, hooked, undo)
        for name, hooked in _methods_of_frames().items():
            replace_method(polars.DataFrame, name, hooked, undo)
        columns: Any = vars(polars.DataFrame)["columns"]
        replace(polars.DataFrame, "columns", columns.setter(_changing(columns.fset)), undo)

    def version(self) -> str:
        """Return polars' version."""
        return module_version(polars)


PRODUCER = PolarsProducer()

_SCANS = ("scan_parquet", "scan_csv", "scan_ndjson", "scan_ipc")
_ASKING = ("scan_iceberg", "scan_delta", "defer")
"""What has plans ask Python for their sources or steps: another look at one would ask once more."""

_SINKS = ("sink_parquet", "sink_csv", "sink_ndjson", "sink_ipc")
_READERS = (
    *("read_parquet", "read_csv", "read_ndjson", "read_json", "read_ipc", "read_ipc_stream"),
    *("read_avro", "read_excel", "read_ods", "read_delta"),
)
_WRITERS = {
    **dict.fromkeys(("write_parquet", "write_csv", "write_ndjson", "write_json", "write_ipc"), "file"),
    **{"write_ipc_stream": "file", "write_avro": "file", "write_excel": "workbook", "write_delta": "target"},
}
_KEEPING = ("head", "tail", "limit", "slice", "clone", "rechunk", "sample")
CHANGING = (
    *("__setitem__", "__setstate__", "drop_in_place", "extend", "hstack", "insert_column", "replace_column"),
    *("vstack", "shrink_to_fit", "_replace"),
)
"""The methods of frames that may change them in place."""

_Hooked = Callable[[Callable[..., Any]], Callable[..., Any]]


def _functions() -> dict[str, _Hooked]:
    return {
        **dict.fromkeys(_SCANS, _noting),
        **dict.fromkeys(_ASKING, _asking),
        **dict.fromkeys(_READERS, partial(telling, tell=_read)),
        "read_database": partial(telling, tell=_queried),
        "read_database_uri": partial(telling, tell=_queried_uri),
        "collect_all": partial(telling, tell=_collected_all),
    }


def _methods_of_lazy_frames() -> dict[str, _Hooked]:
    return {
        **dict.fromkeys(("collect", "_collect_eager"), partial(telling, tell=_collected)),
        **dict.fromkeys(_SINKS, partial(telling, tell=_sunk)),
        "pipe_with_schema": _asking,
    }


def _methods_of_frames() -> dict[str, _Hooked]:
    writers = {name: partial(telling, tell=partial(_written, place)) for name, place in _WRITERS.items()}
    return {
        **writers,
        **dict.fromkeys(_KEEPING, _keeping),
        **dict.fromkeys(CHANGING, _changing),
        "write_database": partial(telling, tell=_inserted),
        "lazy": _made_lazy,
    }


_CHOOSING = (
    "columns",
    "columns_",
    "new_columns",
    "schema",
    "row_index_name",
    "include_file_paths",
    "sheet_id",
)
_MOST_SCANS = 1_000

_NOTING = guard("taking note of a frame of polars")
_origins = Origins()
_scans = Scans()


class _Walking:
    """Whether plans may be looked at."""

    allowed = True


def _noting(scan: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(scan)
    def call(*args: Any, **kwargs: Any) -> Any:
        with _NOTING:
            renamed = any(kwargs.get(each) is not None for each in ("with_column_names", "new_columns"))
            _scans.note(argument(args, kwargs, 0, "source"), renamed=renamed)
        return scan(*args, **kwargs)

    return call


def _asking(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        _Walking.allowed = False
        return function(*args, **kwargs)

    return call


def _made_lazy(lazy: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(lazy)
    def call(frame: Any, *args: Any, **kwargs: Any) -> Any:
        made = lazy(frame, *args, **kwargs)
        with _NOTING:
            by_polars = _is_of_frames(sys._getframe(1))
            if not by_polars or run_to_tell() is not None:
                _origins.made_lazy(frame, by_polars=by_polars)
        return made

    return call


def _keeping(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def call(frame: Any, *args: Any, **kwargs: Any) -> Any:
        made = method(frame, *args, **kwargs)
        with _NOTING:
            if isinstance(made, polars.DataFrame) and (origin := _origins.of(frame)) is not None:
                _origins.remember(made, origin)
        return made

    return call


def _changing(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def call(frame: Any, *args: Any, **kwargs: Any) -> Any:
        with _NOTING:
            _origins.forget(frame)
        return method(frame, *args, **kwargs)

    return call


def _is_of_frames(frame: Any) -> bool:
    """Whether code is that of polars' eager frames, which are lazy inside of each method."""
    return str(frame.f_globals.get("__name__", "")).startswith("polars.dataframe.")


def _schema(frame: Any) -> Schema:
    return schema_of(frame.schema.items())


def _read(run: Run, frame: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    given = argument(args, kwargs, 0, "source")
    chosen = any(kwargs.get(name) is not None for name in _CHOOSING)
    named = list(datasets_of(given, options=kwargs.get("storage_options")))
    is_one = len(named) == 1 and isinstance(frame, polars.DataFrame)
    for dataset in named:
        schema = None if chosen or not is_one else _schema(frame)
        tell_input(run, dataset, schema, frame.height if is_one else None)
    if is_one and not any(kwargs.get(name) is not None for name in _CHOOSING[2:]):
        _origins.remember(frame, of_dataset(named[0], frame.columns))


def _written(place: str, run: Run, result: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    frame, target = args[0], argument(args, kwargs, 1, place)
    added = kwargs.get("mode") == "append"
    if (dataset := dataset_of(_folder(target), options=kwargs.get("storage_options"))) is not None:
        origin = _origins.of(frame)
        tell_output(run, dataset, _schema(frame), frame.height, added=added, origin=origin)


def _folder(target: Any) -> Any:
    """Return where a sink leads that is divided into files."""
    inner = getattr(target, "_pl_partition_by", target)
    return getattr(inner, "base_path", getattr(inner, "_base_path", target))


def _walked(run: Run, lazy: Any, *, by_polars: bool) -> Plan | None:
    """Tell a run what a plan has read; returns the plan where it can be looked at."""
    if not _Walking.allowed:
        return None
    read: Read = {}

    def scanned(paths: list[str], schema: dict[str, Any]) -> Origin:
        return _scans.origin(paths, schema, read)

    try:
        plan = Plan(lazy, scanned, partial(_origins.in_plan, by_polars=by_polars))
    except (polars.exceptions.PolarsError, polars.exceptions.PanicException, ValueError):
        return None
    for dataset, schema in read.values():
        tell_input(run, dataset, schema)
    return plan


def _collected(run: Run, frame: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    by_polars = _is_of_frames(sys._getframe(2))
    if (by_polars and not _origins.any_noted) or not isinstance(frame, polars.DataFrame):
        return
    _tell_collected(run, args[0], frame, by_polars=by_polars)


def _tell_collected(run: Run, lazy: Any, frame: Any, *, by_polars: bool = False) -> None:
    plan = _walked(run, lazy, by_polars=by_polars)
    if plan is None:
        return
    for target in plan.targets:
        if (dataset := dataset_of(target)) is not None:
            tell_output(run, dataset, plan.schema, origin=plan.origin)
    if not plan.targets and plan.origin.inputs:
        _origins.remember(frame, plan.origin)


def _collected_all(run: Run, frames: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    lazies = argument(args, kwargs, 0, "lazy_frames")
    if isinstance(lazies, list | tuple) and isinstance(frames, list):
        for lazy, frame in zip(lazies, frames, strict=True):
            _tell_collected(run, lazy, frame)


def _sunk(run: Run, result: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    if kwargs.get("lazy"):  # it is told when it is collected
        return
    plan = _walked(run, args[0], by_polars=_is_of_frames(sys._getframe(2)))
    target = _folder(argument(args, kwargs, 1, "path"))
    if (dataset := dataset_of(target, options=kwargs.get("storage_options"))) is not None:
        tell_output(run, dataset, plan.schema if plan else None, origin=plan.origin if plan else None)


def _queried(run: Run, frame: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    connection = argument(args, kwargs, 1, "connection")
    if not isinstance(connection, str) and not is_captured(connection):
        tell_statement(run, argument(args, kwargs, 0, "query"), connection)


def _queried_uri(run: Run, frame: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    query, uri = argument(args, kwargs, 0, "query"), argument(args, kwargs, 1, "uri")
    for statement in query if isinstance(query, list) else [query]:
        tell_statement(run, statement, uri)


def _inserted(run: Run, rows: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    frame, connection = args[0], argument(args, kwargs, 2, "connection")
    origin = _origins.of(frame)
    adds = origin is not None and origin.known and _named_alike(connection)
    if not commits_by_itself(connection) or (is_captured(connection) and not adds):
        return
    schema, _, table = str(argument(args, kwargs, 1, "table_name")).rpartition(".")
    dataset = table_of(connection, table.strip('"'), schema.strip('"') or None)
    if dataset is not None:
        added = kwargs.get("if_table_exists") == "append"
        tell_output(run, dataset, _schema(frame), frame.height, added=added, origin=origin)


def _named_alike(connection: Any) -> bool:
    """Whether tables are named here as the statements of the driver name them, for sure."""
    return str(url_of(connection)).startswith(("postgresql", "sqlite"))
