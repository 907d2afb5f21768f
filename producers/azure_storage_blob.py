"""Blobs of Azure Storage: what its clients upload, download, copy, list and delete, sync and async.

Hooks the methods of clients of blobs, which those of containers and accounts call. A download is one
operation when it begins, with the bytes it will have; what reads them later is not timed.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any
from urllib.parse import unquote, urlsplit

from lineage.datasets import Dataset, normalise
from lineage.errors import InstrumentError
from producers._base import Producer, argument, missing, module_version, replace
from producers._lengths import length_of
from producers._operations import Answered, Call, Describe, nothing, operated

try:
    from azure.storage import blob as azure_blob
    from azure.storage.blob import BlobClient, BlobServiceClient, ContainerClient
    from azure.storage.blob import aio as azure_aio
except ImportError as error:
    raise missing("azure-storage-blob", "azure-storage-blob", error) from error

_CLIENTS = (
    *(BlobClient, ContainerClient, BlobServiceClient),
    *(azure_aio.BlobClient, azure_aio.ContainerClient, azure_aio.BlobServiceClient),
)


class AzureStorageBlobProducer(Producer):
    """Captures what is done by all clients, or by some and the clients that these give."""

    name = "azure.storage.blob"
    minimum = "12.19.0"

    def hook(self, undo: ExitStack) -> None:
        """Replace the methods that ask the service."""
        for kinds, name, describe, answered in _METHODS:
            for kind in kinds:
                if (method := vars(kind).get(name)) is not None:
                    replace(kind, name, operated(method, describe, answered, code_of), undo)

    def subject(self, target: Any) -> Any:
        """Return what a client shares with those of its containers and blobs: its configuration."""
        if not isinstance(target, _CLIENTS):
            raise InstrumentError(self.name, f"give a client, not {type(target).__name__}")
        return target._config

    def version(self) -> str:
        """Return the library's version."""
        return module_version(azure_blob)


PRODUCER = AzureStorageBlobProducer()


def blob_dataset(host: Any, container: Any, name: Any) -> Dataset | None:
    """Return the dataset of a blob: `wasbs://container@account.blob.core.windows.net`, name."""
    parts = (host, container, name)
    if not all(isinstance(part, str) and part.strip("/ ") for part in parts):
        return None
    return Dataset(*normalise(f"wasbs://{container}@{host.partition('/')[0]}", name))


def source_dataset(url: Any, own_host: str) -> Dataset | None:
    """Return the dataset at a URL to copy from, without what signs it; `own_host` is that of the account."""
    if not isinstance(url, str):
        return None
    parts = urlsplit(url)
    host, path = parts.netloc.rpartition("@")[2], unquote(parts.path).strip("/")
    account = own_host.partition("/")[2]
    if account and host == own_host.partition("/")[0]:  # an emulator, which has it in the path
        path = path.removeprefix(f"{account}/")
    elif ".blob." not in host:
        return Dataset(f"https://{host}", path) if host and path else None
    container, _, name = path.partition("/")
    return blob_dataset(host, container, name)


def code_of(error: BaseException) -> str | None:
    """Return the service's own code of an error, else the HTTP status."""
    code = getattr(error, "error_code", None) or getattr(error, "status_code", None)
    return None if code is None else str(getattr(code, "value", code))


_MOVING = ("GET", "PUT", "COPY", "MULTIPART_UPLOAD")


def _of_blob(operation: str, source: str | None = None, body: str | None = None, place: int = 0) -> Describe:
    """Describe a method of a blob's client, by the names of its arguments for a source and for a body."""

    def describe(client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
        if not PRODUCER.watches(client._config):
            return None
        host, container = client.primary_hostname, client.container_name
        dataset = blob_dataset(host, container, client.blob_name) if operation in _MOVING else None
        read = None if source is None else source_dataset(argument(args, kwargs, place, source), host)
        measures = {"objects": 1} if dataset is not None else {}
        if body is not None and (length := length_of(argument(args, kwargs, place, body))) is not None:
            measures["bytes_written"] = length
        sources = () if read is None else (read,)
        return Call("storage", "azure_blob", operation, container, dataset, sources, measures)

    return describe


def _of_container(operation: str) -> Describe:
    def describe(client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
        if not PRODUCER.watches(client._config):
            return None
        return Call("storage", "azure_blob", operation, client.container_name)

    return describe


def _downloaded(call: Call, client: Any, result: Any, args: Any, kwargs: Any) -> dict[str, Any]:
    return {"bytes_read": result.size}


def _deleted(call: Call, client: Any, result: Any, args: Any, kwargs: Any) -> dict[str, Any]:
    return {"objects": len(args)}


_BLOB = (BlobClient, azure_aio.BlobClient)
_CONTAINER = (ContainerClient, azure_aio.ContainerClient)
_METHODS: tuple[tuple[tuple[Any, ...], str, Describe, Answered], ...] = (
    (_BLOB, "upload_blob", _of_blob("PUT", body="data"), nothing),
    (_BLOB, "download_blob", _of_blob("GET"), _downloaded),
    (_BLOB, "query_blob", _of_blob("GET"), nothing),
    (_BLOB, "upload_blob_from_url", _of_blob("COPY", source="source_url"), nothing),
    (_BLOB, "start_copy_from_url", _of_blob("COPY", source="source_url"), nothing),
    (_BLOB, "stage_block", _of_blob("UPLOAD_PART", body="data", place=1), nothing),
    (_BLOB, "stage_block_from_url", _of_blob("UPLOAD_PART_COPY", source="source_url", place=1), nothing),
    (_BLOB, "commit_block_list", _of_blob("MULTIPART_UPLOAD"), nothing),
    (_BLOB, "append_block", _of_blob("PUT", body="data"), nothing),
    (_BLOB, "append_block_from_url", _of_blob("COPY", source="copy_source_url"), nothing),
    (_BLOB, "upload_page", _of_blob("PUT", body="page"), nothing),
    (_BLOB, "upload_pages_from_url", _of_blob("COPY", source="source_url"), nothing),
    (_BLOB, "delete_blob", _of_blob("DELETE"), nothing),
    (_BLOB, "exists", _of_blob("HEAD"), nothing),
    (_BLOB, "get_blob_properties", _of_blob("HEAD"), nothing),
    (_CONTAINER, "list_blobs", _of_container("LIST"), nothing),
    (_CONTAINER, "list_blob_names", _of_container("LIST"), nothing),
    (_CONTAINER, "walk_blobs", _of_container("LIST"), nothing),
    (_CONTAINER, "delete_blobs", _of_container("DELETE"), _deleted),
)
"""Where the ways to the service meet. A version that has not one of the later ones is captured without it."""
