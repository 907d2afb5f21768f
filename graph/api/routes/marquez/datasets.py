"""`/api/v1/namespaces/{namespace}/datasets`."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from graph.api.marquez import datasets, versions, writing
from graph.api.marquez.bodies import DatasetBody
from graph.api.rendering import json_response
from graph.api.routes.marquez.parameters import FOUND, WRITTEN, Name, Namespace, Paged
from graph.api.stores import Stores
from graph.store.commands import CommandKind

router = APIRouter(prefix="/api/v1/namespaces/{namespace:name}/datasets", tags=["datasets"])


@router.get("", responses=FOUND)
async def list_datasets(stores: Stores, namespace: Namespace, page: Paged) -> Response:
    """Return the datasets of a namespace by name."""
    return json_response(await stores.ask(datasets.listed, namespace, page.limit, page.offset))


@router.get("/{dataset:name}", responses=FOUND)
async def get_dataset(stores: Stores, namespace: Namespace, dataset: Name) -> Response:
    """Return a dataset by any of its names."""
    return json_response(await stores.ask(datasets.one, namespace, dataset))


@router.put("/{dataset:name}", responses=WRITTEN, deprecated=True)
async def put_dataset(stores: Stores, namespace: Namespace, dataset: Name, body: DatasetBody) -> Response:
    """Declare a dataset."""
    return json_response(await stores.change(writing.put_dataset, namespace, dataset, body))


@router.delete("/{dataset:name}", responses=FOUND)
async def delete_dataset(stores: Stores, namespace: Namespace, dataset: Name) -> Response:
    """Hide a dataset until an event names it again."""
    return json_response(await stores.change(datasets.hide, namespace, dataset))


@router.get("/{dataset:name}/versions", responses=FOUND)
async def list_dataset_versions(stores: Stores, namespace: Namespace, dataset: Name, page: Paged) -> Response:
    """Return the versions of a dataset, the latest first."""
    return json_response(await stores.ask(versions.of_dataset, namespace, dataset, page.limit, page.offset))


@router.get("/{dataset:name}/versions/{version:name}", responses=FOUND)
async def get_dataset_version(stores: Stores, namespace: Namespace, dataset: Name, version: Name) -> Response:
    """Return a version of a dataset."""
    return json_response(await stores.ask(versions.one_of_dataset, namespace, dataset, version))


@router.post("/{dataset:name}/tags/{tag:name}", responses=FOUND)
async def tag_dataset(stores: Stores, namespace: Namespace, dataset: Name, tag: Name) -> Response:
    """Give a dataset a tag."""
    return json_response(await stores.change(datasets.tag, CommandKind.TAG, namespace, dataset, tag))


@router.delete("/{dataset:name}/tags/{tag:name}", responses=FOUND)
async def untag_dataset(stores: Stores, namespace: Namespace, dataset: Name, tag: Name) -> Response:
    """Take a tag from a dataset."""
    return json_response(await stores.change(datasets.tag, CommandKind.UNTAG, namespace, dataset, tag))


@router.post("/{dataset:name}/fields/{field:name}/tags/{tag:name}", responses=FOUND)
async def tag_field(stores: Stores, namespace: Namespace, dataset: Name, field: Name, tag: Name) -> Response:
    """Give a field a tag, in capital letters."""
    return json_response(
        await stores.change(datasets.tag_field, CommandKind.TAG, namespace, dataset, field, tag)
    )


@router.delete("/{dataset:name}/fields/{field:name}/tags/{tag:name}", responses=FOUND)
async def untag_field(
    stores: Stores, namespace: Namespace, dataset: Name, field: Name, tag: Name
) -> Response:
    """Take a tag from a field."""
    return json_response(
        await stores.change(datasets.tag_field, CommandKind.UNTAG, namespace, dataset, field, tag)
    )
