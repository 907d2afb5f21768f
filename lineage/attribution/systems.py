"""What databases, object stores, brokers and models are called, and who charges for them."""

from __future__ import annotations

import re
from functools import lru_cache

_OTHER_NAMES = {
    "database": {
        "postgresql": "postgres pg timescaledb timescale",
        "mysql": "aurora_mysql",
        "mariadb": "",
        "mongodb": "mongo",
        "mssql": "sqlserver sql_server microsoft_sql_server microsoft.sql_server azuresql",
        "oracle": "oracledb oracle.db",
        "sqlite": "sqlite3",
        "cosmosdb": "cosmos azure.cosmosdb",
        "opensearch": "",
        "elasticsearch": "elastic",
        "databricks": "databricks_sql",
        "athena": "aws_athena awsathena",
        "synapse": "azure_synapse",
        "duckdb": "motherduck",
        "neo4j": "",
        "neptune": "aws_neptune",
        "influxdb": "influx",
        "memcached": "memcache",
        "elasticache": "",
        "cassandra": "",
        "couchdb": "",
        "firestore": "",
        "dynamodb": "aws_dynamodb aws.dynamodb",
        "redis": "",
        "snowflake": "",
        "bigquery": "google_bigquery",
        "redshift": "aws_redshift aws.redshift",
        "clickhouse": "",
        "trino": "",
    },
    "storage": {
        "s3": "aws_s3 s3a s3n",
        "gcs": "google_cloud_storage gs",
        "azure_blob": "blob azure_blob_storage abfs abfss wasb wasbs",
        "minio": "",
        "ceph": "",
        "nfs": "",
        "efs": "aws_efs",
    },
    "messaging": {
        "sqs": "aws_sqs",
        "sns": "aws_sns aws.sns",
        "kinesis": "aws_kinesis",
        "pubsub": "google_pubsub gcp_pubsub",
        "kafka": "apache_kafka",
        "rabbitmq": "amqp",
        "celery": "",
        "eventbridge": "aws_eventbridge",
        "servicebus": "azure_servicebus",
        "eventhub": "azure_eventhub eventhubs",
        "nats": "",
        "redis_pubsub": "",
    },
    "llm": {},
}

_SYSTEMS = {
    kind: {name: canonical for canonical, others in names.items() for name in (canonical, *others.split())}
    for kind, names in _OTHER_NAMES.items()
}


@lru_cache(maxsize=1024)
def _system_name(kind: str, name: str) -> str:
    word = re.sub(r"[\s-]+", "_", name.strip().lower().partition("+")[0].strip())
    return _SYSTEMS[kind].get(word, word) or "unknown"


def system_name(kind: str, name: object) -> str:
    """Return a system's one name: `Postgres`, `pg` and `postgresql+psycopg2` are `postgresql`.

    `kind` is `database`, `storage`, `messaging` or `llm`. One that is not known keeps its name, in small
    letters; None and what cannot be read as text are `unknown`.
    """
    return _system_name(kind, str(name)) if name is not None else "unknown"


_VENDORS = {
    "aws": "s3 sqs sns kinesis dynamodb redshift athena efs elasticache neptune eventbridge",
    "google_cloud": "gcs pubsub bigquery firestore",
    "azure": "azure_blob cosmosdb synapse servicebus eventhub",
    "snowflake": "snowflake",
    "databricks": "databricks",
}
_VENDOR_OF = {system: vendor for vendor, systems in _VENDORS.items() for system in systems.split()}


def vendor_of(system: str) -> str:
    """Return who charges for a system: a cloud, or the system itself where anybody may run it."""
    return _VENDOR_OF.get(system, system)


# What OpenTelemetry's registry calls systems that have another name there.
_REGISTERED = {
    "mssql": "microsoft.sql_server",
    "oracle": "oracle.db",
    "dynamodb": "aws.dynamodb",
    "redshift": "aws.redshift",
    "cosmosdb": "azure.cosmosdb",
    "sqs": "aws_sqs",
    "sns": "aws.sns",
    "pubsub": "gcp_pubsub",
    "eventhub": "eventhubs",
}


def registered_name(system: str) -> str:
    """Return what OpenTelemetry's semantic conventions call a system."""
    return _REGISTERED.get(system, system)
