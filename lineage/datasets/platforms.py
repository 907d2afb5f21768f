"""The platforms we can name: the scheme they are written with, and how their namespace is built."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["database", "embedded", "object", "filesystem", "documents", "topic"]
Authority = Callable[[str], str | None]
"""The canonical form of a namespace's authority, or None where it cannot be read."""

_HOST = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^\s:/?#\[\]@,;]+)(?::([0-9]*))?")
_AWS_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-[0-9]")
_REDSHIFT = re.compile(
    r"([^.:]+)\.[^.:]+\.([a-z0-9-]+)\.redshift\.amazonaws\.com(?:\.cn)?(:[0-9]+)", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Platform:
    """How one kind of data source is named.

    `levels` is the number of parts of a full table name; `schema_in_path` says that a
    connection URL of the platform may carry `database/schema` where others carry a database
    alone; `rooted` is the number of path segments that belong to the namespace.
    """

    scheme: str
    kind: Kind
    authority: Authority
    levels: int = 0
    schema_in_path: bool = False
    separator: str = "."
    rooted: int = 0


def split_host(text: str) -> tuple[str, str] | None:
    """`host`, `host:port` or `[v6]:port` as host and port ('' where it has none), else None."""
    found = _HOST.fullmatch(text)
    return (lower(found[1]), found[2] or "") if found else None


def lower(text: str) -> str:
    """Host names compare without regard to case; only ASCII ones are ours to change."""
    return text.lower() if text.isascii() else text


def _server(port: int | None = None) -> Authority:
    """`host:port` with the default port filled in; several hosts stay a list, as in a libpq URL.

    An encoded path in the place of the host is the folder of a local socket.
    """

    def canonical(authority: str) -> str | None:
        hosts = []
        for text in authority.split(","):
            place = split_host(text)
            if place is None:
                return None
            host = "localhost" if place[0].startswith("%2f") else place[0]
            number = place[1] or port
            hosts.append(f"{host}:{number}" if number else host)
        return ",".join(hosts)

    return canonical


def _first_server(port: int) -> Authority:
    """The first of several brokers: no two clusters share one, and OpenLineage for Flink does so too."""
    server = _server(port)
    return lambda authority: server(re.split("[,;]", authority, maxsplit=1)[0])


def _host_without(port: int) -> Authority:
    """`host`, and a port only where it is not the platform's own."""

    def canonical(authority: str) -> str | None:
        place = split_host(authority)
        if place is None:
            return None
        return f"{place[0]}:{place[1]}" if place[1] and place[1] != str(port) else place[0]

    return canonical


def _redshift(authority: str) -> str | None:
    """`cluster.region:port`, as the specification has it, from the cluster's full endpoint."""
    server = _server(5439)(authority)
    endpoint = _REDSHIFT.fullmatch(server) if server else None
    return f"{endpoint[1]}.{endpoint[2]}{endpoint[3]}" if endpoint else server


def _snowflake(authority: str) -> str | None:
    """The account without Snowflake's domain; `locator.region` on AWS gets its `.aws`.

    A locator alone stays as it is: its region is not known from here.
    """
    place = split_host(authority)
    if place is None:
        return None
    account = re.sub(r"(\.privatelink)?\.snowflakecomputing\.(com|cn)$", "", place[0])
    locator, _, region = account.partition(".")
    if "-" not in locator and _AWS_REGION.fullmatch(region):
        return f"{account}.aws"
    return account


def _athena(authority: str) -> str | None:
    """`athena.region.amazonaws.com`, also from the bare region."""
    host = _host_without(443)(authority)
    return f"athena.{host}.amazonaws.com" if host and _AWS_REGION.fullmatch(host) else host


def _azure_container(authority: str) -> str | None:
    """`container@account.domain`: the part after the @ is a host name."""
    container, at, host = authority.partition("@")
    return f"{container}@{lower(host)}" if at and container and host else None


def _as_written(authority: str) -> str | None:
    return authority or None


_TABLE = (
    (Platform("postgres", "database", _server(5432), 3), "postgresql"),
    (Platform("redshift", "database", _redshift, 3), ""),
    (Platform("mysql", "database", _server(3306), 2), "mariadb"),
    (Platform("oceanbase", "database", _server(2881), 2), ""),
    (Platform("mssql", "database", _server(1433), 3), ""),
    (Platform("sqlserver", "database", _server(1433), 3), ""),
    (Platform("fabric-warehouse", "database", _host_without(1433), 3), ""),
    (Platform("oracle", "database", _server(1521), 3), ""),
    (Platform("db2", "database", _server(50000), 3), "ibm_db_sa"),
    (Platform("crate", "database", _server(4200), 3), "cratedb"),
    (Platform("teradata", "database", _server(1025), 2), "teradatasql"),
    (Platform("cassandra", "database", _server(9042), 2), ""),
    (Platform("milvus", "database", _server(19530), 2), ""),
    (Platform("clickhouse", "database", _server(8123), 2), "clickhousedb"),
    (Platform("hive", "database", _server(10000), 2), ""),
    (Platform("trino", "database", _server(8080), 3, True), ""),
    (Platform("snowflake", "database", _snowflake, 3, True), ""),
    (Platform("bigquery", "database", _as_written, 3, True), "bq"),
    (Platform("spanner", "database", _as_written, 3), ""),
    (Platform("awsathena", "database", _athena, 3, True), "athena"),
    (Platform("unitycatalog", "database", _host_without(443), 3, True), "databricks"),
    (Platform("azurekusto", "database", _host_without(443), 2, separator="/"), "kusto"),
    (Platform("sqlite", "embedded", _as_written), ""),
    (Platform("duckdb", "embedded", _as_written), ""),
    (Platform("s3", "object", _as_written), "s3a s3n"),
    (Platform("gs", "object", _as_written), "gcs"),
    (Platform("abfss", "object", _azure_container), "abfs"),
    (Platform("wasbs", "object", _azure_container), "wasb"),
    (Platform("adl", "filesystem", _server()), ""),
    (Platform("hdfs", "filesystem", _server()), ""),
    (Platform("file", "filesystem", _server()), ""),
    (Platform("dbfs", "filesystem", _as_written), ""),
    (Platform("azurecosmos", "documents", _server(), rooted=2), ""),
    (Platform("box", "documents", _server(), rooted=1), ""),
    (Platform("filenet", "documents", _server(), rooted=1), ""),
    (Platform("mssharepoint", "documents", _server(), rooted=1), ""),
    (Platform("kafka", "topic", _first_server(9092)), ""),
)
_PLATFORMS = {
    scheme: platform for platform, aliases in _TABLE for scheme in (platform.scheme, *aliases.split())
}


def platform_of(scheme: str) -> Platform | None:
    """The platform a URI scheme belongs to; `+driver` of a SQLAlchemy URL and case do not matter."""
    return _PLATFORMS.get(scheme.partition("+")[0].lower())
