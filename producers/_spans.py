"""What the attributes of a span say of a database or of messages, in OpenTelemetry's old and new names.

https://opentelemetry.io/docs/specs/semconv/db/database-spans/ and .../messaging/messaging-spans/: the stable
names come first, then those that instrumentations wrote before.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from lineage._guard import guard
from lineage.attribution import Source
from lineage.attribution.systems import system_name
from lineage.datasets import database_namespace
from lineage.datasets.platforms import platform_of
from lineage.sql.dialects import dialect_of

Attributes = Mapping[str, Any]

DATABASE = ("db.system.name", "db.system")
MESSAGING = "messaging.system"
TEXT = ("db.query.text", "db.statement")
_DATABASE_NAME = ("db.namespace", "db.name")
_OPERATION = ("db.operation.name", "db.operation")
_COLLECTION = (
    "db.collection.name",
    "db.mongodb.collection",
    "db.cassandra.table",
    "db.cosmosdb.container",
    "db.sql.table",
    "aws.dynamodb.table_names",
)
_HOST, _PORT = ("server.address", "net.peer.name"), ("server.port", "net.peer.port")
_DESTINATION = ("messaging.destination.name", "messaging.destination")
_TEMPORARY = ("messaging.destination.temporary", "messaging.temp_destination")
_MESSAGING_OPERATION = ("messaging.operation.type", "messaging.operation", "messaging.operation.name")
_MESSAGES = "messaging.batch.message_count"
_SIZES = ("messaging.message.body.size", "messaging.message_payload_size_bytes")

_WITHOUT_SQL = frozenset(
    [
        *("redis", "mongodb", "memcached", "elasticsearch", "opensearch", "dynamodb", "couchdb", "couchbase"),
        *("cosmosdb", "neo4j", "neptune", "influxdb", "firestore", "hbase", "geode"),
    ]
)
_WITH_SCHEMA = ("postgresql", "redshift", "snowflake", "trino")
"""Systems of which `db.namespace` may be a database and a schema: `shop|public`."""

_KINDS = {
    "SELECT": "find aggregate count distinct get getitem batchgetitem query scan search mget msearch",
    "INSERT": "insert insertmany insertone putitem batchwriteitem index bulk create",
    "UPDATE": "update findandmodify findoneandupdate updateitem replaceone",
    "DELETE": "delete deleteitem findoneanddelete remove",
}
_KIND_OF = {word: kind for kind, words in _KINDS.items() for word in words.split()}

_DONE = {
    "publish": "publish",
    "send": "publish",
    "receive": "receive",
    "process": "consume",
    "deliver": "consume",
    "consume": "consume",
}


def first(attributes: Attributes, *names: str) -> Any:
    """Return the first of these attributes that is there; None where none is."""
    for name in names:
        value = attributes.get(name)
        if value is not None and value != "":
            return value
    return None


def runs_sql(system: str) -> bool:
    """Whether what a database is asked in is read as statements, by its one name."""
    return system not in _WITHOUT_SQL


def source_of(attributes: Attributes, client: str | None) -> Source:
    """Return what a span of a database says about its queries."""
    system = system_name("database", first(attributes, *DATABASE))
    host, database = _text(first(attributes, *_HOST)), _text(first(attributes, *_DATABASE_NAME))
    schema = None
    if database is not None and "|" in database:
        before, _, after = database.partition("|")
        database, schema = (before, after) if system in _WITH_SCHEMA else (after, None)
    namespace = None
    with guard("naming a database"):
        namespace = _namespace(system, host, first(attributes, *_PORT), database)
    return Source(
        system,
        client,
        db_name=database or None,
        db_host=host,
        dialect=dialect_of(system),
        namespace=namespace,
        default_schema=schema or None,
    )


@lru_cache(maxsize=256)  # the same few for all spans of a program
def _namespace(system: str, host: str | None, port: Any, database: str | None) -> str | None:
    """Return where the tables are; None where the span does not say on which server."""
    platform = platform_of(system)
    embedded = platform is not None and platform.kind == "embedded"
    if (embedded and database is None) or (not embedded and host is None and system != "bigquery"):
        return None
    named = "localhost" if host is None or host.startswith("/") else host
    named = f"[{named}]" if named.count(":") > 1 and not named.startswith("[") else named
    if embedded:
        url = SimpleNamespace(drivername=system, host=None, port=None, database=database, query=None)
        return database_namespace(url)[0]
    return database_namespace(f"{system}://{named}:{port}" if port else f"{system}://{named}")[0]


def operation_of(attributes: Attributes) -> tuple[str, str | None]:
    """Return what is done to a database without SQL, and to which collection.

    Where no attribute says it, it is the first word of the command.
    """
    told = _text(first(attributes, *_OPERATION)) or _text(first(attributes, *TEXT)) or ""
    word = told.split(None, 1)[0] if told.split() else "unknown"
    collection = first(attributes, *_COLLECTION)
    if isinstance(collection, list | tuple):
        collection = collection[0] if len(collection) == 1 else None
    name = word.rpartition(".")[2].replace("_", "").lower()
    return _KIND_OF.get(name, word), _text(collection)


def rows_of(attributes: Attributes) -> int | None:
    """Return how many rows a query gave, where the span says so."""
    rows = attributes.get("db.response.returned_rows")
    return rows if isinstance(rows, int) else None


def message_operation_of(attributes: Attributes, kind: str) -> str | None:
    """Return what is done with messages, `kind` being the span's; None for what moves none.

    A producer's span publishes, also where an instrumentation says that it receives, as some did.
    """
    for name in _MESSAGING_OPERATION:
        word = _text(attributes.get(name))
        if word is not None:
            known = _DONE.get(word.lower())
            if known is not None:
                return "publish" if kind == "PRODUCER" else known
            if name == "messaging.operation.type":  # `create` and `settle` move nothing
                return None
    return {"PRODUCER": "publish", "CONSUMER": "consume"}.get(kind)


def destination_of(attributes: Attributes) -> str | None:
    """Return the topic or queue; the URL of an SQS queue, which says where it is. Temporary ones are none."""
    if first(attributes, *_TEMPORARY):
        return None
    url = _text(attributes.get("messaging.url"))
    if url is not None and url.startswith("https://sqs."):
        return url
    return _text(first(attributes, *_DESTINATION))


def broker_of(attributes: Attributes, system: str) -> str | None:
    """Return the namespace of a broker's destinations: `kafka://broker:9092`; None where it is not said."""
    host, port = _text(first(attributes, *_HOST)), first(attributes, *_PORT)
    if host is None:
        host, port = _first_server(attributes.get("messaging.url")), None
    if host is None or system not in ("kafka", "rabbitmq", "nats"):
        return None
    return f"{system}://{host}:{port}" if port else f"{system}://{host}"


def _first_server(told: Any) -> str | None:
    """Return the first of a list of servers, which some instrumentations write as JSON."""
    if isinstance(told, str) and told.startswith("["):
        with guard("reading a list of brokers"):
            told = json.loads(told)
    if isinstance(told, list | tuple):
        told = told[0] if told else None
    return told.partition("://")[2] or told if isinstance(told, str) and told else None


def message_counts(attributes: Attributes) -> dict[str, int]:
    """Return how many messages, and bytes of them, a span says there were."""
    found = {"messages": attributes.get(_MESSAGES), "bytes_transferred": first(attributes, *_SIZES)}
    return {name: count for name, count in found.items() if isinstance(count, int)}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
