"""The latest run of each of two versions of a job's code."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from graph.errors import InvalidQueryError
from graph.nodes import NodeType
from graph.queries.names import resolve
from graph.store.base import LineageReader
from graph.store.history import RunSaying, Said, Version

_RUNS_SEARCHED = 100


def runs_of_versions(
    reader: LineageReader,
    saying: Callable[[str], RunSaying | None],
    job: str | Sequence[str],
    versions: Sequence[str] = (),
) -> tuple[RunSaying, RunSaying]:
    """Return what the latest run of each of two versions of a job's code said.

    `versions` are two as `sourceCodeLocation` facets tell them, by default the two that were first seen last.
    `saying` gives what a run said (`LineageStore.run_saying`). Raises InvalidQueryError where the job has no
    two versions, or not these.
    """
    asked = resolve(reader, job, (NodeType.JOB,))
    latest = reader.latest_event_time()
    known: dict[str, Version] = {}
    if latest is not None:
        told = reader.versions([asked.key], until=latest)
        for one in sorted(told, key=lambda one: one.first):
            if one.kind is Said.CODE_VERSION:
                known.setdefault(one.body[0][0], one)
    if not versions and len(known) < 2:
        raise InvalidQueryError(
            f"two versions of its code are compared, and {asked.label} has {len(known)}: versions are what"
            " sourceCodeLocation facets tell"
        )
    wanted = list(versions) or list(known)[-2:]
    for version in wanted:
        if version not in known:
            listed = ", ".join(list(known)[-5:]) or "none"
            raise InvalidQueryError(
                f"{asked.label} has no version {version!r} of its code; the latest: {listed}"
            )
    before, after = (_latest_run(reader, saying, asked.key, known[version]) for version in wanted)
    if before is None or after is None:
        missing = wanted[0] if before is None else wanted[1]
        raise InvalidQueryError(
            f"no run of {asked.label} with the version {missing!r} is near the last time that it was told:"
            " compare two runs by their ids"
        )
    return before, after


def _latest_run(
    reader: LineageReader, saying: Callable[[str], RunSaying | None], job: int, version: Version
) -> RunSaying | None:
    for run in reader.job_runs([job], until=version.last, limit=_RUNS_SEARCHED):
        said = saying(run.run_id)
        if said is not None and said.code_version == version.body[0][0]:
            return said
    return None
