"""What is read or written as a dataset: a path, a URI or an open file, with the file system it is on."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from lineage.datasets import Dataset, parse_dataset
from lineage.errors import InvalidNameError

_PRIVATE = frozenset(["memory", "data"])
"""Protocols of what only this process has, or what is data itself."""

_ARCHIVES = frozenset(["zip", "tar", "libarchive"])
"""Protocols of what is inside of a file: that was opened before, and is the dataset."""

_WITH_HOST = frozenset(["ftp", "sftp", "ssh", "smb", "hdfs", "webhdfs"])
_AZURE = frozenset(["abfs", "abfss", "az", "adl", "azure"])
_ARROW_SCHEMES = {"s3": "s3", "gcs": "gs", "abfs": "abfss", "hdfs": "hdfs"}
_LOST_SLASH = re.compile(r"([A-Za-z][\w+.-]+):/(?!/)")


def dataset_of(source: Any, filesystem: Any = None, options: Any = None) -> Dataset | None:
    """Return the dataset that a reader or writer was given; None for what has no name outside the process.

    `source` may be a path, a URI, a chain of them as fsspec has it (`zip://a.csv::s3://lake/a.zip`: the last
    is where it is) or an open file. `filesystem` is one of fsspec's or pyarrow's, `options` are fsspec's.
    """
    found = _text_of(source)
    if found is None:
        return _dataset_of_file(source)
    try:
        return _named(found, filesystem, options)
    except InvalidNameError:
        return None


def datasets_of(sources: Any, filesystem: Any = None, options: Any = None) -> Iterator[Dataset]:
    """Yield the datasets of one source or of several, each once."""
    several = isinstance(sources, Iterable) and _text_of(sources) is None and not hasattr(sources, "read")
    found: dict[tuple[str, str], Dataset] = {}
    for source in sources if several and isinstance(sources, list | tuple | set) else (sources,):
        if (dataset := dataset_of(source, filesystem, options)) is not None:
            found.setdefault((dataset.namespace, dataset.name), dataset)
    yield from found.values()


def _text_of(source: Any) -> str | None:
    if isinstance(source, os.PathLike):
        text = str(source)  # of a UPath that is its URI
        return text if "://" in text else os.fsdecode(source)
    if isinstance(source, bytes):
        return None  # a path of Python's, but for most readers the data itself
    return source if isinstance(source, str) and "\n" not in source else None


def _named(text: str, filesystem: Any, options: Any) -> Dataset | None:
    text = text.rpartition("::")[2]
    if filesystem is not None and "://" not in text:
        return _on_filesystem(text, filesystem)
    scheme, separator, rest = text.partition("://")
    if not separator:
        if not text.strip():
            return None
        lost = _LOST_SLASH.match(text)
        return parse_dataset(text) if lost else parse_dataset(Path(text))
    if scheme.lower() in _PRIVATE:
        return None
    if scheme.lower() in ("local", "file"):
        return parse_dataset("file:///" + rest.lstrip("/"))
    if scheme.lower() in _AZURE:
        return _azure(rest, (options or {}).get("account_name") if isinstance(options, dict) else None)
    return parse_dataset(text)


def _azure(path: str, account: str | None) -> Dataset:
    container, _, key = path.partition("/")
    if account and "@" not in container:
        container = f"{container}@{account}.dfs.core.windows.net"
    return parse_dataset(f"abfss://{container}/{key}")


def _on_filesystem(path: str, filesystem: Any) -> Dataset | None:
    if isinstance(filesystem, str):
        return _named(f"{filesystem.rstrip('/')}/{path}", None, None) if "://" in filesystem else None
    kind = getattr(filesystem, "type_name", None)  # pyarrow's
    if kind is None:
        return dataset_on_fsspec(path, filesystem)
    if kind == "local":
        return parse_dataset(Path(path))
    if kind == "subtree":
        return _on_filesystem(f"{filesystem.base_path}{path}", filesystem.base_fs)
    if kind.startswith("py"):
        return dataset_on_fsspec(path, getattr(filesystem.handler, "fs", None))
    scheme = _ARROW_SCHEMES.get(kind)
    return None if scheme is None else _named(f"{scheme}://{path}", None, None)


def dataset_on_fsspec(path: str, filesystem: Any) -> Dataset | None:
    """Return the dataset at a path of a file system of fsspec, None where only this process has it."""
    for _ in range(8):  # caches and folders stand before the file system that has it
        inner = getattr(filesystem, "fs", None)
        if inner is None or inner is filesystem:
            break
        path = f"{filesystem.path}/{path}" if _protocol(filesystem) == "dir" else path
        filesystem = inner
    protocol = _protocol(filesystem)
    if protocol is None or protocol in _PRIVATE or protocol in _ARCHIVES:
        return None
    try:
        if protocol in ("file", "local"):
            return parse_dataset(Path(path.removeprefix("file://").removeprefix("local://")))
        host = getattr(filesystem, "host", None)
        if "://" not in path and protocol in _WITH_HOST and isinstance(host, str):
            path = f"{protocol}://{host}/{path.lstrip('/')}"
        options = {"account_name": getattr(filesystem, "account_name", None)}
        return _named(path if "://" in path else f"{protocol}://{path.lstrip('/')}", None, options)
    except InvalidNameError:
        return None


def _protocol(filesystem: Any) -> str | None:
    given = getattr(filesystem, "protocol", None)
    found = given[0] if isinstance(given, list | tuple) and given else given
    return found if isinstance(found, str) else None


def _dataset_of_file(file: Any) -> Dataset | None:
    """Return the dataset of an open file: one of Python's own, or of fsspec."""
    for _ in range(8):  # text over buffers over the file
        filesystem, path = getattr(file, "fs", None), getattr(file, "path", None)
        if filesystem is not None and isinstance(path, str):
            return dataset_on_fsspec(path, filesystem)
        name = getattr(file, "name", None)
        if isinstance(file, io.IOBase) and isinstance(name, str) and not name.startswith("<"):
            return parse_dataset(Path(name)) if os.path.exists(name) else None
        inner = getattr(file, "buffer", None) or getattr(file, "raw", None)
        if inner is None or inner is file:
            return None
        file = inner
    return None
