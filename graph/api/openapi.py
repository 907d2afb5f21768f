"""The OpenAPI document: what FastAPI knows, and by hand the routes that read their body as bytes."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

_ERROR = {
    "type": "object",
    "required": ["code", "message"],
    "properties": {
        "code": {"type": "integer", "description": "The status of the answer."},
        "message": {"type": "string"},
        "errors": {"type": "array", "items": {"type": "string"}},
    },
}


def document(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of the application; it is made once."""
    if app.openapi_schema is None:
        made = get_openapi(title=app.title, version=app.version, routes=app.routes)
        made.setdefault("components", {}).setdefault("schemas", {})["Error"] = _ERROR
        for path, said in _ingest().items():
            made["paths"].setdefault(path, {}).update(said)
        _complete(made)
        app.openapi_schema = made
    return app.openapi_schema


def _complete(made: dict[str, Any]) -> None:
    """Say of every operation how any request may fail, in the one shape; FastAPI says its own of a 422."""
    for path, operations in made["paths"].items():
        for operation in operations.values():
            answers = operation["responses"]
            if "422" in answers:
                answers["422"] = _error(_MEANING[422])
            codes: tuple[int, ...]
            if path in _FOR_ALL:
                codes = (400, 403)
            elif "requestBody" in operation:
                codes = (400, 401, 403, 413, 422, 503)
            else:
                codes = (400, 401, 403, 503)
                answers.pop("422", None)
            for code in codes:
                answers.setdefault(str(code), _error(_MEANING[code]))
    for name in ("HTTPValidationError", "ValidationError"):
        made["components"]["schemas"].pop(name, None)


_FOR_ALL = {"/ping", "/healthcheck"}


def failing(*codes: int) -> dict[int | str, dict[str, Any]]:
    """Return how these statuses are documented: all errors have one shape."""
    return {code: _error(_MEANING[code]) for code in codes}


_MEANING = {
    400: "The request cannot be read, or asks for something that cannot be.",
    401: "A token is needed, and none that is valid was sent.",
    403: "The token does not allow this.",
    404: "There is nothing of this name.",
    408: "The body took too long to arrive.",
    413: "The body is too large.",
    415: "The encoding of the body is not understood.",
    422: "The body is not what is asked for.",
    503: "The store cannot be reached or written at the moment.",
}


def _error(description: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {"description": description, "content": content}


def _ingest() -> dict[str, Any]:
    event = {"type": "object", "description": "A RunEvent, JobEvent or DatasetEvent of OpenLineage."}
    refused = {str(code): answer for code, answer in failing(400, 408, 413, 415, 422, 503).items()}
    partial = {
        "type": "object",
        "required": ["status", "summary", "failed_events"],
        "properties": {
            "status": {"const": "partial_success"},
            "summary": {"type": "object", "additionalProperties": {"type": "integer"}},
            "failed_events": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["index", "reason", "retriable"],
                    "properties": {
                        "index": {"type": "integer"},
                        "reason": {"type": "string"},
                        "retriable": {"type": "boolean"},
                    },
                },
            },
        },
    }
    return {
        "/api/v1/lineage": {
            "post": {
                "tags": ["ingest"],
                "summary": "Keep one event",
                "operationId": "post_event",
                "requestBody": {"required": True, "content": {"application/json": {"schema": event}}},
                "responses": {"201": {"description": "It is kept, now or before."}, **refused},
            }
        },
        "/api/v1/lineage/batch": {
            "post": {
                "tags": ["ingest"],
                "summary": "Keep many events",
                "operationId": "post_batch",
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"type": "array", "items": event}}},
                },
                "responses": {
                    "200": {
                        "description": "Some are kept; those that are not are listed.",
                        "content": {"application/json": {"schema": partial}},
                    },
                    "204": {"description": "All are kept, now or before."},
                    **{code: answer for code, answer in refused.items() if code != "422"},
                },
            }
        },
    }
