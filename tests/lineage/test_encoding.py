"""Encoding: what openlineage-python's own serialiser gives, and honest forms where it gives up."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import json
import uuid
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openlineage.client import facet_v2
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.serde import Serde

from lineage.encoding import encode, to_plain

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


def event(facet: Any) -> RunEvent:
    return RunEvent(
        eventTime="2026-01-01T00:00:00.000Z",
        eventType=RunState.COMPLETE,
        producer="https://example.com/producer",
        run=Run("01941f29-7c00-7000-8000-000000000001", facets={"custom": facet}),
        job=Job("ns", "job"),
        inputs=[
            InputDataset("ns", "in", facets={"schema": facet_v2.schema_dataset.SchemaDatasetFacet(fields=[])})
        ],
        outputs=[OutputDataset("ns", "out")],
    )


@given(JSON)
def test_it_gives_what_the_official_serialiser_gives(facet: Any) -> None:
    made = event(facet)
    assert json.loads(encode(made)) == json.loads(Serde.to_json(made))


class Colour(Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int
    y: None = None


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC), "2026-01-01T00:00:00+00:00"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Colour.RED, "red"),
        (decimal.Decimal("1.10"), "1.10"),
        (Point(1), {"x": 1}),
        (Path("/a/b"), "/a/b"),
        ((1, None, {}), [1]),
        ({1: "a", "n": None}, {"1": "a"}),
        (float("nan"), None),
        (float("inf"), None),
        (b"secret", "<<non-serializable: bytes>>"),
        (object(), "<<non-serializable: object>>"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_have_an_honest_form(value: Any, plain: Any) -> None:
    assert to_plain(value) == plain


def test_text_that_is_not_unicode_still_gives_json() -> None:
    assert json.loads(encode({"a": "\ud800x"})) == {"a": "?x"}


def test_a_value_inside_itself_is_refused() -> None:
    endless: dict[str, Any] = {}
    endless["self"] = endless
    with pytest.raises(RecursionError):
        to_plain(endless)
