"""Names in paths are one part each, whatever stands in them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.requests import Request

from graph.api.errors import add_handlers
from graph.api.paths import RawPaths


def echo() -> FastAPI:
    app = FastAPI(middleware=[Middleware(RawPaths)])
    add_handlers(app)

    @app.get("/namespaces/{namespace:name}/datasets/{dataset:name}")
    async def echoed(namespace: str, dataset: str) -> Any:
        return [namespace, dataset]

    return app


@pytest.mark.parametrize(
    ("namespace", "name"),
    [
        ("s3://bucket", "raw/orders"),
        ("postgres://db:5432", "a.b.c"),
        ("100%", "50%25"),
        ("ä ö", "日本"),
        ("a+b", "c?d#e"),
        ("a..b", "../../etc/passwd"),
    ],
)
def test_a_name_arrives_whole_and_decoded_once(serve_app: Any, namespace: str, name: str) -> None:
    answer = serve_app(echo()).get(f"/namespaces/{quote(namespace, safe='')}/datasets/{quote(name, safe='')}")

    assert (answer.status_code, answer.json()) == (200, [namespace, name])


def test_a_path_that_is_not_utf_8_is_refused(serve_app: Any) -> None:
    answer = serve_app(echo()).get("/namespaces/%FF/datasets/a")

    assert (answer.status_code, answer.json()) == (400, {"code": 400, "message": "the path is not UTF-8"})


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/v1/jobs/?a=&b=1&c", ["/api/v1/jobs", "b=1"]),
        ("/api/v1/jobs%2F?b==", ["/api/v1/jobs%2F", "b=="]),
        ("/api/v1//", ["/api/v1/", ""]),
        ("/api/v1/jobs?limit=&limit=1&limit=2", ["/api/v1/jobs", "limit=1"]),
        (
            "/api/v1/jobs?lastRunStates=A&limit=1&lastRunStates=B",
            ["/api/v1/jobs", "lastRunStates=A&limit=1&lastRunStates=B"],
        ),
        ("/api/v2/search?text=&text=a/", ["/api/v2/search", "text=&text=a/"]),
    ],
)
def test_of_what_marquez_is_asked_the_last_slash_and_parameters_that_do_not_count_go(
    serve_app: Any, path: str, expected: list[str]
) -> None:
    app = FastAPI(middleware=[Middleware(RawPaths)])

    @app.get("/{path:path}")
    async def echoed(request: Request) -> Any:
        return [request.scope["path"], request.scope["query_string"].decode()]

    assert serve_app(app).get(path).json() == expected
