"""Integrations: code that makes libraries people already use report lineage.

`install("sqlalchemy")` instruments a library, `uninstall` undoes it, `status()` says what stands.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from lineage.errors import InstrumentError, MissingDependencyError
from producers._base import Producer

__all__ = [
    "REGISTRY",
    "InstrumentError",
    "MissingDependencyError",
    "Status",
    "install",
    "status",
    "uninstall",
]

REGISTRY = {
    "asyncpg": "producers.asyncpg:PRODUCER",
    "azure.storage.blob": "producers.azure_storage_blob:PRODUCER",
    "bigquery": "producers.bigquery:PRODUCER",
    "boto3": "producers.boto3:PRODUCER",
    "celery": "producers.celery:PRODUCER",
    "confluent_kafka": "producers.confluent_kafka:PRODUCER",
    "dagster": "producers.dagster:PRODUCER",
    "dbapi": "producers.dbapi:PRODUCER",
    "duckdb": "producers.duckdb:PRODUCER",
    "fsspec": "producers.fsspec:PRODUCER",
    "google.cloud.pubsub_v1": "producers.google_cloud_pubsub:PRODUCER",
    "google.cloud.storage": "producers.google_cloud_storage:PRODUCER",
    "kafka": "producers.kafka:PRODUCER",
    "opentelemetry": "producers.opentelemetry:PRODUCER",
    "pandas": "producers.pandas:PRODUCER",
    "pika": "producers.pika:PRODUCER",
    "polars": "producers.polars:PRODUCER",
    "prefect": "producers.prefect:PRODUCER",
    "psycopg": "producers.psycopg:PRODUCER",
    "psycopg2": "producers.psycopg2:PRODUCER",
    "pyarrow": "producers.pyarrow:PRODUCER",
    "snowflake": "producers.snowflake:PRODUCER",
    "sqlalchemy": "producers.sqlalchemy:PRODUCER",
    "sqlite3": "producers.sqlite3:PRODUCER",
}
"""Every integration by its name, which is the library's import name."""


@dataclass(frozen=True, slots=True)
class Status:
    """What is instrumented of a library.

    `version` is the library's, None where it is not there, and `problem` says why it cannot be instrumented.
    `everywhere`: all of it is; `targets`: how many of its objects were named, and still exist.
    """

    name: str
    version: str | None
    everywhere: bool = False
    targets: int = 0
    problem: str | None = None


def install(name: str, target: Any = None, **options: Any) -> None:
    """Instrument a library, or only `target` of it (an engine, a connection), from now on.

    A second call changes nothing. `options` are what the integration of a library takes: `bigquery` takes
    `labels` and `job_id_prefix`, the others nothing. Raises InstrumentError for an unknown name or option or
    a library that is too old, MissingDependencyError with the pip line for one that is not installed.
    """
    producer = _producer(name)
    for unknown in options.keys() - set(producer.options):
        takes = ", ".join(producer.options) or "none"
        raise InstrumentError(name, f"it takes no option {unknown}: known are {takes}")
    producer.install(target, **options)


def uninstall(name: str, target: Any = None) -> None:
    """Undo `install` for a target; without one, for everything of that library.

    What was not installed needs no undoing: that is no error. Raises InstrumentError for an unknown name.
    """
    if _place(name)[0] not in sys.modules:  # what was never loaded was never installed
        return
    try:
        producer = _producer(name)
    except MissingDependencyError:
        return
    producer.uninstall(target)


def status() -> list[Status]:
    """Return what is instrumented and what cannot be, and why."""
    return [_status(name) for name in REGISTRY]


def _status(name: str) -> Status:
    try:
        producer = _producer(name)
    except MissingDependencyError as error:
        return Status(name, None, problem=str(error))
    version = producer.version()
    try:
        producer.check_version()
    except InstrumentError as error:
        return Status(name, version, problem=str(error))
    return Status(name, version, producer.everywhere, len(producer.targets))


def _producer(name: str) -> Producer:
    module, attribute = _place(name)
    producer: Producer = getattr(import_module(module), attribute)
    return producer


def _place(name: str) -> tuple[str, str]:
    if name not in REGISTRY:
        raise InstrumentError(name, f"known are: {', '.join(sorted(REGISTRY))}")
    module, _, attribute = REGISTRY[name].partition(":")
    return module, attribute
