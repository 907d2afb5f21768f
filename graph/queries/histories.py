"""The history of a dataset or a job: its versions, and what changed from one to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graph.errors import InvalidQueryError
from graph.nodes import Node, NodeType
from graph.queries.answer import time_as_json
from graph.queries.cursors import counted
from graph.queries.names import resolve
from graph.queries.schema_changes import Change
from graph.queries.schema_comparison import schema_difference, schema_of
from graph.store.base import LineageReader
from graph.store.versions import DatasetVersion, JobVersion


@dataclass(frozen=True, slots=True)
class DatasetStep:
    """A version of a dataset; `job` is the one whose run made it.

    `changes` are those of the schema since the version before, None where one of the two is not known.
    `previous` is the name it had before a RENAME.
    """

    version: DatasetVersion
    job: Node | None
    changes: tuple[Change, ...] | None
    previous: Node | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the item of the envelope."""
        told = self.version
        return {
            "what": "datasetVersion",
            "version": told.id,
            "at": time_as_json(told.at),
            "runId": told.run_id,
            "job": None if self.job is None else self.job.id,
            "producerVersion": told.told,
            "lifecycle": told.lifecycle,
            "previous": None if self.previous is None else self.previous.id,
            "schemaVersion": told.schema_version,
            "changes": None if self.changes is None else [str(each) for each in self.changes],
        }


@dataclass(frozen=True, slots=True)
class JobStep:
    """A version of a job, with the nodes that it reads and writes."""

    version: JobVersion
    inputs: tuple[Node, ...]
    outputs: tuple[Node, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the item of the envelope."""
        return {
            "what": "jobVersion",
            "version": self.version.id,
            "first": time_as_json(self.version.first),
            "last": time_as_json(self.version.last),
            "runId": self.version.latest_run,
            "inputs": [node.id for node in self.inputs],
            "outputs": [node.id for node in self.outputs],
            "location": self.version.location,
        }


Step = DatasetStep | JobStep


def history(
    reader: LineageReader, name: Node | str | Sequence[str], *, limit: int = 100, cursor: str | None = None
) -> tuple[Node, list[Step], str | None]:
    """Return the dataset or job, up to `limit` of its versions, and the cursor of the next page.

    Raises:
        UnknownNameError, AmbiguousNameError: the name is not that of one dataset or job.
        InvalidQueryError: a limit below 1, or no cursor.
    """
    if limit < 1:
        raise InvalidQueryError(f"limit is {limit}; it must be at least 1")
    node = resolve(reader, name, (NodeType.DATASET, NodeType.JOB))
    if node.type is NodeType.JOB:
        versions = reader.job_versions(node.key)
        start, more = _page(len(versions), limit, cursor)
        return node, _of_job(reader, versions[start : start + limit]), more
    start, more = _page(reader.count_dataset_versions(node.key), limit, cursor)
    found = reader.dataset_versions(node.key, offset=start, limit=limit + 1)
    return node, _of_dataset(reader, found)[:limit], more


def _page(count: int, limit: int, cursor: str | None) -> tuple[int, str | None]:
    """Return where a page starts, and the cursor behind it: how many older versions there are."""
    behind = counted(cursor)
    left = count if behind is None else min(count, behind)
    return count - left, str(left - limit) if left > limit else None


def _of_dataset(reader: LineageReader, versions: Sequence[DatasetVersion]) -> list[Step]:
    jobs = reader.nodes({each.job for each in versions if each.job is not None})
    steps: list[Step] = []
    for place, version in enumerate(versions):
        before = versions[place + 1] if place + 1 < len(versions) else None
        job = None if version.job is None else jobs.get(version.job)
        steps.append(DatasetStep(version, job, _changes(before, version), _previous(version.facets)))
    return steps


def _changes(before: DatasetVersion | None, after: DatasetVersion) -> tuple[Change, ...] | None:
    if before is None or before.schema is None or after.schema is None:
        return None
    return tuple(schema_difference(schema_of(before.schema), schema_of(after.schema), []))


def _previous(facets: Mapping[str, Any]) -> Node | None:
    facet = facets.get("lifecycleStateChange", {})
    before = facet.get("previousIdentifier") if facet.get("lifecycleStateChange") == "RENAME" else None
    if not isinstance(before, dict):
        return None
    namespace, name = before.get("namespace"), before.get("name")
    told = isinstance(namespace, str) and isinstance(name, str)
    return Node(NodeType.DATASET, str(namespace), str(name)) if told else None


def _of_job(reader: LineageReader, versions: Sequence[JobVersion]) -> list[Step]:
    names = reader.nodes({key for each in versions for key in (*each.inputs, *each.outputs)})
    return [
        JobStep(
            each,
            tuple(names[key] for key in each.inputs if key in names),
            tuple(names[key] for key in each.outputs if key in names),
        )
        for each in versions
    ]
