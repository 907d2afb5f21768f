"""What a sink was told of in a test, held against the published schemas, for the fixtures called `told`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from referencing import Registry, Resource

from lineage import configure
from lineage.attribution import flush_queries

Event = dict[str, Any]
SCHEMAS = Path(__file__).resolve().parent.parent / "lineage" / "schemas"
SCHEMA = SCHEMAS / "QueryEvent.json"
LOOKED_AT = 500
"""Of a test that asks thousands of queries these are held against the schema."""

_SCHEMA_OF = {
    f"lineage.{name}": f"{name.title()}Event.json" for name in ("query", "operation", "metrics", "outcome")
}


@contextmanager
def told_events(*sinks: str) -> Iterator[Callable[[], list[Event]]]:
    """Give a function that returns the events of all that has ended inside, told beside `sinks`.

    At the end they are held against their schemas.
    """
    events: list[Event] = []
    configure(sink=[*sinks, events.append], service_name="shop", environment="test")

    def take() -> list[Event]:
        assert flush_queries(10)
        return events

    yield take
    looked_at = take()[:LOOKED_AT]
    assert [error.message for event in looked_at for error in event_errors(event)] == []
    assert [event for event in looked_at if event["timestamp"] != event["ended_at"]] == []


def event_errors(event: Event) -> list[ValidationError]:
    """Return what the schema of an event's kind says against it."""
    return list(_validator(_SCHEMA_OF[event["event_name"]]).iter_errors(event))


@cache
def _validator(name: str) -> Draft202012Validator:
    schemas = {each: json.loads((SCHEMAS / each).read_text(encoding="utf-8")) for each in _SCHEMA_OF.values()}
    known = [(schema["$id"], Resource.from_contents(schema)) for schema in schemas.values()]
    return Draft202012Validator(schemas[name], registry=Registry().with_resources(known))
