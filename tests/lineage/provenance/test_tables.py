"""Content hashes of tables and frames."""

from __future__ import annotations

import math
import sys
from decimal import Decimal
from typing import Any

import numpy
import pandas
import polars
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_tables import (
    FLAT,
    another,
    naive,
    out_of_a_larger_one,
    rechunked,
    relaid,
    tables,
    through_feather,
    through_parquet,
    through_polars,
    with_rubbish_under_nulls,
)

from lineage.errors import ContentError, MissingDependencyError
from lineage.provenance import hash_table, schema_version
from lineage.provenance import tables as tables_module

EXAMPLES = settings(max_examples=25)


@EXAMPLES
@given(tables(), st.lists(st.integers(0, 9), max_size=3), st.data())
def test_chunks_layouts_and_what_is_under_nulls_make_no_difference(
    table: Any, cuts: list[int], data: st.DataObject
) -> None:
    """PV-08: the same content has the same hash however it lies in memory."""
    told = hash_table(table)

    assert hash_table(rechunked(table, cuts)) == told
    assert hash_table(rechunked(table, cuts).to_reader()) == told
    assert hash_table(out_of_a_larger_one(table)) == told
    assert hash_table(with_rubbish_under_nulls(table)) == told
    other = relaid(table, lambda layouts: data.draw(st.sampled_from(layouts)))
    assert hash_table(rechunked(other, cuts)) == told
    assert hash_table(out_of_a_larger_one(other)) == told
    assert schema_version(other) == schema_version(table) == schema_version(other.schema)


@EXAMPLES
@given(tables(), st.integers(1, 9))
def test_every_library_and_file_gives_the_same_hash(table: Any, group: int) -> None:
    """PV-08: Arrow, polars, pandas, Parquet and Feather."""
    told = hash_table(table)

    frame = through_polars(table)
    assert hash_table(frame) == told
    assert hash_table(frame.to_arrow()) == told
    assert hash_table(polars.concat([frame[:3], frame[3:]], rechunk=False)) == told
    assert hash_table(through_parquet(table, row_group_size=group, compression="zstd")) == told
    assert hash_table(through_parquet(frame.to_arrow(), use_dictionary=False, compression="none")) == told
    assert hash_table(through_feather(table)) == told
    assert schema_version(frame) == schema_version(table)


@EXAMPLES
@given(tables(st.sampled_from(list(FLAT))))
def test_pandas_frames_of_arrow_columns_give_the_same_hash(table: Any) -> None:
    """PV-08: pandas with the types of Arrow, whatever the index."""
    frame = table.to_pandas(types_mapper=pandas.ArrowDtype)

    assert hash_table(frame) == hash_table(table)
    assert hash_table(frame.set_index(pandas.Index(range(7, 7 + len(frame))))) == hash_table(table)
    assert schema_version(frame) == schema_version(table)


PLAIN = [
    pyarrow.bool_(),
    pyarrow.int8(),
    pyarrow.int64(),
    pyarrow.float64(),
    pyarrow.string(),
    pyarrow.date32(),
]
PLAIN += [pyarrow.timestamp("us"), pyarrow.timestamp("ns", "Europe/Berlin"), pyarrow.decimal128(9, 2)]


@EXAMPLES
@given(tables(st.sampled_from(PLAIN), least=1))
def test_pandas_frames_of_its_own_columns_give_the_same_hash(table: Any) -> None:
    """Numpy columns, object columns and nullable ones, where pandas can say what they hold."""
    for name in table.schema.names:
        column = table.select([name])
        if column[name].null_count == len(column):
            continue  # an object column of nothing has no type
        nullable = column.to_pandas(types_mapper=_NULLABLE.get)
        assert hash_table(nullable) == hash_table(column)
        if column[name].null_count and not (
            pyarrow.types.is_floating(column[name].type) or pyarrow.types.is_temporal(column[name].type)
        ):
            continue  # numpy's integers and booleans have no nulls
        assert hash_table(column.to_pandas()) == hash_table(column)


_NULLABLE = {
    pyarrow.bool_(): pandas.BooleanDtype(),
    pyarrow.int8(): pandas.Int8Dtype(),
    pyarrow.int64(): pandas.Int64Dtype(),
    pyarrow.float64(): pandas.Float64Dtype(),
    pyarrow.string(): pandas.StringDtype(),
}


@EXAMPLES
@given(tables(least=1), st.data())
def test_any_change_gives_another_hash(table: Any, data: st.DataObject) -> None:
    """PV-18: a value, a null, a type, a name, the order of columns or rows, a row more or less."""
    at = data.draw(st.integers(0, table.num_columns - 1))
    row = data.draw(st.integers(0, table.num_rows - 1))
    told, names = hash_table(table), table.schema.names
    kind, column = table.schema[at].type, table.column(at).to_pylist()

    def with_column(array: Any) -> str:
        return hash_table(table.set_column(at, names[at], array))

    changed = [*column[:row], another(column[row], kind), *column[row + 1 :]]
    assert with_column(pyarrow.array(changed, kind)) != told
    if column[row] is not None:
        assert with_column(pyarrow.array([*column[:row], None, *column[row + 1 :]], kind)) != told
    assert with_column(pyarrow.array([None] * len(column))) != told
    assert hash_table(table.rename_columns([*names[:at], "renamed", *names[at + 1 :]])) != told
    assert hash_table(pyarrow.concat_tables([table, table.slice(row, 1)])) != told
    assert hash_table(table.slice(0, table.num_rows - 1)) != told
    assert hash_table(table.append_column("more", table.column(at))) != told
    turned = table.take(list(reversed(range(table.num_rows))))
    assert (hash_table(turned) == told) == turned.equals(table)
    backwards = table.select(names[::-1])
    assert (hash_table(backwards) == told) == (len(names) == 1)


TYPES_APART = [
    *FLAT,
    pyarrow.null(),
    pyarrow.int16(),
    pyarrow.uint8(),
    pyarrow.uint32(),
    pyarrow.float16(),
    pyarrow.timestamp("us", "UTC"),
    pyarrow.decimal128(9, 3),
    pyarrow.list_(pyarrow.int8()),
    pyarrow.list_(pyarrow.int16()),
    pyarrow.list_(pyarrow.list_(pyarrow.int8())),
    pyarrow.struct([("a", pyarrow.int8())]),
    pyarrow.struct([("b", pyarrow.int8())]),
    pyarrow.struct([("a", pyarrow.int8()), ("b", pyarrow.int8())]),
    pyarrow.list_(pyarrow.struct([("a", pyarrow.int8())])),
    pyarrow.month_day_nano_interval(),
]


@pytest.mark.parametrize("rows", [0, 3])
def test_types_of_other_content_are_told_apart_even_where_no_value_is(rows: int) -> None:
    """PV-18: a change of type alone, in empty columns and in columns of nulls."""
    apart = [kind for kind in TYPES_APART if kind != pyarrow.timestamp("ms", "UTC")]
    made = [pyarrow.table([pyarrow.nulls(rows, kind)], ["c"]) for kind in apart]

    assert len({hash_table(table) for table in made}) == len(apart)
    assert len({schema_version(table) for table in made}) == len(apart)


@given(st.lists(st.text(max_size=3), min_size=1, max_size=4))
def test_no_boundary_between_values_or_columns_can_move(texts: list[str]) -> None:
    """PV-18: the same bytes cut elsewhere are other content."""
    joined = "".join(texts)
    cuts = [pyarrow.table({"a": [joined[:at], joined[at:]]}) for at in range(len(joined) + 1)]
    lists = [pyarrow.table({"a": [texts[:at], texts[at:]]}) for at in range(len(texts) + 1)]

    assert len({hash_table(table) for table in cuts}) == len(cuts)
    assert len({hash_table(table) for table in lists}) == len(lists)
    two = pyarrow.table({"a": texts, "b": [None] * len(texts)})
    assert hash_table(two) != hash_table(pyarrow.table({"a": texts + [None] * len(texts)}))
    assert hash_table(pyarrow.table({"ab": texts, "c": texts})) != hash_table(
        pyarrow.table({"a": texts, "bc": texts})
    )


@given(tables(), st.lists(st.integers(0, 9), max_size=3))
@EXAMPLES
def test_blocks_end_at_the_same_rows_wherever_chunks_end(table: Any, cuts: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables_module, "BLOCK", 3)
        told = hash_table(table)
        assert hash_table(rechunked(table, cuts)) == told
        assert hash_table(rechunked(table, cuts).to_reader()) == told
        assert hash_table(rechunked(relaid(table, lambda layouts: layouts[-1]), cuts)) == told


def test_a_table_of_many_blocks_has_one_hash_in_every_layout() -> None:
    """Past the rows that are written at once."""
    numbers = numpy.arange(200_000)
    table = pyarrow.table(
        {
            "n": pyarrow.array(numbers, mask=numbers % 70_000 == 0),
            "f": numbers / 7,
            "t": pyarrow.array(numbers % 1000).cast(pyarrow.string()),
        }
    )
    told = hash_table(table)

    assert hash_table(rechunked(table, [1, 65_535, 65_537, 131_072, 199_999])) == told
    assert hash_table(through_parquet(table, row_group_size=70_001)) == told
    assert hash_table(through_polars(table)) == told
    assert hash_table(table.slice(0, 199_999)) != told


def test_what_floats_may_be_is_one_zero_and_one_nan() -> None:
    """-0.0 equals 0.0, every NaN is one, and NaN is no null."""
    odd = numpy.array([0x7FF8000000000001, 0xFFF8000000000000], dtype="uint64").view("float64")
    for kind in (pyarrow.float16(), pyarrow.float32(), pyarrow.float64()):
        plain = numpy.array([0.0, math.nan, math.nan], kind.to_pandas_dtype())
        signed = numpy.array([-0.0, -math.nan, math.nan], kind.to_pandas_dtype())
        assert hash_table(pyarrow.table({"f": plain})) == hash_table(pyarrow.table({"f": signed}))
    assert hash_table(pyarrow.table({"f": odd})) == hash_table(pyarrow.table({"f": [math.nan] * 2}))
    null = pyarrow.table({"f": pyarrow.array([0.0, None], pyarrow.float64())})
    nan = pyarrow.table({"f": [0.0, math.nan]})
    assert hash_table(nan) != hash_table(null)
    assert hash_table(polars.DataFrame({"f": [0.0, math.nan]})) == hash_table(nan)
    assert hash_table(polars.DataFrame({"f": [0.0, None]})) == hash_table(null)
    # A float column of pandas cannot say which of the two it holds: it is missing.
    assert hash_table(pandas.DataFrame({"f": [0.0, math.nan]})) == hash_table(null)


def test_text_of_pandas_and_categories_count_as_their_values() -> None:
    told = hash_table(pyarrow.table({"s": ["b", None, "a", "b"]}))

    texts = ["b", None, "a", "b"]
    assert hash_table(pandas.DataFrame({"s": pandas.Series(texts, dtype=object)})) == told
    assert hash_table(pandas.DataFrame({"s": pandas.Series(texts, dtype="string")})) == told
    assert hash_table(pandas.DataFrame({"s": pandas.Series(texts, dtype="string[pyarrow]")})) == told
    assert hash_table(pandas.DataFrame({"s": pandas.Categorical(texts, ["z", "a", "b"])})) == told
    assert hash_table(polars.DataFrame({"s": polars.Series(texts, dtype=polars.Categorical)})) == told
    assert (
        hash_table(polars.DataFrame({"s": polars.Series(texts, dtype=polars.Enum(["z", "b", "a"]))})) == told
    )


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_an_instant_is_one_in_every_unit_and_other_in_another_zone(unit: str) -> None:
    """Pandas 2 keeps the same times in nanoseconds that pandas 3 keeps in microseconds."""
    times = [naive(1969, 12, 31, 23, 59, 59), None, naive(2024, 2, 29, 12)]
    told = hash_table(pyarrow.table({"t": times}))

    assert hash_table(pyarrow.table({"t": pyarrow.array(times, pyarrow.timestamp(unit))})) == told
    assert hash_table(pandas.DataFrame({"t": pandas.Series(times).astype(f"datetime64[{unit}]")})) == told
    zoned = {
        zone: hash_table(pyarrow.table({"t": pyarrow.array(times, pyarrow.timestamp(unit, zone))}))
        for zone in ("UTC", "+00:00", "Europe/Berlin", "America/New_York")
    }
    assert zoned["UTC"] == zoned["+00:00"]
    assert len({told, *zoned.values()}) == 4
    a_little_later = pyarrow.array([1], pyarrow.timestamp("ns"))
    assert hash_table(pyarrow.table({"t": a_little_later})) != hash_table(
        pyarrow.table({"t": pyarrow.array([0], pyarrow.timestamp(unit))})
    )


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_instants_around_the_epoch_and_the_second_are_told_apart(unit: str) -> None:
    """Before 1970, too, and to the unit."""
    second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    numbers = sorted({at * second + by for at in (-2, -1, 0, 1) for by in (-1, 0, 1)} | {-(2**62), 2**62})

    for kind in (pyarrow.timestamp(unit), pyarrow.duration(unit)):
        made = [pyarrow.table({"t": pyarrow.array([number], kind)}) for number in numbers]
        assert len({hash_table(table) for table in made}) == len(numbers)


def test_bytes_of_one_width_count_as_bytes() -> None:
    texts = [b"ab", None, b"cd", b""]

    fixed = pyarrow.table({"b": pyarrow.array(texts[:3], pyarrow.binary(2))})
    assert hash_table(fixed) == hash_table(pyarrow.table({"b": texts[:3]}))
    assert hash_table(fixed.slice(2)) == hash_table(pyarrow.table({"b": texts[2:3]}))
    narrow = pyarrow.table({"b": pyarrow.array([b"", b""], pyarrow.binary(0))})
    assert hash_table(narrow) == hash_table(pyarrow.table({"b": [b"", b""]}))


def test_lists_of_one_length_and_maps_count_as_lists() -> None:
    pairs, whole = [[1, 2], None, [3, 4]], pyarrow.list_(pyarrow.int64())
    told = hash_table(pyarrow.table({"l": pyarrow.array(pairs, whole)}))

    assert hash_table(pyarrow.table({"l": pyarrow.array(pairs, pyarrow.list_(pyarrow.int64(), 2))})) == told
    assert hash_table(polars.DataFrame({"l": pairs}, schema={"l": polars.Array(polars.Int64, 2)})) == told
    kind = pyarrow.map_(pyarrow.string(), pyarrow.int64())
    entries = [[("a", 1), ("b", None)], None, []]
    mapped = pyarrow.table({"m": pyarrow.array(entries, kind)})
    structs = [None if entry is None else [{"key": k, "value": v} for k, v in entry] for entry in entries]
    assert hash_table(mapped) == hash_table(polars.DataFrame({"m": structs}))
    assert hash_table(mapped.slice(1)) == hash_table(polars.DataFrame({"m": structs})[1:])


def test_overlapping_list_views_and_runs_count_as_their_values() -> None:
    views = pyarrow.ListViewArray.from_arrays([1, 0, 0], [2, 3, 0], pyarrow.array([7, 8, 9]))
    runs = pyarrow.RunEndEncodedArray.from_arrays([2, 3], [1, None])

    assert hash_table(pyarrow.table({"l": views})) == hash_table(
        pyarrow.table({"l": [[8, 9], [7, 8, 9], []]})
    )
    assert hash_table(pyarrow.table({"r": runs})) == hash_table(pyarrow.table({"r": [1, 1, None]}))


def test_types_of_others_count_by_their_name_and_parameters() -> None:
    days = pandas.DataFrame({"p": pandas.period_range("2020", periods=2, freq="D")})
    months = pandas.DataFrame({"p": pandas.period_range("2020", periods=2, freq="M")})
    ordinals = pyarrow.table({"p": pyarrow.array([18262, 18263])})

    arrow = pyarrow.Table.from_pandas(days)
    assert hash_table(days) == hash_table(arrow) == hash_table(through_parquet(arrow))
    assert len({hash_table(days), hash_table(months), hash_table(ordinals)}) == 3
    unknown = pyarrow.field(
        "p",
        pyarrow.int64(),
        metadata={"ARROW:extension:name": "pandas.period", "ARROW:extension:metadata": '{"freq": "D"}'},
    )
    assert hash_table(pyarrow.table([ordinals["p"]], pyarrow.schema([unknown]))) == hash_table(days)


class Exporting:
    """What some other library makes of a query."""

    def __init__(self, table: Any) -> None:
        self.table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.table.__arrow_c_stream__(requested_schema)


def test_what_exports_an_arrow_stream_is_a_table() -> None:
    table = pyarrow.table({"n": range(5), "t": [f"x{n}" for n in range(5)]})

    assert hash_table(Exporting(table)) == hash_table(table)
    assert hash_table(table.combine_chunks().to_batches()[0]) == hash_table(table)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ([{"a": 1}], "list is no table: give a pyarrow Table"),
        (polars.LazyFrame({"a": [1]}), "LazyFrame is no table"),
        (pandas.Series([1], name="a"), "Series is no table"),
        (pandas.DataFrame({"a": [1, "secret"]}), "this pandas frame has a column that Arrow cannot express"),
        (pandas.DataFrame([[1, 2]], columns=["a", "a"]), "this pandas frame"),
        (polars.DataFrame({"a": [1], "o": [object()]}), "columns of Python objects have no content hash: o"),
        (polars.DataFrame({"a": polars.Series([1], dtype=polars.Int128)}), "this polars frame has a column"),
        (
            pyarrow.table(
                {"u": pyarrow.UnionArray.from_sparse(pyarrow.array([0], "int8"), [pyarrow.array([1])])}
            ),
            "columns of Arrow's type sparse_union",
        ),
    ],
    ids=["list", "lazy", "series", "mixed", "names", "objects", "int128", "union"],
)
def test_what_cannot_be_hashed_is_refused_and_its_content_not_told(table: Any, said: str) -> None:
    with pytest.raises(ContentError, match=said) as refused:
        hash_table(table)
    assert "secret" not in str(refused.value)


def test_without_pyarrow_the_line_to_install_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(MissingDependencyError, match=r"pip install 'lineage-graph\[pyarrow\]'"):
        hash_table(polars.DataFrame({"a": [1]}))


def test_the_encoding_of_tables_stays() -> None:
    """A hash in an old record is compared with one made today."""
    table = pyarrow.table(
        {
            "n": pyarrow.array([1, None, -3], pyarrow.int32()),
            "f": [0.5, -0.0, math.nan],
            "s": ["a", "", None],
            "t": pyarrow.array([0, -1, None], pyarrow.timestamp("ms", "UTC")),
            "d": [Decimal("1.10"), None, Decimal("-2.25")],
            "l": [[1, None], None, []],
            "r": [{"a": True}, None, {"a": None}],
            "i": pyarrow.array([(1, 2, 3), None, (0, 0, 0)], pyarrow.month_day_nano_interval()),
        }
    )

    assert (
        hash_table(table) == "table-sha256:7497860da350121e221f7f0918bbc88b6c073d08082dad58ac227a94b5bca883"
    )
    assert (
        schema_version(table)
        == "schema-sha256:37fba4b626e77b0e827f55da919ab7c5a6f00e09d4e2678cb4c5189b16b8f2e2"
    )
