"""Event bytes to the store: in batches, each of them one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from graph.errors import InvalidEventError
from graph.ingest.decode import decode
from graph.ingest.plan import plan
from graph.store.base import LineageStore
from graph.store.changes import Changes, Outcome, Rejected, Status
from graph.store.commands import Command, InvalidCommandError, command_of, is_command


@dataclass(frozen=True, slots=True)
class IngestCounts:
    """How many events were accepted, were there already, or went to the dead letters."""

    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0

    @property
    def total(self) -> int:
        """How many events there were."""
        return self.accepted + self.duplicate + self.rejected

    def plus(self, outcomes: Iterable[Outcome]) -> IngestCounts:
        """Return the counts with these outcomes added."""
        statuses = [outcome.status for outcome in outcomes]
        return IngestCounts(
            self.accepted + statuses.count(Status.ACCEPTED),
            self.duplicate + statuses.count(Status.DUPLICATE),
            self.rejected + statuses.count(Status.REJECTED),
        )


def ingest(
    store: LineageStore,
    lines: Iterable[bytes],
    *,
    batch: int = 500,
    progress: Callable[[IngestCounts], None] | None = None,
) -> IngestCounts:
    """Ingest events, one JSON text each (such as the lines of a file); blank ones are passed over.

    Each batch is one transaction: when this raises StoreError, the batches before are kept, and ingesting
    everything again completes the rest. `progress` is called with the counts so far after each batch.
    """
    counts = IngestCounts()
    for bodies in _batches((line for line in map(bytes.strip, lines) if line), batch):
        counts = counts.plus(apply_bodies(store, bodies))
        if progress is not None:
            progress(counts)
    return counts


def apply_bodies(store: LineageStore, bodies: Sequence[bytes]) -> list[Outcome]:
    """Ingest events as one transaction and return what became of each, in order."""
    return store.apply([understand(body) for body in bodies])


def understand(body: bytes) -> Changes | Rejected | Command:
    """Return the changes that an event makes, the command that stands in its place, or why it is neither."""
    try:
        return command_of(body) if is_command(body) else plan(decode(body))
    except InvalidEventError as error:
        return Rejected(body, tuple(error.problems))
    except InvalidCommandError as error:
        return Rejected(body, (str(error),))


def written_namespaces(body: bytes) -> set[str]:
    """Return the namespaces that an event says something of as its own; none when it is no event.

    They are those of its job and of what that writes, or of the dataset of a DatasetEvent. What a job reads
    is said by others.
    """
    try:
        event = decode(body)
    except InvalidEventError:
        return set()
    told = (event.job, event.dataset, *(event.outputs or ()))
    return {entity.namespace for entity in told if entity is not None}


def _batches(bodies: Iterable[bytes], size: int) -> Iterator[list[bytes]]:
    iterator = iter(bodies)
    while batch := list(islice(iterator, size)):
        yield batch
