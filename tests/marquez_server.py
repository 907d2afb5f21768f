"""A server that answers as Marquez does, from lists of what it holds.

    with MarquezServer() as marquez:
        marquez.post(event)             # as POST /api/v1/lineage: the event, its job, its run, its datasets
        marquez.datasets[...] = {...}   # what no event tells

Like Marquez it lists events of one time in no certain order, RunEvents only, and counts all kinds; keeps
their times to the microsecond; sends nulls; takes a name as one percent-encoded part of the path; and does
not count namespaces.
"""

from __future__ import annotations

import json
import random
import ssl
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from lineage.event_id import parse_time

Name = tuple[str, str]

_STATES = {"COMPLETE": "COMPLETED", "FAIL": "FAILED", "ABORT": "ABORTED"}


def moment(text: str) -> datetime:
    """Return a time as Marquez stores it: to the microsecond, rounded."""
    nanoseconds = parse_time(text)
    assert nanoseconds is not None, text
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=(nanoseconds + 500) // 1000)


def named(records: Mapping[Name, Any], namespace: str) -> list[Any]:
    return [record for (of, _), record in records.items() if of == namespace]


class MarquezServer:
    """What a Marquez holds. `fault` is asked about each path and may return a status to answer with."""

    def __init__(self, *, token: str | None = None, certificate: Path | None = None) -> None:
        self.events: list[dict[str, Any]] = []
        self.namespaces: dict[str, dict[str, Any]] = {}
        self.jobs: dict[Name, dict[str, Any]] = {}
        self.datasets: dict[Name, dict[str, Any]] = {}
        self.runs: dict[Name, list[dict[str, Any]]] = {}
        self.token = token
        self.fault: Callable[[str], int | None] = lambda path: None
        self.requests: list[str] = []
        self.dice = random.Random(7)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.marquez = self  # type: ignore[attr-defined]
        self.scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            self.scheme = "https"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def __enter__(self) -> MarquezServer:
        return self

    def __exit__(self, *unused: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"{self.scheme}://localhost:{self._server.server_port}"

    def post(self, event: Mapping[str, Any]) -> None:
        """Take an event in as Marquez does; one without a run is kept and never listed."""
        event = json.loads(json.dumps(event))
        self.events.append(event)
        time = event["eventTime"]
        job, run = event.get("job"), event.get("run")
        for dataset in (*(event.get("inputs") or ()), *(event.get("outputs") or ())):
            self.dataset(dataset["namespace"], dataset["name"], time)
        if job is None or run is None:
            return
        name = (job["namespace"], job["name"])
        self.job(*name, time)
        known = [one for one in self.runs[name] if one["id"] == run["runId"]]
        record = known[0] if known else self.run(name, run["runId"], time)
        record["updatedAt"] = time
        if event.get("eventType") in _STATES:
            record |= {"state": _STATES[event["eventType"]], "endedAt": time}
        self.jobs[name]["latestRun"] = record

    def namespace(self, name: str, **more: Any) -> dict[str, Any]:
        made = {"name": name, "ownerName": "anonymous", "description": None, "isHidden": False, **more}
        return self.namespaces.setdefault(name, made)

    def job(self, namespace: str, name: str, time: str, **more: Any) -> dict[str, Any]:
        self.namespace(namespace)
        record = {
            "id": {"namespace": namespace, "name": name},
            "type": "BATCH",
            "name": name,
            "simpleName": name,
            "parentJobName": None,
            "createdAt": time,
            "namespace": namespace,
            "inputs": [],
            "outputs": [],
            "location": None,
            "description": None,
            "latestRun": None,
            "facets": {},
            "tags": [],
        }
        self.runs.setdefault((namespace, name), [])
        return _put(self.jobs, (namespace, name), record, time, more)

    def dataset(self, namespace: str, name: str, time: str, **more: Any) -> dict[str, Any]:
        self.namespace(namespace)
        record = {
            "id": {"namespace": namespace, "name": name},
            "type": "DB_TABLE",
            "name": name,
            "physicalName": name,
            "createdAt": time,
            "namespace": namespace,
            "sourceName": "default",
            "fields": [],
            "tags": [],
            "description": None,
            "columnLineage": None,
            "facets": {},
            "deleted": False,
        }
        return _put(self.datasets, (namespace, name), record, time, more)

    def run(self, job: Name, run_id: str, time: str, **more: Any) -> dict[str, Any]:
        record = {
            "id": run_id,
            "createdAt": time,
            "updatedAt": time,
            "nominalStartTime": None,
            "nominalEndTime": None,
            "state": "RUNNING",
            "startedAt": time,
            "endedAt": None,
            "args": {},
            "inputDatasetVersions": [],
            "outputDatasetVersions": [],
            "facets": {},
            **more,
        }
        self.runs[job].append(record)
        self.jobs[job]["latestRun"] = record
        return record

    def answer(self, parts: list[str], asked: Mapping[str, str]) -> tuple[int, Any]:
        """Return the status and the JSON that the path and the parameters are answered with."""
        match parts:
            case ["events", "lineage"]:
                return 200, self._events(asked)
            case ["namespaces"]:
                return 200, {"namespaces": _page(sorted(self.namespaces.items()), asked, value=1)}
            case ["namespaces", namespace, "datasets" | "jobs" as kind]:
                records = self.datasets if kind == "datasets" else self.jobs
                if kind == "datasets" and namespace not in self.namespaces:
                    return 404, {"code": 404, "message": f"Namespace '{namespace}' not found."}
                found = named(records, namespace)
                found.sort(key=lambda one: one["name"])
                if kind == "jobs":
                    found.sort(key=lambda one: one["updatedAt"], reverse=True)
                return 200, {kind: _page(found, asked), "totalCount": len(found)}
            case ["namespaces", namespace, "jobs", job, "runs"]:
                found = sorted(
                    self.runs[namespace, job], key=lambda run: run["startedAt"] or "", reverse=True
                )
                return 200, {"runs": _page(found, asked), "totalCount": len(found)}
            case ["namespaces", namespace, "datasets" | "jobs" as kind, name]:
                record = (self.datasets if kind == "datasets" else self.jobs).get((namespace, name))
                return (200, record) if record else (404, {"code": 404, "message": f"'{name}' not found."})
        return 404, {"code": 404, "message": "HTTP 404 Not Found"}

    def _events(self, asked: Mapping[str, str]) -> dict[str, Any]:
        after = moment(asked.get("after", "1970-01-01T00:00:00Z"))
        before = moment(asked.get("before", "2030-01-01T00:00:00Z"))
        found = [event for event in self.events if after <= moment(event["eventTime"]) < before]
        runs = [event for event in found if "run" in event]
        self.dice.shuffle(runs)
        runs.sort(key=lambda event: moment(event["eventTime"]), reverse=asked.get("sortDirection") != "asc")
        return {"events": _page(runs, asked), "totalCount": len(found)}


def _put(
    records: dict[Name, dict[str, Any]],
    name: Name,
    record: dict[str, Any],
    time: str,
    more: Mapping[str, Any],
) -> dict[str, Any]:
    known = records.setdefault(name, record)
    known |= {"updatedAt": max(time, known.get("updatedAt", time)), **more}
    return known


def _page(found: list[Any], asked: Mapping[str, str], value: int | None = None) -> list[Any]:
    start = int(asked.get("offset", 0))
    page = found[start : start + int(asked.get("limit", 100))]
    return page if value is None else [one[value] for one in page]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        marquez: MarquezServer = self.server.marquez  # type: ignore[attr-defined]
        marquez.requests.append(self.path)
        parts = [unquote(part) for part in urlsplit(self.path).path.split("/")]
        asked = dict(parse_qsl(urlsplit(self.path).query))
        status: int | None = marquez.fault(self.path)
        answer: Any = {"code": status, "message": "planted"}
        if marquez.token is not None and self.headers.get("Authorization") != f"Bearer {marquez.token}":
            status, answer = 401, {"code": 401, "message": "Unauthorized"}
        elif status is None:
            known = parts[:3] == ["", "api", "v1"]
            status, answer = marquez.answer(parts[3:], asked) if known else (404, {"code": 404})
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
