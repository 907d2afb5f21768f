"""The contract's cases of warehouses: their real clients over faked services."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import snowflake.connector
from bigquery_server import client_of, running_bigquery
from google.cloud import bigquery
from google.cloud.bigquery.job import _AsyncJob
from held_attributes import attributes
from postgres_server import PostgresServer
from producer_cases import Case
from snowflake_server import connect_to, running_snowflake

import producers.bigquery
import producers.snowflake


@contextmanager
def _bigquery_client(postgres: PostgresServer) -> Iterator[Any]:
    with running_bigquery() as server:
        client = client_of(server)
        yield client
        client.close()
        del client


def _ask_bigquery(client: Any, statement: str, **options: Any) -> Any:
    return [row.values() for row in client.query(statement, **options).result()]


def _raise_in_bigquery(client: Any, error: BaseException) -> Any:
    return _ask_bigquery(client, "select 1", retry=_failing(error))


def _failing(error: BaseException) -> Any:
    def retry(call: Any) -> Any:
        raise error

    return retry


def _traces_of_bigquery(client: Any) -> dict[str, Any]:
    return attributes(bigquery.Client, bigquery.QueryJob, _AsyncJob)


@contextmanager
def _snowflake_connection(postgres: PostgresServer) -> Iterator[Any]:
    with running_snowflake() as server:
        connection = connect_to(server)
        yield connection
        connection.close()
        del connection


def _ask_snowflake(connection: Any, statement: str, *parameters: Any) -> Any:
    return connection.cursor().execute(statement, *parameters).fetchall()


class _Unspeakable(dict[str, Any]):
    def __init__(self, error: BaseException) -> None:
        super().__init__(one=1)
        self.error = error

    def items(self) -> Any:
        raise self.error


def _raise_in_snowflake(connection: Any, error: BaseException) -> Any:
    return _ask_snowflake(connection, "select %(one)s", _Unspeakable(error))


def _traces_of_snowflake(connection: Any) -> dict[str, Any]:
    return attributes(*producers.snowflake.cursor_classes(), snowflake.connector.SnowflakeConnection)


def _without_ids(error: BaseException) -> str:
    return re.sub(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID", str(error))


WAREHOUSES = {
    "snowflake": Case(
        "snowflake",
        producers.snowflake,
        _snowflake_connection,
        _ask_snowflake,
        _raise_in_snowflake,
        _traces_of_snowflake,
        message=_without_ids,
    ),
    "bigquery": Case(
        "bigquery",
        producers.bigquery,
        _bigquery_client,
        _ask_bigquery,
        _raise_in_bigquery,
        _traces_of_bigquery,
        message=_without_ids,
    ),
}
