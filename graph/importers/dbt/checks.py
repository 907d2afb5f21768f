"""Tests and the freshness of sources: runs that read tables and tell what they found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from openlineage.client import facet_v2
from openlineage.client.event_v2 import InputDataset

from graph.importers.dbt.artifacts import Freshness, Node, Result, RunResults, Sources
from graph.importers.dbt.facets import Facets, dataset_facets, job_facets
from graph.importers.dbt.project import IMPORTER, Project
from graph.importers.dbt.runs import ABORT, COMPLETE, FAIL, NodeRun, span

_PASSED = {"pass": True, "warn": False, "fail": False}
_TROUBLE = ("fail", "error")

Assertion = dict[str, Any]
"""One assertion of the facet's version 1-1-0, of which older openlineage-python has not all fields."""


def test_runs(project: Project, results: RunResults) -> Iterator[NodeRun]:
    """Yield one run for the tests of each table, and one for each test that is of no single table."""
    suffix = ".build.test" if results.command == "build" else ".test"
    of_table: dict[str, list[tuple[Node, Result]]] = {}
    for result in results.results:
        test = project.nodes.get(result.unique_id)
        if test is None or test.resource_type != "test":
            continue
        table = _judged(project, test)
        if table is not None:
            of_table.setdefault(table.unique_id, []).append((test, result))
            continue
        yield _run(project, test.unique_id, test.unique_id, project.read_by(test), [(test, result)])
    for unique_id, ran in of_table.items():
        table = project.nodes[unique_id]
        yield _run(project, f"{unique_id}.test", project.job(table, suffix), [table], ran)


def _judged(project: Project, test: Node) -> Node | None:
    """Return the table that a test is of: the one it is attached to, for a generic one the one it reads."""
    if test.test_metadata is None:
        return None
    attached = project.nodes.get(test.attached_node or "")
    if attached is None:
        read = project.read_by(test)
        attached = read[0] if len(read) == 1 else None
    return attached if attached is not None and project.is_table(attached) else None


def _run(project: Project, key: str, job: str, tables: list[Node], ran: list[tuple[Node, Result]]) -> NodeRun:
    statuses = {result.status for _, result in ran}
    state = ABORT if statuses == {"skipped"} else FAIL if statuses & set(_TROUBLE) else COMPLETE
    facet = _assertions(
        [_assertion(project, test, result) for test, result in ran if result.status in _PASSED]
    )
    inputs = [
        InputDataset(*project.dataset(table), facets=dataset_facets(project, table), inputFacets=dict(facet))
        for table in tables
    ]
    messages = [
        f"{test.name}: {result.message}"
        for test, result in ran
        if result.status in _TROUBLE and result.message
    ]
    queries = [result.compiled_code or test.compiled_code or "" for test, result in ran]
    facets = job_facets(project, "TEST", sql=";\n".join(query.strip() for query in queries if query))
    times = span(result.timing for _, result in ran)
    return NodeRun(key, job, state, facets, inputs, times=times, messages=messages)


def _assertion(project: Project, test: Node, result: Result) -> Assertion:
    table = _judged(project, test)
    severity = (test.settings.severity or "error").lower()
    counted = result.failures is not None
    return {
        "assertion": test.test_metadata.name if test.test_metadata else test.name,
        "name": test.name,
        "success": _PASSED[result.status],
        "column": project.spelled(table, test.column_name) if table else test.column_name,
        "severity": severity,
        "expected": _expected(test, severity) if counted else None,
        "actual": str(result.failures) if counted else None,
    }


def _expected(test: Node, severity: str) -> str:
    """Return how many rows may be found wrong, as dbt has it: `!= 0` says none."""
    limit = (test.settings.warn_if if severity == "warn" else test.settings.error_if) or "!= 0"
    return "0" if limit.replace(" ", "") == "!=0" else limit


def freshness_runs(project: Project, sources: Sources) -> Iterator[NodeRun]:
    """Yield a run for each source whose rows' age was asked."""
    for result in sources.results:
        source = project.nodes.get(result.unique_id)
        if source is None:
            continue
        judged = result.status in (*_PASSED, "error") and result.max_loaded_at is not None
        inputs = InputDataset(
            *project.dataset(source),
            facets=dataset_facets(project, source),
            inputFacets=_freshness_facets(project, source, result) if judged else {},
        )
        failed = result.status not in ("pass", "warn")
        yield NodeRun(
            key=f"{source.unique_id}.freshness",
            job=project.job(source, ".freshness"),
            state=FAIL if failed else COMPLETE,
            job_facets=job_facets(project, "FRESHNESS"),
            inputs=[inputs],
            times=span([result.timing]),
            messages=[result.error or f"the newest row is of {result.max_loaded_at}"] if failed else [],
        )


def _freshness_facets(project: Project, source: Node, result: Freshness) -> Facets:
    assertion = {
        "assertion": "freshness",
        "name": f"freshness of {source.name}",
        "success": result.status == "pass",
        "column": project.spelled(source, source.loaded_at_field),
        "severity": "error" if result.status == "error" else "warn",
        "expected": _allowed(result),
        "actual": result.max_loaded_at,
    }
    metrics = facet_v2.data_quality_metrics_input_dataset.DataQualityMetricsInputDatasetFacet(
        columnMetrics={}, lastUpdated=result.max_loaded_at, producer=IMPORTER
    )
    return {**_assertions([assertion]), "dataQualityMetrics": metrics}


def _allowed(result: Freshness) -> str | None:
    limits = []
    for kind in ("warn_after", "error_after"):
        limit = (result.criteria or {}).get(kind)
        if isinstance(limit, dict) and limit.get("count") is not None:
            limits.append(f"{kind.replace('_', ' ')} {limit['count']} {limit.get('period')}")
    return ", ".join(limits) or None


def _assertions(assertions: list[Assertion]) -> Facets:
    if not assertions:
        return {}
    said: list[Any] = list(assertions)
    facet = facet_v2.data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(
        assertions=said, producer=IMPORTER
    )
    return {"dataQualityAssertions": facet}
