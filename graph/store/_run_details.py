"""What runs said on their own, with the versions that they read and wrote."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from graph.nodes import Node
from graph.store import _version_ids as ids
from graph.store._dataset_versions import id_of
from graph.store._found_versions import FoundVersion, Reader, found_by
from graph.store._log import LogReader
from graph.store._reading import moment, nodes
from graph.store._run_ends import Ends, ends_of_runs, locations_of
from graph.store._run_rows import COLUMNS, run_of
from graph.store._run_said import DatasetSaid, RunSaid, said_by
from graph.store._writers import Known
from graph.store.log_format import run_id_of, run_key
from graph.store.runs import Run
from graph.store.versions import RunDetails, UsedVersion


def details_of(known: Known, log: LogReader, run_ids: Collection[str]) -> dict[str, RunDetails]:
    """See `LineageReader.run_details`."""
    runs = runs_called(known, run_ids)
    if not runs:
        return {}
    said = said_by(known.db, log, [run.number for run in runs.values()], known.until)
    ends = ends_of_runs(known, runs.values())
    names = nodes(
        known.db,
        {run.job for run in runs.values()} | {key for each in ends.values() for side in each for key in side},
    )
    readers = [
        Reader(dataset, run, run_id, _version(said[run_id].inputs, dataset))
        for run_id, run in runs.items()
        for dataset in ends[run.number][0]
    ]
    found = found_by(known, log, readers)
    locations = locations_of(known, log, runs.values())
    return {
        run_id: _details(run, run_id, said[run_id], ends[run.number], names, found, locations.get(run.number))
        for run_id, run in runs.items()
    }


def runs_called(known: Known, run_ids: Collection[str]) -> dict[str, Run]:
    """Return by id those of the runs of which events were received (by the time that is asked for)."""
    rows = known.db.execute(
        f"SELECT i.id, {COLUMNS} FROM each_key(?) AS k CROSS JOIN run_id AS i ON i.key = k.value"
        " CROSS JOIN run AS r ON r.number = i.number AND r.first_time <= ?",
        ([run_key(run_id) for run_id in set(run_ids)], known.until),
    ).fetchall()
    found = {run_id_of(bytes(row[0])): run_of(row[1:]) for row in rows}
    if known.past is not None:
        later = [run.number for run in found.values() if run.job_time > known.until]
        found |= {past.run_id: past.run for past in known.past.as_they_were(later)}
    return found


def _details(
    run: Run,
    run_id: str,
    said: RunSaid,
    ends: Ends,
    names: Mapping[int, Node],
    found: Mapping[tuple[int, str], FoundVersion],
    location: str | None,
) -> RunDetails:
    inputs = [
        _read(dataset, said.inputs.get(dataset) or DatasetSaid(), found.get((dataset, run_id)))
        for dataset in sorted(ends[0], key=names.__getitem__)
    ]
    outputs = [
        _wrote(dataset, names[dataset], run, run_id, said.outputs.get(dataset) or DatasetSaid())
        for dataset in sorted(ends[1], key=names.__getitem__)
    ]
    version = None
    if run.claims_outputs:
        version = ids.of_job(names[run.job], ([names[key] for key in side] for side in ends), location)
    return RunDetails(
        run_id,
        said.facets,
        said.job_facets,
        tuple(inputs),
        tuple(outputs),
        version,
        run.job,
        run.state,
        moment(run.first_time),
        moment(run.ended_at),
        run.error,
    )


def _read(dataset: int, said: DatasetSaid, found: FoundVersion | None) -> UsedVersion:
    version, made_by = (None, None) if found is None else (found.id, found.run_id)
    return UsedVersion(dataset, version, said.version, made_by, said.facets, said.own)


def _wrote(dataset: int, node: Node, run: Run, run_id: str, said: DatasetSaid) -> UsedVersion:
    if not run.claims_outputs:
        return UsedVersion(dataset, None, said.version, None, said.facets, said.own)
    version = id_of(node, run_id, said.version)
    return UsedVersion(dataset, version, said.version, run_id, said.facets, said.own)


def _version(said: Mapping[int, DatasetSaid], dataset: int) -> str | None:
    return said[dataset].version if dataset in said else None
