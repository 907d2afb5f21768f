"""The one rule that gives every producer's name of a dataset its canonical form."""

from __future__ import annotations

import re
from functools import lru_cache

from lineage.datasets.address import split_uri, without_credentials
from lineage.datasets.files import absolute, embedded, local_file
from lineage.datasets.platforms import Platform, platform_of

_ALONE = re.compile(r"(file|dbfs|hdfs|bigquery|pubsub):?/*")
_PUBSUB = re.compile(r"projects/([^/]+)/(topic|subscription)s/([^/]+)")


@lru_cache(maxsize=16_384)
def normalise(namespace: str, name: str) -> tuple[str, str]:
    """The canonical (namespace, name) of a dataset as any producer may have sent it.

    Two spellings of one dataset become one pair; two datasets never do. What is not understood
    comes back unchanged, except that a namespace loses user and password. Nothing is raised, no
    file or network is touched, and a second call changes nothing.
    """
    namespace = without_credentials(namespace)
    alone = _ALONE.fullmatch(namespace)
    if alone:
        return _without_authority(alone[1], name)
    parts = split_uri(namespace)
    if parts is None:
        return namespace, name
    platform = platform_of(parts[0])
    if platform:
        return _on_platform(platform, namespace, name)
    return _without_slash(namespace), name


def _without_authority(scheme: str, name: str) -> tuple[str, str]:
    if scheme == "file":
        return local_file(name)
    if scheme in ("dbfs", "hdfs"):
        return scheme, absolute(name)
    topic = _PUBSUB.fullmatch(name) if scheme == "pubsub" else None
    return scheme, f"{topic[2]}:{topic[1]}:{topic[3]}" if topic else name


def _on_platform(platform: Platform, namespace: str, name: str) -> tuple[str, str]:
    rest = namespace.partition("://")[2]
    if platform.kind == "embedded":
        return embedded(platform.scheme, rest), _without_main(name) if platform.scheme == "sqlite" else name
    if platform.scheme == "bigquery":
        return _bigquery(namespace, rest, name)
    authority, _, path = rest.partition("/")
    place = platform.authority(authority)
    if place is None:
        return namespace, name
    if platform.scheme == "file" and place == "localhost" and not path.strip("/"):
        return local_file(name)
    namespace = _without_slash(f"{platform.scheme}://{place}/{path}")
    if platform.kind == "object":
        return namespace, object_key(name)
    return namespace, absolute(name) if platform.kind == "filesystem" else name


def _bigquery(namespace: str, project: str, name: str) -> tuple[str, str]:
    """The project, which SQLAlchemy's URL has in the place of a host, belongs to the name."""
    if name.count(".") >= 2:
        return "bigquery", name
    parts = [*project.strip("/").split("/"), *name.split(".")]
    return ("bigquery", ".".join(parts)) if len(parts) == 3 and all(parts) else (namespace, name)


def _without_slash(namespace: str) -> str:
    trimmed = namespace.rstrip("/")
    return namespace if trimmed.endswith(":") else trimmed


def _without_main(name: str) -> str:
    schema, _, table = name.partition(".")
    return table if schema.lower() == "main" and table and "." not in table else name


def object_key(key: str) -> str:
    """A key without slashes around it; the bucket itself is `/`, as OpenLineage's clients call it."""
    return key.strip("/") or key[:1]
