"""Importers: what brings the history of another system over, as OpenLineage events.

An importer is a callable under its name in the entry-point group `lineage.importers`. It yields events as
JSON texts, the same ones each time for the same content, so that importing again changes nothing. It raises
`ImportSourceError` when the source stops answering, and what it yielded before is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from importlib.metadata import entry_points
from typing import Protocol, cast

from graph.errors import InvalidSourceError

GROUP = "lineage.importers"


class Importer(Protocol):
    """What stands behind a name in the group."""

    def __call__(
        self,
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
        """Yield the events of a source: a URL or a path, whatever the importer reads.

        `since` leaves out earlier events, which are among those that `stored` gives: what is in the store
        already. `namespace` is that of the source's datasets, for a source that does not say it. `token`,
        `ca_file` and `timeout` (seconds) are for sources that are servers. `note` is told
        what people should know in the end, `progress` where the import is.
        """


def find_importer(name: str) -> Importer:
    """Return the importer of this name. Raises InvalidSourceError with the known names when there is none."""
    known = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in known:
        raise InvalidSourceError(f"there is no importer {name!r}; known are: {', '.join(sorted(known))}")
    return cast("Importer", known[name].load())
