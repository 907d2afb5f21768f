"""Integrations as tests see them: every query told, a real PostgreSQL, and nothing installed afterwards."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from postgres_server import PostgresServer, running_server, why_not

from lineage import _guard


@pytest.fixture(scope="session")
def _server() -> Iterator[PostgresServer]:
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    with running_server() as server:
        yield server


@pytest.fixture
def postgres(_server: PostgresServer) -> PostgresServer:
    """A running PostgreSQL whose database `postgres` holds nothing."""
    with psycopg.connect(_server.dsn(), autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return _server


@pytest.fixture
def faults_expected() -> None:
    """Of tests that break something of ours."""


@pytest.fixture
def _faults(_faults: None, request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test during which, or at whose end, something of ours failed behind the fence."""
    yield
    if "faults_expected" not in request.fixturenames:
        assert not _guard.faults
