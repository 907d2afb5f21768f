"""What dbt says of tables and jobs, as facets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from openlineage.client import facet_v2

from graph.importers.dbt.artifacts import Node, Party
from graph.importers.dbt.columns import Origins
from graph.importers.dbt.project import IMPORTER, Project
from lineage.redaction import mask_sql, redact_url
from lineage.sql.facets import column_lineage_facet

Facets = dict[str, Any]

_TYPES = {"view": "VIEW", "materialized_view": "MATERIALIZED_VIEW"}


def dataset_facets(project: Project, node: Node, origins: Origins | None = None) -> Facets:
    """Return the facets of a node's table: columns, description, tags, owners and kind."""
    facets: Facets = {}
    if columns := _columns(project, node, origins):
        facets["schema"] = facet_v2.schema_dataset.SchemaDatasetFacet(fields=columns, producer=IMPORTER)
    if node.description:
        facets["documentation"] = facet_v2.documentation_dataset.DocumentationDatasetFacet(
            description=node.description, producer=IMPORTER
        )
    if owners := [facet_v2.ownership_dataset.Owner(name=name) for name in _owners(project, node)]:
        facets["ownership"] = facet_v2.ownership_dataset.OwnershipDatasetFacet(
            owners=owners, producer=IMPORTER
        )
    if tags := list(_tags(project, node)):
        facets["tags"] = facet_v2.tags_dataset.TagsDatasetFacet(tags=tags, producer=IMPORTER)
    kind = "DASHBOARD" if node.resource_type == "exposure" else _TYPES.get(node.settings.materialized or "")
    facets["datasetType"] = facet_v2.dataset_type_dataset.DatasetTypeDatasetFacet(
        datasetType=kind or "TABLE", producer=IMPORTER
    )
    if node.resource_type == "exposure" and node.url:
        facets["dataSource"] = facet_v2.datasource_dataset.DatasourceDatasetFacet(
            name=node.label or node.name, uri=redact_url(node.url), producer=IMPORTER
        )
    return facets


def _columns(project: Project, node: Node, origins: Origins | None) -> list[Any]:
    """Return all columns of a table; none where they are not all known: a consumer takes them for all."""
    types = project.catalogued(node)
    if not types and (node.settings.contract or {}).get("enforced"):
        types = {column.name: None for column in node.columns.values()}
    if not types and origins is not None:
        types = dict.fromkeys(origins.columns)
    described = {column.name.casefold(): column for column in node.columns.values()}
    found = []
    for name, type_ in types.items():
        said = described.get(name.casefold())
        found.append(
            facet_v2.schema_dataset.SchemaDatasetFacetFields(
                name=name,
                type=type_ or (said.data_type if said else None),
                description=(said.description or None) if said else None,
            )
        )
    return found


def _owners(project: Project, node: Node) -> Iterator[str]:
    group = project.groups.get(node.group or "")
    for said in (_meta(node).get("owner"), node.owner, group.owner if group else None):
        for one in said if isinstance(said, list) else [said]:
            if isinstance(one, dict):
                one = Party(name=one.get("name"), email=one.get("email"))
            if isinstance(one, Party):
                email = one.email[0] if isinstance(one.email, list) and one.email else one.email
                one = one.name or email
            if isinstance(one, str) and one:
                yield one


def _meta(node: Node) -> Mapping[str, Any]:
    return {**(node.meta or {}), **(node.settings.meta or {})}


def _tags(project: Project, node: Node) -> Iterator[Any]:
    yield from _labelled(_all(node.tags, node.settings.tags), _meta(node), None)
    for column in node.columns.values():
        config = column.config
        tags = _all(column.tags, config.tags if config else None)
        meta = {**(column.meta or {}), **((config.meta or {}) if config else {})}
        yield from _labelled(tags, meta, project.spelled(node, column.name))


def _all(*said: list[str] | str | None) -> list[str]:
    listed = [tag for tags in said for tag in ([tags] if isinstance(tags, str) else tags or ())]
    return list(dict.fromkeys(listed))


def _labelled(tags: list[str], meta: Mapping[str, Any], column: str | None) -> Iterator[Any]:
    field = facet_v2.tags_dataset.TagsDatasetFacetFields
    for tag in tags:
        yield field(key=tag, value="true", source="DBT", field=column)
    for key, value in meta.items():
        if key != "owner" and isinstance(value, str | int | float):
            text = str(value).lower() if isinstance(value, bool) else str(value)
            yield field(key=key, value=text, source="DBT_META", field=column)


def column_lineage(origins: Origins | None) -> Facets:
    """Return the columnLineage facet of a table under its name; none where nothing is known of columns."""
    facet = column_lineage_facet(origins.made) if origins else None
    return {"columnLineage": {**facet, "_producer": IMPORTER}} if facet else {}


def job_facets(project: Project, kind: str, node: Node | None = None, sql: str | None = None) -> Facets:
    """Return the facets of a job; its SQL goes without values. A Python model has none."""
    facets: Facets = {
        "jobType": facet_v2.job_type_job.JobTypeJobFacet(
            processingType="BATCH", integration="DBT", jobType=kind, producer=IMPORTER
        )
    }
    if node is not None and node.description:
        facets["documentation"] = facet_v2.documentation_job.DocumentationJobFacet(
            description=node.description, producer=IMPORTER
        )
    if sql and (node is None or node.language != "python"):
        facets["sql"] = facet_v2.sql_job.SQLJobFacet(
            query=mask_sql(sql, dialect=project.dialect), dialect=project.dialect, producer=IMPORTER
        )
    return facets
