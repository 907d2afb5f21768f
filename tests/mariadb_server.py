"""A real MariaDB for tests: that of the Debian package mariadb-server, or of the folder MARIADB_PROGRAMS.

The folder is the `usr` that the package was unpacked to. The server listens on a TCP port, takes `root`
without a password, and ends with the process that started it.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from postgres_server import free_port

START_SECONDS = 60

# The shell waits for its input to end, which happens when this process is gone, and stops the server then.
_KEEPER = '"$@" & server=$!; read _; kill -TERM $server; wait $server'


def _programs() -> Path:
    return Path(os.environ.get("MARIADB_PROGRAMS", "/usr"))


def why_not() -> str | None:
    """Return why there is no server to be had on this machine; None where there is one."""
    found = (_programs() / "sbin" / "mariadbd").exists()
    return None if found else "needs the Debian package mariadb-server, or MARIADB_PROGRAMS"


@contextmanager
def running_mariadb() -> Iterator[int]:
    """Start a server with the empty database `shop`, give its port, and stop and remove it afterwards."""
    folder, home = _programs(), Path(tempfile.mkdtemp(prefix="lineage-maria-"))
    user = "nobody" if os.geteuid() == 0 else None
    if user is not None:
        account = pwd.getpwnam(user)
        os.chown(home, account.pw_uid, account.pw_gid)
    data, port, log = home / "data", free_port(), home / "server.log"
    own = ["--no-defaults", f"--basedir={folder}", f"--datadir={data}"]
    environment = {"PATH": os.environ["PATH"], "LD_LIBRARY_PATH": str(folder / "lib" / "x86_64-linux-gnu")}
    try:
        subprocess.run(
            [folder / "bin" / "mariadb-install-db", *own, "--auth-root-authentication-method=normal"],
            user=user,
            env=environment,
            check=True,
            capture_output=True,
        )
        options = [f"--port={port}", "--bind-address=127.0.0.1", f"--socket={home / 'socket'}"]
        command = [str(folder / "sbin" / "mariadbd"), *own, *options]
        with log.open("wb") as told:
            keeper = subprocess.Popen(
                ["/bin/sh", "-c", _KEEPER, "sh", *command],
                user=user,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=told,
                stderr=told,
                start_new_session=True,
            )
        assert keeper.stdin is not None
        _wait_until_it_answers(log, keeper)
        try:
            yield port
        finally:
            keeper.stdin.close()
            keeper.wait(30)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _wait_until_it_answers(log: Path, keeper: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while b"ready for connections" not in log.read_bytes():
        assert keeper.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)
