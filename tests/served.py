"""Servers for tests: an application on a port of this process, `lineage serve` as a process, and an event."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
import uvicorn
from fastapi import FastAPI


def event(name: str = "load", **more: Any) -> dict[str, Any]:
    return {
        "eventType": "COMPLETE",
        "eventTime": "2026-01-31T12:00:00Z",
        "run": {"runId": "01941f29-7c00-7000-8000-000000000001"},
        "job": {"namespace": "etl", "name": name},
        "inputs": [{"namespace": "postgres://db:5432", "name": "shop.public.orders"}],
        "outputs": [{"namespace": "postgres://db:5432", "name": f"gold.{name}"}],
        "producer": "https://example.com/producer",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        **more,
    }


class Served:
    """A running server. `get` and the others take a path and raise for no status."""

    def __init__(self, url: str, location: str) -> None:
        self.url = url
        self.location = location
        self.session = requests.Session()
        self.session.trust_env = False

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(method, self.url + path, **{"timeout": 30, **options})

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        return self.request("POST", path, **options)


@contextmanager
def running(app: FastAPI, location: str = "") -> Iterator[Served]:
    """Serve an application from a thread of this process, with uvicorn on a real port."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, access_log=False, log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + 30
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            assert time.monotonic() < deadline, "the server takes too long to start"
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        served = Served(f"http://127.0.0.1:{port}", location)
        with served.session:
            yield served
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive(), "the server did not stop"


LINEAGE = [sys.executable, "-c", "from graph.cli import main; main()"]


class ServeProcess:
    """`lineage serve` as a process; `log` are the lines that it wrote so far."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [*LINEAGE, "serve", "--port", "0", *arguments],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        assert self.process.stderr is not None
        first, found = "", None
        while found is None and (line := self.process.stderr.readline()):
            first += line
            found = re.search(r" at (http\S+) until stopped", line)
        assert found is not None, first + self.process.stderr.read()
        self.url = found[1]
        self.log: list[str] = []
        # A pipe that nobody reads is full soon, and the server waits then.
        self._reader = threading.Thread(
            target=lambda: self.log.extend(self.process.stderr or ()), daemon=True
        )
        self._reader.start()

    def stop(self) -> int:
        """Have the process end, and return how it did."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(40)
        self._reader.join(40)
        return status


@contextmanager
def serving(*arguments: str, **environment: str) -> Iterator[ServeProcess]:
    """Run the command until it answers, and stop it in the end."""
    served = ServeProcess(*arguments, **environment)
    try:
        own = arguments[arguments.index("--certificate") + 1] if "--certificate" in arguments else True
        wait_for(served.url, own)
        yield served
    finally:
        served.stop()
        assert served.process.stderr is not None
        served.process.stderr.close()


def wait_for(url: str, verify: str | bool = True) -> None:
    for _ in range(300):
        try:
            assert requests.get(f"{url}/ping", timeout=5, verify=verify).text == "pong\n"
            return
        except requests.ConnectionError:
            threading.Event().wait(0.1)
    raise AssertionError("the server does not answer")
