"""Enough of BigQuery's REST API, over HTTP, for its real client: jobs, queries, results, uploads.

https://cloud.google.com/bigquery/docs/reference/rest/v2. Statements run in a small warehouse; jobs end when
their results are asked for, `seconds` later.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from warehouse_engine import Answer, Warehouse

PROJECT = "acme-data"
_TYPES = {
    "INTEGER": "INTEGER",
    "BIGINT": "INTEGER",
    "NUMBER": "INTEGER",
    "VARCHAR": "STRING",
    "DOUBLE": "FLOAT",
}


class BigQueryServer:
    """One project's service; `requests` are (method, path, body) of all that came."""

    def __init__(self) -> None:
        self.warehouse = Warehouse("bigquery")
        self.requests: list[tuple[str, str, Any]] = []
        self.jobs: dict[str, dict[str, Any]] = {}
        self.results: dict[str, Answer] = {}
        self.seconds = 0.0
        self.behind: list[str] = []
        """Tables that are read behind those that a statement names, as by a view."""
        self.failures: list[str] = []
        """Reasons for which the next jobs fail, one each."""
        self._uploading: list[Any] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self.warehouse.close()

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        if query.get("uploadType") == "resumable" and method == "POST":
            self._uploading.append(body)  # the file follows, to the same place
            return 200, {}
        if method == "PUT":
            body = self._uploading.pop(0)
            return self._insert(body)
        self.requests.append((method, path, body))
        if re.fullmatch(r"/projects/[^/]+/jobs", path) and method == "POST":
            return self._insert(body)
        if found := re.fullmatch(r"/projects/[^/]+/jobs/([^/]+)", path):
            return self._get(found[1])
        if found := re.fullmatch(r"/projects/[^/]+/queries/([^/]+)", path):
            return self._results(found[1])
        if re.fullmatch(r"/projects/[^/]+/queries", path):
            return self._query(body)
        if re.fullmatch(r"/projects/[^/]+/jobs/([^/]+)/cancel", path):
            return 200, {"job": self.jobs[path.split("/")[4]]}
        return _error(404, "notFound", f"no {path}")

    def _insert(self, job: dict[str, Any]) -> tuple[int, Any]:
        job["jobReference"].setdefault("location", "EU")
        identity = job["jobReference"]["jobId"]
        if identity in self.jobs:
            return _error(409, "duplicate", f"Already Exists: Job {identity}")
        job["status"] = {"state": "RUNNING"}
        job["statistics"] = {"creationTime": "1760000000000", "startTime": "1760000000100"}
        self.jobs[identity] = job
        return 200, job

    def _get(self, identity: str) -> tuple[int, Any]:
        self._finish(identity)
        return 200, self.jobs[identity]

    def _finish(self, identity: str) -> None:
        job = self.jobs[identity]
        if job["status"]["state"] == "DONE":
            return
        time.sleep(self.seconds)
        job["status"] = {"state": "DONE"}
        statistics = job["statistics"]
        statistics["endTime"] = "1760000000350"
        statistics["totalSlotMs"] = "1234"
        configuration = job["configuration"]
        try:
            if self.failures:
                raise ConnectionError(self.failures.pop(0))
            if "query" in configuration:
                self._run(identity, configuration["query"]["query"], statistics)
            elif "load" in configuration:
                statistics["load"] = {"outputRows": "7", "outputBytes": "700", "inputFileBytes": "350"}
            elif "extract" in configuration:
                statistics["extract"] = {"destinationUriFileCounts": ["1"], "inputBytes": "4096"}
            elif "copy" in configuration:
                statistics["copy"] = {"copiedRows": "5", "copiedLogicalBytes": "80"}
        except ConnectionError as failure:
            job["status"]["errorResult"] = {"reason": str(failure), "message": "The job was not done"}
        except LookupError as problem:
            job["status"]["errorResult"] = {"reason": "invalidQuery", "message": str(problem.args[0])}

    def _run(self, identity: str, text: str, statistics: dict[str, Any]) -> None:
        found = self.results[identity] = self.warehouse.run(text)
        about = statistics["query"] = {
            "statementType": found.kind,
            "totalBytesProcessed": "2048",
            "totalBytesBilled": str(10 << 20),
            "totalSlotMs": "1234",
            "cacheHit": False,
            "referencedTables": [_reference(name) for name in (*found.read, *self.behind)],
        }
        if found.changed is not None:
            about["numDmlAffectedRows"] = str(found.changed)

    def _results(self, identity: str) -> tuple[int, Any]:
        self._finish(identity)
        job = self.jobs[identity]
        if "errorResult" in job["status"]:
            return _error(400, **job["status"]["errorResult"])
        return 200, {"jobReference": job["jobReference"], **_answered(self.results[identity])}

    def _query(self, body: dict[str, Any]) -> tuple[int, Any]:
        if self.failures:
            return _error(400, self.failures.pop(0), "The query was not done")
        try:
            found = self.warehouse.run(body["query"])
        except LookupError as problem:
            return _error(400, "invalidQuery", str(problem.args[0]))
        time.sleep(self.seconds)
        identity = f"job_{len(self.results)}"
        self.results[identity] = found
        reference = {"projectId": PROJECT, "jobId": identity, "location": "EU"}
        state = {"state": "DONE"}
        self.jobs[identity] = {
            "jobReference": reference,
            "status": state,
            "configuration": {"query": {"query": body["query"]}},
            "statistics": {},
        }
        return 200, {"jobReference": reference, **_answered(found), "totalSlotMs": "77", "cacheHit": False}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                url = urlsplit(self.path)
                raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                path = url.path.removeprefix("/upload").removeprefix("/bigquery/v2")
                body = None if self.command == "PUT" else _body(raw, self.headers.get("Content-Type", ""))
                query = {name: values[0] for name, values in parse_qs(url.query).items()}
                status, answer = service.answer(self.command, path, query, body)
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.send_header("Location", f"{service.url}{self.path}")
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_DELETE = do_PUT = _serve  # noqa: N815

            def log_message(self, *args: Any) -> None:
                pass

        return Handler


def _body(raw: bytes, kind: str) -> Any:
    if kind.startswith("multipart/"):  # a job and a file: the job
        raw = raw.split(b"\r\n\r\n", 1)[1].split(b"\r\n--", 1)[0]
    return json.loads(raw) if raw else None


def _reference(name: str) -> dict[str, str]:
    written = name.replace("`", "").replace('"', "").split(".")
    parts = [PROJECT, "shop"][: 3 - len(written)] + written
    return dict(zip(("projectId", "datasetId", "tableId"), parts, strict=False))


def _answered(found: Answer) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "jobComplete": True,
        "totalBytesProcessed": "2048",
        "kind": "bigquery#queryResponse",
    }
    if found.changed is not None:
        return {**answer, "numDmlAffectedRows": str(found.changed)}
    if found.kind != "SELECT":
        return answer
    fields = [
        {"name": name, "type": _TYPES.get(code, "STRING"), "mode": "NULLABLE"} for name, code in found.columns
    ]
    rows = [{"f": [{"v": None if value is None else str(value)} for value in row]} for row in found.rows]
    return {**answer, "schema": {"fields": fields}, "rows": rows, "totalRows": str(len(rows))}


def _error(status: int, reason: str, message: str) -> tuple[int, Any]:
    errors = [{"reason": reason, "message": message}]
    return status, {"error": {"code": status, "message": message, "errors": errors}}


@contextmanager
def running_bigquery() -> Iterator[BigQueryServer]:
    server = BigQueryServer()
    try:
        yield server
    finally:
        server.close()


def client_of(server: BigQueryServer, **options: Any) -> Any:
    """Return the real client, which asks this server."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import bigquery

    return bigquery.Client(
        project=PROJECT,
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": server.url},
        **options,
    )
