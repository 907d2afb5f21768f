"""Tables that frames are read from and written to: only what no integration of their driver tells."""

from __future__ import annotations

import sys
from typing import Any

from lineage.datasets import Dataset, database_namespace, parse_dataset
from lineage.errors import InvalidNameError
from lineage.sql.dialects import dialect_of
from lineage.tracking import Run


def is_captured(connection: Any) -> bool:
    """Whether an integration captures the statements that go over a connection, an engine or a cursor."""
    if isinstance(connection, str):  # an engine of SQLAlchemy is made of it
        return _watches("sqlalchemy", None)
    connection = _bare(connection)
    if (dialect := getattr(connection, "dialect", None)) is not None:
        driver = getattr(getattr(dialect, "dbapi", None), "__name__", "")
        return _watches("sqlalchemy", dialect) or _watches(driver.partition(".")[0], None)
    if hasattr(connection, "_lineage_session"):
        return True
    library = type(connection).__module__.partition(".")[0]
    if library in ("sqlite3", "psycopg2"):  # of these the session that is not there would tell
        return False
    return _watches(library.lstrip("_"), connection)


def _watches(name: str, connection: Any) -> bool:
    loaded = sys.modules.get(f"producers.{name}")
    if loaded is not None and loaded.PRODUCER.everywhere:
        return True
    if loaded is not None and connection is not None and loaded.PRODUCER.targets:
        try:
            return bool(loaded.PRODUCER.watches(connection))
        except TypeError:  # what cannot be a target
            return False
    any_module, module = sys.modules.get("producers.dbapi"), sys.modules.get(name)
    return any_module is not None and module is not None and module in any_module.PRODUCER.targets


def _bare(connection: Any) -> Any:
    if hasattr(connection, "get_bind"):  # a session
        connection = connection.get_bind()
    connection = getattr(connection, "sync_engine", connection)
    return getattr(connection, "connection", connection) if hasattr(connection, "fetchall") else connection


def commits_by_itself(connection: Any) -> bool:
    """Whether what was written over a connection is committed by now, as far as it says so."""
    if isinstance(connection, str):
        return True
    inside = getattr(connection, "in_transaction", None)
    if inside is None:
        return hasattr(connection, "connect") and hasattr(connection, "url")  # an engine
    return not (inside() if callable(inside) else inside)


def url_of(connection: Any) -> Any:
    """Return the address of an engine or a connection of SQLAlchemy, or of a text; None where it has none."""
    if isinstance(connection, str):
        return connection if "://" in connection else None
    bare = _bare(connection)
    return getattr(getattr(bare, "engine", bare), "url", None)


def table_of(connection: Any, table: str, schema: str | None = None) -> Dataset | None:
    """Return the dataset of a table, named as its driver's statements name it; None where it is not known."""
    url = url_of(connection)
    if url is None:
        return None
    dialect = getattr(_bare(connection), "dialect", None)
    schema = schema or getattr(dialect, "default_schema_name", None)
    try:
        namespace, _ = database_namespace(url)
        name = table if schema is None or namespace.startswith("sqlite:") else f"{schema}.{table}"
        named = parse_dataset(url, table=name)
        return Dataset(named.namespace, named.name)
    except InvalidNameError:
        return None


def tell_statement(run: Run, statement: Any, connection: Any) -> None:
    """Tell a run of a statement that read a frame."""
    url = url_of(connection)
    if url is None:
        return
    try:
        namespace, database = database_namespace(url)
    except InvalidNameError:
        return
    system = getattr(url, "drivername", None) or str(url).partition(":")[0]
    schema = getattr(getattr(_bare(connection), "dialect", None), "default_schema_name", None)
    dialect = dialect_of(system.partition("+")[0])
    run.sql(str(statement), dialect=dialect, namespace=namespace, database=database, default_schema=schema)
