"""Passing over the structs of a Parquet footer."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineage.provenance import parquet
from lineage.provenance.thrift import Field, as_varint, fields, varint


@given(st.integers(0, 2**64 - 1))
def test_a_number_is_read_as_it_was_written(number: int) -> None:
    assert varint(as_varint(number) + b"rest", 0) == (number, len(as_varint(number)))


EVERY_TYPE = {
    "true and false": (b"\x11\x12", [1, 2]),
    "a byte": (b"\x13\xff", [3]),
    "numbers": (b"\x14\x01\x15\x80\x01\x16\xff\xff\x01", [4, 5, 6]),
    "a double": (b"\x17" + bytes(8), [7]),
    "texts, short and long": (b"\x18\x02ab\x18\x80\x01" + b"x" * 128, [8, 8]),
    "a list of booleans": (b"\x19\x21\x01\x02", [9]),
    "a long list of texts": (b"\x19\xf8\x10" + b"\x01a" * 16, [9]),
    "a set of numbers": (b"\x1a\x25\x01\x02", [10]),
    "maps": (b"\x1b\x00\x1b\x02\x58\x01\x01a\x80\x01\x01b", [11, 11]),
    "structs": (b"\x1c\x15\x02\x1c\x00\x00", [12]),
    "a list of structs": (b"\x19\x2c\x15\x02\x00\x13\x01\x00", [9]),
    "a struct of everything": (
        b"\x1c\x11\x13\xff\x16\x80\x01\x17"
        + bytes(8)
        + b"\x18\x80\x01"
        + b"x" * 128
        + b"\x19\x15\x02\x04\x80\x01\x02\x00",
        [12],
    ),
    "an id": (b"\x1d" + bytes(16), [13]),
}


@pytest.mark.parametrize("name", EVERY_TYPE)
def test_a_value_of_every_type_is_passed_over(name: str) -> None:
    data, kinds = EVERY_TYPE[name]

    found = list(fields(data + b"\0behind", 0))
    assert [field.type for field in found] == [*kinds, 0]
    assert found[-1] == Field(0, 0, len(data), len(data) + 1, len(data) + 1)
    assert [field.id for field in found[:-1]] == list(range(1, len(kinds) + 1))


def test_an_id_that_stands_by_itself_is_read() -> None:
    assert [field.id for field in fields(b"\x05\x02\x02\x05\x80\x02\x02\x15\x02\0", 0)] == [1, 128, 129, 0]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x15",
        b"\x18\x05ab",
        b"\x1e\x00",
        b"\x1c" * 500,
        b"\x19" + b"\x19" * 5000,
        b"\x19\xf1" + b"\xff" * 8 + b"\x7f\0",
    ],
)
def test_what_is_no_struct_is_refused_at_once(data: bytes) -> None:
    """A list of more elements than there are bytes, structs in structs without end."""
    try:
        end = list(fields(data, 0))[-1].end
    except ValueError:
        return
    assert end > len(data)


@pytest.fixture(scope="module")
def footer(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("footer") / "table.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"a": [1, 2], "b": [["x"], None]}), path, row_group_size=1)
    return _footer(path)


def _footer(path: Path) -> bytes:
    data = path.read_bytes()
    return data[-8 - int.from_bytes(data[-8:-4], "little") : -8]


@settings(max_examples=60)
@given(data=st.data())
def test_a_broken_footer_gets_no_id_or_a_whole_one(footer: bytes, data: st.DataObject) -> None:
    """Nothing but a footer that could be read to its end is written again."""
    at, by = data.draw(st.integers(0, len(footer) - 1)), data.draw(st.integers(1, 255))
    broken = footer[:at] + bytes([footer[at] ^ by]) + footer[at + 1 :]
    whole = b"PAR1" + broken + len(broken).to_bytes(4, "little") + b"PAR1"

    made = parquet.built(io.BytesIO(whole), len(whole), "text")
    if made is not None:
        behind = io.BytesIO(whole + made)
        assert parquet.candidate(behind, len(whole + made)) == ("text", len(whole), len(whole + made))
