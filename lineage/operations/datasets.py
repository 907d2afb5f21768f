"""Which dataset an operation reads or writes, by the names that lineage knows datasets by."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from lineage.datasets import Dataset, normalise, parse_dataset
from lineage.errors import InvalidNameError
from lineage.operations.operation import Operation
from lineage.operations.values import refuse

_SCHEMES = {"s3": "s3", "minio": "s3", "ceph": "s3", "gcs": "gs"}
_AZURE_HOST = "blob.core.windows.net"

_ARN = re.compile(r"(arn:[\w-]+:[\w-]+:[\w-]*:\d*):(.+)", re.ASCII)
_QUEUE_URL = re.compile(r"https?://sqs\.([\w-]+)\.amazonaws\.com(\.cn)?/(\d+)/([\w.-]+)", re.ASCII)


def dataset_of(operation: Operation, known: Iterable[str] = ()) -> Dataset | None:
    """Return the dataset of an operation; None where it names none.

    `known` are the namespaces of the run's other datasets: where the operation does not say where its
    destination or container is, and the run knows exactly one such place, it is there.
    """
    try:
        return operation.dataset or _named(operation, known)
    except InvalidNameError as problem:
        refuse(f"the dataset of an operation ({problem})", operation.target, "another name")
        return None


def _named(operation: Any, known: Iterable[str]) -> Dataset | None:
    if operation.kind == "database":
        if operation.namespace is None or operation.table is None:
            return None
        parts = (operation.database, operation.schema, operation.table)
        return Dataset(*normalise(operation.namespace, ".".join(filter(None, parts))))
    if operation.kind == "storage":
        return _object(operation, known)
    return _destination(operation, known) if operation.kind == "messaging" else None


def _object(operation: Any, known: Iterable[str]) -> Dataset | None:
    bucket, key = operation.bucket, operation.key
    if key is None:
        return None
    if "://" in key:
        return parse_dataset(key)
    if operation.namespace is not None:
        return Dataset(*normalise(operation.namespace, key))
    if bucket is None:
        return None
    if "://" in bucket:
        return parse_dataset(f"{bucket.rstrip('/')}/{key}")
    if operation.system in ("nfs", "efs") and bucket.startswith("/"):
        return parse_dataset(f"{bucket.rstrip('/')}/{key.lstrip('/')}")
    if operation.system == "azure_blob":
        return Dataset(*normalise(_container(bucket, operation.account, known), key))
    return Dataset(*normalise(f"{_SCHEMES.get(operation.system, operation.system)}://{bucket}", key))


def _container(container: str, account: str | None, known: Iterable[str]) -> str:
    container, at, host = container.partition("@")
    host = host if at else account or ""
    if not host:
        return _only(known, (f"wasbs://{container}@", f"abfss://{container}@")) or f"azure_blob://{container}"
    return f"wasbs://{container}@{host if '.' in host else f'{host}.{_AZURE_HOST}'}"


def _destination(operation: Any, known: Iterable[str]) -> Dataset | None:
    name = operation.destination
    if name is None:
        return None
    if (queue := _QUEUE_URL.fullmatch(name)) is not None:
        partition = "aws-cn" if queue[2] else "aws"
        return Dataset(f"arn:{partition}:sqs:{queue[1]}:{queue[3]}", queue[4])
    if (arn := _ARN.fullmatch(name)) is not None:
        return Dataset(arn[1], arn[2])
    if "://" in name:
        return parse_dataset(name)
    namespace = operation.namespace or _only(known, _places_of(operation.system)) or operation.system
    return Dataset(*normalise(namespace, name))


def _places_of(system: str) -> tuple[str, ...]:
    return (f"{system}://", f"arn:aws:{system}:")


def _only(known: Iterable[str], prefixes: tuple[str, ...]) -> str | None:
    """Return the one namespace that begins so; None where there is none, or more than one."""
    found = {namespace for namespace in known if namespace.startswith(prefixes)}
    return found.pop() if len(found) == 1 else None
