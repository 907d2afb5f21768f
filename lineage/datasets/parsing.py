"""What a user or a library calls a dataset, in its canonical form."""

from __future__ import annotations

import os
import re
from typing import Any

from lineage.datasets.address import (
    Address,
    masked,
    split_connection,
    split_location,
    split_uri,
    without_secret_query,
)
from lineage.datasets.databases import (
    connection_namespace,
    connection_path,
    database_file,
    duckdb_catalog,
    from_jdbc,
    is_keyword_dsn,
    read_connection,
    shown,
)
from lineage.datasets.dataset import Dataset, check_text
from lineage.datasets.files import absolute_path, embedded, is_windows_path, local_file
from lineage.datasets.normalising import normalise
from lineage.datasets.platforms import Platform, platform_of
from lineage.errors import InvalidNameError

_PARTS = re.compile(r'(?:"[^"]*"|`[^`]*`|\[[^\]]*\]|[^.])+')
_ARN = re.compile(r"(arn:[^:]+:[^:]+:[^:]*:[^:]*):(.+)", re.DOTALL)
_OBJECT_ARN = re.compile(r"arn:[^:]+:s3:::(.+)", re.DOTALL)
_ONE_COLON = re.compile(r"(?i)((?:file|dbfs|hdfs)(?=:/)|bigquery|bq|pubsub):(?!//)(.+)", re.DOTALL)
_LOST_SLASH = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]+):/(?!/)")


def parse_dataset(
    value: str | os.PathLike[str] | Dataset | Any,
    *,
    table: str | None = None,
    default_namespace: str = "default",
) -> Dataset:
    """A dataset with its canonical namespace and name, from whatever names it.

    `value` is a URI (`s3://lake/raw/orders`), a connection URL that ends in the table
    (`postgresql://host:5432/shop/public.orders`), a connection as text or SQLAlchemy URL with
    `table=`, the path of a file (anything with a slash, and every `os.PathLike`), a bare name,
    which is put in `default_namespace`, or a Dataset, which keeps its schema.

    A name that was rewritten is kept in `symlinks`, without user, password and query.
    Raises InvalidNameError for what names no dataset; the error shows no credentials.
    """
    if isinstance(value, Dataset):
        return _renormalised(value, table)
    if table is not None:
        check_text(table, "the table's name is empty: give it as schema.table")
    if hasattr(value, "drivername"):
        return _table(read_connection(value), table, None)
    if isinstance(value, os.PathLike) and "://" not in str(value):
        return _path(value, table)
    text = str(value) if isinstance(value, os.PathLike) else value
    check_text(text, "it is empty: give a URI, a path, a connection URL or a name")
    if is_keyword_dsn(text):
        return _table(read_connection(text), table, None)
    text = _with_slashes(from_jdbc(text))
    parts = split_uri(text)
    if parts:
        return _uri(text, *parts, table)
    if table is not None:
        raise _no_connection(text)
    return _without_scheme(text, default_namespace)


def _path(path: os.PathLike[Any], table: str | None) -> Dataset:
    text = os.fsdecode(path)
    check_text(text, "the path is empty")
    if table is not None:
        raise _no_connection(text)
    _refuse_lost_slash(text)
    return _file(text)


def _without_scheme(text: str, default_namespace: str) -> Dataset:
    arn = _ARN.fullmatch(text)
    if arn:
        return _named(arn[1], arn[2])
    if is_windows_path(text) or text.startswith(("/", "\\", ".", "~")):
        return _file(text)
    if "://" in text or ("@" in text and ":" in text):
        reason = "it has no readable scheme: write scheme://host:port/database, or ./ before a file"
        raise InvalidNameError(masked(f"://{text}"), reason)
    if "/" in text or "\\" in text:
        return _file(text)
    return Dataset(*normalise(default_namespace, text))


def _with_slashes(text: str) -> str:
    """The forms of a URI with one colon or slash (`file:/x`, `bigquery:p.d.t`) with two slashes."""
    if _ARN.fullmatch(text):
        found = _OBJECT_ARN.fullmatch(text)
        return f"s3://{found[1]}" if found else text
    found = _ONE_COLON.fullmatch(text)
    if found:
        return f"{found[1]}://{found[2]}"
    _refuse_lost_slash(text)
    return text


def _refuse_lost_slash(text: str) -> None:
    """`Path("s3://lake/x")` is `s3:/lake/x`: never a file that anybody meant."""
    lost = _LOST_SLASH.match(text)
    if lost and platform_of(lost[1]):
        raise InvalidNameError(masked(text), f"one slash follows the scheme: write {lost[1]}://, as a text")


def _renormalised(dataset: Dataset, table: str | None) -> Dataset:
    if table is not None:
        raise InvalidNameError(dataset.name, "table= goes with a connection; a Dataset has its name already")
    canonical = normalise(dataset.namespace, dataset.name)
    written = (dataset.namespace, dataset.name)
    if canonical == written:
        return dataset
    symlinks = dataset.symlinks if written in dataset.symlinks else (*dataset.symlinks, written)
    return Dataset(*canonical, dataset.schema, symlinks)


def _named(namespace: str, name: str, written: tuple[str, str] | None = None) -> Dataset:
    canonical = normalise(namespace, name)
    known = written is not None and written != canonical and all(part.strip() for part in written)
    return Dataset(*canonical, symlinks=(written,) if written and known else ())


def _file(text: str) -> Dataset:
    return Dataset(*local_file(absolute_path(without_secret_query(text))))


def _uri(text: str, scheme: str, rest: str, table: str | None) -> Dataset:
    platform = platform_of(scheme)
    if platform and platform.kind in ("database", "embedded"):
        address = split_connection(text, scheme, rest)
        return _table(address, table or address.query.get("table") or address.fragment or None, scheme)
    if platform is None and table is not None:
        return _table(split_connection(text, scheme, rest), table, scheme)
    if table is not None:
        raise _no_connection(text)
    if platform and platform.kind == "topic":
        return _topic(platform, split_connection(text, scheme, rest))
    address = split_location(text, scheme, rest)
    if platform is None:
        return _elsewhere(address)
    return _documents(platform, address) if platform.kind == "documents" else _location(platform, address)


def _table(address: Address, table: str | None, scheme: str | None) -> Dataset:
    """A table of a connection; `scheme` is the one written in a URI, for the name as it was."""
    platform = platform_of(address.scheme)
    if platform and platform.kind == "embedded":
        return _embedded_table(platform, address, table)
    namespace, path = connection_namespace(address), connection_path(address)
    name = _full_name(platform, path, table)
    if name is None:
        raise InvalidNameError(
            shown(address), "it names no table: end it in /database/schema.table or give table="
        )
    written = name.removeprefix(f"{address.authority}.") if namespace == "bigquery" else name
    if not scheme or not address.authority or (namespace == "bigquery" and written == name):
        return _named(namespace, name)
    return _named(namespace, name, (f"{scheme}://{address.authority}", written))


def _full_name(platform: Platform | None, path: list[str], table: str | None) -> str | None:
    """The table's name under as much of the connection's path as it leaves open."""
    if platform is None:
        return ".".join([*path, table or ""])
    if table is not None:
        return platform.separator.join([*path[: max(0, platform.levels - _count(table))], table])
    named = sum(_count(segment) for segment in path)
    full = platform.schema_in_path and (len(path) > 1 or platform.scheme == "bigquery")
    return platform.separator.join(path) if named >= (platform.levels if full else 2) else None


def _count(name: str) -> int:
    return len(_PARTS.findall(name))


def _embedded_table(platform: Platform, address: Address, table: str | None) -> Dataset:
    if table is None:
        raise InvalidNameError(
            shown(address), f"it names no table: write {platform.scheme}:///path/to/file#table"
        )
    file = database_file(address)
    if platform.scheme == "duckdb":
        table = ".".join([*[duckdb_catalog(file), "main"][: max(0, 3 - _count(table))], table])
    return _named(embedded(platform.scheme, file), table)


def _topic(platform: Platform, address: Address) -> Dataset:
    servers, topic = platform.authority(address.authority), address.path.strip("/")
    if not servers or not topic:
        raise InvalidNameError(shown(address), f"write {platform.scheme}://host:port/topic")
    return _named(f"{platform.scheme}://{servers}", topic, (f"{address.scheme}://{address.authority}", topic))


def _location(platform: Platform, address: Address) -> Dataset:
    if not address.authority:
        if platform.scheme not in ("file", "dbfs", "hdfs"):
            raise InvalidNameError(
                shown(address), f"it names no bucket: write {platform.scheme}://bucket/key"
            )
        return _named(platform.scheme, address.path or "/")
    namespace = f"{address.scheme}://{address.authority}"
    path = address.path.removeprefix("/") if platform.kind == "object" else address.path
    return _named(namespace, path or "/", (namespace, path))


def _documents(platform: Platform, address: Address) -> Dataset:
    segments = address.path.strip("/").split("/")
    if not address.authority or len(segments) <= platform.rooted:
        raise InvalidNameError(shown(address), "it is too short: docs/naming.md has the form of its platform")
    root, name = "/".join(segments[: platform.rooted]), "/".join(segments[platform.rooted :])
    namespace = f"{address.scheme}://{address.authority}/{root}"
    return _named(namespace, name, (namespace, name))


def _elsewhere(address: Address) -> Dataset:
    """A URI of a scheme we do not know, or of one without hosts."""
    scheme = address.scheme.lower()
    if scheme in ("pubsub", "inmemory"):
        name = (address.authority + address.path).strip("/")
        namespace = "pubsub" if scheme == "pubsub" else "inmemory://"
    else:
        namespace, name = f"{address.scheme}://{address.authority}", address.path.removeprefix("/")
    if not name.strip():
        raise InvalidNameError(shown(address), "nothing follows the host: add the name of the dataset")
    return _named(namespace, name)


def _no_connection(text: str) -> InvalidNameError:
    return InvalidNameError(masked(text), "table= goes with a connection URL: postgresql://host:5432/shop")
