"""dbt's artifacts: the files of a target folder, read and checked.

Their forms are documented at https://schemas.getdbt.com; what is not needed here is skipped unread.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct, field

from graph.errors import InvalidSourceError
from lineage.event_id import parse_time

_VERSIONS = {"manifest": (10, 12), "run-results": (4, 6), "catalog": (1, 1), "sources": (3, 3)}
"""The versions of each artifact's form that this was run with: the oldest is a limit, the newest is not."""

_FORM = re.compile(r"/dbt/([\w-]+)/v(\d+)(?:\.json)?$")

Kind = TypeVar("Kind", bound=Struct)


class Metadata(Struct):
    """What every artifact says of itself."""

    dbt_schema_version: str
    generated_at: str
    invocation_id: str | None = None
    dbt_version: str | None = None
    invocation_started_at: str | None = None
    adapter_type: str | None = None
    project_name: str | None = None


class _Labels(Struct):
    tags: list[str] | str | None = None
    meta: dict[str, Any] | None = None


class Column(Struct):
    """A column as somebody described it."""

    name: str
    description: str | None = None
    data_type: str | None = None
    tags: list[str] | None = None
    meta: dict[str, Any] | None = None
    config: _Labels | None = None


class Config(_Labels):
    """The settings of a node."""

    materialized: str | None = None
    severity: str | None = None
    error_if: str | None = None
    warn_if: str | None = None
    unique_key: list[str] | str | None = None
    strategy: str | None = None
    updated_at: str | None = None
    snapshot_meta_column_names: dict[str, str | None] | None = None
    contract: dict[str, Any] | None = None


class Dependencies(Struct):
    """What a node is made from, by unique id."""

    nodes: list[str] = []


class TestMetadata(Struct):
    """Which generic test a test is one of."""

    name: str


class Party(Struct):
    """Whom an exposure or a group belongs to."""

    name: str | None = None
    email: list[str] | str | None = None


class Group(Struct):
    """A group of models."""

    owner: Party = field(default_factory=Party)


class Node(Struct):
    """A model, seed, snapshot, test, source, exposure, metric or semantic model of the manifest."""

    unique_id: str
    resource_type: str
    name: str
    database: str | None = None
    schema: str | None = None
    alias: str | None = None
    identifier: str | None = None
    relation_name: str | None = None
    description: str | None = None
    columns: dict[str, Column] = {}
    tags: list[str] | None = None
    meta: dict[str, Any] | None = None
    config: Config | None = None
    depends_on: Dependencies | None = None
    compiled_code: str | None = None
    language: str | None = None
    group: str | None = None
    column_name: str | None = None
    attached_node: str | None = None
    test_metadata: TestMetadata | None = None
    loaded_at_field: str | None = None
    label: str | None = None
    url: str | None = None
    owner: Party | None = None
    type: Any = None

    @property
    def settings(self) -> Config:
        """The settings, empty where there are none."""
        return self.config or Config()

    @property
    def parents(self) -> list[str]:
        """What it is made from, by unique id."""
        return self.depends_on.nodes if self.depends_on else []


class Manifest(Struct):
    """The project: `manifest.json`."""

    metadata: Metadata
    nodes: dict[str, Node]
    sources: dict[str, Node]
    exposures: dict[str, Node] = {}
    metrics: dict[str, Node] = {}
    semantic_models: dict[str, Node] = {}
    groups: dict[str, Group] = {}


class Timing(Struct):
    """A part of a node's run."""

    name: str
    started_at: str | None = None
    completed_at: str | None = None


class Result(Struct):
    """How one node fared in an invocation."""

    unique_id: str
    status: str
    timing: list[Timing] = []
    message: str | None = None
    failures: int | None = None
    adapter_response: dict[str, Any] | None = None
    compiled_code: str | None = None
    relation_name: str | None = None


class RunResults(Struct):
    """One invocation: `run_results.json`."""

    metadata: Metadata
    results: list[Result]
    args: dict[str, Any] = {}

    @property
    def command(self) -> str:
        """The subcommand of dbt: `build`, `run`, `test`, ..."""
        return str(self.args.get("which") or "")


class CatalogColumn(Struct):
    """A column as the database has it."""

    name: str
    index: int
    type: str | None = None


class CatalogTable(Struct):
    """A table as the database has it."""

    columns: dict[str, CatalogColumn]


class Catalog(Struct):
    """What the database has: `catalog.json`."""

    metadata: Metadata
    nodes: dict[str, CatalogTable]
    sources: dict[str, CatalogTable]


class Freshness(Struct):
    """How old the rows of one source were; without `max_loaded_at` it could not be told."""

    unique_id: str
    status: str
    max_loaded_at: str | None = None
    snapshotted_at: str | None = None
    criteria: dict[str, Any] | None = None
    error: str | None = None
    timing: list[Timing] = []


class Sources(Struct):
    """One check of the sources' freshness: `sources.json`."""

    metadata: Metadata
    results: list[Freshness]


@dataclass(frozen=True, slots=True)
class Artifacts:
    """The artifacts of one target folder; None for those that are not there."""

    folder: Path
    manifest: Manifest
    run_results: RunResults | None
    catalog: Catalog | None
    sources: Sources | None


def read_artifacts(source: str, note: Callable[[str], None]) -> Artifacts:
    """Read the target folder at the path `source`; `note` is told of what is missing or newer than known.

    Raises InvalidSourceError for a folder without a manifest, and for a file that is no such artifact.
    """
    folder = Path(source).expanduser().absolute()
    manifest = _read(folder / "manifest.json", "manifest", Manifest, note)
    if manifest is None:
        raise InvalidSourceError(
            f"{folder} has no manifest.json: give the target folder of a dbt project, after `dbt build`"
        )
    return Artifacts(
        folder,
        manifest,
        _read(folder / "run_results.json", "run-results", RunResults, note),
        _read(folder / "catalog.json", "catalog", Catalog, note),
        _read(folder / "sources.json", "sources", Sources, note),
    )


class _Headed(Struct):
    metadata: Metadata


def _read(path: Path, kind: str, form: type[Kind], note: Callable[[str], None]) -> Kind | None:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InvalidSourceError(f"{path} cannot be read: {error.strerror or error}") from error
    try:
        metadata = msgspec.json.decode(content, type=_Headed).metadata
        _check(path, kind, metadata, note)
        return msgspec.json.decode(content, type=form)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidSourceError(f"{path} is no {kind} of dbt: {error}") from error


def _check(path: Path, kind: str, metadata: Metadata, note: Callable[[str], None]) -> None:
    found = _FORM.search(metadata.dbt_schema_version)
    if found is None or found[1] != kind:
        raise InvalidSourceError(f"{path} is no {kind} of dbt: it says {metadata.dbt_schema_version!r}")
    if parse_time(metadata.generated_at) is None:
        raise InvalidSourceError(f"{path} was generated at {metadata.generated_at!r}, which is no time")
    version, (oldest, newest) = int(found[2]), _VERSIONS[kind]
    if version < oldest:
        raise InvalidSourceError(
            f"{path} is of version {version} of dbt's {kind}, {oldest} or newer is needed: that of dbt 1.6"
        )
    if version > newest:
        note(f"{path.name} is of version {version}, newer than those this was run with (up to {newest}).")
