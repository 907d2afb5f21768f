"""A store in PostgreSQL, and others who come to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest
from postgres_server import PostgresServer

from graph import open_store
from graph.store import LineageStore


@pytest.fixture
def postgresql_store(fresh_postgresql: Callable[[], str]) -> Iterator[LineageStore]:
    with closing(open_store(fresh_postgresql())) as opened:
        yield opened


@pytest.fixture
def other(postgresql_store: LineageStore) -> Iterator[psycopg.Connection[Any]]:
    """A second connection to the schema of the store."""
    with psycopg.connect(postgresql_store.location, autocommit=True) as connection:
        yield connection


@pytest.fixture
def admin(postgresql_server: PostgresServer) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(postgresql_server.dsn(), autocommit=True) as connection:
        yield connection


@pytest.fixture
def new_schema(postgresql_server: PostgresServer, admin: psycopg.Connection[Any]) -> Iterator[str]:
    """The URL of a schema that is not there yet."""
    yield f"{postgresql_server.dsn()}?options=-csearch_path%3D%22New%22,public"
    admin.execute('DROP SCHEMA IF EXISTS "New" CASCADE')


@pytest.fixture
def guest(postgresql_store: LineageStore, admin: psycopg.Connection[Any]) -> Iterator[str]:
    """The URL of the store for a user who may do nothing but connect."""
    admin.execute("CREATE ROLE guest LOGIN")
    yield postgresql_store.location.replace("//postgres@", "//guest:secret-word@")
    admin.execute("DROP OWNED BY guest; DROP ROLE guest")
