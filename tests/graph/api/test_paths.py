"""Names in paths are one part each, whatever stands in them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from starlette.middleware import Middleware

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
