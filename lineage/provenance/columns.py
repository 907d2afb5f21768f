"""The canonical bytes of an Arrow column: of its values, and of nothing that only its layout decides.

A column is written in blocks of `BLOCK` rows, wherever its chunks end. A block is: whether there are nulls
(and if so a byte for each row that says so), the number of rows, and then the values that are not null, as
little-endian numbers one after another. What is under a null, buffers' offsets and padding, dictionaries
and widths of offsets are left behind on the way.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from lineage.provenance.arrow import pyarrow

BLOCK = 65_536
"""Rows that are written at once; a part of the encoding, as the nulls of a block stand before its values."""

_LENGTH = struct.Struct("<Q").pack
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}

_Update = Callable[[Any], object]


def write_column(array: Any, update: _Update) -> None:
    """Give the canonical bytes of an array to `update`, piece by piece."""
    array = plain(array)
    rows, nulls = len(array), array.null_count
    update((b"\1" if nulls else b"\0") + _LENGTH(rows))
    if nulls:
        pa = pyarrow()
        _write_fixed(pa.compute.cast(pa.compute.is_valid(array), pa.uint8()), update)
        array = array.drop_null()
    _write_values(array, update)


def plain(array: Any) -> Any:
    """Return the array without dictionary, runs, extension type and views."""
    pa, types = pyarrow(), pyarrow().types
    while True:
        if isinstance(array.type, pa.BaseExtensionType):
            array = array.storage
        elif types.is_dictionary(array.type):
            array = array.dictionary_decode()
        elif types.is_run_end_encoded(array.type):
            array = pa.compute.run_end_decode(array)
        elif types.is_string_view(array.type):
            return _unviewed(array, pa.large_string())
        elif types.is_binary_view(array.type):
            return _unviewed(array, pa.large_binary())
        else:
            return array


def _unviewed(array: Any, target: Any) -> Any:
    pa = pyarrow()
    try:
        return pa.compute.cast(array, target)
    except pa.ArrowNotImplementedError:  # before pyarrow 18
        return pa.array(array.to_pylist(), target)


def _write_values(array: Any, update: _Update) -> None:
    """Write an array that has no nulls."""
    pa, types, kind = pyarrow(), pyarrow().types, array.type
    if types.is_null(kind):
        return
    if types.is_struct(kind):
        for place in range(kind.num_fields):
            write_column(array.field(place), update)
    elif types.is_map(kind):
        entries = pa.struct([("key", kind.key_type), ("value", kind.item_type)])
        _write_values(pa.compute.cast(array, pa.list_(entries)), update)
    elif hasattr(kind, "value_field"):
        _write_lengths(pa.compute.list_value_length(array), update)
        write_column(array.flatten(), update)
    elif types.is_fixed_size_binary(kind):
        update(b"\4" + struct.pack("<I", kind.byte_width) * len(array))
        _write_fixed(array, update)
    elif types.is_temporal(kind):
        _write_times(array, update)
    elif (
        types.is_integer(kind) or types.is_boolean(kind) or types.is_floating(kind) or types.is_decimal(kind)
    ):
        _write_fixed(_as_numbers(array), update)
    else:
        _write_bytes(array, update)


def _as_numbers(array: Any) -> Any:
    """Return booleans, integers, floats and decimals as numbers of one form each."""
    pa, types, kind = pyarrow(), pyarrow().types, array.type
    if types.is_boolean(kind):
        return pa.compute.cast(array, pa.uint8())
    if types.is_decimal(kind):
        return pa.compute.cast(array, pa.decimal256(76, kind.scale))
    return _one_zero_and_nan(array) if types.is_floating(kind) else array


def _write_fixed(array: Any, update: _Update) -> None:
    buffer, width = array.buffers()[1], array.type.bit_width // 8
    if buffer is not None and len(array):
        update(memoryview(buffer)[array.offset * width : (array.offset + len(array)) * width])


def _write_lengths(lengths: Any, update: _Update) -> None:
    """Write lengths in 4 bytes each, or in 8 where one of them needs more."""
    pa = pyarrow()
    try:
        narrow = pa.compute.cast(lengths, pa.uint32())
    except pa.ArrowInvalid:
        update(b"\10")
        _write_fixed(pa.compute.cast(lengths, pa.uint64()), update)
    else:
        update(b"\4")
        _write_fixed(narrow, update)


def _write_bytes(array: Any, update: _Update) -> None:
    _write_lengths(pyarrow().compute.binary_length(array), update)
    _, offsets, data = array.buffers()
    if data is None or not len(array):
        return
    wide = pyarrow().types.is_large_string(array.type) or pyarrow().types.is_large_binary(array.type)
    first, last = array.offset, array.offset + len(array)
    ends = memoryview(offsets)[: (last + 1) * (8 if wide else 4)].cast("q" if wide else "i")
    update(memoryview(data)[ends[first] : ends[last]])


def _one_zero_and_nan(array: Any) -> Any:
    """Return floats with 0.0 for -0.0 and one NaN for all of them."""
    pa = pyarrow()
    if pa.types.is_float16(array.type):
        array = pa.compute.cast(array, pa.float32())  # which has every number of a half, and arithmetic
    array = pa.compute.add(array, pa.scalar(0.0, array.type))
    odd = pa.compute.is_nan(array)
    if pa.compute.any(odd).as_py():
        array = pa.compute.if_else(odd, pa.scalar(float("nan"), array.type), array)
    return array


def _write_times(array: Any, update: _Update) -> None:
    """Write dates as days, times as nanoseconds, instants and durations as seconds and nanoseconds.

    An instant in nanoseconds alone would leave out the years that coarser units reach.
    """
    pa, types, kind = pyarrow(), pyarrow().types, array.type
    if types.is_date(kind):
        _write_fixed(pa.compute.cast(array, pa.date32()), update)
    elif types.is_time(kind):
        _write_fixed(pa.compute.cast(array, pa.time64("ns")), update)
    elif types.is_interval(kind):
        _write_fixed(array, update)
    else:
        per_second = _PER_SECOND[kind.unit]
        seconds, rest = _divided(array.view(pa.int64()), per_second)
        _write_fixed(seconds, update)
        _write_fixed(pa.compute.multiply(rest, 1_000_000_000 // per_second), update)


def _divided(numbers: Any, by: int) -> tuple[Any, Any]:
    """Return the floor of a division and the rest, which is never negative."""
    pa = pyarrow()
    compute, divisor = pa.compute, pa.scalar(by, pa.int64())
    towards_zero = compute.divide(numbers, divisor)
    rest = compute.subtract(numbers, compute.multiply(towards_zero, divisor))
    below = compute.cast(compute.less(rest, pa.scalar(0, pa.int64())), pa.int64())
    floor = compute.subtract(towards_zero, below)
    return floor, compute.add(rest, compute.multiply(below, divisor))
