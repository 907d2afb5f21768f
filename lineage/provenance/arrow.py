"""Tables and frames of any library as Arrow's record batches."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from lineage.errors import ContentError, MissingDependencyError


def pyarrow() -> Any:
    """Return the pyarrow module; MissingDependencyError with the line to install it."""
    try:
        import pyarrow
        import pyarrow.compute
    except ImportError as error:
        raise MissingDependencyError("pyarrow", extra="pyarrow") from error
    return pyarrow


def as_batches(data: Any) -> tuple[Any, Iterable[Any]]:
    """Return the Arrow schema and the record batches of a table, a batch, a reader or a frame.

    ContentError for anything else, and for columns that have no form in Arrow. A reader is read to its end.
    """
    if _is_frame("pandas", data):
        data = _from_pandas(data)
    elif _is_frame("polars", data):
        data = _from_polars(data)
    pa = pyarrow()
    if isinstance(data, pa.RecordBatch):
        return data.schema, [data]
    if isinstance(data, pa.Table):
        return data.schema, data.to_batches()
    if not isinstance(data, pa.RecordBatchReader):
        data = _from_stream(data)
    return data.schema, data


def _from_stream(data: Any) -> Any:
    reader = pyarrow().RecordBatchReader
    try:
        return reader.from_stream(data)
    except (
        pyarrow().ArrowException,
        TypeError,
    ) as error:  # a Series, too, exports a stream: one of no batches
        kind = f"{type(data).__module__}.{type(data).__qualname__}"
        raise ContentError(f"{kind} is no table: {_ACCEPTED}") from error


_ACCEPTED = (
    "give a pyarrow Table, RecordBatch or RecordBatchReader, a pandas or polars DataFrame, or what exports an"
    " Arrow stream; rows have hash_rows, files hash_file"
)


def as_schema(data: Any) -> Any:
    """Return the Arrow schema of a schema, a table or a frame, unread; None for what is none of these."""
    if _is_frame("pandas", data):
        return _refused_by_arrow(
            lambda: pyarrow().Schema.from_pandas(data, preserve_index=False), "this pandas frame"
        )
    if _is_frame("polars", data):
        return _from_polars(data.clear()).schema
    pa = sys.modules.get("pyarrow")
    if pa is not None and isinstance(data, pa.Schema):
        return data
    if pa is not None and isinstance(data, pa.Table | pa.RecordBatch | pa.RecordBatchReader):
        return data.schema
    if hasattr(data, "__arrow_c_schema__"):
        return pyarrow().schema(data)
    return None


def _is_frame(library: str, data: Any) -> bool:
    module = sys.modules.get(library)  # who has a frame has imported its library
    return module is not None and isinstance(data, module.DataFrame)


def _from_pandas(frame: Any) -> Any:
    """Convert by pyarrow's rules: NaN of a numpy column is missing, objects have the type of their values."""
    pa = pyarrow()
    return _refused_by_arrow(lambda: pa.Table.from_pandas(frame, preserve_index=False), "this pandas frame")


def _from_polars(frame: Any) -> Any:
    pyarrow()
    objects = [name for name, kind in frame.schema.items() if "Object" in repr(kind)]
    if objects:  # polars would give their addresses in memory
        raise ContentError(f"columns of Python objects have no content hash: {', '.join(objects)}")
    return _refused_by_arrow(lambda: _polars_table(frame), "this polars frame")


def _polars_table(frame: Any) -> Any:
    try:
        return frame.to_arrow()
    except pyarrow().ArrowInvalid:  # polars 1 gets the lengths of structs in slices wrong
        return frame.rechunk().to_arrow()


def _refused_by_arrow(convert: Any, what: str) -> Any:
    pa = pyarrow()
    try:
        return convert()
    except (pa.ArrowException, TypeError, ValueError) as error:
        # Arrow's text names the column, and may hold a value of it.
        raise ContentError(
            f"{what} has a column that Arrow cannot express ({type(error).__name__}): give columns of one"
            " plain type each"
        ) from error
