"""What stands around the examples of docs/cloud.md: the stores and topics of Google and Azure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from storage_cases import azure_account, gcs_client, pubsub_server

ROWS = b"id,amount\n1,3\n"


@contextmanager
def surrounded(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Have clients that are made in the usual way find what plays the services, with a file in each."""
    with gcs_client() as google, pubsub_server(), azure_account() as (azure, _):
        google.bucket("lake").blob("raw/orders.csv").upload_from_string(ROWS)
        azure.blobs["raw/orders.csv"] = ROWS
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", google.api_endpoint)
        monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "shop")
        key = "AccountName=shop;AccountKey=a2V5"
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", f"BlobEndpoint={azure.url};{key}")
        yield {}
