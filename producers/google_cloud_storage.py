"""Objects of Google Cloud Storage: what its client uploads, downloads, copies, composes, lists and deletes.

Hooks the methods of blobs and buckets where the many ways to upload and download meet. A file that is written
by `blob.open("wb")` is one operation, when it is closed; of one that is read each chunk is one.
"""

from __future__ import annotations

import io
from contextlib import ExitStack
from typing import Any

from lineage.datasets import Dataset, normalise
from lineage.errors import InstrumentError
from producers._base import Producer, argument, missing, module_version, replace
from producers._operations import Answered, Call, Describe, nothing, operated

try:
    from google.cloud import storage
    from google.cloud.storage import blob as blobs
    from google.cloud.storage import bucket as buckets
    from google.cloud.storage import fileio
except ImportError as error:
    raise missing("google-cloud-storage", "google-cloud-storage", error) from error


class GoogleCloudStorageProducer(Producer):
    """Captures what is done by all clients, or by some."""

    name = "google.cloud.storage"
    minimum = "2.17.0"

    def hook(self, undo: ExitStack) -> None:
        """Replace the methods that ask the service."""
        for holder, name, describe, answered in _METHODS:
            if (method := vars(holder).get(name)) is not None:
                replace(holder, name, operated(method, describe, answered, code_of), undo)

    def subject(self, target: Any) -> Any:
        """Return the client itself."""
        if not isinstance(target, storage.Client):
            raise InstrumentError(self.name, f"give a client, not {type(target).__name__}")
        return target

    def version(self) -> str:
        """Return the library's version."""
        return module_version(storage)


PRODUCER = GoogleCloudStorageProducer()


def object_dataset(bucket: Any, name: Any) -> Dataset | None:
    """Return the dataset of an object."""
    if not (isinstance(bucket, str) and isinstance(name, str) and bucket and name.strip("/ ")):
        return None
    return Dataset(*normalise(f"gs://{bucket}", name))


def code_of(error: BaseException) -> str | None:
    """Return the HTTP status that the service answered."""
    code = getattr(error, "code", None)
    return str(int(code)) if isinstance(code, int) else None


def position(file: Any) -> int | None:
    """Return where a file stands; None for types that are not Python's own."""
    if type(file) in (io.BytesIO, io.BufferedWriter, io.BufferedRandom) and not file.closed:
        found: int = file.tell()
        return found
    return None


def _call(operation: str, client: Any, bucket: str, name: Any, *sources: Any, before: int = 0) -> Call | None:
    """Return what a call for an object is; None where its client is not watched."""
    if not PRODUCER.watches(client):
        return None
    read = [object_dataset(source.bucket.name, source.name) for source in sources]
    dataset = object_dataset(bucket, name) if operation in ("GET", "PUT", "COPY") else None
    if dataset in read:  # its storage class, or something appended
        dataset, read = None, []
    measures = {"objects": 1} if dataset is not None else {}
    known = tuple(source for source in read if source is not None)
    return Call("storage", "gcs", operation, bucket, dataset, known, measures, before)


def _of_blob(operation: str) -> Describe:
    def describe(blob: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
        return _call(operation, blob.client, blob.bucket.name, blob.name)

    return describe


def _download(blob: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
    stood = position(argument(args, kwargs, 0, "file_obj"))
    return _call("GET", blob.client, blob.bucket.name, blob.name, before=-1 if stood is None else stood)


def _downloaded(call: Call, blob: Any, result: Any, args: Any, kwargs: Any) -> dict[str, Any]:
    stands = position(argument(args, kwargs, 0, "file_obj"))
    return {} if stands is None or call.before < 0 else {"bytes_read": stands - call.before}


def _write(file: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
    if file._buffer.closed:
        return None
    blob = file._blob
    return _call("PUT", blob.client, blob.bucket.name, blob.name, before=file.tell())


def _rewrite(blob: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
    return _call("COPY", blob.client, blob.bucket.name, blob.name, argument(args, kwargs, 0, "source"))


def _rewritten(call: Call, blob: Any, result: Any, args: Any, kwargs: Any) -> dict[str, Any]:
    token, _, size = result
    return {"bytes_written": size} if token is None else {"objects": 0}


def _compose(blob: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
    sources = argument(args, kwargs, 0, "sources")
    known = sources if isinstance(sources, list | tuple) else ()
    return _call("COPY", blob.client, blob.bucket.name, blob.name, *known)


def _copy(bucket: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
    source = argument(args, kwargs, 0, "blob")
    name = argument(args, kwargs, 2, "new_name") or source.name
    return _call("COPY", bucket.client, argument(args, kwargs, 1, "destination_bucket").name, name, source)


def _move(bucket: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
    name = argument(args, kwargs, 1, "new_name")
    return _call("COPY", bucket.client, bucket.name, name, argument(args, kwargs, 0, "blob"))


def _of_bucket(operation: str) -> Describe:
    def describe(bucket: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
        return _call(operation, bucket.client, bucket.name, None)

    return describe


def _list(client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
    bucket = argument(args, kwargs, 0, "bucket_or_name")
    return _call("LIST", client, bucket if isinstance(bucket, str) else bucket.name, None)


def _sized(call: Call, blob: Any, result: Any, args: Any, kwargs: Any) -> dict[str, Any]:
    return {"bytes_written": blob.size}


def _written(call: Call, file: Any, result: Any, args: Any, kwargs: Any) -> dict[str, Any]:
    return {"bytes_written": call.before}


_METHODS: tuple[tuple[Any, str, Describe, Answered], ...] = (
    (blobs.Blob, "_prep_and_do_upload", _of_blob("PUT"), _sized),
    (blobs.Blob, "_prep_and_do_download", _download, _downloaded),
    (blobs.Blob, "rewrite", _rewrite, _rewritten),
    (blobs.Blob, "compose", _compose, _sized),
    (blobs.Blob, "exists", _of_blob("HEAD"), nothing),
    (buckets.Bucket, "copy_blob", _copy, nothing),
    (buckets.Bucket, "move_blob", _move, nothing),
    (buckets.Bucket, "get_blob", _of_bucket("HEAD"), nothing),
    (buckets.Bucket, "delete_blob", _of_bucket("DELETE"), nothing),
    (storage.Client, "list_blobs", _list, nothing),
    (fileio.BlobWriter, "close", _write, _written),
)
"""Where the ways to the service meet. A version that has not one of the later ones is captured without it."""
