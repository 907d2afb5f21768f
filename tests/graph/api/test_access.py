"""Who may do what: every route and method without and with each role, namespaces, and the record."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.routing import APIRoute
from served import event
from starlette.routing import Route

from graph import open_store
from graph.actions import ACTIONS
from graph.api import ServerSettings, create_app, gate
from graph.api.routes import ROUTERS
from graph.api.rules import need_of
from graph.nodes import dataset
from graph.questions import QUESTIONS
from graph.store.access import AuditRecord, Role, new_token
from graph.store.commands import Command, CommandKind, line_of

PUBLIC = {("GET", "/ping"), ("GET", "/healthcheck")}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


@pytest.fixture
def token(place: str) -> Callable[..., dict[str, str]]:
    """Give a function that makes a token in the store and returns the header that sends it."""

    def make(role: str, *namespaces: str, **options: Any) -> dict[str, str]:
        made, text = new_token(f"a {role}", Role(role), namespaces, **options)
        with closing(open_store(place)) as store:
            store.access.add(made)
        return {"Authorization": f"Bearer {text}"}

    return make


@pytest.fixture
def guarded(place: str, serve: Any) -> Any:
    return serve(place, access=True)


def recorded(place: str) -> list[AuditRecord]:
    with closing(open_store(place, read_only=True)) as store:
        return [record for _, record in store.access.recorded()]


def routes() -> set[str]:
    """Return the path of every route there is, documented or not."""
    app = create_app(ServerSettings("unused.db"))
    found = {
        route.path for router in ROUTERS for route in router.routes if isinstance(route, Route | APIRoute)
    }
    found |= {route.path for route in app.router.routes if isinstance(route, Route | APIRoute)}
    return found | set(app.openapi()["paths"])


def filled(path: str) -> str:
    parts = (quote("a/b", safe="") if part.startswith("{") else part for part in path.split("/"))
    return "/".join(parts)


def test_no_route_is_reachable_without_its_role(guarded: Any, token: Any) -> None:
    """PV-22: every route with every method, without a token, with a wrong one, and with too small a role."""
    reader, writer = token("reader"), token("writer")
    wrong = {"Authorization": reader["Authorization"][:-4] + "AAAA"}
    paths = sorted(routes())
    assert {"/ping", "/metrics", "/api/v1/lineage", "/api/v1/lineage/batch", "/api/v2/audit"} <= set(paths)
    assert {f"/api/v2/{name}" for name in (*QUESTIONS, *ACTIONS, "events")} <= set(paths)
    tried = 0
    for path in paths:
        for method in METHODS:
            if (method, path) in PUBLIC or path in {"/ping", "/healthcheck"}:
                continue
            needed = need_of(method, filled(path)).role
            assert needed is not None, (method, path)
            for headers in ({}, wrong):
                answer = guarded.request(method, filled(path), headers=headers)
                assert answer.status_code == 401, (method, path)
            for role, headers in ((Role.READER, reader), (Role.WRITER, writer)):
                if not role.covers(needed):
                    answer = guarded.request(method, filled(path), headers=headers)
                    assert answer.status_code == 403, (method, path, role)
                    assert method == "HEAD" or str(needed) in answer.json()["message"]
            tried += 1
    assert tried >= 4 * len(METHODS)


@pytest.mark.parametrize(
    ("method", "path", "role"),
    [
        ("GET", "/api/v1/namespaces/x/datasets/y", Role.READER),
        ("POST", "/api/v1/namespaces/x/datasets/y/tags/z", Role.WRITER),
        ("DELETE", "/api/v1/namespaces/x/datasets/y/tags/z", Role.WRITER),
        ("DELETE", "/api/v1/namespaces/x/datasets/y/fields/f/tags/z", Role.WRITER),
        ("DELETE", "/api/v1/namespaces/x/datasets/y", Role.ADMIN),
        ("DELETE", "/api/v1/namespaces/x/jobs/tags", Role.ADMIN),
        ("DELETE", "/api/v1/namespaces/x", Role.ADMIN),
        ("PUT", "/api/v1/namespaces/x", Role.WRITER),
        ("GET", "/api/v2/audit", Role.ADMIN),
        ("POST", "/api/v2/annotate", Role.WRITER),
        ("POST", "/api/v2/delete", Role.ADMIN),
        ("POST", "/api/v2/undelete", Role.ADMIN),
        ("POST", "/api/v2/verify", Role.READER),
        ("POST", "/api/v2/sign", Role.ADMIN),
        ("POST", "/nobody/knows/this", Role.WRITER),
        ("GET", "/ping/", Role.READER),
    ],
)
def test_what_a_request_needs_is_told_by_its_path(method: str, path: str, role: Role) -> None:
    assert need_of(method, path).role is role


def test_each_role_may_do_its_own_and_what_is_below(guarded: Any, token: Any, place: str) -> None:
    for role, expected in (("reader", 403), ("writer", 201), ("admin", 201)):
        headers = token(role)
        assert guarded.post("/api/v1/lineage", json=event(), headers=headers).status_code == expected
        assert guarded.get("/metrics", headers=headers).status_code == 200


def test_a_token_of_some_namespaces_writes_there_alone(guarded: Any, token: Any, place: str) -> None:
    """PV-22"""
    headers = token("writer", "etl", "postgres://db:5432")
    foreign = event("other", job={"namespace": "finance", "name": "other"})
    foreign_output = event("third", outputs=[{"namespace": "s3://finance", "name": "x"}])
    foreign_input = event("fourth", inputs=[{"namespace": "s3://finance", "name": "x"}])

    assert guarded.post("/api/v1/lineage", json=event(), headers=headers).status_code == 201
    assert guarded.post("/api/v1/lineage", json=foreign_input, headers=headers).status_code == 201
    refused = guarded.post("/api/v1/lineage", json=foreign, headers=headers)
    batch = guarded.post(
        "/api/v1/lineage/batch", json=[foreign_output, event("fifth"), foreign], headers=headers
    )

    assert (refused.status_code, "'finance'" in refused.json()["message"]) == (403, True)
    assert [(one["index"], one["retriable"]) for one in batch.json()["failed_events"]] == [
        (0, False),
        (2, False),
    ]
    with closing(open_store(place, read_only=True)) as store:
        assert store.counts().events == 3


def test_a_token_of_some_namespaces_asks_there_alone(guarded: Any, token: Any) -> None:
    headers = token("reader", "s3://mine")

    mine = guarded.get("/api/v1/namespaces/s3%3A%2F%2Fmine/nothing", headers=headers)
    other = guarded.get("/api/v1/namespaces/s3%3A%2F%2Fother/nothing", headers=headers)
    everything = guarded.get("/metrics", headers=headers)

    assert [answer.status_code for answer in (mine, other, everything)] == [404, 403, 403]


def test_a_writer_gives_no_commands_and_deletes_nothing_by_one(guarded: Any, token: Any, place: str) -> None:
    line = line_of(
        Command(
            "0f8fad5b-d9cb-469f-a165-70867728950e",
            time.time_ns(),
            CommandKind.DELETE,
            dataset("postgres://db:5432", "gold.load"),
        )
    )

    assert guarded.post("/api/v1/lineage", data=line, headers=token("writer")).status_code == 403
    batch = guarded.post("/api/v1/lineage/batch", data=b"[" + line + b"]", headers=token("writer"))
    assert "admin" in batch.json()["failed_events"][0]["reason"]
    assert guarded.post("/api/v1/lineage", data=line, headers=token("admin")).status_code == 201


def test_what_was_revoked_or_has_expired_is_refused(
    guarded: Any, token: Any, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert gate._KNOWN_SECONDS <= 5, "as is documented"
    monkeypatch.setattr(gate, "_KNOWN_SECONDS", 0.5)
    revoked, expired = token("admin"), token("admin", expires_at=time.time_ns() - 1)
    assert guarded.get("/metrics", headers=revoked).status_code == 200
    with closing(open_store(place)) as store:
        ids = [one.id for one in store.access.tokens() if one.expires_at is None]
        assert store.access.revoke(ids, time.time_ns()) == 1

    deadline = time.monotonic() + 10
    while guarded.get("/metrics", headers=revoked).status_code == 200:
        assert time.monotonic() < deadline, "a revoked token goes on working"
        time.sleep(0.2)
    assert guarded.get("/metrics", headers=expired).status_code == 401


def test_a_server_of_this_machine_is_open_until_there_is_a_token(
    place: str, serve: Any, token: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PV-22: also while it runs, and not open again when the token is revoked."""
    monkeypatch.setattr(gate, "_KNOWN_SECONDS", 0.2)
    served = serve(place, access=None, local=True)
    assert served.get("/metrics").status_code == 200
    assert served.get("/metrics", headers={"Origin": "https://evil.example.com"}).status_code == 403
    assert served.get("/ping", headers={"Origin": "https://evil.example.com"}).status_code == 403

    headers = token("reader")
    deadline = time.monotonic() + 10
    while served.get("/metrics").status_code == 200:
        assert time.monotonic() < deadline, "it stays open"
        time.sleep(0.05)
    assert served.get("/metrics").status_code == 401
    assert served.get("/metrics", headers=headers).status_code == 200
    assert served.get("/ping").status_code == 200
    with closing(open_store(place)) as store:
        store.access.revoke([one.id for one in store.access.tokens()], time.time_ns())
    time.sleep(0.3)
    assert [served.get("/metrics").status_code for _ in range(2)] == [401, 401]


def test_refused_and_administrative_calls_are_recorded(guarded: Any, token: Any, place: str) -> None:
    """PV-22: who, from where, what, and why not."""
    reader, admin = token("reader"), token("admin")
    guarded.get("/metrics")
    guarded.post("/api/v1/lineage?secret=1", json=event(), headers=reader)
    guarded.request("DELETE", "/api/v1/namespaces/nowhere", headers=admin)

    deadline = time.monotonic() + 10
    while len(found := recorded(place)) < 3:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    deleted, posted, asked = found
    assert (asked.status, asked.method, asked.path, asked.who, asked.client) == (
        401,
        "GET",
        "/metrics",
        "",
        "127.0.0.1",
    )
    assert (posted.status, posted.who, posted.path) == (403, "a reader", "/api/v1/lineage")
    assert "needs the role writer" in posted.reason
    listed = guarded.get("/api/v2/audit?limit=2", headers=admin).json()
    assert [item["status"] for item in listed["items"]] == [deleted.status, 403]
    rest = guarded.get(f"/api/v2/audit?cursor={listed['next']}", headers=admin).json()
    assert [item["status"] for item in rest["items"]] == [401]
    assert guarded.get(f"/api/v2/audit?cursor={2**63}", headers=admin).status_code == 400
    assert "secret" not in str(listed)
    assert (deleted.method, deleted.who, deleted.reason) == ("DELETE", "a admin", "administrative")


def test_the_store_holds_no_secret(guarded: Any, token: Any, place: str) -> None:
    text = token("admin")["Authorization"].removeprefix("Bearer ")
    secret = text.split("_", 2)[2]

    with closing(open_store(place, read_only=True)) as store:
        (kept,) = store.access.tokens()

    assert secret.encode() not in kept.digest
    assert secret not in repr(kept)
    assert len(kept.digest) == 32


def test_pages_of_other_sites_ask_nothing_of_an_open_server(place: str, serve: Any) -> None:
    """A page that a browser on this machine shows, also one whose name was pointed at this machine."""
    served = serve(place, local=True, cors=("https://app.example.com",))

    def answered(**headers: str) -> int:
        return int(served.post("/api/v1/lineage", json=event(), headers=headers).status_code)

    assert answered() == 201
    assert answered(Origin="http://localhost:3000") == 201
    assert answered(Origin="https://app.example.com") == 201
    assert answered(Origin="https://evil.example.com") == 403
    assert answered(Origin="null") == 403
    assert answered(Host="evil.example.com:5000") == 403
