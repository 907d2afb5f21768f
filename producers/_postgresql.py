"""What PostgreSQL's drivers have in common: where a connection leads."""

from __future__ import annotations

from lineage._guard import guard
from lineage.attribution import Source, Transactions
from lineage.datasets import database_namespace


class Known:
    """What is known of one connection, and for which `search_path`, as the server told it."""

    __slots__ = ("search_path", "source", "transactions")

    def __init__(self, search_path: str | bytes | None, source: Source, transactions: Transactions) -> None:
        self.search_path = search_path
        self.source = source
        self.transactions = transactions


def source_of(
    client: str, host: str | None, port: int, database: str | None, search_path: str | None
) -> Source:
    """Return what a connection's address says about its queries; a socket's folder is the local host."""
    namespace = None
    with guard("naming a database"):
        named = "localhost" if not host or host.startswith("/") else host
        named = f"[{named}]" if ":" in named else named
        namespace, _ = database_namespace(f"postgresql://{named}:{port}")
    return Source(
        "postgresql",
        client,
        db_name=database or None,
        db_host=host or None,
        dialect="postgres",
        namespace=namespace,
        default_schema=first_schema(search_path),
    )


def first_schema(search_path: str | None) -> str | None:
    """Return the schema in which a table named without one is made: `"$user", public` is `public`."""
    for part in (search_path or "").split(","):
        name = part.strip().strip('"')
        if name and name != "$user":
            return name
    return None
