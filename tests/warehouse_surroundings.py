"""What stands around the examples of docs/warehouses.md: both services, faked, with a few tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import google.auth
import pytest
from bigquery_server import PROJECT, running_bigquery
from google.auth.credentials import AnonymousCredentials
from snowflake_server import credentials_of, running_snowflake

TABLES = (
    "create table shop.orders as select 1 as id, 4 as amount",
    "create table shop.totals as select 1 as id, 4 as total",
)


@contextmanager
def surrounded(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Give the names that the examples take from their reader."""
    with running_bigquery() as bigquery, running_snowflake() as snowflake:
        for table in TABLES:
            bigquery.warehouse.run(table)
            snowflake.warehouse.run(table)
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", bigquery.url)
        monkeypatch.setattr(google.auth, "default", lambda **options: (AnonymousCredentials(), PROJECT))
        yield {"credentials": credentials_of(snowflake)}
