"""Where a version of a dataset came from: the run that made it, what that run read, and so on to the sources.

A run tells which versions it read by their content, by a look from outside, or by the name a producer gives
them; the runs that wrote them tell the same. Where neither says anything, the latest version that was there
is taken, and called that: known by time alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from operator import attrgetter
from typing import Any

from graph.errors import InvalidQueryError
from graph.nodes import Node
from graph.queries.answer import time_as_json
from graph.queries.run_list import said_facet
from graph.records import RunState
from graph.store.artifacts import ARTIFACT_FACET, ArtifactSeen
from graph.store.base import LineageReader
from graph.store.versions import DatasetVersion, FacetsByName, RunAbove, RunDetails, UsedVersion

_VERSIONS = 100
"""In so many versions of a dataset the one that a run read is looked for."""


class Link(StrEnum):
    """How it is known which run made what another one read."""

    CONTENT = "content"
    """What was read is what that run wrote, by the hash of its content."""
    FINGERPRINT = "fingerprint"
    """It looked the same from outside: size and time of a file, the etag of an object."""
    COPY = "copy"
    """A run wrote the same content under another name."""
    VERSION = "version"
    """Both name the same version."""
    TIME = "time"
    """It is the latest that was there; nothing says that it is what was read."""
    CHANGED = "changed"
    """What was read is not what any known run wrote."""
    SOURCE = "source"
    """No run is known to have written it."""


@dataclass(frozen=True, slots=True)
class ArtifactVersion:
    """One version of a dataset, as a run tells it; None is not known. `version` is the producer's word."""

    dataset: Node
    version: str | None = None
    content: str | None = None
    fingerprint: str | None = None
    artifact_id: str | None = None
    schema_version: str | None = None
    environment_id: str | None = None
    rows: int | None = None
    size: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as it stands in the answer."""
        return {
            "dataset": self.dataset.id,
            "version": self.version,
            "contentHash": self.content,
            "fingerprint": self.fingerprint,
            "artifactId": self.artifact_id,
            "schemaVersion": self.schema_version,
            "environmentId": self.environment_id,
            "rowCount": self.rows,
            "size": self.size,
        }


@dataclass(frozen=True, slots=True)
class Reading:
    """What a run read, the run that made it, and how that is known; of a copy what it was written as."""

    artifact: ArtifactVersion
    link: Link
    made_by: str | None
    written_as: Node | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as it stands in the answer."""
        return {
            **self.artifact.as_json(),
            "link": self.link.value,
            "madeBy": self.made_by,
            "writtenAs": None if self.written_as is None else self.written_as.id,
        }


@dataclass(frozen=True, slots=True)
class Chapter:
    """One run of a story. `code`, `environment`, `parameters` and `command` are what facets told.

    They are the run's own, else those of the nearest run above it that has them. `distance` counts runs from
    the one that made the artifact; `above` has the nearest first.
    """

    run_id: str
    distance: int
    job: Node | None
    state: RunState
    began: datetime | None
    ended: datetime | None
    error: str | None
    above: tuple[RunAbove, ...]
    code: FacetsByName | None
    location: FacetsByName | None
    environment: FacetsByName | None
    parameters: Mapping[str, str] | None
    command: FacetsByName | None
    read: tuple[Reading, ...]
    wrote: tuple[ArtifactVersion, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the item of the envelope."""
        return {
            "runId": self.run_id,
            "distance": self.distance,
            "job": None if self.job is None else self.job.id,
            "state": self.state.value,
            "began": None if self.began is None else time_as_json(self.began),
            "ended": None if self.ended is None else time_as_json(self.ended),
            "error": self.error,
            "above": [each.run_id for each in self.above],
            "code": self.code,
            "location": self.location,
            "environment": self.environment,
            "parameters": None if self.parameters is None else dict(self.parameters),
            "command": self.command,
            "inputs": [each.as_json() for each in self.read],
            "outputs": [each.as_json() for each in self.wrote],
        }


@dataclass(frozen=True, slots=True)
class Story:
    """How an artifact came about: chapters, the run that made it first. `more` says that it goes on.

    `link` is how it is known that this is what was asked for, None where a dataset was asked for by its name:
    then it is the latest version. `made_by` is the run that made it, None where none is known to have written
    it. `missing` are runs that are named as makers and of which the store has no event.
    """

    artifact: ArtifactVersion
    link: Link | None
    made_by: str | None
    chapters: tuple[Chapter, ...]
    missing: tuple[str, ...] = ()
    more: bool = False

    @property
    def jobs(self) -> dict[str, str]:
        """The names of the jobs of its runs, by run id."""
        return {each.run_id: each.job.name for each in self.chapters if each.job is not None}


def story(
    reader: LineageReader,
    artifact: ArtifactVersion,
    made_by: str | None,
    link: Link | None,
    *,
    limit: int = 1000,
) -> Story:
    """Return the story of an artifact that a run made, of up to `limit` runs.

    Raises InvalidQueryError for a limit below 1.
    """
    if limit < 1:
        raise InvalidQueryError(f"limit is {limit}; it must be at least 1")
    search = _Makers(reader)
    chapters: list[Chapter] = []
    missing: list[str] = []
    level = [] if made_by is None else [made_by]
    seen, distance, more = set(level), 0, False
    while level:
        level, more = level[: limit - len(chapters)], more or len(level) > limit - len(chapters)
        details = reader.run_details(level)
        missing += [run_id for run_id in level if run_id not in details]
        found = _chapters(reader, search, [details[run] for run in level if run in details], distance)
        chapters += found
        level = list(
            dict.fromkeys(
                each.made_by
                for chapter in found
                for each in chapter.read
                if each.made_by is not None and each.made_by not in seen
            )
        )
        seen.update(level)
        distance += 1
    return Story(artifact, link, made_by, tuple(chapters), tuple(missing), more)


def artifact_of(dataset: Node, version: DatasetVersion | UsedVersion | None) -> ArtifactVersion:
    """Return a version of a dataset as an artifact; without one, nothing is known of it but its name."""
    if version is None:
        return ArtifactVersion(dataset)
    told = version.facets.get(ARTIFACT_FACET)
    said: Mapping[str, Any] = told if isinstance(told, Mapping) else {}
    return ArtifactVersion(
        dataset,
        version.told,
        _text(said, "contentHash"),
        _text(said, "fingerprint"),
        _text(said, "artifactId"),
        _text(said, "schemaVersion"),
        _text(said, "environmentId"),
        _count(said, "rowCount"),
        _count(said, "size"),
    )


def _text(said: Mapping[str, Any], name: str) -> str | None:
    value = said.get(name)
    return value if isinstance(value, str) and value else None


def _count(said: Mapping[str, Any], name: str) -> int | None:
    value = said.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _chapters(
    reader: LineageReader, search: _Makers, runs: Sequence[RunDetails], distance: int
) -> list[Chapter]:
    above = reader.runs_above([run.run_id for run in runs])
    heads = reader.run_details({each.run_id for those in above.values() for each in those})
    used = {one.dataset for run in runs for side in (run.inputs, run.outputs) for one in side}
    nodes = reader.nodes(used | {run.job for run in runs if run.job is not None})
    found = []
    for run in runs:
        line = [run, *(heads[each.run_id] for each in above.get(run.run_id, ()) if each.run_id in heads)]
        found.append(
            Chapter(
                run.run_id,
                distance,
                None if run.job is None else nodes.get(run.job),
                run.state,
                run.began,
                run.ended,
                run.error,
                above.get(run.run_id, ()),
                code=_first(line, "lineageGraph_code"),
                location=_first(line, "sourceCodeLocation", of_job=True),
                environment=_first(line, "lineageGraph_environment"),
                parameters=_parameters(_first(line, "executionParameters")),
                command=_first(line, "lineageGraph_command"),
                read=tuple(
                    search.reading(nodes[one.dataset], one, run) for one in run.inputs if one.dataset in nodes
                ),
                wrote=tuple(
                    artifact_of(nodes[one.dataset], one) for one in run.outputs if one.dataset in nodes
                ),
            )
        )
    return found


def _first(line: Sequence[RunDetails], name: str, *, of_job: bool = False) -> FacetsByName | None:
    for run in line:
        facets = run.job_facets if of_job else run.facets
        if isinstance(facets.get(name), Mapping):
            return said_facet(facets, name)
    return None


def _parameters(facet: FacetsByName | None) -> dict[str, str] | None:
    if facet is None or not isinstance(facet.get("parameters"), list):
        return None
    told = [each for each in facet["parameters"] if isinstance(each, Mapping)]
    return {str(each.get("key")): str(each.get("value", "")) for each in told}


class _Makers:
    """Finds the runs that made what others read; the versions of each dataset are asked for once."""

    def __init__(self, reader: LineageReader) -> None:
        self._reader = reader
        self._known: dict[Node, list[tuple[DatasetVersion, ArtifactVersion]]] = {}

    def reading(self, node: Node, used: UsedVersion, by: RunDetails) -> Reading:
        """Return what a run read, with the run that made it and how that is known."""
        read = artifact_of(node, used)
        same = self._same_content(read, by)
        if (own := next((one for one in same if one.dataset == node), None)) is not None:
            return Reading(read, Link.CONTENT, own.run_id)
        made = [each for each in self._versions(node, used) if each[0].run_id not in (None, by.run_id)]
        for link, told in _BY.items():
            for one, written in made:
                if told(read) is not None and told(read) == told(written):
                    return Reading(read, link, one.run_id)
        latest = next((each for each in made if each[0].run_id == used.run_id), None)
        latest = latest or next((each for each in made if by.began is None or each[0].at <= by.began), None)
        if latest is not None and not _is_another(read, latest[1]):
            return Reading(read, Link.TIME, latest[0].run_id)
        if same:
            return Reading(read, Link.COPY, same[0].run_id, same[0].dataset)
        return Reading(read, Link.SOURCE if latest is None else Link.CHANGED, None)

    def _same_content(self, read: ArtifactVersion, by: RunDetails) -> list[ArtifactSeen]:
        """Return where other runs wrote what was read, the latest first: those that claim what they wrote."""
        if read.content is None:
            return []
        seen = self._reader.artifacts(read.content, limit=_VERSIONS)
        seen = [one for one in seen if one.written and one.run_id != by.run_id]
        details = self._reader.run_details({one.run_id for one in seen})
        claimed = {run_id for run_id, run in details.items() if run.state in _CLAIMING}
        return [one for one in reversed(seen) if one.run_id in claimed]

    def _versions(self, node: Node, used: UsedVersion) -> list[tuple[DatasetVersion, ArtifactVersion]]:
        if node not in self._known:
            versions = self._reader.dataset_versions(used.dataset, limit=_VERSIONS)
            self._known[node] = [(one, artifact_of(node, one)) for one in versions]
        return self._known[node]


_CLAIMING = {RunState.RUNNING, RunState.COMPLETE}

_BY: dict[Link, Callable[[ArtifactVersion], str | None]] = {
    Link.FINGERPRINT: attrgetter("fingerprint"),
    Link.VERSION: attrgetter("version"),
}
"""By what a version is known again whose content nobody tells."""


def _is_another(read: ArtifactVersion, made: ArtifactVersion) -> bool:
    """Tell whether both tell something of the same kind; where any of it were equal, they would be linked."""
    pairs = [(told(read), told(made)) for told in _BY.values()]
    return any(None not in pair for pair in [(read.content, made.content), *pairs])


def latest(reader: LineageReader, dataset: Node) -> tuple[ArtifactVersion, str | None]:
    """Return the latest version of a dataset that a run made, and that run; None where there is none."""
    for one in reader.dataset_versions(dataset.key, limit=_VERSIONS):
        if one.run_id is not None:
            return artifact_of(dataset, one), one.run_id
    return ArtifactVersion(dataset), None


def made_in(reader: LineageReader, dataset: Node, run_id: str) -> ArtifactVersion | None:
    """Return the version of a dataset that a run wrote, None where it wrote none."""
    details = reader.run_details([run_id]).get(run_id)
    written: Collection[UsedVersion] = () if details is None else details.outputs
    return next((artifact_of(dataset, one) for one in written if one.dataset == dataset.key), None)
