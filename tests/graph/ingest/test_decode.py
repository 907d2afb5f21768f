"""What is an event and what is not, and the reasons given."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_events import run_event

from graph.errors import InvalidEventError
from graph.ingest import ingest
from graph.ingest.decode import decode
from graph.store import LineageStore
from graph.store.changes import EventKind
from lineage.event_id import parse_time

RUN = run_event("r", "START", 0, inputs=["a"])


def without(path: str) -> bytes:
    event = json.loads(json.dumps(RUN))
    *keys, last = path.split(".")
    place: Any = event
    for key in keys:
        place = place[int(key)] if key.isdigit() else place[key]
    del place[last]
    return json.dumps(event).encode()


def changed(**keys: Any) -> bytes:
    return json.dumps({**RUN, **keys}).encode()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[]", "not a JSON object but list"),
        (b'"text"', "not a JSON object but str"),
        (b'{"a": NaN}', "not JSON"),
        (b'{"a": "\xff"}', "not UTF-8: byte 0xff"),
        (b"[" * 100_000, "nested too deep"),
        (without("eventTime"), "eventTime is missing"),
        (changed(eventTime="yesterday"), 'eventTime "yesterday" is not a time'),
        (changed(eventTime=1767225600), "eventTime 1767225600 is not a time"),
        (changed(eventTime="2026-13-01T00:00:00Z"), "is not a time"),
        (changed(eventTime="9999-12-31T23:59:59Z"), "between 1678 and 2262"),
        (changed(eventType="FINISHED"), 'eventType "FINISHED" is none of'),
        (without("run"), "run.runId is missing"),
        (changed(run={"runId": ""}), 'run.runId is "", not a name'),
        (changed(run={"runId": 7}), "run.runId is 7, not a name"),
        (changed(run=[]), "run is not an object but []"),
        (changed(run=None, schemaURL=None), "run.runId is missing"),
        (without("job"), "job.namespace is missing"),
        (without("job.name"), "job.name is missing"),
        (without("inputs.0.name"), "inputs[0].name is missing"),
        (without("inputs.0.namespace"), "inputs[0].namespace is missing"),
        (changed(inputs={}), "inputs is not a list but {}"),
        (changed(outputs=["a"]), 'outputs[0] is not an object but "a"'),
        (b'{"run": {"runId": "a", "runId": "b"}}', "the key 'runId' stands twice"),
    ],
)
def test_what_is_no_event_is_rejected_with_the_reason(body: bytes, reason: str) -> None:
    with pytest.raises(InvalidEventError) as raised:
        decode(body)
    assert any(reason in problem for problem in raised.value.problems), raised.value.problems


def test_everything_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(InvalidEventError) as raised:
        decode(b'{"eventType": "START", "job": {"name": "j"}, "inputs": [{"namespace": "n"}]}')
    assert raised.value.problems == [
        "eventTime is missing",
        "job.namespace is missing",
        "run.runId is missing",
        "inputs[0].name is missing",
    ]


@pytest.mark.parametrize(
    "event",
    [
        {key: RUN[key] for key in ("eventTime", "run", "job")},
        {**RUN, "run": {"runId": "run_id"}},
        {**RUN, "eventType": "complete"},
        {**RUN, "inputs": None, "outputs": None},
        {
            **RUN,
            "run": {"runId": "r", "facets": None},
            "job": {"namespace": "n", "name": "j", "facets": None},
        },
        {**RUN, "run": {"runId": "r", "facets": {"parent": None, "nominalTime": 3}}},
        {**RUN, "inputs": [{"namespace": "n", "name": "a", "facets": {"schema": {"fields": "none"}}}]},
        {**RUN, "unknown": [{"anything": None}]},
    ],
)
def test_what_can_be_understood_is_accepted(store: LineageStore, event: dict[str, Any]) -> None:
    assert ingest(store, [json.dumps(event).encode()]).accepted == 1


def test_a_byte_order_mark_is_no_part_of_the_event() -> None:
    body = json.dumps(RUN).encode()
    assert decode(b"\xef\xbb\xbf" + body).event_id == decode(body).event_id


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00", 0),
        ("1970-01-01 00:00:00", 0),
        ("1970-01-01T00:00:00.000000001Z", 1),
        ("1970-01-01T00:00:00.0000000019Z", 1),
        ("1970-01-01T00:00:00,5z", 500_000_000),
        ("1970-01-01T10:00:00+10:00", 0),
        ("1970-01-01T10:00:00+1000", 0),
        ("1970-01-01T10:00+10", 0),
        ("1969-12-31T23:59:59.75Z", -250_000_000),
        ("1970-01-01T00:00:60Z", 60_000_000_000),
        ("2020-12-28T19:51:01.641499", 1_609_185_061_641_499_000),
        (" 1970-01-01T00:00:00 +00:00 ", 0),
        ("1970-01-01", None),
        ("1970-01-01T25:00:00Z", None),
        ("1970-01-01T00:00:61Z", None),
        ("1970-01-01T00:00:00+99:00", None),
        ("", None),
    ],
)
def test_times_are_read_as_producers_write_them(text: str, nanoseconds: int | None) -> None:
    assert parse_time(text) == nanoseconds


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({"run": {}, "job": {}}, EventKind.RUN),
        ({"run": {}, "job": {}, "schemaURL": "https://x/OpenLineage.json#/$defs/JobEvent"}, EventKind.RUN),
        ({"job": {}}, EventKind.JOB),
        ({"job": {}, "eventType": "COMPLETE", "schemaURL": "x#/definitions/JobEvent"}, EventKind.JOB),
        ({"dataset": {}}, EventKind.DATASET),
        ({"dataset": {}, "schemaURL": "x#/$defs/DatasetEvent", "job": None}, EventKind.DATASET),
    ],
)
def test_the_kind_of_event_is_told_by_its_keys_or_its_schema(event: dict[str, Any], kind: EventKind) -> None:
    names = {"namespace": "n", "name": "x", "runId": "r"}
    filled = {key: names if value == {} else value for key, value in event.items()}
    assert decode(json.dumps({"eventTime": "2026-01-01T00:00:00Z", **filled}).encode()).kind is kind


@pytest.mark.parametrize(
    "twin",
    [
        {**RUN, "eventTime": "2026-01-01T00:00:00.000+00:00"},
        {**RUN, "eventTime": "2026-01-01T05:30:00+05:30"},
        {**RUN, "eventTime": "2026-01-01 00:00:00"},
        {**RUN, "outputs": [], "extra": None},
        dict(reversed(RUN.items())),
    ],
)
def test_one_event_written_in_two_ways_has_one_id(twin: dict[str, Any]) -> None:
    assert decode(json.dumps(twin, indent=1).encode()).event_id == decode(json.dumps(RUN).encode()).event_id


@pytest.mark.parametrize(
    "other",
    [
        {**RUN, "eventTime": "2026-01-01T00:00:00.000000001Z"},
        {**RUN, "eventType": "RUNNING"},
        {**RUN, "inputs": [*RUN["inputs"], *RUN["inputs"]]},
        {**RUN, "job": {**RUN["job"], "facets": {"x": [None]}}},
        {**RUN, "job": {**RUN["job"], "facets": {"x": []}}},
    ],
)
def test_another_event_has_another_id(other: dict[str, Any]) -> None:
    assert decode(json.dumps(other).encode()).event_id != decode(json.dumps(RUN).encode()).event_id


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(facets=st.dictionaries(st.text(), JSON, max_size=4), ascii_only=st.booleans())
def test_no_text_in_an_event_is_mistaken_for_a_key_that_stands_twice(facets: Any, ascii_only: bool) -> None:
    event = {**RUN, "run": {"runId": "r", "facets": facets}}
    body = json.dumps(event, ensure_ascii=ascii_only)
    assert decode(body.encode()).run_id == "r"


def test_rejected_bytes_are_kept_once_with_their_reasons(store: LineageStore) -> None:
    """PV-13: what is rejected again does not pile up."""
    good = json.dumps(RUN).encode()
    for _ in range(2):
        counts = ingest(store, [b"{}", good, b"nothing", b"", b"  \n"])
        assert counts.rejected == 2
    letters = {letter.body: letter.reasons for letter in store.dead_letters()}
    assert letters.keys() == {b"{}", b"nothing"}
    assert "eventTime is missing" in letters[b"{}"]
    assert store.counts().events == 1
