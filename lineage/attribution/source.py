"""What is known of a connection before any query runs."""

from __future__ import annotations

from typing import NamedTuple


class KnownTable(NamedTuple):
    """A table of which a driver knows more than a statement says, by its name there, without quotes.

    `columns` are all it has, in order; empty where they are not known. `read` is whether the database said
    that the statement read it.
    """

    name: str
    columns: tuple[str, ...] = ()
    read: bool = False


class Source:
    """What is known of a connection: the same for all queries that go over it.

    `db_system` and `client` as in `postgresql` and `psycopg`; `dialect` is what the SQL is written in;
    `namespace` (OpenLineage's, `postgres://warehouse:5432`), `db_name` and `default_schema` name its tables.
    """

    __slots__ = ("client", "db_host", "db_name", "db_system", "default_schema", "dialect", "namespace")

    def __init__(
        self,
        db_system: str | None = None,
        client: str | None = None,
        *,
        db_name: str | None = None,
        db_host: str | None = None,
        dialect: str | None = None,
        namespace: str | None = None,
        default_schema: str | None = None,
    ) -> None:
        self.db_system = db_system
        self.client = client
        self.db_name = db_name
        self.db_host = db_host
        self.dialect = dialect
        self.namespace = namespace
        self.default_schema = default_schema

    def completed(self, other: Source) -> Source:
        """Return this source with what only the other knows."""
        return Source(
            self.db_system or other.db_system,
            self.client or other.client,
            db_name=self.db_name or other.db_name,
            db_host=self.db_host or other.db_host,
            dialect=self.dialect or other.dialect,
            namespace=self.namespace or other.namespace,
            default_schema=self.default_schema or other.default_schema,
        )
