"""A DataHub metadata service (GMS) on a port of its own, which takes what DataHub's client sends.

Every aspect is read and validated by DataHub's own classes before it is kept. `openapi` says whether it is a
newer server, which the client asks in another way. Modes: `ok`, `500`, `401`, and `refuse` for those whose
urn holds "poison".
"""

from __future__ import annotations

import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from datahub.emitter.aspect import ASPECT_MAP
from datahub.emitter.serialization_helper import post_json_transform


class DataHub:
    """A server; `aspects` is what it holds, `taken` every (urn, aspect) that was accepted, in order."""

    def __init__(self, *, openapi: bool = False) -> None:
        self.mode = "ok"
        self.openapi = openapi
        self.aspects: dict[tuple[str, str], dict[str, Any]] = {}
        self.taken: list[tuple[str, str]] = []
        self.tokens: set[str | None] = set()
        self.faults: list[str] = []
        self.port = 0
        self._server: ThreadingHTTPServer | None = None
        self.up()

    def __enter__(self) -> DataHub:
        return self

    def __exit__(self, *unused: object) -> None:
        self.down()
        assert self.faults == []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def up(self) -> None:
        if self._server is None:
            handler = type("Handler", (_Handler,), {"datahub": self})
            ThreadingHTTPServer.allow_reuse_address = True
            self._server = ThreadingHTTPServer(("127.0.0.1", self.port), handler)
            self.port = self._server.server_address[1]
            threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def down(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def take(self, proposals: list[tuple[str, str, Any]]) -> str | None:
        """Keep what is valid; return why one is not taken, and then none is."""
        for urn, name, value in proposals:
            if self.mode == "refuse" and "poison" in urn:
                return f"Failed to validate entity URN {urn}"
            aspect = ASPECT_MAP[name].from_obj(post_json_transform(value))
            if not aspect.validate():
                self.faults.append(f"{urn} {name} is not valid: {value}")
        for urn, name, value in proposals:
            self.aspects[urn, name] = value
            self.taken.append((urn, name))
        return None

    def upstreams(self, urn: str) -> list[str]:
        return [one["dataset"] for one in self.aspects[urn, "upstreamLineage"]["upstreams"]]


class _Handler(BaseHTTPRequestHandler):
    datahub: DataHub
    protocol_version = "HTTP/1.0"  # no connection outlives `down`

    def log_message(self, *unused: object) -> None:
        pass

    def _answer(self, status: int, body: Any) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _is_well(self) -> bool:
        self.datahub.tokens.add(self.headers.get("Authorization"))
        if self.datahub.mode in ("401", "500"):
            self._answer(int(self.datahub.mode), {"message": "not now", "status": int(self.datahub.mode)})
            return False
        return True

    def do_GET(self) -> None:
        version = "v1.4.0" if self.datahub.openapi else "v0.13.0"
        if self._is_well():
            self._answer(
                200,
                {
                    "noCode": "true",
                    "versions": {"acryldata/datahub": {"version": version, "commit": "x"}},
                    "datahub": {"serverEnv": "core", "serverType": "quickstart"},
                },
            )

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if not self._is_well():
            return
        reason = self.datahub.take(list(self._proposals(json.loads(body))))
        if reason is None:
            self._answer(200, [] if self.path.startswith("/openapi") else {"value": "ok"})
        else:
            self._answer(400, {"message": reason, "status": 400, "stackTrace": "a long one"})

    def _proposals(self, told: Any) -> Any:
        if self.path.startswith("/openapi/v3/entity/"):
            for entity in told:
                for name, aspect in entity.items():
                    if name != "urn":
                        yield entity["urn"], name, aspect["value"]
            return
        assert self.path == "/aspects?action=ingestProposalBatch", self.path
        for each in told["proposals"]:
            assert each["changeType"] == "UPSERT"
            assert each["entityUrn"].startswith(f"urn:li:{each['entityType']}:")
            yield each["entityUrn"], each["aspectName"], json.loads(each["aspect"]["value"])
