"""`/api/v1/namespaces/{namespace}/jobs` and `/api/v1/jobs`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from graph.api.errors import ApiError
from graph.api.marquez import jobs, names, runs, versions, writing
from graph.api.marquez.bodies import JobBody, RunBody
from graph.api.openapi import failing
from graph.api.paths import NameConvertor
from graph.api.rendering import json_response
from graph.api.routes.marquez.parameters import FOUND, LISTED, WRITTEN, Name, Namespace, Paged
from graph.api.stores import Stores
from graph.store.commands import CommandKind

_MOVED = {301: {"description": "The job has another name; it is in Location."}}
_JOB = "/namespaces/{namespace:name}/jobs/{job:name}"
States = Annotated[list[str], Query(alias="lastRunStates", description="States of the latest run.")]


async def _follow(request: Request, stores: Stores, namespace: Namespace, job: Name) -> None:
    """Send requests about a job by the name that Marquez would give it on to its own name."""
    found = await stores.ask(names.renamed_job, namespace, job)
    if found is None:
        return
    quoted = map(NameConvertor().to_string, (found.namespace, found.name))
    rest = request.scope["path"].split("/")[7:]
    path = "/".join(["/api/v1/namespaces/{}/jobs/{}".format(*quoted), *rest])
    query = f"?{request.url.query}" if request.url.query else ""
    raise ApiError(301, f"Job '{job}' is called '{found.name}'.", headers={"Location": path + query})


router = APIRouter(prefix="/api/v1", tags=["jobs"])
_of_job = APIRouter(prefix=_JOB, dependencies=[Depends(_follow)], responses=_MOVED)  # type: ignore[arg-type]


@router.get("/jobs", responses=LISTED)
async def list_all_jobs(stores: Stores, page: Paged, states: States = []) -> Response:  # noqa: B006
    """Return the jobs of all namespaces, the one that was heard of last first."""
    return json_response(await stores.ask(jobs.listed, None, states, page.limit, page.offset))


@router.get("/namespaces/{namespace:name}/jobs", responses=LISTED)
async def list_jobs(
    stores: Stores,
    namespace: Namespace,
    page: Paged,
    states: States = [],  # noqa: B006
) -> Response:
    """Return the jobs of a namespace, the one that was heard of last first."""
    return json_response(await stores.ask(jobs.listed, namespace, states, page.limit, page.offset))


@_of_job.get("", responses=FOUND)
async def get_job(stores: Stores, namespace: Namespace, job: Name) -> Response:
    """Return a job with its latest runs."""
    return json_response(await stores.ask(jobs.one, namespace, job))


@router.put(_JOB, responses=WRITTEN, deprecated=True)
async def put_job(stores: Stores, namespace: Namespace, job: Name, body: JobBody) -> Response:
    """Declare a job and what it reads and writes."""
    return json_response(await stores.change(writing.put_job, namespace, job, body))


@_of_job.delete("", responses=FOUND)
async def delete_job(stores: Stores, namespace: Namespace, job: Name) -> Response:
    """Hide a job until an event names it again."""
    return json_response(await stores.change(jobs.hide, namespace, job))


@_of_job.get("/versions", responses=FOUND)
async def list_job_versions(stores: Stores, namespace: Namespace, job: Name, page: Paged) -> Response:
    """Return the versions of a job, the latest first."""
    return json_response(await stores.ask(versions.of_job, namespace, job, page.limit, page.offset))


@_of_job.get("/versions/{version:name}", responses=FOUND)
async def get_job_version(stores: Stores, namespace: Namespace, job: Name, version: Name) -> Response:
    """Return a version of a job."""
    return json_response(await stores.ask(versions.one_of_job, namespace, job, version))


@_of_job.post("/tags/{tag:name}", responses=FOUND)
async def tag_job(stores: Stores, namespace: Namespace, job: Name, tag: Name) -> Response:
    """Give a job a tag."""
    return json_response(await stores.change(jobs.tag, CommandKind.TAG, namespace, job, tag))


@_of_job.delete("/tags/{tag:name}", responses=FOUND)
async def untag_job(stores: Stores, namespace: Namespace, job: Name, tag: Name) -> Response:
    """Take a tag from a job."""
    return json_response(await stores.change(jobs.tag, CommandKind.UNTAG, namespace, job, tag))


@_of_job.get("/runs", responses=FOUND)
async def list_runs(stores: Stores, namespace: Namespace, job: Name, page: Paged) -> Response:
    """Return the runs of a job, the latest first."""
    return json_response(await stores.ask(runs.listed, namespace, job, page.limit, page.offset))


@_of_job.post(
    "/runs",
    status_code=201,
    responses={**WRITTEN, **failing(400)},
    deprecated=True,
)
async def make_run(stores: Stores, namespace: Namespace, job: Name, body: RunBody) -> Response:
    """Make a run that has not begun."""
    run = await stores.change(writing.make_run, namespace, job, body)
    return json_response(run, 201, {"Location": f"/api/v1/jobs/runs/{run['id']}"})


router.include_router(_of_job)
