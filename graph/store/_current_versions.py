"""The current versions of many datasets, asked for at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

from graph.store._dataset_versions import (
    Declared,
    Maker,
    Sources,
    id_of,
    makers,
    place_of,
    sources_of,
    with_named_versions,
)
from graph.store._log import LogReader
from graph.store._reading import nodes
from graph.store._run_said import said_by
from graph.store._writers import Known, LatestOfJob, WrittenBy, latest_by_job
from graph.store.versions import CurrentVersion


def current_versions(known: Known, log: LogReader, datasets: Collection[int]) -> dict[int, CurrentVersion]:
    """See `LineageReader.current_versions`."""
    latest = _latest(known, sources_of(known, log, datasets))
    named = with_named_versions(known, latest)
    runs = {made.run.number for key, made in latest.items() if key in named and isinstance(made, WrittenBy)}
    said = said_by(known.db, log, runs, known.until)
    whole = nodes(known.db, latest)
    found = {}
    for key, made in latest.items():
        if isinstance(made, Declared):
            found[key] = CurrentVersion(made.id, None)
            continue
        output = said[made.run_id].outputs.get(key) if made.run_id in said else None
        told = None if output is None else output.version
        found[key] = CurrentVersion(id_of(whole[key], made.run_id, told), made.run_id)
    return found


def _latest(known: Known, sources: Mapping[int, Sources]) -> dict[int, Maker]:
    """Return what made the latest version of each dataset, of those that have one."""
    by_job: dict[int, list[LatestOfJob]] = defaultdict(list)
    if known.past is None:
        for one in latest_by_job(known, {writer for each in sources.values() for writer in each.writers}):
            by_job[one.job].append(one)
    found: dict[int, Maker] = {}
    for key, each in sources.items():
        jobs = {owner for _, _, owner in each.writers if owner > 0}
        shapes = {shape for _, shape, _ in each.writers}
        latest = [one for job in jobs for one in by_job[job]]
        if known.past is None and all(not shapes.isdisjoint(one.shapes) for one in latest):
            made: list[Maker] = [*(one.made for one in latest), *each.declared]
        else:  # a job may have written something else last
            made = makers(known, each, known.until, 1)
        if made:
            found[key] = min(made, key=place_of)
    return found
