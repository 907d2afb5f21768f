"""`/api/v1/namespaces`."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from graph.api.marquez import namespaces
from graph.api.marquez.bodies import NamespaceBody
from graph.api.rendering import json_response
from graph.api.routes.marquez.parameters import FOUND, LISTED, WRITTEN, Namespace, Paged
from graph.api.stores import Stores

router = APIRouter(prefix="/api/v1/namespaces", tags=["namespaces"])


@router.get("", responses=LISTED)
async def list_namespaces(stores: Stores, page: Paged) -> Response:
    """Return namespaces by name, hidden ones too."""
    return json_response(await stores.ask(namespaces.listed, page.limit, page.offset))


@router.get("/{namespace:name}", responses=FOUND)
async def get_namespace(stores: Stores, namespace: Namespace) -> Response:
    """Return a namespace."""
    return json_response(await stores.ask(namespaces.one, namespace))


@router.put("/{namespace:name}", responses=WRITTEN)
async def put_namespace(stores: Stores, namespace: Namespace, body: NamespaceBody) -> Response:
    """Declare a namespace, or its owner; a hidden one is shown again."""
    return json_response(await stores.change(namespaces.put, namespace, body.owner_name, body.description))


@router.delete("/{namespace:name}", responses=FOUND)
async def delete_namespace(stores: Stores, namespace: Namespace) -> Response:
    """Hide a namespace, its datasets and its jobs until an event names them again."""
    return json_response(await stores.change(namespaces.hide, namespace))
