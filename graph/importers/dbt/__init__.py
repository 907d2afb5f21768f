"""What dbt ran, from the artifacts that it leaves in a project's target folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from itertools import chain

from graph.importers.dbt.artifacts import Artifacts, Metadata, RunResults, read_artifacts
from graph.importers.dbt.checks import freshness_runs, test_runs
from graph.importers.dbt.columns import Origins, origins_of
from graph.importers.dbt.facets import job_facets
from graph.importers.dbt.namespace import dataset_namespace
from graph.importers.dbt.nodes import declared_jobs, exposures, node_runs
from graph.importers.dbt.project import BUILT, Project
from graph.importers.dbt.runs import Invocation, time_of
from lineage.config import current_config

__all__ = ["import_dbt"]

_EXECUTING = {"build", "run", "test", "seed", "snapshot", "retry"}
_SHOWN = 3


def import_dbt(
    source: str,
    *,
    since: datetime | None,
    namespace: str | None,
    token: str | None,
    ca_file: str | None,
    timeout: float,
    stored: Callable[[], Iterable[bytes]],
    note: Callable[[str], None],
    progress: Callable[[str], None],
) -> Iterator[bytes]:
    """Yield the events of the target folder at the path `source`; see `graph.importers.Importer`.

    `namespace` is that of the project's tables; without it, it is read from the profile that dbt used. Jobs
    are in that of `LINEAGE_NAMESPACE` or `OPENLINEAGE_NAMESPACE`, else in `dbt`, as dbt-ol has it.

    Raises:
        InvalidSourceError: there is no manifest, a file is no artifact of dbt or of too old a version, or it
            is not known what the tables' namespace is.
    """
    artifacts = read_artifacts(source, note)
    project = Project(artifacts, namespace or dataset_namespace(artifacts), _job_namespace())
    if artifacts.catalog is None:
        note(
            "catalog.json is missing: types of columns are not known, nor columns of which only a * tells."
            " `dbt docs generate --no-compile` makes it."
        )
    progress("what dbt ran")
    newest = artifacts.run_results or artifacts.manifest
    if _recent(newest.metadata, since):
        yield from _built(project, artifacts, note)
    if artifacts.sources is not None and _recent(artifacts.sources.metadata, since):
        checks = Invocation(project, artifacts.sources.metadata)
        yield from checks.events(freshness_runs(project, artifacts.sources), job_facets(project, "JOB"))
    if _recent(artifacts.manifest.metadata, since):
        yield from exposures(project, artifacts.manifest.metadata.generated_at)


def _built(project: Project, artifacts: Artifacts, note: Callable[[str], None]) -> Iterator[bytes]:
    """Yield the runs of the invocation; where dbt executed nothing, what the manifest declares."""
    manifest, results = artifacts.manifest, artifacts.run_results
    if results is None or results.command not in _EXECUTING:
        note(_nothing_ran(results))
        built = [node for node in manifest.nodes.values() if node.resource_type in BUILT]
        origins = origins_of(project, built, {})
        _tell_unknown(origins, note)
        yield from declared_jobs(project, origins, manifest.metadata.generated_at)
        return
    _tell_gone(project, results, note)
    ran = [
        project.nodes[one.unique_id]
        for one in results.results
        if one.unique_id in project.nodes and one.status != "skipped"
    ]
    compiled = {one.unique_id: one.compiled_code for one in results.results if one.compiled_code}
    origins = origins_of(project, ran, compiled)
    _tell_unknown(origins, note)
    deferred = bool(results.args.get("defer"))
    runs = chain(node_runs(project, results, origins, deferred=deferred), test_runs(project, results))
    yield from Invocation(project, results.metadata).events(runs, job_facets(project, "JOB"))


def _job_namespace() -> str:
    said = current_config().namespace
    return "dbt" if said == "default" else said


def _recent(metadata: Metadata, since: datetime | None) -> bool:
    return since is None or time_of(metadata.generated_at) >= since.timestamp() * 1e9


def _nothing_ran(results: RunResults | None) -> str:
    why = "is missing" if results is None else f"is that of `dbt {results.command}`, which builds nothing"
    return (
        f"run_results.json {why}: jobs are declared, without runs. Import right after `dbt build`;"
        " `dbt docs generate` overwrites its results unless it has --no-compile."
    )


def _tell_gone(project: Project, results: RunResults, note: Callable[[str], None]) -> None:
    """Tell which nodes of an older invocation the manifest does not know."""
    kinds = (*BUILT, "test")
    gone = [
        one.unique_id
        for one in results.results
        if one.unique_id not in project.nodes and one.unique_id.partition(".")[0] in kinds
    ]
    if gone:
        note(f"run_results.json names what manifest.json does not know, which is left out: {_listed(gone)}.")


def _tell_unknown(origins: Mapping[str, Origins], note: Callable[[str], None]) -> None:
    """Tell of which tables the columns' origins are not fully known."""
    unknown = [unique_id for unique_id, one in origins.items() if one.problems]
    if unknown:
        first = origins[unknown[0]].problems[0]
        note(f"columns are not, or not all, known of {_listed(unknown)} ({first}).")


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
