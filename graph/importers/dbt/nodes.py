"""Models, seeds and snapshots: as they ran, or as they are declared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from openlineage.client import facet_v2
from openlineage.client.event_v2 import InputDataset, Job, JobEvent, OutputDataset

from graph.importers.dbt.artifacts import Node, Result, RunResults
from graph.importers.dbt.columns import Origins
from graph.importers.dbt.facets import Facets, column_lineage, dataset_facets, job_facets
from graph.importers.dbt.project import BUILT, IMPORTER, Project
from graph.importers.dbt.runs import ABORT, COMPLETE, FAIL, NodeRun, span
from lineage.encoding import encode
from lineage.sql.naming import Name

_STATES = {"success": COMPLETE, "error": FAIL, "partial success": FAIL, "skipped": ABORT}


def node_runs(
    project: Project, results: RunResults, origins: Mapping[str, Origins], *, deferred: bool
) -> Iterator[NodeRun]:
    """Yield the runs of models, seeds and snapshots.

    With `deferred`, dbt had some tables read elsewhere than the manifest says: what the SQL says counts then.
    """
    build = results.command == "build"
    for result in results.results:
        node, state = project.nodes.get(result.unique_id), _STATES.get(result.status)
        if node is None or state is None or node.resource_type not in BUILT:
            continue
        kind = node.resource_type
        verb = "run" if kind == "model" else kind
        suffix = f".build.{verb}" if build else "" if kind == "model" else f".{verb}"
        known = origins.get(node.unique_id)
        yield NodeRun(
            key=node.unique_id,
            job=project.job(node, suffix),
            state=state,
            job_facets=job_facets(project, kind.upper(), node, result.compiled_code or node.compiled_code),
            inputs=_inputs(project, node, origins, deferred=deferred),
            output=_output(project, node, known, result),
            times=span([result.timing]),
            messages=[result.message] if state is FAIL and result.message else [],
            run_facets=_query_facets(project, result),
        )


def declared_jobs(project: Project, origins: Mapping[str, Origins], time: str) -> Iterator[bytes]:
    """Yield a JobEvent for each model, seed and snapshot: what it would read and write."""
    for node in project.nodes.values():
        if node.resource_type in BUILT and project.is_table(node):
            kind = node.resource_type
            suffix = "" if kind == "model" else f".{kind}"
            facets = job_facets(project, kind.upper(), node, node.compiled_code)
            output = _output(project, node, origins.get(node.unique_id), None)
            inputs = _inputs(project, node, origins, deferred=False)
            yield _job_event(project, project.job(node, suffix), facets, inputs, output, time)


def exposures(project: Project, time: str) -> Iterator[bytes]:
    """Yield a JobEvent for each exposure: a dashboard, and the job that fills it from what it depends on."""
    for node in project.exposures.values():
        dashboard = OutputDataset(
            project.job_namespace, project.job(node), facets=dataset_facets(project, node)
        )
        facets = job_facets(project, "EXPOSURE", node)
        inputs = [
            InputDataset(*project.dataset(one), facets=dataset_facets(project, one))
            for one in project.read_by(node)
        ]
        yield _job_event(project, project.job(node, ".exposure"), facets, inputs, dashboard, time)


def _job_event(
    project: Project, job: str, facets: Facets, inputs: list[InputDataset], output: OutputDataset, time: str
) -> bytes:
    return encode(
        JobEvent(
            eventTime=time,
            producer=IMPORTER,
            job=Job(project.job_namespace, job, facets=facets),
            inputs=inputs,
            outputs=[output],
        )
    )


def _inputs(
    project: Project, node: Node, origins: Mapping[str, Origins], *, deferred: bool
) -> list[InputDataset]:
    """Return what a node reads: what the manifest says, and tables that only its SQL names."""
    known = origins.get(node.unique_id, Origins())
    found: dict[Name, Facets] = {}
    if not (deferred and known.certain):
        for one in project.read_by(node):
            found[project.dataset(one)] = dataset_facets(project, one, origins.get(one.unique_id))
    for name in known.inputs:
        found.setdefault(name, {})
    return [InputDataset(*name, facets=facets) for name, facets in found.items()]


def _output(project: Project, node: Node, known: Origins | None, result: Result | None) -> OutputDataset:
    facets = {**dataset_facets(project, node, known), **column_lineage(known)}
    rows = (result.adapter_response or {}).get("rows_affected") if result else None
    statistics: dict[str, Any] = {}
    if isinstance(rows, int) and rows >= 0 and node.settings.materialized != "view":
        statistics["outputStatistics"] = (
            facet_v2.output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
                rowCount=rows, producer=IMPORTER
            )
        )
    return OutputDataset(*project.dataset(node), facets=facets, outputFacets=statistics)


def _query_facets(project: Project, result: Result) -> Facets:
    """Return the id that the warehouse gave the query; BigQuery calls it the job's."""
    response = result.adapter_response or {}
    query_id = response.get("query_id") or response.get("job_id")
    if not isinstance(query_id, str) or query_id.upper() == "N/A":
        return {}
    place = [response.get("project_id"), response.get("location")]
    if "job_id" in response and all(place):
        query_id = f"{place[0]}:{place[1]}.{query_id}"
    facet = facet_v2.external_query_run.ExternalQueryRunFacet(
        externalQueryId=query_id, source=project.namespace, producer=IMPORTER
    )
    return {"externalQuery": facet}
