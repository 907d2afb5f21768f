"""What a Marquez knows and no event tells: tags, descriptions, and what it keeps beyond its events."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from graph.errors import ImportSourceError
from graph.importers.marquez import listing
from graph.importers.marquez.connection import Connection, RefusedError
from graph.importers.marquez.declared import dataset_event, job_event, run_events
from graph.importers.marquez.listing import Record
from graph.importers.marquez.told import Name, Told, unlisted

_NAMED = 5
_NOT_FOUND = 404


def untold_events(
    marquez: Connection,
    told: Told,
    note: Callable[[str], None],
    progress: Callable[[str], None],
    *,
    whole: bool,
) -> Iterator[bytes]:
    """Yield events for what the events told of do not say, namespace by namespace.

    With `whole`, `told` is all that Marquez has, and `note` gets what it does not show any more. The times of
    the events are those that Marquez has, so that they are the same ones each time until something changes.
    """
    hidden: list[str] = []
    seen: list[str] = []
    jobs: set[Name] = set()
    datasets: set[Name] = set()
    try:
        for namespace in listing.namespaces(marquez):
            name = str(namespace["name"])
            (hidden if namespace.get("isHidden") else seen).append(name)
            progress(f"datasets of {name}")
            for record in listing.datasets(marquez, name):
                datasets.add((name, str(record["name"])))
                yield from _of_dataset(told, record)
            progress(f"jobs of {name}")
            for record in listing.jobs(marquez, name):
                jobs.add(told.job_name(record))
                yield from _of_job(marquez, told, record)
        if whole:
            gone = _gone(marquez, unlisted(told.jobs, jobs, seen), marquez.client.get_job)
            gone += _gone(marquez, unlisted(told.datasets, datasets, seen), marquez.client.get_dataset)
            _tell_gone(gone, note)
    except ImportSourceError as error:
        raise error.go_on_from(None) from error
    except (KeyError, TypeError, ValueError) as error:
        raise ImportSourceError(marquez.url, f"a record of it cannot be read: {error!r}") from error
    if hidden:
        note(f"Marquez hides these namespaces, which were imported nevertheless: {', '.join(hidden)}.")


def _of_dataset(told: Told, record: Record) -> Iterator[bytes]:
    name = (str(record["namespace"]), str(record["name"]))
    yield from dataset_event(record, told.datasets.get(name, ()), known=name in told.datasets)


def _of_job(marquez: Connection, told: Told, record: Record) -> Iterator[bytes]:
    namespace, listed_as = str(record["namespace"]), str(record["name"])
    name = told.job_name(record)
    if listing.count_runs(marquez, namespace, listed_as) != told.runs_of[name]:
        latest = (record.get("latestRun") or {}).get("id")
        for run in listing.runs(marquez, namespace, listed_as):
            if not told.has_run(str(run["id"])):
                facets = record.get("facets") if run["id"] == latest else None
                yield from run_events(run, name, facets or {})
    yield from job_event(record, name, told.jobs.get(name, ()), known=told.has_job(name))


def _gone(marquez: Connection, names: list[Name], ask: Callable[[str, str], object]) -> list[Name]:
    """Return those names that Marquez does not know: others stand in its lists under another name."""
    found = []
    for name in names:
        try:
            ask(*name)
        except RefusedError as error:
            if error.status != _NOT_FOUND:
                raise
            found.append(name)
    return found


def _tell_gone(gone: list[Name], note: Callable[[str], None]) -> None:
    if not gone:
        return
    named = ", ".join(name for _, name in gone[:_NAMED])
    more = f" and {len(gone) - _NAMED} more" if len(gone) > _NAMED else ""
    note(
        f"Marquez's events name {len(gone)} jobs and datasets that it does not show any more, because they"
        f" were deleted there or removed by its retention; here they are kept: {named}{more}."
    )
