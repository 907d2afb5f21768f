"""Content hashes of rows."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineage.errors import ContentError
from lineage.provenance import hash_rows
from lineage.provenance import rows as rows_module

CELLS = st.none() | st.integers() | st.text(max_size=3) | st.binary(max_size=3) | st.floats(allow_nan=False)
ROWS = st.integers(0, 3).flatmap(
    lambda width: st.tuples(
        st.lists(st.text(max_size=3), min_size=width, max_size=width),
        st.lists(st.tuples(*[CELLS] * width), max_size=6),
    )
)


@given(ROWS, st.randoms())
def test_a_bag_has_one_hash_in_any_order_and_rows_in_order_have_not(
    made: tuple[list[str], list[Any]], random: Any
) -> None:
    """PV-08: the result of a query with and without ORDER BY."""
    columns, rows = made
    shuffled = list(rows)
    random.shuffle(shuffled)
    moved = [list(map(repr, row)) for row in shuffled] != [list(map(repr, row)) for row in rows]

    assert hash_rows(columns, shuffled, ordered=False) == hash_rows(columns, iter(rows), ordered=False)
    if not moved:
        assert hash_rows(columns, shuffled) == hash_rows(columns, rows)
    elif repr(rows).replace("-0.0", "0.0") != repr(shuffled).replace("-0.0", "0.0"):
        assert hash_rows(columns, shuffled) != hash_rows(columns, rows)


@pytest.mark.parametrize("ordered", [True, False])
@settings(max_examples=50)
@given(made=ROWS, data=st.data())
def test_any_change_of_rows_or_columns_gives_another_hash(
    ordered: bool, made: tuple[list[str], list[Any]], data: st.DataObject
) -> None:
    """PV-18: a value, its type, a row more, a row twice, a name, a boundary between two values."""
    columns, rows = made
    before = hash_rows(columns, rows, ordered=ordered)

    def after(rows: list[Any], columns: list[str] = columns) -> str:
        return hash_rows(columns, rows, ordered=ordered)

    assert after([*rows, (None,) * len(columns)]) != before
    if rows:
        at = data.draw(st.integers(0, len(rows) - 1))
        assert after([*rows, rows[at]]) != before
        assert after(rows[:at] + rows[at + 1 :]) != before
    if columns:
        place = data.draw(st.integers(0, len(columns) - 1))
        renamed = [*columns[:place], columns[place] + "x", *columns[place + 1 :]]
        assert after(rows, renamed) != before
    if columns and rows:
        changed = [*rows]
        changed[at] = (*rows[at][:place], ("changed", rows[at][place]), *rows[at][place + 1 :])
        assert after(changed) != before


def test_values_do_not_move_between_columns_and_rows() -> None:
    """PV-18: no two ways of cutting the same text into values are one."""
    cut = [[("a", "bc")], [("ab", "c")], [("abc", "")], [("", "abc")], [("a", "b"), ("c", "")]]

    for ordered in (True, False):
        assert len({hash_rows(["x", "y"], rows, ordered=ordered) for rows in cut}) == len(cut)
    assert hash_rows(["xy", "z"], []) != hash_rows(["x", "yz"], [])
    assert hash_rows(["x"], [("a",), ("b",)]) != hash_rows(["x"], [("ab",)])


def test_two_equal_rows_do_not_cancel_out() -> None:
    """What an exclusive or of the rows' hashes would not see."""
    twice = hash_rows(["x"], [(1,), (1,)], ordered=False)

    assert (
        len({twice, hash_rows(["x"], [], ordered=False), hash_rows(["x"], [(2,), (2,)], ordered=False)}) == 3
    )


@given(st.lists(st.tuples(st.integers(0, 20)), max_size=40), st.randoms())
def test_a_bag_too_large_for_memory_is_sorted_in_parts(rows: list[Any], random: Any) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    whole = hash_rows(["x"], rows, ordered=False)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows_module, "_IN_MEMORY", 7)
        assert hash_rows(["x"], shuffled, ordered=False) == whole


def test_rows_of_a_cursor_are_read_as_they_come() -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (a INTEGER, b TEXT)")
    connection.executemany("INSERT INTO t VALUES (?, ?)", [(2, "x"), (1, None)])

    plain = connection.execute("SELECT a, b FROM t ORDER BY a")
    columns = [column[0] for column in plain.description]
    told = hash_rows(columns, plain)
    connection.row_factory = sqlite3.Row
    assert hash_rows(columns, connection.execute("SELECT a, b FROM t ORDER BY a")) == told
    assert hash_rows(columns, [{"b": None, "a": 1}, {"b": "x", "a": 2}]) == told
    assert hash_rows(columns, connection.execute("SELECT a, b FROM t"), ordered=False) == hash_rows(
        columns, [(1, None), (2, "x")], ordered=False
    )
    connection.close()


def test_a_row_that_does_not_fit_its_columns_is_named() -> None:
    with pytest.raises(ContentError, match="row 2 has 1 values for 2 columns"):
        hash_rows(["a", "b"], [(1, 2), (3,)])
    with pytest.raises(ContentError, match="row 1 has no column 'b'"):
        hash_rows(["a", "b"], [{"a": 1}])
    with pytest.raises(ContentError, match="row 1 is one text"):
        hash_rows(["a", "b"], ["xy"])
    with pytest.raises(ContentError, match=r"a value of type builtins\.object"):
        hash_rows(["a"], [(object(),)])


def test_the_encoding_of_rows_stays() -> None:
    """A hash in an old record is compared with one made today."""
    rows = [(1, "a"), (None, "é"), (1, "a")]

    assert (
        hash_rows(["n", "t"], rows)
        == "table-sha256:0604d56b515a9f38798bb8cbccb3e6ea936ca3c587b2c744da7490ffd5ab5b70"
    )
    assert (
        hash_rows(["n", "t"], rows, ordered=False)
        == "bag-sha256:b38ae2a41f68f052f3a5b56c769b6c7d25658ca1bd191a6789348f8812924d73"
    )
