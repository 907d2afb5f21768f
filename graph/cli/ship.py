"""`lineage ship`."""

from __future__ import annotations

import signal
import threading
from typing import Annotated

import typer

from graph.cli._options import Json
from graph.cli._output import print_items, print_note

Follow = Annotated[bool, typer.Option("--follow", help="Go on delivering until the command is stopped.")]


def ship(follow: Follow = False, json: Json = False) -> None:
    """Deliver what waits in the outbox to the backend that OpenLineage's configuration names.

    Exits with 3 when the backend cannot be reached: the events stay in the outbox.
    """
    from lineage import shipping
    from lineage.config import current_config

    config = current_config()
    if follow:
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        print_note(f"Delivering to {config.destination.address} until stopped.")
        shipping.follow(config.destination, config, stop)
        return
    counts = shipping.ship_once(config.destination, config)
    if json:
        item = {"sent": counts.sent, "postponed": counts.postponed, "refused": counts.dead}
        print_items({"destination": config.destination.address}, [{**item, "error": counts.error}])
    else:
        typer.echo(f"{counts.sent} sent, {counts.postponed} put off, {counts.dead} refused")
    if counts.leased_elsewhere:
        print_note("Another process is emptying this outbox.")
    if counts.error:
        print_note(f"lineage: {config.destination.address}: {counts.error}; the events wait on")
        raise typer.Exit(3)
