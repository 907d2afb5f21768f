"""A server of Azure's blobs for tests: what its clients ask over HTTP, kept in memory."""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

ACCOUNT = "shop"
_NAME = "<Blob><Name>{}</Name><Properties><BlobType>BlockBlob</BlobType></Properties></Blob>"
_NAMES = "<EnumerationResults><Blobs>{}</Blobs><NextMarker/></EnumerationResults>"


class AzureServer:
    """An account with the container `lake`. `blobs` are their contents by name; no other container exists."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.blocks: dict[str, bytes] = {}
        self.failing = False
        handler = type("Handler", (_Handler,), {"server_of_test": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/{ACCOUNT}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    server_of_test: AzureServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        pass

    def _name(self) -> str | None:
        parts = unquote(urlsplit(self.path).path).strip("/").split("/", 2)
        return parts[2] if len(parts) == 3 and parts[1] == "lake" else None

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        fixed = {
            "ETag": '"1"',
            "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT",
            "x-ms-version": "2021-12-02",
        }
        for name, value in {**fixed, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _refuse(self) -> None:
        self._answer(404, x_ms_error_code="BlobNotFound")

    def do_PUT(self) -> None:
        kept, name = self.server_of_test, self._name()
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = parse_qs(urlsplit(self.path).query).get("comp", [""])[0]
        if name is None:
            self._refuse()
            return
        if asked == "block":
            block = parse_qs(urlsplit(self.path).query)["blockid"][0]
            kept.blocks[block] = body
        elif asked == "blocklist":
            blocks = re.findall(rb"<(?:Latest|Uncommitted)>([^<]+)<", body)
            kept.blobs[name] = b"".join(kept.blocks[block.decode()] for block in blocks)
        elif (source := self.headers.get("x-ms-copy-source")) is not None:
            path = unquote(urlsplit(source).path).strip("/").split("/", 2)[2]
            kept.blobs[name] = kept.blobs[path]
            self._answer(202, x_ms_copy_id="1", x_ms_copy_status="success")
            return
        else:
            kept.blobs[name] = body
        digest = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        self._answer(201, Content_MD5=digest, x_ms_request_server_encrypted="true")

    def do_GET(self) -> None:
        kept, name = self.server_of_test, self._name()
        if name is None and "comp=list" in self.path:
            found = "".join(_NAME.format(blob) for blob in kept.blobs)
            self._answer(200, _NAMES.format(found).encode(), Content_Type="application/xml")
            return
        if name is None or name not in kept.blobs:
            self._refuse()
            return
        body = kept.blobs[name]
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("x-ms-range") or "")
        headers = {"x_ms_blob_type": "BlockBlob", "Content_Type": "application/octet-stream"}
        if asked is None or self.command == "HEAD":
            self._answer(200, body, **headers)
            return
        start, end = int(asked[1]), min(int(asked[2]), len(body) - 1)
        self._answer(206, body[start : end + 1], Content_Range=f"bytes {start}-{end}/{len(body)}", **headers)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_DELETE(self) -> None:
        name = self._name()
        if name is None or self.server_of_test.blobs.pop(name, None) is None:
            self._refuse()
        else:
            self._answer(202)
