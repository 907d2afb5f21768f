"""What a sink was told of in a test, for the fixtures called `told`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from lineage import configure
from lineage.attribution import flush_queries

Event = dict[str, Any]
SCHEMA = Path(__file__).resolve().parent.parent / "lineage" / "schemas" / "QueryEvent.json"
LOOKED_AT = 500
"""Of a test that asks thousands of queries these are held against the schema."""


@contextmanager
def told_events(*sinks: str) -> Iterator[Callable[[], list[Event]]]:
    """Give a function that returns the events of all queries that have ended inside, told beside `sinks`.

    At the end those of queries are held against their schema.
    """
    events: list[Event] = []
    configure(sink=[*sinks, events.append], service_name="shop", environment="test")

    def take() -> list[Event]:
        assert flush_queries(10)
        return events

    yield take
    queries = [event for event in take() if event["event_name"] == "lineage.query"][:LOOKED_AT]
    assert [error.message for event in queries for error in _validator().iter_errors(event)] == []
    assert [event for event in queries if event["timestamp"] != event["ended_at"]] == []


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
