"""`lineage tail`."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Iterator
from typing import Annotated

import typer

from graph.cli._options import Json, Store
from graph.cli._output import print_note, time_text
from graph.cli._store import location_of, opened, server_at
from graph.client import Server
from graph.errors import StoreError
from graph.exports.labels import one_line
from graph.exports.log_lines import log_line
from graph.questions.log import end_of_log
from graph.questions.tailing import LoggedEvent, Wanted, logged, page_of_events, wanted
from lineage.destination import is_server

Jobs = Annotated[
    list[str] | None,
    typer.Option(
        "--job",
        metavar="PATTERN",
        help="Only events of this job: a name, the end of one, or NAMESPACE/NAME, with * and ?. May be given"
        " more than once.",
    ),
]
Datasets = Annotated[
    list[str] | None,
    typer.Option("--dataset", metavar="PATTERN", help="Only events that name this dataset, as --job does."),
]
States = Annotated[
    list[str] | None,
    typer.Option(
        "--state",
        metavar="STATE",
        help="Only events of this type: start, running, complete, abort, fail, other. May be given more than"
        " once.",
    ),
]
After = Annotated[
    int | None,
    typer.Option(
        "--after", min=0, metavar="NUMBER", help="Begin behind this number of the log; 0 is its beginning."
    ),
]
Follow = Annotated[bool, typer.Option("--follow/--no-follow", help="Go on until stopped.")]

POLL_SECONDS = 0.5
"""How often a store is looked at."""

_LONGEST_WAIT = 60.0


def tail(
    job: Jobs = None,
    dataset: Datasets = None,
    state: States = None,
    after: After = None,
    follow: Follow = True,
    json: Json = False,
    store: Store = None,
) -> None:
    """Show events as they come in, from now on or behind a number of the log, until stopped.

    With --json each is a line of a structured log: time, level, message, what it is about and its number.
    """
    if not follow and after is None:
        raise typer.BadParameter("say where to begin: --after NUMBER", param_hint="--no-follow")
    of = wanted(job or (), dataset or (), state or ())
    show = _show_json if json else _show
    try:
        for event in _events(location_of(store), store, after, of, follow=follow):
            show(event)
    except KeyboardInterrupt:
        # That is how it ends; the number behind which to go on stands on the last line.
        return


def _events(
    location: str, store: str | None, after: int | None, of: Wanted, *, follow: bool
) -> Iterator[LoggedEvent]:
    if is_server(location):
        if not follow:
            raise typer.BadParameter("a server is followed", param_hint="--no-follow")
        return _of_server(server_at(location), after, of)
    return _of_store(store, after, of, follow=follow)


def _of_store(store: str | None, after: int | None, of: Wanted, *, follow: bool) -> Iterator[LoggedEvent]:
    """Yield the events of a store; one that cannot be read any more is tried again, ever more rarely."""
    place, failures, told = after, 0, ""
    while True:
        try:
            with opened(store, read_sql=False) as now:
                if place is None:
                    place = end_of_log(now.reader, 0)
                more: int | None = place
                while more is not None:
                    events, more = page_of_events(now.reader, place)
                    for event in events:
                        place = event.number
                        if of.has(event):
                            yield event
                    place = place if more is None else more
            failures, told = 0, ""
        except StoreError as error:
            if place is None or not follow:
                raise
            failures, told = failures + 1, _tell(error, told)
        if not follow:
            return
        clock.sleep(POLL_SECONDS if not failures else min(_LONGEST_WAIT, 2.0**failures))


def _of_server(server: Server, after: int | None, of: Wanted) -> Iterator[LoggedEvent]:
    """Yield the events that a server tells of; when it ends the stream it is asked again, behind the last."""
    asked = {"job": list(of.jobs), "dataset": list(of.datasets), "state": sorted(of.types)}
    place, failures, told = after, 0, ""
    is_known = False
    while True:
        try:
            for number, body in server.tail(place, asked):
                place, failures, told, is_known = number, 0, "", True
                event = logged(number, body) if body else None
                if event is not None:
                    yield event
        except StoreError as error:
            if not is_known:
                raise
            failures, told = failures + 1, _tell(error, told)
        clock.sleep(min(_LONGEST_WAIT, 2.0**failures))


def _tell(error: StoreError, told: str) -> str:
    """Tell of an error once; return what was told."""
    if str(error) != told:
        print_note(f"{error}; it is tried again")
    return str(error)


Show = Callable[[LoggedEvent], None]


def _show_json(event: LoggedEvent) -> None:
    typer.echo(log_line(event.time, event.level, "lineage.events", event.message, event.fields))


def _show(event: LoggedEvent) -> None:
    about = event.job.label if event.job is not None else ""
    inputs, outputs = (", ".join(node.label for node in nodes) for nodes in (event.inputs, event.outputs))
    edges = f"{inputs} -> {outputs}" if inputs and outputs else f"reads {inputs}" if inputs else outputs
    parts = [str(event.number), time_text(event.time) or "", event.type, about, edges]
    typer.echo(one_line("  ".join(part for part in parts if part)))
