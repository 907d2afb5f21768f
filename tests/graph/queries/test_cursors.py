"""Cursors go out and come back, and whatever else comes is told to be none."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from graph.errors import InvalidQueryError
from graph.queries.cursors import counted, packed, unpacked


def encoded(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize("place", [(0, "a", "ü\n"), (-1, "", "x" * 10_000), (2**63 - 1, '"', "\\")])
def test_a_place_comes_back_as_it_was(place: tuple[int, str, str]) -> None:
    assert unpacked(packed(place), int, str, str) == place


@pytest.mark.parametrize(
    "cursor",
    [
        *("", "none", "=", "9" * 400, "\x00", "ü"),
        *map(encoded, (None, 1, "text", {}, [], [1], [1, "a"], [1, "a", "b", "c"], [[1], "a", "b"])),
        *(encoded([number, "a", "b"]) for number in (2**63, -(10**400), 1.5, True, None, "1", float("inf"))),
        *(encoded([1, "a", text]) for text in ("\ud800", "a\0", None, 1)),
        base64.urlsafe_b64encode(b"[" * 1_000_000).decode(),
    ],
    ids=range(27),
)
def test_what_is_no_cursor_is_told(cursor: str) -> None:
    with pytest.raises(InvalidQueryError, match="is no cursor: give the `next` of the page before") as told:
        unpacked(cursor, int, str, str)
    assert len(str(told.value)) < 600


@pytest.mark.parametrize("cursor", ["-1", "1e5", "٣", "9" * 19, "", "0x1"])
def test_what_is_no_number_is_told(cursor: str) -> None:
    with pytest.raises(InvalidQueryError, match="is no cursor"):
        counted(cursor)
