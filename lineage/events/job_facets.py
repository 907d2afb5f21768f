"""The job facets of an event: what a job is declared with, and the SQL it ran."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openlineage.client import facet_v2

from lineage import facets as own
from lineage.events.facts import RunFacts
from lineage.version import PRODUCER


def job_facets(facts: RunFacts, *, claims_outputs: bool) -> dict[str, Any]:
    """Return the facets of the job that a run is of.

    The lineage facet says which input feeds which output, where the run knows that of all of them: not where
    there are statements that somebody else is to read.
    """
    made: dict[str, Any] = {}
    if facts.statements:
        dialects = {statement.dialect for statement in facts.statements}
        made["sql"] = facet_v2.sql_job.SQLJobFacet(
            query=";\n".join(statement.query.strip().rstrip(";") for statement in facts.statements),
            dialect=dialects.pop() if len(dialects) == 1 else None,
            producer=PRODUCER,
        )
        made["lineageGraph_statements"] = own.LineageGraphStatementsJobFacet(
            statements=list(facts.statements), producer=PRODUCER
        )
    outputs = {name: known.made for name, known in facts.outputs.items() if known.made is not None}
    if claims_outputs and outputs and len(facts.statements) <= facts.statements_read:
        from lineage.sql.facets import explains, lineage_facet

        if explains(outputs, list(facts.inputs), list(facts.outputs)):
            made["lineage"] = lineage_facet(outputs)
    return {**made, **facts.job_facets}


def job_type_facet(integration: str = "LINEAGE_GRAPH", job_type: str = "JOB") -> Any:
    """Return the facet that says what kind of job one is; without arguments, our own."""
    return facet_v2.job_type_job.JobTypeJobFacet(
        processingType="BATCH", integration=integration, jobType=job_type, producer=PRODUCER
    )


def service_job_type_facet() -> Any:
    """Return the facet of the jobs that stand for a service's operations: the queries outside any run."""
    return facet_v2.job_type_job.JobTypeJobFacet(
        processingType="SERVICE", integration="LINEAGE_GRAPH", jobType="OPERATION", producer=PRODUCER
    )


def job_tags_facet(tags: Mapping[str, str]) -> Any:
    """Return the facet of tags that a job was declared with."""
    fields = [facet_v2.tags_job.TagsJobFacetFields(key, value, source="USER") for key, value in tags.items()]
    return facet_v2.tags_job.TagsJobFacet(tags=fields, producer=PRODUCER)


def description_facet(description: str) -> Any:
    """Return the facet of a job's description."""
    return facet_v2.documentation_job.DocumentationJobFacet(description=description, producer=PRODUCER)


def source_location_facet(location: Mapping[str, Any]) -> Any:
    """Return the facet of where a job's code is, from the fields `type`, `url` and what else is known."""
    return facet_v2.source_code_location_job.SourceCodeLocationJobFacet(**location, producer=PRODUCER)
