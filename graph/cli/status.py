"""`lineage status`."""

from __future__ import annotations

import json as json_module
from contextlib import closing
from pathlib import Path
from typing import Any

import typer

from graph.cli._options import Json, Store
from graph.cli._output import print_items, print_table, size_text, time_text
from graph.cli._store import location_of
from graph.store import open_store
from lineage.config import current_config
from lineage.outbox import OutboxStats, open_existing, outbox_files


def status(json: Json = False, store: Store = None) -> None:
    """Show where the store is and what it holds, and what waits in each outbox. Nothing is drained."""
    location = location_of(store)
    held = _store_item(location)
    outboxes = [_outbox_item(stats) for stats in _outboxes()]
    if json:
        print_items({"store": location}, [held, *outboxes])
        return
    for key, value in held.items():
        if key != "kind":
            typer.echo(f"{_words(key):<14}{_text(key, value)}")
    typer.echo("")
    if not outboxes:
        typer.echo(f"No outbox in {current_config().outbox}")
        return
    columns = ["destination", "waiting", "oldest", "dropped", "refused", "lastError", "file"]
    rows = [["" if item[column] is None else str(item[column]) for column in columns] for item in outboxes]
    print_table([_words(column) for column in columns], rows)


def _store_item(location: str) -> dict[str, Any]:
    path = Path(location)
    if not path.exists():
        return {"kind": "store", "location": location, "exists": False}
    with closing(open_store(location, read_only=True)) as reader:
        counts = reader.counts()
    return {
        "kind": "store",
        "location": location,
        "exists": True,
        "bytes": _size(path),
        "events": counts.events,
        "runs": counts.runs,
        "jobs": counts.jobs,
        "datasets": counts.datasets,
        "fields": counts.fields,
        "edges": counts.edges,
        "deadLetters": counts.dead_letters,
        "underived": counts.underived,
        "lastIngest": time_text(counts.last_ingest),
    }


def _size(path: Path) -> int:
    """Return the size of the store's file with what its write-ahead log holds."""
    log = path.with_name(path.name + "-wal")
    return path.stat().st_size + (log.stat().st_size if log.exists() else 0)


def _outboxes() -> list[OutboxStats]:
    found = []
    for file in outbox_files(current_config().outbox):
        with closing(open_existing(file)) as outbox:
            found.append(outbox.stats())
    return found


def _outbox_item(stats: OutboxStats) -> dict[str, Any]:
    identity = json_module.loads(stats.destination) or {}
    return {
        "kind": "outbox",
        "destination": identity.get("address"),
        "transport": identity.get("kind"),
        "file": str(stats.path),
        "waiting": stats.waiting,
        "oldest": time_text(stats.oldest),
        "dropped": stats.dropped,
        "refused": stats.dead_letters,
        "lastError": stats.last_error,
    }


def _words(key: str) -> str:
    return "".join(f" {char.lower()}" if char.isupper() else char for char in key)


def _text(key: str, value: object) -> str:
    if value is None:
        return "never" if key == "lastIngest" else "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return size_text(value) if key == "bytes" and isinstance(value, int) else str(value)
