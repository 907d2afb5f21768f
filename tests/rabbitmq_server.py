"""A real RabbitMQ for tests: that of the Debian package rabbitmq-server, or of the folder RABBITMQ_PROGRAMS.

The folder holds `rabbitmq-server` as RabbitMQ has it (`sbin`); Erlang's `erl` is on the PATH.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from postgres_server import free_port

START_SECONDS = 90


def _program() -> Path:
    """Return the script itself: the package's wrapper starts it as another user, with another home."""
    folders = sorted(Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin"))
    return (
        Path(os.environ.get("RABBITMQ_PROGRAMS", folders[-1] if folders else "/nowhere")) / "rabbitmq-server"
    )


def why_not() -> str | None:
    """Return why there is no server to be had on this machine; None where there is one."""
    found = _program().exists() and shutil.which("erl") is not None
    return None if found else "needs Erlang, and the package rabbitmq-server or RABBITMQ_PROGRAMS"


@contextmanager
def running_rabbitmq() -> Iterator[int]:
    """Start a server, give its port, and stop and remove it afterwards."""
    home, port = Path(tempfile.mkdtemp(prefix="lineage-rabbit-")), free_port()
    own = {
        "HOME": home,
        "RABBITMQ_HOME": _program().parent.parent,
        "RABBITMQ_CONF_ENV_FILE": home / "env",
        "RABBITMQ_CONFIG_FILE": home / "config",
        "RABBITMQ_DIST_PORT": free_port(),
        "RABBITMQ_ENABLED_PLUGINS_FILE": home / "plugins",
        "RABBITMQ_LOG_BASE": home,
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_MNESIA_BASE": home,
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": port,
        "RABBITMQ_NODENAME": "lineage@localhost",
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": free_port(),
    }
    environment = {**os.environ, **{name: str(value) for name, value in own.items()}}
    with (home / "server.log").open("wb") as log:
        server = subprocess.Popen(
            ["/bin/sh", _program()], env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        _wait_until_it_answers(port, server)
        yield port
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(60)
        # Erlang's port mapper left the server's group for one of its own; it ends where no node is known.
        subprocess.run(
            [shutil.which("epmd") or "epmd", "-kill"], env=environment, check=False, capture_output=True
        )
        shutil.rmtree(home, ignore_errors=True)


def _wait_until_it_answers(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert server.poll() is None, "RabbitMQ ended while it was started"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError("RabbitMQ does not answer")
