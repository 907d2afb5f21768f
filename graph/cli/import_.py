"""`lineage import NAME SOURCE`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path
from typing import Annotated

import typer

from graph.cli._options import Json, Store
from graph.cli._output import print_items, print_note, time_text
from graph.cli._store import own_location
from graph.errors import ImportSourceError
from graph.importers import find_importer
from graph.ingest import IngestCounts, apply_bodies
from graph.store import open_store
from graph.store.base import LineageStore

ImporterName = Annotated[str, typer.Argument(metavar="NAME", help="What is imported from: dbt or marquez.")]
Source = Annotated[
    str, typer.Argument(metavar="SOURCE", help="Where it is: dbt's target folder, http://localhost:5000.")
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="TIME",
        help="Only events from this time on (RFC 3339, or so long ago: 7d): earlier ones are in the store.",
    ),
]
Namespace = Annotated[
    str | None,
    typer.Option(
        "--namespace",
        metavar="NAMESPACE",
        help="The namespace of the datasets, where the source does not say it: postgres://host:5432.",
    ),
]
Token = Annotated[
    str | None,
    typer.Option(
        "--token", envvar="LINEAGE_IMPORT_TOKEN", metavar="TOKEN", help="The token that the server asks for."
    ),
]
CaFile = Annotated[
    Path | None,
    typer.Option(
        "--ca-file", exists=True, dir_okay=False, help="The certificates to trust, as PEM.", metavar="FILE"
    ),
]
Timeout = Annotated[
    float, typer.Option("--timeout", min=0.1, metavar="SECONDS", help="How long to wait for each answer.")
]

_BATCH = 500
_REASONS_SHOWN = 5


def import_(
    name: ImporterName,
    source: Source,
    since: Since = None,
    namespace: Namespace = None,
    token: Token = None,
    ca_file: CaFile = None,
    timeout: Timeout = 60.0,
    json: Json = False,
    store: Store = None,
) -> None:
    """Bring the history of another system over; what is there already changes nothing.

    Exits with 1 when an event was rejected (it is kept as a dead letter with the reason), and with 3 when the
    source stops answering: what came until then is kept, and importing again brings the rest.
    """
    importer = find_importer(name)
    began = None if since is None else _time(since)
    notes: list[str] = []
    location = own_location(store)
    with _progress() as show:
        events = importer(
            source,
            since=began,
            namespace=namespace,
            token=token,
            ca_file=None if ca_file is None else str(ca_file),
            timeout=timeout,
            stored=lambda: _stored(location),
            note=notes.append,
            progress=show,
        )
        # A source that does not answer at all leaves no empty store behind.
        first = list(islice(events, 1))
        with closing(open_store(location)) as target:
            counts, broken = _take(target, chain(first, events))
    if json:
        item = {"accepted": counts.accepted, "duplicate": counts.duplicate, "rejected": counts.rejected}
        print_items({"importer": name, "source": source, "since": time_text(began)}, [item])
    else:
        typer.echo(f"{counts.accepted} accepted, {counts.duplicate} duplicate, {counts.rejected} rejected")
    for note in notes:
        print_note(note)
    if broken is not None:
        raise broken
    if counts.rejected:
        raise typer.Exit(1)


def _take(store: LineageStore, events: Iterator[bytes]) -> tuple[IngestCounts, ImportSourceError | None]:
    """Ingest the events in batches; when the source stops answering, those before it. Return its error."""
    counts, broken, told = IngestCounts(), None, 0
    batch: list[bytes] = []
    while True:
        body = None
        try:
            body = next(events, None)
        except ImportSourceError as error:
            broken = error
        if body is not None:
            batch.append(body)
        if batch and (body is None or len(batch) == _BATCH):
            outcomes = apply_bodies(store, batch)
            counts, batch = counts.plus(outcomes), []
            for outcome in outcomes:
                if outcome.reasons and told < _REASONS_SHOWN:
                    told += 1
                    print_note(f"rejected: {'; '.join(outcome.reasons)}")
        if body is None:
            return counts, broken


def _stored(location: str) -> Iterator[bytes]:
    """Yield the events that are in the store now."""
    with closing(open_store(location)) as store:
        after = 0
        while page := store.bodies(after=after):
            after = page[-1][0]
            yield from (body for _, body in page)


def _time(text: str) -> datetime:
    from graph.queries import since_time

    return since_time(text, datetime.now(UTC))


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Show on a terminal where the import is; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.markup import escape

    with Console(stderr=True).status("importing") as status:
        yield lambda where: status.update(f"importing {escape(where)}")
