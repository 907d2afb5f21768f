"""A PostgreSQL for the benchmarks of the store: the server of the tests, and what it costs.

The server has what the tests give it. Without `fsync` it does not wait for the disk: its rows are to be
compared by CPU and by size then, and by wall time only with each other.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graph import open_store
from graph.errors import StoreError

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Server:
    """A running server and the process that all of its processes descend from."""

    listening: Any
    postmaster: int

    def new_database(self, name: str, *, like: str = "template1") -> str:
        """Make a database, a copy of one that nobody is connected to, and return its address."""
        self._do(f"CREATE DATABASE {name} TEMPLATE {like} STRATEGY file_copy")
        return str(self.listening.dsn(name))

    def drop_database(self, name: str) -> None:
        """Remove a database, to give its room back."""
        self._do(f"DROP DATABASE {name} WITH (FORCE)")

    def settle(self) -> None:
        """Write what waits to be written, so that what is measured next does not pay for it."""
        self._do("CHECKPOINT")

    def _do(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(self.listening.dsn(), autocommit=True) as connection:
            connection.execute(statement.encode())

    def cpu(self) -> float:
        """Return the seconds of CPU that the server's processes have used, those that ended included."""
        ended = _stat(self.postmaster)[13:15]
        seconds = sum(map(int, ended)) / _TICKS
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it ended meanwhile
                process = int(folder.name)
                if self.postmaster in (process, int(_stat(process)[1])):
                    seconds += _spent(process)
        return seconds

    def cpu_of_connection(self, database: str) -> Callable[[], float]:
        """Return what gives the seconds of CPU of the one connection to a database, as cheaply as a clock."""
        import psycopg

        with psycopg.connect(self.listening.dsn(), autocommit=True) as connection:
            (process,) = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'",
                (database,),
            ).fetchone() or (0,)
        return lambda: _spent(process)


def _spent(process: int) -> float:
    """Return the seconds of CPU that a running process has used."""
    return int(Path(f"/proc/{process}/schedstat").read_text().split()[0]) / 1e9


def _stat(process: int) -> list[str]:
    """Return what the kernel says of a process, from its state on."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()


@contextmanager
def running(*, fsync: bool = False) -> Iterator[Server | None]:
    """Start a server; None, having said why, where there is none to be had."""
    import postgres_server

    if (why := postgres_server.why_not()) is not None:
        print(f"  PostgreSQL is left out: {why}")
        yield None
        return
    import psycopg

    with postgres_server.running_server(fsync=fsync) as listening:
        with psycopg.connect(listening.dsn(), autocommit=True) as connection:
            # What the tests have it write into its log would be measured too.
            connection.execute("ALTER ROLE postgres SET log_statement = 'none'")
            version, backend = connection.execute("SELECT version(), pg_backend_pid()").fetchone() or ("", 0)
            postmaster = int(_stat(backend)[1])
        print(f"  {version.split(' on ')[0]}, fsync {'on' if fsync else 'off'}")
        yield Server(listening, postmaster)


def takes_postgresql(server: Server) -> bool:
    """Tell whether the store can be opened on PostgreSQL; say so when it cannot."""
    url = server.new_database("trial")
    try:
        open_store(url).close()
    except StoreError as error:
        print(f"  our store on PostgreSQL is left out: {error}")
        return False
    return True
