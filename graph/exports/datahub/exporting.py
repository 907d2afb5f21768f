"""The whole current graph to a DataHub, or what differs from what was sent; or to a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import IO

from graph.exports.datahub.gms import Gms
from graph.exports.datahub.names import Naming
from graph.exports.datahub.proposals import Note, Proposal, emptied, proposals
from graph.exports.datahub.sent import Sent
from graph.store.base import LineageReader

_BATCH = 100


@dataclass
class Counts:
    """How many aspects were sent, among them taken back; how many DataHub had already, and refused."""

    sent: int = 0
    removed: int = 0
    unchanged: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class _Sending:
    """A proposal on its way, and what is to be remembered of it: its digest, None of what is taken back."""

    proposal: Proposal
    digest: str | None


def export(
    reader: LineageReader,
    naming: Naming,
    gms: Gms,
    sent: Sent,
    *,
    changes_only: bool,
    schemas: bool = True,
    note: Note = lambda _: None,
    stopped: Callable[[], bool] = lambda: False,
) -> Counts:
    """Have DataHub hold the current graph: what is sent is all of it, or `changes_only`.

    What `sent` knows of and is no more is taken back. Each batch is remembered once DataHub has acknowledged
    it, so that nothing is lost when this ends early; `note` is told of what is refused, which is tried again
    the next time. Raises DeliveryError when DataHub cannot be reached.
    """
    counts = Counts()
    wanted = _wanted(proposals(reader, naming, schemas=schemas, note=note), sent, counts, changes_only)
    while not stopped() and (batch := list(islice(wanted, _BATCH))):
        refused = {id(one.proposal): one for one in gms.send([each.proposal for each in batch])}
        acknowledged = [each for each in batch if id(each.proposal) not in refused]
        sent.record((each.proposal.urn, each.proposal.name, each.digest) for each in acknowledged)
        counts.sent += len(acknowledged)
        counts.removed += sum(each.digest is None for each in acknowledged)
        counts.refused += len(refused)
        for one in refused.values():
            note(f"refused: {one.proposal.urn} {one.proposal.name}: {one.reason}")
    return counts


def _wanted(
    current: Iterable[Proposal], sent: Sent, counts: Counts, changes_only: bool
) -> Iterator[_Sending]:
    """Yield what is to be sent: what is, then what is no more."""
    there = set()
    for each in current:
        there.add((each.urn, each.name))
        if changes_only and sent.known.get((each.urn, each.name)) == each.digest:
            counts.unchanged += 1
        else:
            yield _Sending(each, each.digest)
    for urn, name in sorted(sent.known.keys() - there):
        if (nothing := emptied(urn, name)) is not None:
            yield _Sending(nothing, None)


def write(
    reader: LineageReader, naming: Naming, file: IO[str], *, schemas: bool = True, note: Note = lambda _: None
) -> int:
    """Write the proposals as JSON, as DataHub's source `file` reads them; return how many."""
    count = 0
    file.write("[")
    for count, each in enumerate(proposals(reader, naming, schemas=schemas, note=note), 1):
        told = each.wrapped.to_obj(simplified_structure=True)
        file.write(",\n" if count > 1 else "\n")
        file.write(json.dumps(told, sort_keys=True))
    file.write("\n]\n")
    return count
