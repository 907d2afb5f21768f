from __future__ import annotations

import pytest

from graph.queries.type_widening import holds_all, same_type


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("int", "bigint"),
        ("smallint", "INTEGER"),
        ("int4", "int8"),
        ("int8", "int16"),
        ("int32", "int64"),
        ("int(11)", "bigint(20)"),
        ("float", "double"),
        ("real", "double precision"),
        ("real", "float"),
        ("float4", "float8"),
        ("varchar(10)", "varchar(20)"),
        ("varchar(10)", "text"),
        ("character varying(10)", "varchar(11)"),
        ("decimal(10,2)", "decimal(12,2)"),
        ("decimal(10,2)", "numeric(12, 4)"),
        ("decimal(10)", "decimal(12, 2)"),
    ],
)
def test_a_wider_type_holds_all_values_and_not_the_other_way_round(before: str, after: str) -> None:
    """DD-21: a change to a wider type is compatible, back it is not."""
    assert holds_all(before, after)
    assert not holds_all(after, before)
    assert not same_type(before, after)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("int4", "INTEGER"),
        ("bigint", "int8"),
        ("timestamp  with time zone", "Timestamp With Time Zone"),
        ("varchar(10)", "character varying( 10 )"),
        ("numeric(10, 0)", "decimal(10)"),
        ("text", "string"),
        ("numeric", "numeric"),
        ("array<struct<a int>>", "ARRAY<STRUCT<a INT>>"),
    ],
)
def test_a_type_is_the_same_however_it_is_spelled(one: str, other: str) -> None:
    assert same_type(one, other)
    assert same_type(other, one)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("int", "text"),
        ("int", "double"),
        ("date", "timestamp"),
        ("int64", "int8"),
        ("float", "real"),
        ("varchar(20)", "varchar(10)"),
        ("varchar", "varchar(10)"),
        ("decimal(10,2)", "decimal(10,4)"),
        ("decimal(10,2)", "decimal(11,1)"),
        ("numeric(10,2)", "numeric"),
        ("numeric", "numeric(38,9)"),
        ("timestamp", "timestamptz"),
        ("varchar(10)", "varchar()"),
        ("", "int"),
    ],
)
def test_what_is_not_known_to_be_wider_is_not_claimed_to_be(before: str, after: str) -> None:
    """DD-21: also where one database would take it: another does not."""
    assert not holds_all(before, after)
