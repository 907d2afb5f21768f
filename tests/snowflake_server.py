"""Enough of what Snowflake's connectors ask over HTTP: sessions, statements, results, status, telemetry.

Statements run in a small warehouse. A statement with `asyncExec` is done when its status is first asked for.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

from warehouse_engine import Answer, Warehouse

_TYPE_IDS = {"SELECT": 0x1000, "INSERT": 0x3100, "UPDATE": 0x3200, "DELETE": 0x3300}
_TYPES = {"INTEGER": "fixed", "BIGINT": "fixed", "NUMBER": "fixed", "VARCHAR": "text", "STRING": "text"}
_CHANGED = {"INSERT": "inserted", "UPDATE": "updated", "DELETE": "deleted"}


class SnowflakeServer:
    """One account's service; `requests` are (method, path, body) of all that came."""

    def __init__(self) -> None:
        self.warehouse = Warehouse("snowflake")
        self.requests: list[tuple[str, str, Any]] = []
        self.queries: dict[str, dict[str, Any]] = {}
        self.seconds = 0.0
        self.failing = False
        """Whether what is submitted fails."""
        self.place = ["SALES", "SHOP"]
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        self.port = self._server.server_address[1]

    @property
    def statements(self) -> list[str]:
        """The texts of all statements that came."""
        return [body["sqlText"] for _, path, body in self.requests if path == "/queries/v1/query-request"]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self.warehouse.close()

    def answer(self, method: str, path: str, body: Any) -> Any:
        self.requests.append((method, path, body))
        if path == "/session/v1/login-request":
            return _good(self._session())
        if path == "/queries/v1/query-request":
            return self._query(body)
        if found := re.fullmatch(r"/monitoring/queries//?([^/]+)", path):
            return _good({"queries": [{"id": found[1], **self._status(found[1])}]})
        if found := re.fullmatch(r"/queries/([^/]+)/result", path):
            return self.queries[found[1]]
        return _good(None)

    def _session(self) -> dict[str, Any]:
        said = {"AUTOCOMMIT": True, "CLIENT_TELEMETRY_ENABLED": True, "TIMEZONE": "UTC"}
        return {
            "token": "session-token",
            "masterToken": "master-token",
            "validityInSeconds": 3600,
            "masterValidityInSeconds": 14400,
            "sessionId": 123,
            "serverVersion": "8.1",
            "parameters": [{"name": name, "value": value} for name, value in said.items()],
            "sessionInfo": {
                "databaseName": self.place[0],
                "schemaName": self.place[1],
                "warehouseName": "REPORTING",
                "roleName": "ANALYST",
            },
        }

    def _status(self, identity: str) -> dict[str, Any]:
        if self.queries[identity]["success"]:
            return {"status": "SUCCESS"}
        return {"status": "FAILED_WITH_ERROR", "errorMessage": "failed", "errorCode": "2003"}

    def _query(self, body: dict[str, Any]) -> Any:
        identity = f"01b2c3d4-0000-0000-0000-{len(self.queries):012}"
        text = body["sqlText"]
        time.sleep(self.seconds)
        answer = self.queries[identity] = self._run(identity, text, body)
        if body.get("asyncExec"):
            if self.failing:
                self.queries[identity] = _bad(identity, "It failed.")
            data = {"queryId": identity, "getResultUrl": f"/queries/{identity}/result"}
            return {**_good(data), "success": True, "code": "333334"}
        return answer

    def _run(self, identity: str, text: str, body: dict[str, Any]) -> Any:
        if scanned := re.search(r"result_scan\('([^']+)'\)", text):
            return self.queries[scanned[1]]
        if used := re.fullmatch(r"use schema (\w+)", text):
            self.place[1] = used[1].upper()
        if text.lower().startswith("call "):
            text = "select 'done' as done"
        if body.get("describeOnly") and not text.startswith("select"):
            return _good({**_told(Answer(text.split()[0].upper(), changed=0)), "queryId": identity})
        try:
            found = self.warehouse.run(_bound(text, body.get("bindings")))
        except LookupError as problem:
            return _bad(identity, f"SQL compilation error: {problem.args[0]}")
        return _good({**_told(found), "queryId": identity, **self._final()})

    def _final(self) -> dict[str, Any]:
        names = ("finalDatabaseName", "finalSchemaName")
        return dict(zip(names, self.place, strict=True)) | {"finalWarehouseName": "REPORTING"}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                raw = gzip.decompress(raw) if self.headers.get("Content-Encoding") == "gzip" else raw
                body = json.loads(raw) if raw else None
                content = json.dumps(service.answer(self.command, urlsplit(self.path).path, body)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = _serve  # noqa: N815

            def log_message(self, *args: Any) -> None:
                pass

        return Handler


def _bound(text: str, bindings: dict[str, Any] | None) -> str:
    """Return a text with its first values in the places of its question marks."""
    for number in sorted(bindings or {}, key=int):
        value = (bindings or {})[number]["value"]
        text = text.replace("?", str(value[0] if isinstance(value, list) else value), 1)
    return text


def _told(found: Answer) -> dict[str, Any]:
    columns, rows = found.columns, found.rows
    if found.changed is not None and found.kind in _CHANGED:
        columns, rows = [(f"number of rows {_CHANGED[found.kind]}", "NUMBER")], [(found.changed,)]
    elif found.kind != "SELECT":
        columns, rows = [("status", "VARCHAR")], [("Statement executed successfully.",)]
    return {
        "parameters": [],
        "rowtype": [_column(name, code) for name, code in columns],
        "rowset": [[None if value is None else str(value) for value in row] for row in rows],
        "total": len(rows),
        "returned": len(rows),
        "arrayBindSupported": found.kind == "INSERT",
        "numberOfBinds": 0,
        "statementTypeId": _TYPE_IDS.get(found.kind, 0x6000),
        "queryResultFormat": "json",
        "version": 1,
    }


def _column(name: str, code: str) -> dict[str, Any]:
    kind = _TYPES.get(code, "text")
    sizes = {"precision": 38, "scale": 0} if kind == "fixed" else {"length": 100, "byteLength": 400}
    empty = dict.fromkeys(("precision", "scale", "length", "byteLength", "collation"))
    return {**empty, "name": name if " " in name else name.upper(), "type": kind, "nullable": True, **sizes}


def _good(data: Any) -> dict[str, Any]:
    return {"data": data, "success": True, "code": None, "message": None}


def _bad(identity: str, message: str) -> dict[str, Any]:
    data = {"queryId": identity, "sqlState": "42S02", "errorCode": "002003", "internalError": False}
    return {"data": data, "success": False, "code": "002003", "message": message}


@contextmanager
def running_snowflake() -> Iterator[SnowflakeServer]:
    server = SnowflakeServer()
    # Where it runs the connector would ask the clouds' own addresses.
    with mock.patch.dict(os.environ, SNOWFLAKE_DISABLE_PLATFORM_DETECTION="true"):
        try:
            yield server
        finally:
            server.close()


def credentials_of(server: SnowflakeServer) -> dict[str, Any]:
    """Return what to connect to this server with."""
    from snowflake import connector

    newer = {"enable_server_session_keep_alive_auto_detection": True}
    return {
        "account": "acme-shop",
        "user": "ann",
        "password": "secret",
        "host": "127.0.0.1",
        "port": server.port,
        "protocol": "http",
        "database": "SALES",
        "schema": "SHOP",
        "warehouse": "REPORTING",
        **(newer if int(connector.__version__.partition(".")[0]) >= 5 else {}),
    }


def connect_to(server: SnowflakeServer, **options: Any) -> Any:
    """Return a connection of the real connector to this server."""
    from snowflake import connector

    return connector.connect(**credentials_of(server), **options)
