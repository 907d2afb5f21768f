"""`lineage rebuild`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import typer

from graph.cli._options import Json, Store
from graph.cli._output import print_items
from graph.cli._store import own_location
from graph.errors import StoreError
from graph.ingest import derive, take_in_early
from graph.ingest import rebuild as rebuild_store
from graph.store import may_exist, open_store


def rebuild(json: Json = False, store: Store = None) -> None:
    """Make the graph anew from the log of events and commands, then read all SQL again.

    It is one transaction: until it is done others see the graph as it was, and what is written meanwhile
    waits. Broken off, it leaves everything as it was.
    """
    location = own_location(store)
    if not may_exist(location):
        raise StoreError(location, "there is no such file: ingest something first, or give another --store")
    with closing(open_store(location)) as target:
        take_in_early(target)
        with _shown(target.counts().events) as advance:
            events = rebuild_store(target, progress=advance)
        texts = derive(target).shapes
    if json:
        print_items({"store": target.location}, [{"events": events, "sql": texts}])
    else:
        typer.echo(f"{events} events taken in again, {texts} SQL texts read again")


@contextmanager
def _shown(total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar on a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("rebuilding", total=total)
        yield lambda done: progress.update(task, completed=done)
