"""What questions read of all events and of those up to a time alike: versions, and who is above whom."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager

from graph.nodes import Node
from graph.store import _artifacts as of_contents
from graph.store import _current_versions as current
from graph.store import _dataset_versions as of_datasets
from graph.store import _hierarchy as hierarchy
from graph.store import _job_versions as of_jobs
from graph.store._log import LogReader
from graph.store._run_details import details_of
from graph.store._writers import Known
from graph.store.artifacts import ArtifactSeen
from graph.store.versions import CurrentVersion, DatasetVersion, JobVersion, RunAbove, RunBelow, RunDetails


class KnownReader:
    """The part of a reader that asks what is known; the two kinds of reader say what that is."""

    _log: LogReader

    @property
    def _known(self) -> Known:
        """What is looked at."""
        raise NotImplementedError

    def _errors(self) -> AbstractContextManager[None]:
        raise NotImplementedError

    def _told_parents(self, jobs: Collection[int]) -> dict[int, int]:
        """Return the keys of the parents that the runs of these jobs named last."""
        raise NotImplementedError

    def parents(self, jobs: Collection[int]) -> dict[int, Node]:
        """See LineageReader."""
        with self._errors():
            return hierarchy.parents(self._known, jobs, self._told_parents(jobs))

    def children(self, jobs: Collection[int]) -> dict[int, list[Node]]:
        """See LineageReader."""
        with self._errors():
            parents: Mapping[int, Node] = self.parents(hierarchy.ever_under(self._known, jobs))
            return hierarchy.children(self._known, jobs, parents)

    def runs_above(self, run_ids: Collection[str]) -> dict[str, tuple[RunAbove, ...]]:
        """See LineageReader."""
        with self._errors():
            return hierarchy.runs_above(self._known, self._log, run_ids)

    def runs_below(self, run_id: str, *, limit: int = 1000) -> list[RunBelow]:
        """See LineageReader."""
        with self._errors():
            return hierarchy.runs_below(self._known, run_id, limit)

    def run_details(self, run_ids: Collection[str]) -> dict[str, RunDetails]:
        """See LineageReader."""
        with self._errors():
            return details_of(self._known, self._log, run_ids)

    def dataset_versions(self, dataset: int, *, offset: int = 0, limit: int = 100) -> list[DatasetVersion]:
        """See LineageReader."""
        with self._errors():
            return of_datasets.versions_of(self._known, self._log, dataset, offset, limit)

    def count_dataset_versions(self, dataset: int) -> int:
        """See LineageReader."""
        with self._errors():
            return of_datasets.count_versions(self._known, self._log, dataset)

    def current_versions(self, datasets: Collection[int]) -> dict[int, CurrentVersion]:
        """See LineageReader."""
        with self._errors():
            return current.current_versions(self._known, self._log, datasets)

    def dataset_version(self, dataset: int, id_: str) -> DatasetVersion | None:
        """See LineageReader."""
        with self._errors():
            return of_datasets.version_called(self._known, self._log, dataset, id_)

    def job_versions(self, job: int) -> list[JobVersion]:
        """See LineageReader."""
        with self._errors():
            return of_jobs.versions_of(self._known, self._log, job)

    def artifacts(self, content: str, *, limit: int = 100) -> list[ArtifactSeen]:
        """See LineageReader."""
        with self._errors():
            return of_contents.artifacts(self._known, content, limit)
