"""One name for each system and operation, whatever a caller calls it."""

from __future__ import annotations

from enum import StrEnum

import pytest

from lineage import DBOperation, MessagingOperation, StorageOperation
from lineage.attribution.systems import registered_name, system_name, vendor_of
from lineage.operations.names import operation_name, reads, writes


def words(constants: type[StrEnum]) -> list[str]:
    return [str(one) for one in constants]


def test_there_are_twelve_constants_for_database_operations() -> None:
    """BT-09: constants that are plain text, too."""
    reading, changing = ["SELECT"], ["INSERT", "UPDATE", "DELETE", "UPSERT", "MERGE"]
    shaping, others = ["CREATE", "DROP", "ALTER", "INDEX"], ["TRANSACTION", "BATCH"]
    assert words(DBOperation) == [*reading, *changing, *shaping, *others]
    assert DBOperation.SELECT == "SELECT"
    assert f"{DBOperation.MERGE}" == "MERGE"


def test_there_are_seven_constants_for_storage_operations() -> None:
    """BT-14: constants that are plain text, too."""
    assert words(StorageOperation) == ["GET", "PUT", "DELETE", "LIST", "HEAD", "COPY", "MULTIPART_UPLOAD"]
    assert f"{StorageOperation.PUT}" == "PUT"


def test_there_are_five_constants_for_messaging_operations() -> None:
    """BT-18: constants that are plain text, too."""
    assert words(MessagingOperation) == ["publish", "consume", "receive", "send", "subscribe"]
    assert f"{MessagingOperation.CONSUME}" == "consume"


@pytest.mark.parametrize("name", ["send", "SEND", " Send ", "publish", "PUBLISH", MessagingOperation.SEND])
def test_to_send_is_to_publish_in_any_case(name: str) -> None:
    """BT-18: send is another word for publish, and stays no value of its own."""
    assert operation_name("messaging", name) == "publish"
    assert writes("messaging", operation_name("messaging", name))


def test_consume_receive_and_subscribe_are_told_apart() -> None:
    """fault 3-19: what was undefined is: both take messages, to subscribe moves nothing."""
    taken = {name: reads("messaging", operation_name("messaging", name)) for name in MessagingOperation}
    assert taken == {"publish": False, "send": False, "consume": True, "receive": True, "subscribe": False}
    assert not writes("messaging", "subscribe")


@pytest.mark.parametrize("name", ["SUBSCRIBE", "Consume", " receive "])
def test_case_and_spaces_make_no_difference_to_an_operation(name: str) -> None:
    """fault 3-18: one rule for case: capitals for databases and storage, small letters for messages."""
    assert operation_name("messaging", name) == name.strip().lower()
    assert operation_name("database", name) == name.strip().upper()
    assert operation_name("storage", name) == name.strip().upper()


DATABASES = {
    "postgresql": "postgresql postgres pg PostgreSQL postgresql+psycopg2 postgres+asyncpg",
    "mysql": "mysql MySQL mysql+pymysql",
    "mariadb": "mariadb mariadb+mariadbconnector",
    "mongodb": "mongodb mongo MongoDB",
    "dynamodb": "dynamodb aws_dynamodb aws.dynamodb",
    "redis": "redis Redis",
    "elasticsearch": "elasticsearch elastic",
    "snowflake": "snowflake Snowflake",
    "bigquery": "bigquery BigQuery google_bigquery",
    "redshift": "redshift aws_redshift aws-redshift redshift+redshift_connector",
    "mssql": "mssql sqlserver mssql+pyodbc microsoft.sql_server",
    "oracle": "oracle oracle+oracledb",
    "sqlite": "sqlite sqlite3",
}
OTHERS = (
    "cassandra couchdb firestore cosmosdb memcached elasticache opensearch databricks athena synapse "
    "influxdb neo4j neptune clickhouse trino duckdb"
)
STORAGE = {
    "s3": "s3 aws_s3 S3 s3a AWS-S3",
    "gcs": "gcs google_cloud_storage gs",
    "azure_blob": "azure_blob blob Azure_Blob abfss wasbs",
    "minio": "minio MinIO",
    "ceph": "ceph",
    "nfs": "nfs",
    "efs": "efs aws_efs",
}
MESSAGING = {
    "sqs": "sqs aws_sqs SQS",
    "sns": "sns aws_sns",
    "kinesis": "kinesis aws_kinesis",
    "pubsub": "pubsub google_pubsub gcp_pubsub",
    "kafka": "kafka Kafka apache_kafka",
    "rabbitmq": "rabbitmq amqp",
    "celery": "celery",
    "eventbridge": "eventbridge",
    "servicebus": "servicebus azure_servicebus",
    "eventhub": "eventhub eventhubs",
    "nats": "nats",
    "redis_pubsub": "redis_pubsub",
}


def cases(table: dict[str, str]) -> list[tuple[str, str]]:
    return [(name, system) for system, names in table.items() for name in names.split()]


@pytest.mark.parametrize(("name", "system"), [*cases(DATABASES), *((one, one) for one in OTHERS.split())])
def test_a_database_has_one_name(name: str, system: str) -> None:
    """BT-10: normalised in any case, with spaces around it and with a driver behind it."""
    assert system_name("database", name) == system
    assert system_name("database", f"  {name.upper()} ") == system


@pytest.mark.parametrize(("name", "system"), cases(STORAGE))
def test_an_object_store_has_one_name(name: str, system: str) -> None:
    """BT-15: normalised in any case and with spaces around it."""
    assert system_name("storage", f" {name} ") == system


@pytest.mark.parametrize(("name", "system"), cases(MESSAGING))
def test_a_messaging_system_has_one_name(name: str, system: str) -> None:
    """BT-19: normalised in any case and with spaces around it."""
    assert system_name("messaging", f" {name} ") == system


@pytest.mark.parametrize("kind", ["database", "storage", "messaging", "llm"])
def test_a_system_that_is_not_known_keeps_its_name(kind: str) -> None:
    """BT-10, BT-15, BT-19: unknown names pass, in small letters."""
    assert system_name(kind, " MyStore ") == "mystore"
    assert system_name(kind, None) == system_name(kind, "  ") == "unknown"


def test_a_vendor_is_the_cloud_or_the_system_itself() -> None:
    """BT-25: who charges for a system."""
    assert [vendor_of(one) for one in ("s3", "sqs", "bigquery", "azure_blob", "snowflake", "kafka")] == [
        "aws",
        "aws",
        "google_cloud",
        "azure",
        "snowflake",
        "kafka",
    ]


def test_opentelemetry_knows_some_systems_by_other_names() -> None:
    from opentelemetry.semconv._incubating.attributes import db_attributes, messaging_attributes

    databases = {one.value for one in db_attributes.DbSystemNameValues}
    messaging = {one.value for one in messaging_attributes.MessagingSystemValues}
    for ours in ("postgresql", "mssql", "oracle", "dynamodb", "redshift", "cosmosdb", "mongodb"):
        assert registered_name(ours) in databases
    for ours in ("kafka", "sqs", "sns", "pubsub", "rabbitmq", "eventhub", "servicebus"):
        assert registered_name(ours) in messaging
