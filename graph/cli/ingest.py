"""`lineage ingest FILE...`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from itertools import islice
from typing import Annotated, NamedTuple

import typer

from graph.cli._event_files import Event, EventFile, UnreadableFileError
from graph.cli._options import Json, Store
from graph.cli._output import print_items, print_note
from graph.cli._store import location_of, server_at
from graph.ingest import IngestCounts, apply_bodies, renew
from graph.store import open_store
from graph.store.base import LineageStore
from graph.store.changes import Outcome
from lineage.destination import is_server
from lineage.redaction import redact_url

Files = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE...",
        help="JSON Lines, or one JSON array or object; gzip is read too; - is standard input.",
    ),
]

_BATCH = 500
_REASONS_SHOWN = 5


def ingest(files: Files, json: Json = False, store: Store = None) -> None:
    """Take OpenLineage events from files into the store; what is there already changes nothing.

    SQL that an older release or SQL parser has read is read again.

    Exits with 1 when an event was rejected: it is kept as a dead letter with the reason.
    """
    with _open_all(files) as opened_files, _taking(location_of(store)) as taking:
        counts = _ingest_all(taking.keep, opened_files)
        renewed = 0 if taking.store is None else renew(taking.store)
    if json:
        item = {"accepted": counts.accepted, "duplicate": counts.duplicate, "rejected": counts.rejected}
        print_items({"files": files, "store": taking.location}, [item])
    else:
        typer.echo(f"{counts.accepted} accepted, {counts.duplicate} duplicate, {counts.rejected} rejected")
    if renewed:
        print_note(
            f"SQL that an older release has read ({renewed} texts) is read again when it is asked about."
        )
    if counts.rejected:
        raise typer.Exit(1)


Keep = Callable[[Sequence[bytes]], list[Outcome]]


class _Taking(NamedTuple):
    """What takes events in: a store, or a server of one; `location` has no password."""

    keep: Keep
    location: str
    store: LineageStore | None = None


@contextmanager
def _taking(location: str) -> Iterator[_Taking]:
    if is_server(location):
        yield _Taking(server_at(location).keep, redact_url(location))
        return
    with closing(open_store(location)) as store:
        yield _Taking(partial(apply_bodies, store), store.location, store)


@contextmanager
def _open_all(names: Iterable[str]) -> Iterator[list[EventFile]]:
    """Open every file before the first event is taken, so that a mistyped name changes nothing."""
    files: list[EventFile] = []
    try:
        files.extend(EventFile(name) for name in names)
        yield files
    except UnreadableFileError as error:
        raise typer.BadParameter(str(error), param_hint="FILE") from error
    finally:
        for file in files:
            file.close()


def _ingest_all(keep: Keep, files: list[EventFile]) -> IngestCounts:
    counts = IngestCounts()
    told = 0
    with _progress(files) as advance:
        for file in files:
            events = iter(file)
            while batch := list(islice(events, _BATCH)):
                outcomes = keep([event.body for event in batch])
                counts = counts.plus(outcomes)
                for event, outcome in zip(batch, outcomes, strict=True):
                    if outcome.reasons and told < _REASONS_SHOWN:
                        told += 1
                        print_note(_rejection(file, event, outcome.reasons))
                    for problem in outcome.problems:
                        print_note(f"{file.name}:{event.number}: {problem}")
                advance()
    if counts.rejected > told:
        print_note(f"... and {counts.rejected - told} more rejected")
    return counts


def _rejection(file: EventFile, event: Event, reasons: Iterable[str]) -> str:
    return f"{file.name}:{event.number}: rejected: {'; '.join(reasons)}"


@contextmanager
def _progress(files: list[EventFile]) -> Iterator[Callable[[], None]]:
    """Show a bar by bytes on a terminal; nothing elsewhere."""
    sizes = [file.size for file in files]
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    total = None if None in sizes else sum(size or 0 for size in sizes)
    columns = (TextColumn("ingesting"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=total)
        yield lambda: progress.update(task, completed=sum(file.position for file in files))
