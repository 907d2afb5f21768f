"""What a run records of the versions of its data and code, by its tier.

Essential takes looks at files and nothing more. Full reads what the run reads and writes, for its content
hashes, asks git once, and tells parameters, environment and command. Each step stands by itself: one that
fails leaves what it would have said unknown, and the others and the host as they were.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineage._guard import guard
from lineage.config import current_config
from lineage.encoding import Plain
from lineage.facets import LineageGraphArtifactDatasetFacet
from lineage.provenance.code import essential_code, folder_of, full_code
from lineage.provenance.fingerprints import local_path, look
from lineage.version import PRODUCER

if TYPE_CHECKING:
    from lineage.events import DatasetFacts, RunFacts

ARTIFACT = "lineageGraph_artifact"
CODE = "lineageGraph_code"
COMMAND = "lineageGraph_command"
ENVIRONMENT = "lineageGraph_environment"
PARAMETERS = "executionParameters"

_PARAMETERS_SCHEMA = "https://openlineage.io/spec/facets/1-0-0/ExecutionParametersRunFacet.json"
_VERSION_SCHEMA = "https://openlineage.io/spec/facets/1-0-1/DatasetVersionDatasetFacet.json"

_ARTIFACT = {"_producer": PRODUCER, "_schemaURL": LineageGraphArtifactDatasetFacet._get_schema()}
_VERSION = {"_producer": PRODUCER, "_schemaURL": f"{_VERSION_SCHEMA}#/$defs/DatasetVersionDatasetFacet"}


class Recording:
    """What one run records beside its lineage. `allowed` are names of parameters whose values may be told."""

    __slots__ = ("_changes", "_file", "_ours", "_parameters", "allowed", "facts", "full")

    def __init__(
        self, facts: RunFacts, *, full: bool, file: str | None = None, allowed: Collection[str] = ()
    ) -> None:
        self.facts = facts
        self.full = full
        self.allowed = allowed
        self._file = file
        self._parameters: dict[str, dict[str, str]] = {}
        self._changes: Any = None
        self._ours: dict[int, dict[str, Any]] = {}

    def begin(self, arguments: Callable[[], Iterable[tuple[str, Any]]] = tuple) -> None:
        """Say before START which code runs and, in full, by which command, with what, and in what."""
        with guard("finding the version of a run's code"):
            self.facts.run_facets[CODE] = essential_code(self._file)
        if self.full:
            with guard("asking git what has changed"):
                self._look_at_changes()
            with guard("recording the environment of a run"):
                self._tell_environment()
            with guard("recording the arguments of a call"):
                for name, value in arguments():
                    self.parameter(name, value)
            with guard("recording the command of a run"):
                self._tell_command()

    def started(self) -> None:
        """Drop what START has told at length and no later event needs to."""
        self.facts.run_facets.pop(ENVIRONMENT, None)

    def read(self, known: DatasetFacts, content: Any = None) -> None:
        """Say which version of an input the run reads: as it is when the run first names it."""
        if ARTIFACT not in known.facets or content is not None:
            self._tell_artifact(known, content, made=False)

    def written(self, known: DatasetFacts, content: Any) -> None:
        """Say which content the run writes; what else is known of it is known at the end."""
        if content is not None:
            self._tell_artifact(known, content, made=True)

    def end(self, *, failed: bool) -> None:
        """Say before the last event which versions were written, and of inputs that nobody declared.

        A file that is an output as well has been written by now, and what it was is not known any more; of an
        object its store has said it when it was read.
        """
        facts = self.facts
        for name, known in list(facts.inputs.items()):
            if name not in facts.outputs or known.etag is not None:
                self.read(known)
        if not failed:
            for known in list(facts.outputs.values()):
                self._tell_artifact(known, None, made=True)
        if self._changes is not None:
            with guard("leaving a run's own files out of what has changed"):
                self._tell_code()

    def parameter(self, name: str, value: Any) -> None:
        """Record a parameter, as a value or a digest."""
        from lineage.provenance import parameters

        if len(self._parameters) >= parameters.MAX_PARAMETERS and name not in self._parameters:
            return
        self._parameters[name] = parameters.told(name, value, allowed=self.allowed, key=_key())
        self.facts.run_facets[PARAMETERS] = {
            "_producer": PRODUCER,
            "_schemaURL": f"{_PARAMETERS_SCHEMA}#/$defs/ExecutionParametersRunFacet",
            "parameters": list(self._parameters.values()),
        }

    def seed(self, name: str, value: Any) -> None:
        """Record a seed of random numbers."""
        from lineage.provenance import parameters

        plain = parameters.plain_value(value)
        shown = str(plain) if type(plain) is int and plain.bit_length() <= 64 else None
        if shown is None:
            shown = parameters.told(name, value, allowed=(), key=_key()).get("value")
        if shown is not None:
            self._tell_environment()
            facet = self.facts.run_facets[ENVIRONMENT]
            facet.seeds = {**(facet.seeds or {}), name: shown}

    def _look_at_changes(self) -> None:
        from lineage.provenance.changes import changes_of
        from lineage.provenance.repository import repository_of

        repository = repository_of(folder_of(self._file))
        self._changes = changes_of(repository.root) if repository is not None else None
        self._tell_code()

    def _tell_code(self) -> None:
        told = self._changes.told(self._not_code()) if self._changes is not None else {}
        self.facts.run_facets[CODE] = full_code(self._file, told)

    def _not_code(self) -> list[str]:
        """Return the files and folders that are data: what the run reads and writes, and what is ours."""
        config = current_config()
        datasets = (*self.facts.inputs.values(), *self.facts.outputs.values())
        data = [path for known in datasets if (path := local_path(known.dataset)) is not None]
        return [*data, str(config.outbox), *(config.store + end for end in ("", "-wal", "-shm"))]

    def _tell_environment(self) -> None:
        from lineage.provenance.environment import environment_facet

        if ENVIRONMENT not in self.facts.run_facets:
            self.facts.run_facets[ENVIRONMENT] = environment_facet(folder_of(self._file))

    def _environment_id(self) -> str | None:
        if not self.full:
            return None
        from lineage.provenance.environment import environment_of

        return str(environment_of(folder_of(self._file))["id"])

    def _tell_command(self) -> None:
        from lineage.facets import LineageGraphCommandRunFacet
        from lineage.provenance.command import PREFIX, command_of, started_by
        from lineage.provenance.repository import repository_of

        repository = repository_of(folder_of(self._file))
        root = repository.root if repository is not None else None
        command = command_of(started_by(), root, self.allowed)
        for name, value in command.values.items():
            self.parameter(f"{PREFIX}{name}", value)
        self.facts.run_facets[COMMAND] = LineageGraphCommandRunFacet(
            argv=command.argv,
            root=str(root) if root is not None else None,
            folder=_inside(root),
            entry=command.entry,
            redacted=bool(command.values),
            producer=PRODUCER,
        )

    def _tell_artifact(self, known: DatasetFacts, content: Any, *, made: bool) -> None:
        """Put the artifact facet on a dataset; what is known of its content already stays.

        A facet that somebody else put there is left alone.
        """
        before = known.facets.get(ARTIFACT)
        if before is not None and id(before) not in self._ours:
            return
        told: dict[str, Any] = {}
        with guard("looking at a file"):
            if (path := local_path(known.dataset)) is not None:
                told = look(path)
            elif known.etag is not None:
                told = {"etag": known.etag, "fingerprint": f"etag:{known.etag}"}
        if self.full and (content is not None or "contentHash" not in (before or ())):
            with guard("reading the content of a dataset"):
                from lineage.provenance.content import content_of

                told |= content_of(known.dataset, content, self._environment_id() if made else None)
        if told:
            artifact = Plain(before or _ARTIFACT)
            artifact.update(told)
            self._put(known, ARTIFACT, artifact)
            self._tell_version(known, artifact.get("contentHash") or artifact.get("fingerprint"))

    def _tell_version(self, known: DatasetFacts, version: str | None) -> None:
        """Say the version by the standard facet, unless a producer did, who knows it better."""
        before = known.facets.get("version")
        if version is not None and (before is None or id(before) in self._ours):
            self._put(known, "version", Plain(_VERSION, datasetVersion=version))

    def _put(self, known: DatasetFacts, name: str, facet: dict[str, Any]) -> None:
        """Put a facet on a dataset, as it goes on the wire, and keep it, so that it is known for ours."""
        known.facets[name] = self._ours[id(facet)] = facet


def _key() -> bytes | None:
    from lineage.provenance.keys import NAME, parameters_key

    with guard("reading the key of parameter digests"):
        config = current_config()
        return parameters_key(config.parameters_key or config.outbox / NAME)
    return None


def _inside(root: Path | None) -> str | None:
    """Return the working directory relative to a root; None where it is not in it."""
    if root is None:
        return None
    inside = os.path.relpath(os.getcwd(), os.path.realpath(root))
    return None if inside.startswith("..") else inside
