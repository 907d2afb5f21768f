"""`lineage export datahub`."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from graph.cli._options import Json, Store
from graph.cli._output import note_incomplete, print_items, print_note
from graph.cli._store import opened, own_location
from graph.errors import InvalidQueryError
from graph.store.base import LineageStore

if TYPE_CHECKING:
    from graph.exports.datahub import Counts, Gms, Naming

Server = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="URL",
        help="DataHub's metadata service, such as http://localhost:8080; its token is read from"
        " DATAHUB_GMS_TOKEN.  [default: DATAHUB_GMS_URL, else what `datahub init` wrote]",
        show_default=False,
    ),
]
To = Annotated[
    Path | None,
    typer.Option(
        "--to",
        metavar="FILE",
        help="Write what would be sent to a file, as DataHub reads it; - is standard output.",
    ),
]
Follow = Annotated[
    bool, typer.Option("--follow", help="Go on with what changes until the command is stopped.")
]
Every = Annotated[
    float,
    typer.Option("--every", min=0.1, metavar="SECONDS", help="How often to look for changes, with --follow."),
]
Environment = Annotated[
    str, typer.Option("--env", metavar="ENV", help="DataHub's environment of all datasets.")
]
Instances = Annotated[
    list[str] | None,
    typer.Option(
        "--platform-instance",
        metavar="NAMESPACE=INSTANCE",
        help="The platform instance of a namespace, or of a platform. May be given several times.",
        show_default=False,
    ),
]
Schemas = Annotated[bool, typer.Option("--schemas/--no-schemas", help="Send the schemas that are known.")]
State = Annotated[
    Path | None,
    typer.Option(
        "--state",
        dir_okay=False,
        metavar="FILE",
        help="Where what was sent is kept.  [default: a file in the user's state folder]",
        show_default=False,
    ),
]


def export_datahub(
    server: Server = None,
    to: To = None,
    follow: Follow = False,
    every: Every = 10.0,
    env: Environment = "PROD",
    platform_instance: Instances = None,
    schemas: Schemas = True,
    state: State = None,
    json: Json = False,
    store: Store = None,
) -> None:
    """Have a DataHub hold the current graph: datasets, jobs, lineage of tables and columns, schemas.

    What was there and is no more is taken back. Exits with 1 when DataHub refused something, and with 3 when
    it cannot be reached: what it acknowledged is not lost, and exporting again brings the rest.
    """
    from graph.exports import datahub

    naming = datahub.naming(env, platform_instance or ())
    if to is not None:
        if follow or server is not None:
            raise typer.BadParameter(
                "a file is written once: leave --follow and --server out", param_hint="--to"
            )
        _write(to, naming, schemas, store)
        return
    gms, address = _gms(server)
    with gms, datahub.Sent(state or _state_file(own_location(store), address)) as sent:
        if follow:
            stop = threading.Event()
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: stop.set())
            print_note(f"Exporting to {gms.address} until stopped.")
            datahub.follow(
                lambda: _opened(store),
                naming,
                gms,
                sent,
                stop,
                every=every,
                schemas=schemas,
                note=print_note,
                done=_tell_changes,
            )
            return
        with _opened(store) as (kept, waiting), kept.snapshot():
            counts = datahub.export(
                kept, naming, gms, sent, changes_only=False, schemas=schemas, note=print_note
            )
    _tell(counts, gms, json)
    note_incomplete(waiting)
    if counts.refused:
        raise typer.Exit(1)


@contextmanager
def _opened(store: str | None) -> Iterator[tuple[LineageStore, bool]]:
    with opened(store) as now:
        yield now.reader, now.incomplete


def _gms(server: str | None) -> tuple[Gms, str]:
    """Return the DataHub of the option, or of DataHub's own settings; its token is in these alone."""
    from graph.exports import datahub

    token = os.environ.get("DATAHUB_GMS_TOKEN") or None
    if server is None:
        server, token = datahub.configured()
    parts = urlsplit(server)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidQueryError("--server: give the URL of DataHub's metadata service, http://localhost:8080")
    if parts.username or parts.password:
        raise InvalidQueryError(
            "--server: give no credentials in the URL, but the token in DATAHUB_GMS_TOKEN"
        )
    return datahub.Gms(server, token), server.rstrip("/")


def _state_file(location: str, address: str) -> Path:
    import platformdirs

    of = hashlib.sha256(f"{location}\n{address}".encode()).hexdigest()[:16]
    return (
        Path(platformdirs.user_state_dir("lineage-graph", appauthor=False))
        / "exports"
        / f"datahub-{of}.jsonl"
    )


def _write(to: Path, naming: Naming, schemas: bool, store: str | None) -> None:
    from graph.exports.datahub import write

    with _opened(store) as (kept, waiting), kept.snapshot():
        if str(to) == "-":
            write(kept, naming, sys.stdout, schemas=schemas, note=print_note)
        else:
            whole = to.with_name(f"{to.name}.part")
            try:
                with whole.open("w", encoding="utf-8") as file:
                    count = write(kept, naming, file, schemas=schemas, note=print_note)
                whole.replace(to)
            except OSError as error:
                raise InvalidQueryError(f"--to {to}: it cannot be written: {error.strerror}") from error
            print_note(f"{count} aspects written to {to}")
    note_incomplete(waiting)


def _tell(counts: Counts, gms: Gms, json: bool) -> None:
    if json:
        print_items({"server": gms.address}, [asdict(counts)])
    else:
        typer.echo(_counted(counts))


def _tell_changes(counts: Counts) -> None:
    if counts.sent or counts.refused:
        print_note(_counted(counts))


def _counted(counts: Counts) -> str:
    return f"{counts.sent} aspects sent, {counts.removed} of them taken back, {counts.refused} refused"
