"""The history of a running Marquez: its events as they were received, then what no event tells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from graph.errors import InvalidSourceError
from graph.importers.marquez.connection import Connection
from graph.importers.marquez.declared import IMPORTER
from graph.importers.marquez.history import event_pages
from graph.importers.marquez.told import Told
from graph.importers.marquez.untold import untold_events

__all__ = ["import_marquez"]

_OURS = IMPORTER.encode()


def import_marquez(
    source: str,
    *,
    since: datetime | None,
    namespace: str | None,
    token: str | None,
    ca_file: str | None,
    timeout: float,
    stored: Callable[[], Iterable[bytes]],
    note: Callable[[str], None],
    progress: Callable[[str], None],
) -> Iterator[bytes]:
    """Yield the events of the Marquez whose API is at the URL `source`; see `graph.importers.Importer`.

    Raises:
        MissingDependencyError: marquez-python is not installed.
        InvalidSourceError: the URL is none, a namespace is given, or what answers there is no Marquez.
        ImportSourceError: it cannot be reached, refuses the token, or stops answering.
    """
    if namespace is not None:
        raise InvalidSourceError("Marquez says by itself what the namespaces are: leave out --namespace")
    with Connection(source, token=token, ca_file=ca_file, timeout=timeout) as marquez:
        marquez.check()
        told = Told()
        if since is not None:
            # An earlier import may have broken off between the two events that it made of a run.
            for body in (each for each in stored() if _OURS not in each):
                told.take(body)
        for page in event_pages(marquez, since, progress):
            for body in page:
                told.take(body)
                yield body
        yield from untold_events(marquez, told, note, progress, whole=since is None)
