"""What the contract of integrations is tried on with the clients of clouds, of a venv of their own."""

from __future__ import annotations

import base64
import hashlib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import azure.storage.blob
import google.pubsub_v1 as generated
import pytest
from azure.storage.blob import BlobServiceClient
from azure_server import AzureServer
from gcp_storage_emulator.server import create_server
from google.auth.credentials import AnonymousCredentials
from google.cloud import pubsub_v1, storage
from google.cloud.pubsub_v1 import publisher, subscriber
from google.cloud.storage import blob, bucket, fileio
from google.pubsub_v1 import types
from google.pubsub_v1.services import subscriber as pulling
from held_attributes import attributes
from postgres_server import PostgresServer
from producer_cases import Case
from pubsub_server import SUBSCRIPTION, PubsubServer

import producers.azure_storage_blob
import producers.google_cloud_pubsub
import producers.google_cloud_storage


@contextmanager
def gcs_client() -> Iterator[storage.Client]:
    """Give a client of an emulator of Google Cloud Storage, with a bucket `lake`."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    server = create_server("localhost", port, in_memory=True, default_bucket="lake")
    server.start()
    options = {"api_endpoint": f"http://localhost:{port}"}
    try:
        yield storage.Client("shop", credentials=AnonymousCredentials(), client_options=options)
    finally:
        server.stop()


@contextmanager
def _gcs(postgres: PostgresServer) -> Iterator[Any]:
    with gcs_client() as client:
        yield client
        del client


def _upload(client: Any, text: str) -> Any:
    uploaded = client.bucket("nowhere" if "nowhere" in text else "lake").blob("orders.csv")
    uploaded.upload_from_string(text)
    return [uploaded.md5_hash]


def _raise_in_gcs(client: Any, error: BaseException) -> Any:
    class Broken:
        """A file whose reading fails."""

        def tell(self) -> int:
            raise error

        def read(self, size: int = -1) -> bytes:
            raise error

    client.bucket("lake").blob("x").upload_from_file(Broken(), size=3)


def _traces_of_gcs(client: Any) -> dict[str, Any]:
    return attributes(blob.Blob, bucket.Bucket, storage.Client, fileio.BlobWriter)


def _md5(text: str) -> list[str]:
    return [base64.b64encode(hashlib.md5(text.encode(), usedforsecurity=False).digest()).decode()]


@contextmanager
def pubsub_server() -> Iterator[PubsubServer]:
    """A server, which clients made inside find by the variable for emulators."""
    server = PubsubServer()
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PUBSUB_EMULATOR_HOST", f"localhost:{server.port}")
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def _pubsub(postgres: PostgresServer) -> Iterator[Any]:
    with pubsub_server() as server:
        client = pubsub_v1.SubscriberClient()
        client.server_of_test = server
        yield client
        client.close()


def _pull(client: Any, text: str) -> Any:
    """Take a message whose body is a text."""
    if "nowhere" in text:
        return client.pull(subscription=SUBSCRIPTION.replace("billing", "nowhere"), max_messages=1)
    client.server_of_test.give(types.PubsubMessage(data=text.encode()))
    return [
        one.message.data for one in client.pull(subscription=SUBSCRIPTION, max_messages=1).received_messages
    ]


def _raise_in_pubsub(client: Any, error: BaseException) -> Any:
    class Broken(dict[str, str]):
        """Headers of a call whose reading fails."""

        def __iter__(self) -> Any:
            raise error

    return client.pull(subscription=SUBSCRIPTION, max_messages=1, metadata=Broken())


def _traces_of_pubsub(client: Any) -> dict[str, Any]:
    services = (pulling.SubscriberClient, pulling.SubscriberAsyncClient)
    return attributes(publisher.Client, subscriber.Client, *services)


@contextmanager
def azure_account() -> Iterator[tuple[AzureServer, BlobServiceClient]]:
    """Give a server, and a client of the account that it plays."""
    server = AzureServer()
    try:
        with BlobServiceClient(server.url, retry_total=0) as client:
            yield server, client
    finally:
        server.stop()


@contextmanager
def _azure(postgres: PostgresServer) -> Iterator[Any]:
    with azure_account() as (_, client):
        yield client


def _put_blob(client: Any, text: str) -> Any:
    container = "nowhere" if "nowhere" in text else "lake"
    answer = client.get_blob_client(container, "orders.csv").upload_blob(text, overwrite=True)
    return [bytes(answer["content_md5"])]


def _raise_in_azure(client: Any, error: BaseException) -> Any:
    def fail(request: Any) -> None:
        raise error

    blob = client.get_blob_client("lake", "x")
    return blob.upload_blob(b"x", overwrite=True, raw_request_hook=fail)


def _traces_of_azure(client: Any) -> dict[str, Any]:
    return {
        f"{kind.__module__}.{name}": value
        for kind in producers.azure_storage_blob._CLIENTS
        for name, value in vars(kind).items()
    }


STORAGES = {
    "azure.storage.blob": Case(
        "azure.storage.blob",
        producers.azure_storage_blob,
        _azure,
        _put_blob,
        _raise_in_azure,
        _traces_of_azure,
        answer=lambda text: [hashlib.md5(text.encode(), usedforsecurity=False).digest()],
        refusal="BlobNotFound",
        library=azure.storage.blob,
        steps=("begin", "begin_call", "nothing", "blob_dataset", "code_of"),
    ),
    "google.cloud.pubsub_v1": Case(
        "google.cloud.pubsub_v1",
        producers.google_cloud_pubsub,
        _pubsub,
        _pull,
        _raise_in_pubsub,
        _traces_of_pubsub,
        answer=lambda text: [text.encode()],
        refusal="Resource not found",
        library=generated,
        steps=("begin", "begin_call", "_pulled", "call_of", "code_of"),
    ),
    "google.cloud.storage": Case(
        "google.cloud.storage",
        producers.google_cloud_storage,
        _gcs,
        _upload,
        _raise_in_gcs,
        _traces_of_gcs,
        answer=_md5,
        refusal="404",
        library=storage,
        steps=("begin", "begin_call", "_sized", "object_dataset", "code_of"),
    ),
}
