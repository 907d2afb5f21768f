"""What a server of events is compared with: one that keeps nothing, and one whose body is a typed model.

Both are applications for uvicorn, as our server is. The typed one is what the tutorials of FastAPI teach: a
pydantic model of the whole event with the standard facets, written back to JSON for the store. It has our
store below, once behind our own queue (one commit for all that came in meanwhile) and once as it would be
written without it: one commit an event.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from fastapi import FastAPI, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response as PlainResponse
from starlette.routing import Route

from graph.api.metrics import Metrics
from graph.api.threads import StoreThreads
from graph.api.writing import Writer
from graph.ingest import apply_bodies


class Model(BaseModel):
    """What all parts of an event are: keys that the specification does not know stay."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)


class Facet(Model):
    """A facet, of which it is known who made it and after which schema."""

    producer: str = Field(alias="_producer")
    schema_url: str = Field(alias="_schemaURL")


class SchemaField(Model):
    """A column."""

    name: str
    type: str | None = None
    description: str | None = None


class Schema(Facet):
    """The columns of a dataset."""

    fields: list[SchemaField] | None = None  # type: ignore[assignment] - pydantic's old name for something else


class Transformation(Model):
    """What became of a column."""

    type: str
    subtype: str | None = None


class InputField(Model):
    """A column that another comes from."""

    namespace: str
    name: str
    field: str
    transformations: list[Transformation] | None = None


class ColumnSources(Model):
    """What one column comes from."""

    input_fields: list[InputField] = Field(alias="inputFields")


class ColumnLineage(Facet):
    """What each column comes from."""

    fields: dict[str, ColumnSources]  # type: ignore[assignment] - as above


class DataSource(Facet):
    """Where a dataset is."""

    name: str | None = None
    uri: str | None = None


class Version(Facet):
    """Which version of the data it is."""

    dataset_version: str = Field(alias="datasetVersion")


class DatasetFacets(Model):
    """The facets of a dataset."""

    schema_: Schema | None = Field(None, alias="schema")
    column_lineage: ColumnLineage | None = Field(None, alias="columnLineage")
    data_source: DataSource | None = Field(None, alias="dataSource")
    version: Version | None = None


class OutputStatistics(Facet):
    """How much was written."""

    row_count: int | None = Field(None, alias="rowCount")
    size: int | None = None


class OutputFacets(Model):
    """The facets of a dataset as an output."""

    output_statistics: OutputStatistics | None = Field(None, alias="outputStatistics")


class Dataset(Model):
    """An input or an output."""

    namespace: str
    name: str
    facets: DatasetFacets | None = None
    output_facets: OutputFacets | None = Field(None, alias="outputFacets")


class Sql(Facet):
    """The SQL of a job."""

    query: str
    dialect: str | None = None


class JobType(Facet):
    """Which kind of job it is."""

    processing_type: str = Field(alias="processingType")
    integration: str
    job_type: str | None = Field(None, alias="jobType")


class JobFacets(Model):
    """The facets of a job."""

    sql: Sql | None = None
    job_type: JobType | None = Field(None, alias="jobType")


class Job(Model):
    """A job."""

    namespace: str
    name: str
    facets: JobFacets | None = None


class NominalTime(Facet):
    """The time that a run is for."""

    start: datetime = Field(alias="nominalStartTime")
    end: datetime | None = Field(None, alias="nominalEndTime")


class RunFacets(Model):
    """The facets of a run."""

    nominal_time: NominalTime | None = Field(None, alias="nominalTime")


class Run(Model):
    """A run."""

    run_id: str = Field(alias="runId")
    facets: RunFacets | None = None


class RunEvent(Model):
    """An event of a run."""

    event_type: str | None = Field(None, alias="eventType")
    event_time: datetime = Field(alias="eventTime")
    producer: str
    schema_url: str = Field(alias="schemaURL")
    run: Run
    job: Job
    inputs: list[Dataset] = []
    outputs: list[Dataset] = []


@asynccontextmanager
async def _store(app: FastAPI) -> AsyncIterator[None]:
    app.state.thread = StoreThreads("peer", os.environ["LINEAGE_STORE"], 1, read_only=False)
    app.state.writer = Writer(app.state.thread, Metrics())
    yield
    await app.state.writer.close()
    await app.state.thread.close()


def _body_of(event: RunEvent) -> bytes:
    return event.model_dump_json(by_alias=True, exclude_unset=True).encode()


def typed() -> FastAPI:
    """Return the typed server with one commit for all that came in while the last one ran."""
    app = FastAPI(lifespan=_store)

    @app.post("/api/v1/lineage", status_code=201)
    async def post(event: RunEvent) -> Response:
        await app.state.writer.keep([_body_of(event)])
        return Response(status_code=201)

    return app


def typed_plain() -> FastAPI:
    """Return the typed server with one commit an event."""
    app = FastAPI(lifespan=_store)

    @app.post("/api/v1/lineage", status_code=201)
    async def post(event: RunEvent) -> Response:
        await app.state.thread.run(apply_bodies, [_body_of(event)])
        return Response(status_code=201)

    return app


def noop() -> Starlette:
    """Return the server that reads what it is sent and keeps nothing."""

    async def post(request: Request) -> PlainResponse:
        await request.body()
        return PlainResponse(status_code=201)

    return Starlette(routes=[Route("/api/v1/lineage", post, methods=["POST"])])
