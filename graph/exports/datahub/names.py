"""What datasets, fields and jobs are called in DataHub.

Platforms and jobs are named as DataHub's own OpenLineage endpoint names them, so that what came over it and
what is exported are the same entities; tables as DataHub's connectors name them.
https://docs.datahub.com/docs/lineage/openlineage
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from graph.errors import InvalidQueryError

ENVIRONMENTS = ("PROD", "DEV", "TEST", "QA", "UAT", "EI", "PRE", "STG", "NON_PROD", "CORP", "RVW", "SANDBOX")

_PLATFORMS = {
    "awsathena": "athena",
    "sqlserver": "mssql",
    "unitycatalog": "databricks",
    "azurecosmos": "cosmosdb",
    "s3a": "s3",
    "s3n": "s3",
    "gs": "gcs",
    "abfs": "abs",
    "abfss": "abs",
    "wasb": "abs",
    "wasbs": "abs",
    "adl": "adlsGen1",
}
"""DataHub's platforms that have another name than the scheme of an OpenLineage namespace."""

_IN_BUCKETS = ("s3", "gcs", "abs")
_IN_FILES = ("sqlite",)
"""Platforms of which a namespace is a file and the name says no database."""

_LOWER_CASE = ("snowflake",)
"""Platforms that DataHub's connectors write in small letters."""

_ARN = re.compile(r"arn:[\w-]+:([\w-]+):[\w-]*:\d*")
_NO_WORD = re.compile(r"[^\w.-]+")
_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Naming:
    """How names are made: the environment, and the platform instance by namespace or platform."""

    environment: str = "PROD"
    instances: Mapping[str, str] = field(default_factory=dict)

    def dataset(self, namespace: str, name: str) -> DatasetName:
        """Return what a dataset is called."""
        platform, name = platform_and_name(namespace, name)
        instance = self.instances.get(namespace) or self.instances.get(platform)
        return DatasetName(platform, name, instance, self.environment)


@dataclass(frozen=True, slots=True)
class DatasetName:
    """A dataset in DataHub; `instance` is that of its platform, None where there is but one."""

    platform: str
    name: str
    instance: str | None
    environment: str

    def field_path(self, name: str) -> str:
        """Return what one of its fields is called."""
        return name.lower() if self.platform in _LOWER_CASE else name


@dataclass(frozen=True, slots=True)
class JobName:
    """A job in DataHub: a task of a flow, which an orchestrator runs in a cluster."""

    orchestrator: str
    flow: str
    cluster: str
    task: str
    label: str


def naming(environment: str, instances: Iterable[str]) -> Naming:
    """Return the naming that options say; InvalidQueryError for what is none."""
    if environment.upper() not in ENVIRONMENTS:
        raise InvalidQueryError(f"--env {environment!r}: DataHub knows {', '.join(ENVIRONMENTS)}")
    known = {}
    for told in instances:
        of, _, instance = told.rpartition("=")
        if not of or not instance:
            raise InvalidQueryError(
                f"--platform-instance {told!r}: give NAMESPACE=INSTANCE or PLATFORM=INSTANCE, such as"
                " postgres://warehouse:5432=warehouse"
            )
        known[of] = instance
    return Naming(environment.upper(), known)


def platform_and_name(namespace: str, name: str) -> tuple[str, str]:
    """Return the platform of a dataset and what it is called there."""
    if (arn := _ARN.match(namespace)) is not None:
        return arn[1], name.removeprefix("table/").replace("/", ".") if arn[1] == "glue" else name
    scheme, is_url, place = namespace.partition("://")
    platform = _PLATFORMS.get(scheme, scheme) if is_url else _NO_WORD.sub("_", namespace)
    if platform in _IN_BUCKETS and is_url:
        bucket = place.partition("@")[0].strip("/")
        name = f"{bucket}/{name.strip('/')}".rstrip("/")
    elif platform in _IN_FILES and is_url:
        file = re.split(r"[/\\]", place)[-1].partition(".")[0]
        name = f"{file}.{name}" if file else name
    return platform or _UNKNOWN, name.lower() if platform in _LOWER_CASE else name


def job_name(namespace: str, name: str, integration: str | None) -> JobName:
    """Return what a job is called; `integration` is what its events say of who runs it.

    Its flow is the first part of its name, as in `dag.task`.
    """
    flow, dot, task = name.partition(".")
    return JobName(
        (integration or _UNKNOWN).strip().lower() or _UNKNOWN,
        flow or name,
        namespace or _UNKNOWN,
        name,
        task if dot and task else name,
    )
