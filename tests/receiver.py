"""A backend that answers OpenLineage's HTTP API from a real socket, well or badly.

    with Receiver() as backend:
        configure(destination={"type": "http", "url": backend.url})
        backend.mode = "500"

Modes: `ok`, `hanging` (takes the request, never answers), `slow` (answers after 0.3 s), `late` (stores, then
answers after the client's patience), `500`, `503 once`, `400`, `401`, `409 one` (refuses events that hold
"poison"), `429`, `500 for poison`, `no batch` (404 for batches), `partial` (refuses "poison" and puts
"later" off in the batch's answer), `echo` (400 with the request's headers in the body).
`down()` closes the port.
"""

from __future__ import annotations

import gzip
import json
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SLOW_SECONDS = 0.3


class Receiver:
    """A server on a port of its own; `events` holds every body it stored, also those sent twice."""

    def __init__(self, mode: str = "ok", store: Callable[[list[bytes]], Any] | None = None) -> None:
        self.mode = mode
        self.store = store
        self.events: list[bytes] = []
        self.requests: list[tuple[str, dict[str, str], int]] = []
        self.faults: list[BaseException | None] = []
        self.patience = 0.5
        self.retry_after: str | None = None
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None
        self.port = 0
        self.up()

    def __enter__(self) -> Receiver:
        return self

    def __exit__(self, *unused: object) -> None:
        self.closing.set()
        self.down()
        assert self.faults == []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def distinct(self) -> set[bytes]:
        return set(self.events)

    def up(self) -> None:
        """Listen, on the same port as before."""
        self._server = _Server(("127.0.0.1", self.port), _Handler)
        self._server.receiver = self
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def down(self) -> None:
        """Refuse connections and drop those that are open."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server.drop_connections()
            self._server = None

    def take(self, bodies: list[bytes]) -> None:
        with self._lock:
            self.events += bodies
            if self.store is not None:
                self.store(bodies)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    receiver: Receiver

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.open: set[Any] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.open.discard(request)
        super().shutdown_request(request)

    def drop_connections(self) -> None:
        for request in list(self.open):
            self.shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that went away are part of the test; anything else is a fault of the test itself."""
        fault = sys.exc_info()[1]
        if not isinstance(fault, ConnectionError | ValueError):
            self.receiver.faults.append(fault)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # one packet per answer, or Nagle's algorithm makes each of them wait 40 ms
    server: _Server

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        backend = self.server.receiver
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        sent = json.loads(body)
        batch = isinstance(sent, list)
        bodies = [json.dumps(event, sort_keys=True).encode() for event in (sent if batch else [sent])]
        backend.requests.append((self.path, dict(self.headers), len(bodies)))
        if self.path != ("/api/v1/lineage/batch" if batch else "/api/v1/lineage"):
            return self.answer(404, "no such path")
        return self.respond(backend, bodies, batch)

    def respond(self, backend: Receiver, bodies: list[bytes], batch: bool) -> None:
        mode = backend.mode
        poison = [body for body in bodies if b"poison" in body]
        if mode == "hanging":
            backend.closing.wait(30)
            self.close_connection = True
            return None
        if mode in {"500", "400", "401", "429"}:
            return self.answer(int(mode), "not now")
        if mode == "500 for poison" and poison:
            return self.answer(500, "not this")
        if mode == "503 once":
            backend.mode = "ok"
            return self.answer(503, "not now")
        if mode == "echo":
            return self.answer(400, str(self.headers))
        if (mode == "no batch" and batch) or (mode == "409 one" and poison):
            return self.answer(404 if mode == "no batch" else 409, "not this")
        if mode == "partial" and batch:
            return self.partly(backend, bodies)
        if mode == "slow":
            backend.closing.wait(SLOW_SECONDS)
        backend.take(bodies)
        if mode == "late":
            backend.closing.wait(backend.patience * 3)
        return self.answer(204 if batch else 201, "")

    def partly(self, backend: Receiver, bodies: list[bytes]) -> None:
        failed = [
            {"index": index, "reason": "not this", "retriable": b"later" in body}
            for index, body in enumerate(bodies)
            if b"poison" in body or b"later" in body
        ]
        indexes = {failure["index"] for failure in failed}
        backend.take([body for index, body in enumerate(bodies) if index not in indexes])
        summary = {
            "received": len(bodies),
            "successful": len(bodies) - len(failed),
            "failed": len(failed),
            "retriable": sum(failure["retriable"] for failure in failed),
            "non_retriable": sum(not failure["retriable"] for failure in failed),
        }
        self.answer(
            200, json.dumps({"status": "partial_success", "summary": summary, "failed_events": failed})
        )

    def answer(self, status: int, text: str) -> None:
        content = text.encode()
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        if self.server.receiver.retry_after is not None and status >= 400:
            self.send_header("Retry-After", self.server.receiver.retry_after)
        self.end_headers()
        if status != 204:
            self.wfile.write(content)
