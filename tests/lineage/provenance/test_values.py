"""Content hashes of Python values."""

from __future__ import annotations

import enum
import itertools
import math
import re
import uuid
from collections import Counter, OrderedDict, namedtuple
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import numpy
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_tables import naive

from lineage.errors import ContentError
from lineage.provenance import hash_value
from lineage.provenance.canonical import encode

ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
NUMBERS = st.booleans() | st.integers() | st.floats() | st.decimals()
TIMES = (
    st.dates()
    | st.times()
    | st.times(timezones=ZONES)
    | st.datetimes()
    | st.datetimes(naive(2, 1, 1), naive(9998, 1, 1), timezones=ZONES)
    | st.timedeltas()
)
SCALARS = st.none() | NUMBERS | st.text(max_size=5) | st.binary(max_size=5) | st.uuids() | TIMES
KEYS = st.none() | st.integers() | st.text(max_size=5) | st.binary(max_size=5) | st.uuids()
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=3)
        | st.sets(KEYS, max_size=3)
    ),
    max_leaves=6,
)


def same(one: Any, other: Any) -> bool:
    """Whether two values are of one type throughout and equal, NaN being equal to NaN."""
    if type(one) is not type(other):
        return False
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    if isinstance(one, Decimal):
        return one.is_nan() and other.is_nan() if one.is_nan() or other.is_nan() else one == other
    return bool(one == other)


@given(VALUES, VALUES)
def test_two_values_have_one_hash_if_and_only_if_they_are_the_same(one: Any, other: Any) -> None:
    """PV-08: the content alone decides the hash, and its type is a part of it."""
    assert (hash_value(one) == hash_value(other)) == same(one, other)


CLOSE: list[Any] = [
    *(0, 0.0, -0.0, False, "", b"", "0", b"0", Decimal(0), Decimal("-0"), Decimal("0.00"), None, "None"),
    *(1, 1.0, True, "1", b"1", Decimal(1), Decimal("1.0"), Decimal("1e0"), 255, -1, 256, 2**64, -(2**64)),
    *(
        Decimal(10),
        Decimal("1e1"),
        Decimal("1.1"),
        Decimal(11),
        Decimal(-1),
        Decimal(10**30 + 1),
        Decimal("1e30"),
    ),
    *(math.nan, -math.nan, math.inf, -math.inf, Decimal("NaN"), Decimal("Infinity"), Decimal("-Infinity")),
    *([], (), {}, set(), [[]], [()], [None], {None: None}, {None}, uuid.UUID(int=0), bytes(16)),
    *(date(1970, 1, 1), naive(1970, 1, 1), datetime(1970, 1, 1, tzinfo=UTC), time(0), timedelta(0)),
    *(datetime(1970, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))), time(0, tzinfo=UTC), timedelta(0, 0, 1)),
]


def test_close_values_have_one_hash_if_and_only_if_they_are_the_same() -> None:
    """Values that are easily mistaken for each other."""
    pairs = list(itertools.combinations(CLOSE, 2))

    alike = [pair for pair in pairs if hash_value(pair[0]) == hash_value(pair[1])]
    assert list(map(repr, alike)) == [repr(pair) for pair in pairs if same(*pair)]


@given(st.lists(st.text(max_size=3) | st.binary(max_size=3), min_size=1, max_size=4), st.data())
def test_no_boundary_between_fields_can_move(fields: list[Any], data: st.DataObject) -> None:
    """PV-18: "a" and "bc" are not "ab" and "c", and no nesting looks like another."""
    cut = data.draw(st.integers(0, len(fields)))

    nested = [fields[:cut], fields[cut:]]
    assert hash_value(nested) != hash_value(fields)
    assert hash_value([*fields, []]) != hash_value(fields)
    text = "".join(field if isinstance(field, str) else field.decode("latin-1") for field in fields)
    splits = {hash_value([text[:at], text[at:]]) for at in range(len(text) + 1)}
    assert len(splits) == len(text) + 1


@given(VALUES)
def test_no_encoding_is_the_beginning_of_another(value: Any) -> None:
    """Where a value ends is said by itself, so what follows it cannot become a part of it."""
    whole = encode(value)

    others = [encode([value]), encode((value, value)), encode({"a": value}), encode(None)]
    assert [other for other in others if other != whole and other.startswith(whole)] == []


@given(st.dictionaries(KEYS, st.integers(), max_size=6), st.randoms())
def test_the_order_of_dicts_and_sets_does_not_count(entries: dict[Any, int], random: Any) -> None:
    shuffled = list(entries.items())
    random.shuffle(shuffled)

    assert hash_value(dict(shuffled)) == hash_value(entries)
    assert hash_value({key for key, _ in shuffled}) == hash_value(frozenset(entries))


class Level(enum.IntEnum):
    LOW = 3


class Colour(str, enum.Enum):  # noqa: UP042 - both ways of writing it
    RED = "red"


Point = namedtuple("Point", ["x", "y"])


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Level.LOW, 3),
        (Colour.RED, "red"),
        (Point(1, 2), (1, 2)),
        (OrderedDict(a=1), {"a": 1}),
        (Counter("aa"), {"a": 2}),
        (numpy.int64(3), 3),
        (numpy.float32(0.5), 0.5),
        (numpy.float64(0.1), 0.1),
        (numpy.bool_(True), True),
        (numpy.str_("a"), "a"),
        (bytearray(b"a"), b"a"),
        (memoryview(b"a"), b"a"),
    ],
)
def test_what_is_made_of_a_plain_value_counts_as_it(value: object, plain: object) -> None:
    assert hash_value(value) == hash_value(plain)


def itself() -> list[Any]:
    around: list[Any] = []
    around.append(around)
    return around


@pytest.mark.parametrize(
    "value",
    [
        object(),
        [{"a": (object(),)}],
        1j,
        range(3),
        iter([]),
        pandas.Timestamp("2020-01-01 00:00:00.000000001"),
        pandas.NaT,
        numpy.datetime64("2020-01-01"),
        numpy.array([1, 2]),
        numpy.longdouble(1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_of_an_unknown_type_is_refused_by_its_type_and_not_its_content(value: object) -> None:
    with pytest.raises(ContentError, match=r"a value of type [\w.]+ has no content hash: give it as"):
        hash_value(value)


def test_a_value_that_contains_itself_is_refused() -> None:
    with pytest.raises(ContentError, match="contains itself"):
        hash_value(itself())


def test_the_encoding_stays_what_it_was_when_hashes_were_written_down() -> None:
    """A hash in an old record is compared with one made today."""
    value = {
        "numbers": [None, True, False, 0, -1, 2**70, 1.5, Decimal("-12.50"), Decimal("inf")],
        "text": ("a", b"\x00\xff", {"é", "b"}),
        "times": [
            date(2024, 2, 29),
            time(1, 2, 3, 4),
            naive(2024, 2, 29, 12),
            datetime(2024, 2, 29, 12, tzinfo=timezone(timedelta(hours=-5))),
            timedelta(days=-1),
        ],
        "id": uuid.UUID("12345678-1234-5678-1234-567812345678"),
    }

    assert (
        hash_value(value) == "value-sha256:96505c86c41eacdaf50cf63ad855b3b726171e46dd2a446e89563ca596adac6b"
    )
    assert re.fullmatch(r"value-sha256:[0-9a-f]{64}", hash_value(value))
