"""What it costs to take in an event over HTTP, beside a server that keeps nothing and one with a typed body.

Every server is a process of its own under uvicorn. The days of 1,000 jobs are sent over 64 connections: the
first day before anything is measured, then one day for each round, to all servers in turns, as fast as they
answer; the last day at half of the speed that was reached. CPU is that of the server's process.
"""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import fastapi
import psutil
import uvicorn

from benchmarks.http_load import CONNECTIONS, send_all
from benchmarks.made_events import JOBS, days
from graph import open_store

HALF = 0.5
"""The share of the speed reached at which waiting is measured."""


@dataclass(slots=True)
class Measured:
    """What a server did in each round: its CPU in seconds an event, events a second, waiting in seconds."""

    cpu: list[float] = field(default_factory=list)
    speed: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    waits_at_half: list[float] = field(default_factory=list)


def main(quick: bool) -> None:
    """Print a line for each server, and how our own compares."""
    jobs, rounds = (100, 1) if quick else (JOBS, 3)
    first, *measured, last = days(jobs, 2 + rounds)
    print(f"  {len(first):,} events of {jobs:,} jobs a round, {rounds} rounds, {CONNECTIONS} connections")
    print(f"  FastAPI {fastapi.__version__}, uvicorn {uvicorn.__version__}")
    with tempfile.TemporaryDirectory() as name, ExitStack() as running:
        servers = {
            told: running.enter_context(_server(Path(name) / f"{place}.db", *arguments))
            for place, (told, arguments) in enumerate(SERVERS.items())
        }
        results = {told: Measured() for told in servers}
        for server in servers.values():
            _send(server, first, Measured())
            _await_rest(server)
        for events in measured:
            for told, server in servers.items():
                _send(server, events, results[told])
        for told, server in servers.items():
            rate = statistics.median(results[told].speed) * HALF
            _, results[told].waits_at_half = send_all(server.port, last, rate)
    _show(results)


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs."""

    port: int
    process: psutil.Process

    def cpu(self) -> float:
        """Return the seconds of CPU that it has used."""
        times = self.process.cpu_times()
        return float(times.user + times.system)


OURS, TYPED = "lineage serve", "typed body, one commit an event"
_PEER = ("-m", "uvicorn", "--factory", "--no-access-log", "--log-level", "warning")
SERVERS = {
    "Starlette, nothing kept": (*_PEER, "benchmarks.http_peers:noop"),
    OURS: ("-c", "from graph.cli import main; main()", "serve"),
    "typed body, our queue": (*_PEER, "benchmarks.http_peers:typed"),
    TYPED: (*_PEER, "benchmarks.http_peers:typed_plain"),
}


@contextmanager
def _server(path: Path, *arguments: str) -> Iterator[Server]:
    open_store(path).close()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, *arguments, "--port", str(port)]
    surroundings = {**os.environ, "LINEAGE_STORE": str(path)}
    started = subprocess.Popen(
        command, env=surroundings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _await_answer(started, port)
        yield Server(port, psutil.Process(started.pid))
    finally:
        started.terminate()
        started.wait(30)


def _await_answer(started: subprocess.Popen[bytes], port: int) -> None:
    for _ in range(600):
        if started.poll() is not None:
            raise RuntimeError(f"a server ended with {started.returncode} instead of answering")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("a server did not begin to answer in a minute")


def _await_rest(server: Server) -> None:
    """Wait until a server has done what it puts off: ours reads the SQL of the first day's jobs."""
    before = -1.0
    while server.cpu() > before + 0.02:
        before = server.cpu()
        time.sleep(2)


def _send(server: Server, events: list[bytes], to: Measured) -> None:
    before = server.cpu()
    seconds, waits = send_all(server.port, events)
    to.cpu.append((server.cpu() - before) / len(events))
    to.speed.append(len(events) / seconds)
    to.waits += waits


def _show(results: dict[str, Measured]) -> None:
    titles = ("CPU us", "from - to", "per s", "p50 ms", "p99 ms", "half: p50", "p99")
    print(f"\n  {'':<34}" + "".join(f"{title:>12}" for title in titles))
    for told, one in results.items():
        cpu = [seconds * 1e6 for seconds in one.cpu]
        waits = [
            f"{_percentile(each, part) * 1000:,.1f}"
            for each in (one.waits, one.waits_at_half)
            for part in (50, 99)
        ]
        speed = f"{statistics.median(one.speed):,.0f}"
        cells = (f"{statistics.median(cpu):,.0f}", f"{min(cpu):,.0f} - {max(cpu):,.0f}", speed, *waits)
        print(f"  {told:<34}" + "".join(f"{cell:>12}" for cell in cells))
    ours = statistics.median(results[OURS].cpu)
    for told, one in results.items():
        if told != OURS:
            print(f"  {told} over {OURS}: {statistics.median(one.cpu) / ours:.2f} x by CPU")
    print(f"  goal: {TYPED} 4 x")


def _percentile(values: list[float], part: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[part - 1]
