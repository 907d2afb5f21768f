"""What an emit costs the watched code: the outbox beside openlineage-python's own HTTP transports.

Measured around building, serialising and handing over one event of about 2 KB made of the official
objects, through one official client per way, in turns. The backend is a process of its own. With it
down, the official `http` transport takes seconds an event, so it is measured a few times only.
"""

from __future__ import annotations

import logging
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from openlineage.client import OpenLineageClient, event_v2
from openlineage.client.facet_v2 import column_lineage_dataset, schema_dataset, sql_job

SERVER = """
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16
    disable_nagle_algorithm = True
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *arguments): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""

FIELDS = [schema_dataset.SchemaDatasetFacetFields(name=f"column_{n}", type="VARCHAR") for n in range(8)]


def build() -> Any:
    """Return a COMPLETE event with schemas, SQL and column lineage: about 2 KB of JSON."""
    inputs = [
        column_lineage_dataset.InputField(
            namespace="postgres://db:5432", name="shop.public.orders", field="id"
        )
    ]
    fields = {
        f"column_{n}": column_lineage_dataset.Fields(
            inputFields=inputs, transformationType="IDENTITY", transformationDescription=""
        )
        for n in range(4)
    }
    return event_v2.RunEvent(
        eventType=event_v2.RunState.COMPLETE,
        eventTime="2026-01-01T10:00:00.000Z",
        run=event_v2.Run(runId=str(uuid.uuid4())),
        job=event_v2.Job(
            namespace="shop",
            name="daily_revenue",
            facets={"sql": sql_job.SQLJobFacet(query="insert into revenue select * from orders")},
        ),
        inputs=[
            event_v2.InputDataset(
                namespace="postgres://db:5432",
                name="shop.public.orders",
                facets={"schema": schema_dataset.SchemaDatasetFacet(fields=FIELDS)},
            )
        ],
        outputs=[
            event_v2.OutputDataset(
                namespace="postgres://db:5432",
                name="shop.public.revenue",
                facets={"columnLineage": column_lineage_dataset.ColumnLineageDatasetFacet(fields=fields)},
            )
        ],
        producer="https://example.com/producer",
    )


@contextmanager
def backend() -> Iterator[str]:
    process = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.communicate()


def main(quick: bool) -> None:
    """Measure and print p50, p99 and the largest of each way, with the backend up and down."""
    rounds, events = (2, 50) if quick else (10, 200)
    with backend() as url:
        in_a_process("backend up", url, events, rounds)
    in_a_process("backend down", url, events, 1 if quick else 3)


def in_a_process(title: str, url: str, events: int, rounds: int) -> None:
    """Run `compare` in a process that is ended hard: async_http complains long of what it lost."""
    call = f"compare({title!r}, {url!r}, {events}, {rounds})"
    code = f"import os; from benchmarks.emit import compare; {call}; os._exit(0)"
    subprocess.run([sys.executable, "-c", code], stderr=subprocess.DEVNULL, check=True)


def compare(title: str, url: str, events: int, rounds: int) -> None:
    logging.disable(logging.CRITICAL)
    up = title == "backend up"
    with tempfile.TemporaryDirectory() as folder:
        ways = hand_overs(url, folder)
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for round_number in range(rounds + up):
            for name, (emit, settle) in ways.items():
                seconds = [timed(emit) for _ in range(1 if name == "http" and not up else events)]
                taken[name] += seconds if round_number >= up else []
                if up:
                    settle()
        print(f"\n{title}")
        print(f"{'way':<14}{'events':>8}{'p50 ms':>11}{'p99 ms':>11}{'max ms':>11}{'p50 to outbox':>15}")
        base = statistics.median(taken["outbox"])
        for name, seconds in taken.items():
            seconds.sort()
            p50, p99 = statistics.median(seconds), seconds[int(len(seconds) * 0.99)]
            figures = "".join(f"{value * 1000:>11.3f}" for value in (p50, p99, seconds[-1]))
            print(f"{name:<14}{len(seconds):>8}{figures}{p50 / base:>14.1f}x", flush=True)


def timed(way: Callable[[], None]) -> float:
    start = time.perf_counter()
    way()
    return time.perf_counter() - start


def hand_overs(url: str, folder: str) -> dict[str, tuple[Callable[[], None], Callable[[], object]]]:
    """Return the ways to emit, each with what waits until its background work is done.

    `outbox` is our transport under the official client, `direct` our own encoder and `enqueue` as
    `track_run` uses them, and `bare` the same without handing the event over.
    """
    from lineage.config import configure
    from lineage.encoding import encode
    from lineage.transport import enqueue, flush

    target = {"type": "http", "url": url}
    options: dict[str, dict[str, Any]] = {
        "http": target,
        "async_http": {"type": "async_http", "url": url},
        "outbox": {
            "type": "lineage.transport.OutboxTransport",
            "target": target,
            "path": f"{folder}/official",
        },
    }
    clients = {name: OpenLineageClient(config={"transport": value}) for name, value in options.items()}
    configure(destination=target, outbox=f"{folder}/direct")

    def official(client: OpenLineageClient) -> Callable[[], None]:
        def emit() -> None:
            # A backend that is down reaches the caller of the official transport.
            with suppress(Exception):
                client.emit(build())

        return emit

    def direct() -> None:
        event = build()
        enqueue(encode(event), event.run.runId)

    def bare() -> None:
        encode(build())

    return {
        "bare": (bare, lambda: None),
        "http": (official(clients["http"]), lambda: None),
        "async_http": (
            official(clients["async_http"]),
            lambda: clients["async_http"].transport.wait_for_completion(10),  # type: ignore[attr-defined]
        ),
        "outbox": (official(clients["outbox"]), lambda: clients["outbox"].close(10)),
        "direct": (direct, lambda: flush(10)),
    }
