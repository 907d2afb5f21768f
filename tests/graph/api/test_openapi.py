"""The OpenAPI document: every route is in it, and every answer is as it says, whatever is sent."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, given, settings
from schemathesis import checks
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi import checks as openapi_checks
from starlette.routing import Route

from graph import open_store
from graph.api import ServerSettings, create_app
from graph.api.routes import ROUTERS
from graph.ingest import derive, index, ingest

EXAMPLES = 10
EVENTS = Path(__file__).resolve().parents[2] / "fixtures" / "events"


def test_every_route_is_documented() -> None:
    """With every method, and an answer for each error that any request may meet."""
    app = create_app(ServerSettings("unused.db"))
    paths = app.openapi()["paths"]
    missing = [
        (method, route.path_format)
        for route in (*(route for router in ROUTERS for route in router.routes), *app.router.routes)
        if isinstance(route, APIRoute | Route) and route.include_in_schema
        for method in (route.methods or set()) - {"HEAD"}
        if method.lower() not in paths.get(route.path_format, {})
    ]

    assert missing == []


@pytest.fixture
def document(place: str, serve: Callable[..., Any]) -> Any:
    """What a server says of itself, over a store with events of Airflow, dbt and a shop."""
    with closing(open_store(place)) as store:
        for name in ("airflow_failed_task", "dbt", "shop_changes"):
            ingest(store, (EVENTS / f"{name}.jsonl").read_bytes().splitlines())
        derive(store)
        index(store)
    return schemathesis.openapi.from_url(f"{serve(place).url}/api/v2/openapi.json")


CHECKS = [
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_schema_conformance,
]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_answer_is_as_documented(document: Any) -> None:
    """No 500, no status and no content that the document does not name, on both engines."""
    wrong: dict[str, str] = {}
    operations = [found.ok() for found in document.get_all_operations()]
    for operation in operations:

        @given(case=operation.as_strategy())
        @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
        def asked(case: Any) -> None:
            case.call_and_validate(timeout=60, checks=CHECKS)

        try:
            asked()
        except (FailureGroup, Failure) as failure:
            wrong[operation.label] = str(failure)

    assert len(operations) > 60
    assert wrong == {}
