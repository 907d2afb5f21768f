"""Where a connection leads: DSNs, SQLAlchemy URLs and libpq keywords as namespace and database."""

from __future__ import annotations

import re
from typing import Any

from lineage.datasets.address import Address, masked, split_connection, split_uri
from lineage.datasets.files import absolute_path, embedded
from lineage.datasets.platforms import Platform, platform_of
from lineage.errors import InvalidNameError

_KEYWORD = re.compile(r"\s*(\w+)\s*=\s*(?:'((?:\\.|[^'\\])*)'|((?:\\.|[^\s\\'])*))", re.DOTALL)
_KEYWORDS = re.compile(r"(?:^|\s)(?:host|hostaddr|port|dbname|user|password|service)\s*=", re.ASCII)
_SECRET = re.compile(r"(?i)(?:^|[\s;])(?:password|passwd|pwd)\s*=")
_ORACLE_THIN = re.compile(
    r"(?i)oracle:(?:thin|oci):(?:.*@)?(?://)?([^:/()]+)(?::([0-9]+))?[:/]([^?]+)", re.DOTALL
)
_SPANNER = re.compile(r"/?projects/([^/]+)/instances/([^/]+)/databases/([^/]+)")
_SERVES_A_SOCKET = ("postgres", "mysql")
_DATABASE_KEYS = {
    "oracle": ("service_name",),
    "mssql": ("database", "databasename"),
    "sqlserver": ("database", "databasename"),
    "unitycatalog": ("catalog", "schema"),
}


def database_namespace(url: object) -> tuple[str, str | None]:
    """The namespace a connection's tables are in, and the database, or None where it names none.

    `url` is a connection URL as text, a SQLAlchemy URL, a JDBC URL or a libpq keyword string
    (`host=h dbname=shop`). Where a connection may name a schema besides (Snowflake, Trino) the
    database is `database.schema`; SQLite has none, and DuckDB's is the one its file is attached
    as. User and password are dropped.

    Raises InvalidNameError for what is no connection, and for a host that cannot be read.
    """
    address = read_connection(url)
    platform = platform_of(address.scheme)
    if platform and platform.kind == "embedded":
        file = database_file(address)
        return embedded(platform.scheme, file), duckdb_catalog(file) if platform.scheme == "duckdb" else None
    if platform and platform.kind != "database":
        raise InvalidNameError(shown(address), "it is no database: pass it to parse_dataset")
    return connection_namespace(address), ".".join(connection_path(address)) or None


def read_connection(url: object) -> Address:
    """The parts of a connection in any of its forms, without its credentials."""
    if hasattr(url, "drivername"):
        return _from_sqlalchemy(url)
    if not isinstance(url, str):
        raise InvalidNameError(type(url).__name__, "give a connection URL, a libpq DSN or a SQLAlchemy URL")
    if is_keyword_dsn(url):
        return _from_keywords(url)
    text = from_jdbc(url)
    parts = split_uri(text)
    if parts is None:
        raise InvalidNameError(masked(url), "give a connection URL, such as postgresql://host:5432/shop")
    return split_connection(text, *parts)


def is_keyword_dsn(text: str) -> bool:
    """Whether a text is `keyword=value ...`: libpq's, or ODBC's with a password in it.

    A path may begin with a partition (`host=web1/part.csv`), so beside a slash it takes two keywords.
    """
    if "=" not in text or "://" in text.partition("=")[0]:
        return False
    enough = 2 if "/" in text else 1
    return bool(_SECRET.search(text)) or (
        bool(_KEYWORDS.match(text)) and len(_KEYWORDS.findall(text)) >= enough
    )


def from_jdbc(text: str) -> str:
    """A JDBC URL as the URL it wraps; every other text as it is."""
    if not text.lower().startswith("jdbc:"):
        return text
    oracle = _ORACLE_THIN.fullmatch(text[5:])
    if oracle:
        return f"oracle://{oracle[1]}:{oracle[2] or 1521}/{oracle[3]}"
    if "://" not in text:
        raise InvalidNameError("a JDBC URL", "its form is not known: write scheme://host:port/database")
    return text[5:]


def _from_sqlalchemy(url: Any) -> Address:
    host = str(url.host or "")
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    query = {str(key).lower(): _first(value) for key, value in (url.query or {}).items()}
    database = str(url.database or "")
    platform = platform_of(url.drivername)
    if platform and platform.kind == "embedded":
        path = database
        query["relative"] = "yes"
    else:
        path = f"/{database}"
    return Address(str(url.drivername), f"{host}:{url.port}" if url.port else host, path, query)


def _first(value: object) -> str:
    return str(value[0]) if isinstance(value, list | tuple) and value else str(value)


def _from_keywords(text: str) -> Address:
    values: dict[str, str] = {}
    position, end = 0, len(text.rstrip())
    while position < end:
        found = _KEYWORD.match(text, position)
        if found is None:
            raise InvalidNameError(
                "a keyword DSN", "it is not as libpq reads it: pass a connection URL instead"
            )
        values[found[1].lower()] = re.sub(r"\\(.)", r"\1", found[2] if found[2] is not None else found[3])
        position = found.end()
    if not values.keys() & {"host", "hostaddr", "dbname"}:
        raise InvalidNameError(
            "a keyword DSN", "it names no host and no dbname: pass a connection URL instead"
        )
    values.setdefault("host", values.get("hostaddr", ""))
    return Address("postgresql", "", "/" + values.get("dbname", ""), values)


def connection_namespace(address: Address) -> str:
    """The canonical namespace of a database server."""
    platform = platform_of(address.scheme)
    if platform is None:
        return f"{address.scheme.partition('+')[0].lower()}://{address.authority}"
    if platform.scheme == "bigquery":
        return "bigquery"
    place = platform.authority(_servers(platform, address))
    if place is None:
        raise InvalidNameError(shown(address), "its host cannot be read: write scheme://host:port/database")
    return f"{platform.scheme}://{place}"


def _servers(platform: Platform, address: Address) -> str:
    """Host and port, which libpq may have in the query, and which a local socket has not."""
    spanner = _SPANNER.match(address.path) if platform.scheme == "spanner" else None
    if spanner:
        return f"{spanner[1]}:{spanner[2]}"
    hosts = address.authority
    if not hosts or hosts.startswith(":"):
        port = address.query.get("port", "") or hosts[1:]
        ports = port.split(",")
        names = address.query.get("host", "").split(",")
        hosts = ",".join(_with_port(name, ports[min(at, len(ports) - 1)]) for at, name in enumerate(names))
    if re.match(r"/|(?i:%2f)|[:,]|$", hosts):
        if platform.scheme not in _SERVES_A_SOCKET or "odbc_connect" in address.query:
            raise InvalidNameError(shown(address), "it names no host: write scheme://host:port/database")
        found = re.search(":([0-9]+)$", hosts)
        return f"localhost:{found[1]}" if found else "localhost"
    return hosts


def _with_port(name: str, port: str) -> str:
    return f"{name}:{port}" if port and not re.search(r":[0-9]+$", name) else name


def connection_path(address: Address) -> list[str]:
    """The parts of a table's name that the connection gives: the database, for some the schema."""
    platform = platform_of(address.scheme)
    scheme = platform.scheme if platform else ""
    segments = [part for part in address.path.split("/") if part]
    if scheme == "bigquery":
        return [part for part in (address.authority, *segments) if part]
    if scheme == "spanner" and _SPANNER.match(address.path):
        return [segments[5], *segments[6:]]
    if not segments:
        segments = [address.query[key] for key in _DATABASE_KEYS.get(scheme, ()) if key in address.query]
    if scheme == "awsathena" and len(segments) == 1 and "." not in segments[0]:
        return [address.query.get("catalog_name", "AwsDataCatalog"), *segments]
    return segments


def database_file(address: Address) -> str:
    """The absolute path of a SQLite or DuckDB file; `:memory:` and `md:name` are no files.

    In a URL as text three slashes begin an absolute path, as in the namespace; a file name alone
    (`sqlite:///shop.db`) is in the working directory, as SQLAlchemy has it. A SQLAlchemy URL
    knows by itself which of the two it means.
    """
    path = address.path if "relative" in address.query else _written_file(address)
    if path.startswith("file:"):
        path = path.removeprefix("file:").partition("?")[0]
    if path in ("", ":memory:") or address.query.get("mode") == "memory":
        return ":memory:"
    return path if path.startswith(("md:", "motherduck:")) else absolute_path(path)


def _written_file(address: Address) -> str:
    path = address.authority + address.path
    alone = path[1:] if path.startswith("/") else path
    return alone if "/" not in alone or re.match("[A-Za-z]:[/\\\\]", alone) else path


def duckdb_catalog(file: str) -> str:
    """The name DuckDB attaches a file as."""
    if file == ":memory:":
        return "memory"
    if file.startswith(("md:", "motherduck:")):
        return file.partition(":")[2]
    return re.split(r"[/\\]", file)[-1].partition(".")[0]


def shown(address: Address) -> str:
    """A connection as an error may show it."""
    return masked(f"{address.scheme}://{address.authority}{address.path}")
