"""Tables made by hypothesis, and the same content in other layouts and other libraries."""

from __future__ import annotations

import datetime
import math
import tempfile
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars
import pyarrow
import pyarrow.feather
import pyarrow.parquet
from hypothesis import strategies as st


def naive(*parts: int) -> datetime.datetime:
    """A time of no zone."""
    return datetime.datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001


_DAYS = st.dates(datetime.date(1700, 1, 1), datetime.date(2250, 1, 1))
_INSTANTS = st.datetimes(naive(1700, 1, 1), naive(2250, 1, 1))


def _bits(bits: int, *, signed: bool = True) -> st.SearchStrategy[int]:
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    return st.integers(low, high)


FLAT: dict[Any, st.SearchStrategy[Any]] = {
    pyarrow.bool_(): st.booleans(),
    pyarrow.int8(): _bits(8),
    pyarrow.int32(): _bits(32),
    pyarrow.int64(): _bits(64),
    pyarrow.uint16(): _bits(16, signed=False),
    pyarrow.uint64(): _bits(64, signed=False),
    pyarrow.float32(): st.floats(width=32, allow_nan=False),
    pyarrow.float64(): st.floats(allow_nan=False),
    pyarrow.string(): st.text(max_size=4),
    pyarrow.binary(): st.binary(max_size=4),
    pyarrow.date32(): _DAYS,
    pyarrow.timestamp("us"): _INSTANTS,
    pyarrow.timestamp("ns", "Europe/Berlin"): _INSTANTS,
    pyarrow.timestamp("ms", "UTC"): _INSTANTS.map(lambda at: at.replace(microsecond=0)),
    pyarrow.time64("us"): st.times(),
    pyarrow.duration("us"): st.timedeltas(datetime.timedelta(-9999), datetime.timedelta(9999)),
    pyarrow.decimal128(9, 2): st.integers(-(10**9) + 1, 10**9 - 1).map(
        lambda cents: Decimal(cents).scaleb(-2)
    ),
}
"""Types that Arrow, polars and Parquet have, and their values."""

_FLAT_TYPES = st.sampled_from(list(FLAT))
TYPES = (
    _FLAT_TYPES
    | _FLAT_TYPES.map(pyarrow.list_)
    | st.lists(_FLAT_TYPES, min_size=1, max_size=2).map(
        lambda kinds: pyarrow.struct([(f"f{at}", kind) for at, kind in enumerate(kinds)])
    )
)


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a type, None among them."""
    if pyarrow.types.is_list(kind):
        return st.none() | st.lists(values(kind.value_type), max_size=3)
    if pyarrow.types.is_struct(kind):
        return st.none() | st.fixed_dictionaries({field.name: values(field.type) for field in kind})
    return st.none() | FLAT[kind]


@st.composite
def tables(draw: st.DrawFn, types: st.SearchStrategy[Any] = TYPES, *, least: int = 0) -> Any:
    """A table of up to three columns and eight rows."""
    kinds = draw(st.lists(types, min_size=1, max_size=3))
    rows = draw(st.integers(least, 8))
    columns = [
        pyarrow.array(draw(st.lists(values(kind), min_size=rows, max_size=rows)), kind) for kind in kinds
    ]
    return pyarrow.table(columns, [f"c{at}" for at in range(len(kinds))])


def rechunked(table: Any, cuts: list[int]) -> Any:
    """The same table in chunks that end where they are told."""
    ends = sorted({0, table.num_rows, *(cut % (table.num_rows + 1) for cut in cuts)})
    pieces = [table.slice(start, end - start) for start, end in pairwise(ends)]
    return pyarrow.concat_tables(pieces) if pieces else table


def out_of_a_larger_one(table: Any) -> Any:
    """The same table as a slice of one with other rows around it, so that every buffer has an offset."""
    if not table.num_rows:
        return table
    around = pyarrow.concat_tables([table.slice(0, 1)] * 3 + [table] + [table.slice(0, 1)] * 3)
    return around.combine_chunks().slice(3, table.num_rows)


def with_rubbish_under_nulls(table: Any) -> Any:
    """The same table with values in the buffers where its columns are null."""
    columns = []
    for column in table.columns:
        array = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
        there = array.drop_null()
        if not pyarrow.types.is_primitive(array.type) or not len(there) or not array.null_count:
            columns.append(array)
            continue
        full = array.fill_null(there[0])
        columns.append(
            pyarrow.Array.from_buffers(
                full.type, len(full), [array.is_valid().buffers()[1], full.buffers()[1]], offset=0
            )
        )
    return pyarrow.table(columns, table.schema.names)


def laid_out(kind: Any) -> list[Any]:
    """Other Arrow types that hold the same values as one type of the same content."""
    types = pyarrow.types
    if types.is_string(kind):
        return [pyarrow.large_string(), pyarrow.string_view(), pyarrow.dictionary(pyarrow.int8(), kind)]
    if types.is_binary(kind):
        return [pyarrow.large_binary(), pyarrow.dictionary(pyarrow.int32(), kind)]
    if types.is_timestamp(kind):
        return [pyarrow.timestamp(unit, kind.tz) for unit in ("us", "ns")]
    if types.is_duration(kind) or types.is_time(kind):
        return [pyarrow.duration("ns") if types.is_duration(kind) else pyarrow.time64("ns")]
    if types.is_date(kind):
        return [pyarrow.date64()]
    if types.is_decimal(kind):
        return [pyarrow.decimal128(30, kind.scale), pyarrow.decimal256(50, kind.scale)]
    if types.is_list(kind):
        return [pyarrow.large_list(kind.value_type), pyarrow.list_view(kind.value_type)]
    return [kind]


def relaid(table: Any, choose: Callable[[list[Any]], Any]) -> Any:
    """The same content, each column in another layout of its type."""
    kinds = [choose(laid_out(field.type)) for field in table.schema]
    arrays = [
        pyarrow.array(column.to_pylist(), kind) if not pyarrow.types.is_temporal(kind) else column.cast(kind)
        for column, kind in zip(table.columns, kinds, strict=True)
    ]
    return pyarrow.table(arrays, table.schema.names)


def through_parquet(table: Any, **options: Any) -> Any:
    """The table as it is read back from a Parquet file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.parquet"
        pyarrow.parquet.write_table(table, path, **options)
        return pyarrow.parquet.read_table(path)


def through_feather(table: Any) -> Any:
    """The table as it is read back from a Feather file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.feather"
        pyarrow.feather.write_feather(table, path)
        return pyarrow.feather.read_table(path)


def through_polars(table: Any) -> Any:
    """The table as a polars frame."""
    return polars.from_arrow(table)


def another(value: Any, kind: Any) -> Any:
    """Another value of the same type, as near as one can be."""
    if pyarrow.types.is_list(kind):
        return [] if value is None else [*value, None]
    if pyarrow.types.is_struct(kind):
        if value is None:
            return {field.name: None for field in kind}
        return {**value, kind[0].name: another(value[kind[0].name], kind[0].type)}
    return _ZEROS[kind] if value is None else _near(value)


def _near(value: Any) -> Any:
    match value:
        case bool():
            return not value
        case int():
            return value ^ 1
        case float():
            return 0.5 if value in {1.0, 0.0} or math.isinf(value) else -value
        case str():
            return value + "\0"
        case bytes():
            return value + b"\0"
        case Decimal():
            return value + Decimal("0.01") if value < 0 else value - Decimal("0.01")
        case datetime.time():
            return value.replace(microsecond=value.microsecond ^ 1)
        case datetime.datetime() | datetime.timedelta():
            return value + datetime.timedelta(seconds=1)
        case datetime.date():
            return value + datetime.timedelta(1)
    raise TypeError(type(value))


_ZEROS = {
    kind: zero
    for test, zero in {
        pyarrow.types.is_boolean: False,
        pyarrow.types.is_integer: 0,
        pyarrow.types.is_floating: 0.0,
        pyarrow.types.is_string: "",
        pyarrow.types.is_binary: b"",
        pyarrow.types.is_date: datetime.date(1970, 1, 1),
        pyarrow.types.is_timestamp: naive(1970, 1, 1),
        pyarrow.types.is_time: datetime.time(0),
        pyarrow.types.is_duration: datetime.timedelta(0),
        pyarrow.types.is_decimal: Decimal("0.00"),
    }.items()
    for kind in FLAT
    if test(kind)
}
