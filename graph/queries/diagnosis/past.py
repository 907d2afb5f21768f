"""The past of what stands on the way, fetched in a fixed number of questions to the store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from graph.nodes import Node
from graph.records import Direction, EdgeKind, RunState
from graph.store.base import LineageReader
from graph.store.history import Assertions, JobRun, Said, Version

RUNS = 60
"""How many runs of each job are looked at."""

ASSERTION_RUNS = 30
"""How many runs that tested a dataset are looked at."""


@dataclass(frozen=True, slots=True)
class Past:
    """What happened until a time: runs by job and tests by dataset (latest first), and what was said."""

    until: datetime
    names: Mapping[int, Node]
    writers: Mapping[int, set[int]]
    runs: Mapping[int, list[JobRun]] = field(default_factory=dict)
    tests: Mapping[int, list[Assertions]] = field(default_factory=dict)
    versions: Mapping[int, list[Version]] = field(default_factory=dict)

    def wrote(self, dataset: int) -> list[JobRun]:
        """Return the completed runs that wrote a dataset, the latest end first."""
        runs = [run for job in self.writers.get(dataset, ()) for run in self.runs.get(job, ())]
        done = [run for run in runs if run.state is RunState.COMPLETE and dataset in run.wrote]
        return sorted(done, key=lambda run: (run.ended or run.began, run.run_id), reverse=True)

    def of_kind(self, entity: int, kind: Said) -> list[Version]:
        """Return what was said of an entity in one way."""
        return [each for each in self.versions.get(entity, ()) if each.kind is kind]


def past(reader: LineageReader, datasets: Collection[int], jobs: Collection[int], until: datetime) -> Past:
    """Fetch the past of datasets and of the jobs that write them, and of these jobs."""
    writers: dict[int, set[int]] = defaultdict(set)
    for key, found in reader.writers(datasets).items():
        writers[key] |= found
    for edge in reader.incident(datasets, EdgeKind.WRITES, Direction.UPSTREAM):
        writers[edge.target].add(edge.source)
    all_jobs = {job for found in writers.values() for job in found} | set(jobs)
    runs: dict[int, list[JobRun]] = defaultdict(list)
    for run in reader.job_runs(all_jobs, until=until, limit=RUNS):
        runs[run.job].append(run)
    tests: dict[int, list[Assertions]] = defaultdict(list)
    for test in reader.assertions(datasets, until=until, limit=ASSERTION_RUNS):
        tests[test.dataset].append(test)
    versions: dict[int, list[Version]] = defaultdict(list)
    for version in reader.versions([*datasets, *all_jobs], until=until):
        versions[version.entity].append(version)
    owners = {each.owner for found in versions.values() for each in found if each.owner > 0}
    testers = {test.job for found in tests.values() for test in found}
    names = reader.nodes({*datasets, *all_jobs, *owners, *testers})
    return Past(until, names, writers, runs, tests, versions)
