"""Which versions of datasets runs found when they read them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from graph.nodes import Node
from graph.store import _version_ids as ids
from graph.store._dataset_versions import (
    Declared,
    Maker,
    Sources,
    id_of,
    makers,
    sources_of,
    with_named_versions,
    with_said,
)
from graph.store._log import LogReader
from graph.store._other_names import names_of
from graph.store._reading import nodes
from graph.store._run_said import said_by
from graph.store._writers import Known, WrittenBy
from graph.store.runs import Run

_LOOKED_AT = 50
"""In so many versions the one that a run names is looked for."""

_LOOK = re.compile(r"[a-z]+-sha256:|stat:|etag:")
"""What a version begins with that is told of a content: the kind of the hash, or of the look."""

_FEW = 4
"""So many are looked at first where the latest will do."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A run that read a dataset; `told` is the version that it names."""

    dataset: int
    run: Run
    run_id: str
    told: str | None

    def may_find(self, made: Maker) -> bool:
        """Tell whether a version was there when the run began, and that it has not made it itself."""
        if isinstance(made, Declared):
            return made.first_time <= self.run.first_time
        return made.run_id != self.run_id and made.is_there(self.run.first_time)


@dataclass(frozen=True, slots=True)
class FoundVersion:
    """A version as its id, and the run that made it where that is known."""

    id: str
    run_id: str | None


def found_by(known: Known, log: LogReader, readers: Iterable[Reader]) -> dict[tuple[int, str], FoundVersion]:
    """Return by dataset and run id the version that each reader found; those that found none are left out.

    It is the one that the run names, else the latest that was there when it began.
    """
    of_dataset: dict[int, list[Reader]] = defaultdict(list)
    for reader in readers:
        of_dataset[reader.dataset].append(reader)
    names = nodes(known.db, of_dataset)
    sources = sources_of(known, log, of_dataset)
    named = with_named_versions(known, of_dataset)
    drops = _runs_that_dropped(known, of_dataset)
    candidates = {
        dataset: _candidates(known, log, dataset, sources[dataset], drops.get(dataset, ()), group)
        for dataset, group in of_dataset.items()
    }
    told = _told_by(known, log, {dataset: candidates[dataset] for dataset in named})
    found = {}
    for dataset, group in of_dataset.items():
        for reader, makers_ in zip(group, candidates[dataset], strict=True):
            version = _chosen(names[dataset], reader, makers_, told.get(dataset, {}))
            if version is not None:
                found[dataset, reader.run_id] = version
    return found


def _candidates(
    known: Known,
    log: LogReader,
    dataset: int,
    sources: Sources,
    dropping: Collection[int],
    readers: Sequence[Reader],
) -> list[list[Maker]]:
    """Return for each reader the versions that were there, the latest first: several where it names one."""
    last = max(reader.run.first_time for reader in readers)
    limit = _LOOKED_AT if any(reader.told for reader in readers) else _FEW
    while True:
        made = makers(known, sources, last, limit)
        there = _without_drops(known, log, dataset, dropping, made)
        found = [[one for one in there if reader.may_find(one)][:_LOOKED_AT] for reader in readers]
        if len(made) < limit or all(found):
            return [each if reader.told else each[:1] for reader, each in zip(readers, found, strict=True)]
        limit *= 4


def _runs_that_dropped(known: Known, datasets: Collection[int]) -> dict[int, set[int]]:
    """Return by dataset the runs of which an event says that it was dropped; 0 for one without a run."""
    names = names_of(known.db, datasets)
    found: dict[int, set[int]] = defaultdict(set)
    for name, run in known.db.execute(
        "SELECT d.dataset, d.run FROM each_key(?) AS k CROSS JOIN drop_said AS d ON d.dataset = k.value",
        (list(names),),
    ):
        found[names[name]].add(run)
    return found


def _without_drops(
    known: Known, log: LogReader, dataset: int, dropping: Collection[int], made: Sequence[Maker]
) -> list[Maker]:
    """Return what made versions, without what dropped the dataset: there is nothing to be read of that."""
    doubtful = [one for one in made if (one.run.number if isinstance(one, WrittenBy) else 0) in dropping]
    drops = {one for one, said in with_said(known, log, dataset, doubtful) if said.lifecycle == "DROP"}
    return [one for one in made if one not in drops]


def _told_by(
    known: Known, log: LogReader, candidates: Mapping[int, Sequence[Sequence[Maker]]]
) -> dict[int, dict[str, str]]:
    """Return by dataset the versions that producers gave it, by the id of the run."""
    runs = {
        dataset: {made.run_id: made.run.number for one in each for made in one if isinstance(made, WrittenBy)}
        for dataset, each in candidates.items()
    }
    said = said_by(known.db, log, {number for each in runs.values() for number in each.values()}, known.until)
    found: dict[int, dict[str, str]] = defaultdict(dict)
    for dataset, each in runs.items():
        for run_id in each:
            output = said[run_id].outputs.get(dataset) if run_id in said else None
            if output is not None and output.version is not None:
                found[dataset][run_id] = output.version
    return found


def _chosen(
    dataset: Node, reader: Reader, candidates: Sequence[Maker], told: dict[str, str]
) -> FoundVersion | None:
    if reader.told is not None:
        made_by = (one.run_id for one in candidates if isinstance(one, WrittenBy))
        maker = next((run_id for run_id in made_by if told.get(run_id) == reader.told), None)
        if maker is not None or not _may_be_latest(reader.told, candidates, told):
            return FoundVersion(ids.told(dataset, reader.told), maker)
    if not candidates:
        return None
    latest = candidates[0]
    if isinstance(latest, Declared):
        return FoundVersion(latest.id, None)
    return FoundVersion(id_of(dataset, latest.run_id, told.get(latest.run_id)), latest.run_id)


def _may_be_latest(version: str, candidates: Sequence[Maker], told: Mapping[str, str]) -> bool:
    """Whether a reader that looked at a content (a hash, or size and time) may have found the latest version.

    So it is where the run that made that told nothing, or told another kind of look, that it could be held
    against: a run in another tier of provenance.
    """
    look = _LOOK.match(version)
    if look is None or not candidates or not isinstance(candidates[0], WrittenBy):
        return False
    made = told.get(candidates[0].run_id)
    if made is None:
        return True
    other = _LOOK.match(made)
    return other is not None and other[0] != look[0]
