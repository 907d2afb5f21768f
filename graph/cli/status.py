"""`lineage status`."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import typer

from graph import questions
from graph.cli._configured import Configured, configured
from graph.cli._options import Json, Store
from graph.cli._outboxes import OutboxState, UnreadableOutbox, in_words, outbox_states
from graph.cli._output import duration_text, print_items, print_note, size_text, time_text
from graph.cli._store import location_of, server_at
from graph.errors import StoreError
from graph.exports.labels import one_line
from graph.questions import moment
from graph.store import may_exist, open_store
from lineage.config import current_config
from lineage.destination import is_server, store_destination
from lineage.version import VERSION

_UNREACHABLE = 3
_LONG = timedelta(days=1)
_UNATTENDED = timedelta(minutes=1)
"""How long events wait for another backend before it is told that nobody delivers them."""

_HELD = {
    "error": "error",
    "bytes": "size",
    "format": "format",
    "lastIngest": "last ingest",
    "events": "events",
    "runs": "runs",
    "jobs": "jobs",
    "datasets": "datasets",
    "fields": "fields",
    "edges": "edges",
    "underived": "unread SQL",
    "deadLetters": "dead letters",
}
"""What is said of a store: the keys of its item, and their words for people."""


def status(json: Json = False, store: Store = None) -> None:
    """Show where events go, what the store holds, and what waits in each outbox. Nothing is drained.

    Exits with 3 when the store or an outbox cannot be read, and shows the rest.
    """
    opened = location_of(store)
    location = store_destination(opened).address
    going = configured()
    held = {"kind": "store", "location": location, **_held_by(opened)}
    outboxes, unreadable = outbox_states(current_config().outbox)
    if json:
        items = [held, _going_item(going), *map(_outbox_item, outboxes), *map(_unreadable_item, unreadable)]
        print_items({"store": location}, items)
    else:
        _print(going, held, outboxes, unreadable)
        for hint in _hints(location, going, held, outboxes):
            print_note(hint)
    faults = [f"outbox {each.file}: {each.reason}" for each in unreadable]
    if "error" in held:
        faults.insert(0, f"store {location}: {held['error']}")
    for fault in faults:
        print_note(f"lineage: {fault}")
    if faults:
        raise typer.Exit(_UNREACHABLE)


def _going_item(going: Configured) -> dict[str, Any]:
    return {
        "kind": "configuration",
        "destination": going.destination.address,
        "transport": going.destination.kind,
        "setting": going.setting,
        "disabled": going.disabled,
        "outbox": str(current_config().outbox),
        "version": VERSION,
    }


def _held_by(location: str) -> dict[str, Any]:
    if not may_exist(location):
        return {"exists": False}
    try:
        if is_server(location):
            return {"exists": True, **server_at(location).ask("status", None, {}).item}
        with closing(open_store(location, read_only=True)) as reader, moment(reader) as asked:
            return {"exists": True, **questions.status(asked).item}
    except (StoreError, OSError) as error:
        place = getattr(error, "location", location)
        return {"exists": True, "error": str(error).removeprefix(f"store {place}: ")}


def _outbox_item(state: OutboxState) -> dict[str, Any]:
    lease = None
    if state.lease is not None:
        lease = {"owner": state.lease, "until": time_text(state.lease_until)}
    return {
        "kind": "outbox",
        "destination": state.destination.address,
        "transport": state.destination.kind,
        "file": str(state.files[0]),
        "files": len(state.files),
        "waiting": state.waiting,
        "oldest": time_text(state.oldest),
        "dropped": state.dropped,
        "deadLetters": state.dead_letters,
        "lastError": state.last_error,
        "lease": lease,
    }


def _unreadable_item(each: UnreadableOutbox) -> dict[str, Any]:
    return {"kind": "outbox", "file": str(each.file), "error": each.reason}


def _print(
    going: Configured, held: dict[str, Any], outboxes: list[OutboxState], unreadable: list[UnreadableOutbox]
) -> None:
    goes = "nowhere: recording is disabled" if going.disabled else in_words(going.destination)
    _print_block("events go to", f"{goes} ({going.setting})", {})
    missing = "" if held["exists"] else " (not there yet)"
    _print_block("store", f"{held['location']}{missing}", _held_lines(held))
    if not outboxes and not unreadable:
        _print_block("outbox", f"none in {current_config().outbox}", {})
    for state in outboxes:
        _print_block("outbox for", in_words(state.destination), _outbox_lines(state))
    for each in unreadable:
        _print_block("outbox", str(each.file), {"error": each.reason})


def _held_lines(held: dict[str, Any]) -> dict[str, str]:
    texts = dict(held)
    if "bytes" in held:
        texts["format"] = f"{held['format']} (lineage-graph {VERSION})"
        texts["bytes"] = size_text(held["bytes"])
        texts["lastIngest"] = held["lastIngest"] or "never"
    return {word: str(texts[key]) for key, word in _HELD.items() if key in texts}


def _outbox_lines(state: OutboxState) -> dict[str, str]:
    own = len(state.files) - 1
    at_rest = state.waiting > 0 and state.destination.is_store
    lines = {
        "file": str(state.files[0]) + (f" and {own} of processes beside it" if own else ""),
        "waiting": str(state.waiting) + (", until the store is asked" if at_rest else ""),
        "oldest": f"{_age_text(state.oldest)} ago ({time_text(state.oldest)})" if state.oldest else "",
        "dropped": str(state.dropped),
        "dead letters": str(state.dead_letters),
        "last error": state.last_error or "",
        "emptied by": f"{state.lease} until {time_text(state.lease_until)}" if state.lease else "",
    }
    return {key: value for key, value in lines.items() if value}


def _print_block(title: str, value: str, lines: dict[str, str]) -> None:
    typer.echo(one_line(f"{title:<16}{value}"))
    for key, text in lines.items():
        typer.echo(one_line(f"  {key:<14}{text}"))


def _age(time: datetime) -> timedelta:
    return max(timedelta(), datetime.now(UTC) - time)


def _age_text(time: datetime) -> str:
    return duration_text(_age(time) / timedelta(milliseconds=1))


def _hints(location: str, going: Configured, held: dict[str, Any], outboxes: list[OutboxState]) -> list[str]:
    hints = [hint for state in outboxes if (hint := _waiting_hint(location, going, state)) is not None]
    letters = held.get("deadLetters", 0) + sum(state.dead_letters for state in outboxes)
    if letters:
        hints.append(f"Rejected or refused events: {letters}. See lineage deadletters list")
    return hints


def _waiting_hint(location: str, going: Configured, state: OutboxState) -> str | None:
    """Return what to do about events that wait for somebody who does not come; None when all is well."""
    if state.oldest is None or state.lease is not None:
        return None
    age, where = _age(state.oldest), in_words(state.destination)
    if state.destination.is_store:
        if age < _LONG:
            return None
        ask = "lineage runs" + (
            "" if state.destination.address == location else f" --store {state.destination.address}"
        )
        return (
            f"Events have waited for {where} for {_age_text(state.oldest)}. Any question takes them in: {ask}"
        )
    if age < _UNATTENDED:
        return None
    told = f"Nobody delivers what has waited for {where} for {_age_text(state.oldest)}."
    if state.destination == going.destination:
        return f"{told} Run lineage ship, or lineage ship --follow as a service"
    return f"{told} Configure it as the destination again (such as with OPENLINEAGE_URL) and run lineage ship"
