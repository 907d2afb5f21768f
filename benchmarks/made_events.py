"""A company's daily runs as OpenLineage events: what the benchmarks of the store take in.

`days()` gives 1,000 jobs that run once a day, each with a START and a COMPLETE of 10.7 KB on average, as
Airflow and Spark send them: jobs in layers that read what the layers below wrote, schemas on every dataset,
column lineage and SQL that agree, and each day 1 % of the jobs with another column and other code. The same
seed gives the same bytes.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.made_world import Job, Origin, Table, change, sql_of, world

AIRFLOW = "https://github.com/apache/airflow/tree/providers-openlineage/2.20.3"
SPARK = "https://github.com/OpenLineage/OpenLineage/tree/1.40.1/integration/spark"
CORE = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/"
JOBS, DAYS = 1000, 30
CHANGING = 0.01
"""The share of the jobs that get another column and other code each day."""

BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
Json = dict[str, Any]


def days(jobs: int = JOBS, days: int = DAYS, *, seed: int = 1) -> Iterator[list[bytes]]:
    """Yield the events of each day in the order of their times, as JSON texts."""
    pick = random.Random(seed)
    made = world(jobs, pick)
    for day in range(days):
        if day:
            for job in pick.sample(made, k=max(1, round(jobs * CHANGING))):
                change(job, made, pick)
        yield _events_of(made, day, pick)


def _facet(producer: str, name: str, version: str, /, **keys: Any) -> Json:
    url = f"https://openlineage.io/spec/facets/{version}/{name}.json#/$defs/{name}"
    return {"_producer": producer, "_schemaURL": url, **keys}


def _events_of(jobs: list[Job], day: int, pick: random.Random) -> list[bytes]:
    midnight = BEGIN + timedelta(days=day)
    dag_runs: dict[str, str] = {}
    timed = []
    for place, job in enumerate(jobs):
        start = midnight + timedelta(seconds=7200 + place * 36000 / len(jobs) + pick.random() * 30)
        end = start + timedelta(seconds=5 + pick.expovariate(1 / 90))
        parent = dag_runs.setdefault(job.dag, _uuid7(start, pick))
        if not job.parts:
            job.parts = _parts(job)
        run = {"runId": _uuid7(start, pick), "facets": _run_facets(job, midnight, parent)}
        counts = [pick.randrange(1000, 5_000_000) for _ in job.outputs]
        for event_type, time in (("START", start), ("COMPLETE", end)):
            timed.append((time, _event(job, event_type, time, run, counts)))
    return [body for _, body in sorted(timed, key=lambda pair: pair[0])]


def _uuid7(time: datetime, pick: random.Random) -> str:
    bits = int(time.timestamp() * 1000) << 80 | 7 << 76 | pick.getrandbits(12) << 64
    text = f"{bits | 2 << 62 | pick.getrandbits(62):032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _event(job: Job, event_type: str, time: datetime, run: Json, counts: list[int]) -> bytes:
    outputs = job.parts["outputs"]
    if event_type == "COMPLETE":
        outputs = [_written(job, output, count) for output, count in zip(outputs, counts, strict=True)]
    event = {
        "eventTime": time.isoformat(timespec="microseconds"),
        "eventType": event_type,
        "inputs": job.parts["inputs"],
        "job": job.parts["job"],
        "outputs": outputs,
        "producer": _producer(job),
        "run": run,
        "schemaURL": f"{CORE}RunEvent",
    }
    return json.dumps(event, separators=(",", ":")).encode()


def _written(job: Job, output: Json, rows: int) -> Json:
    statistics = {"rowCount": rows, "size": rows * 83}
    facet = _facet(_producer(job), "OutputStatisticsOutputDatasetFacet", "1-0-2", **statistics)
    written = {**output, "outputFacets": {"outputStatistics": facet}}
    if job.on_spark:
        version = str(rows * 7_919_999_983_211 % (1 << 62))
        facet = _facet(SPARK, "DatasetVersionDatasetFacet", "1-0-1", datasetVersion=version)
        written["facets"] = {**output["facets"], "version": facet}
    return written


def _producer(job: Job) -> str:
    return SPARK if job.on_spark else AIRFLOW


def _run_facets(job: Job, midnight: datetime, parent: str) -> Json:
    producer = _producer(job)
    dag = {"run": {"runId": parent}, "job": {"namespace": "production", "name": job.dag}}
    ends = (midnight.isoformat(), (midnight + timedelta(days=1)).isoformat())
    return {
        **job.parts["run"],
        "nominalTime": _facet(
            producer, "NominalTimeRunFacet", "1-0-1", nominalStartTime=ends[0], nominalEndTime=ends[1]
        ),
        "parent": _facet(producer, "ParentRunFacet", "1-1-0", **dag, root=dag),
    }


def _parts(job: Job) -> Json:
    return {
        "job": {"namespace": "production", "name": job.name, "facets": _job_facets(job)},
        "inputs": [_dataset(job, table) for table in job.inputs],
        "outputs": [
            _dataset(job, table, origins) for table, origins in zip(job.outputs, job.origins, strict=True)
        ],
        "run": _engine_facets(job),
    }


def _job_facets(job: Job) -> Json:
    producer = _producer(job)
    kind = {"processingType": "BATCH", "integration": "SPARK", "jobType": "SQL_JOB"}
    if not job.on_spark:
        kind |= {"integration": "AIRFLOW", "jobType": "TASK"}
    path = f"dags/{job.dag}/{job.name.split('.')[-1]}.sql"
    place = {
        "repoUrl": "https://github.com/acme/pipelines.git",
        "path": path,
        "branch": "main",
        "type": "git",
    }
    told = f"Builds {job.outputs[0].name} for {job.owner} once a day."
    return {
        "documentation": _facet(producer, "DocumentationJobFacet", "1-1-0", description=told),
        "jobType": _facet(producer, "JobTypeJobFacet", "2-0-3", **kind),
        "ownership": _facet(
            producer, "OwnershipJobFacet", "1-0-1", owners=[{"name": job.owner, "type": "MAINTAINER"}]
        ),
        "sourceCodeLocation": _facet(
            producer,
            "SourceCodeLocationJobFacet",
            "1-0-1",
            url=f"https://github.com/acme/pipelines/blob/main/{path}",
            **place,
        ),
        **_code(job),
    }


def _code(job: Job) -> Json:
    """Return what the job runs: a program on Spark, where no dialect is said, else SQL."""
    if job.on_spark:
        text = f'spark.sql("""\n{sql_of(job)}\n""")'
        return {
            "sourceCode": _facet(SPARK, "SourceCodeJobFacet", "1-0-1", language="PYTHON", sourceCode=text)
        }
    return {"sql": _facet(AIRFLOW, "SQLJobFacet", "1-1-0", query=sql_of(job))}


def _dataset(job: Job, table: Table, origins: list[Origin] | None = None) -> Json:
    producer = _producer(job)
    fields = [{"name": name, "type": type_} for name, type_ in table.columns]
    facets = {
        "dataSource": _facet(
            producer, "DatasourceDatasetFacet", "1-0-1", name=table.namespace, uri=table.namespace
        ),
        "schema": _facet(producer, "SchemaDatasetFacet", "1-1-1", fields=fields),
    }
    if origins is not None:
        facets["columnLineage"] = _column_lineage(job, table, origins)
    return {"namespace": table.namespace, "name": table.name, "facets": facets}


def _column_lineage(job: Job, table: Table, origins: list[Origin]) -> Json:
    fields = {
        column: {
            "inputFields": [_input_field(job.inputs[place], name, len(origin)) for place, name in origin]
        }
        for (column, _), origin in zip(table.columns, origins, strict=True)
        if origin
    }
    return _facet(_producer(job), "ColumnLineageDatasetFacet", "1-2-0", fields=fields)


def _input_field(table: Table, column: str, of: int) -> Json:
    change = {"type": "DIRECT", "subtype": "IDENTITY" if of == 1 else "TRANSFORMATION"}
    return {"namespace": table.namespace, "name": table.name, "field": column, "transformations": [change]}


def _engine_facets(job: Job) -> Json:
    if job.on_spark:
        settings = {
            "spark.master": "k8s://https://kubernetes.default.svc:443",
            "spark.app.name": job.name,
            "spark.sql.shuffle.partitions": "200",
            "spark.executor.memory": "8g",
            "spark.sql.catalog.lake": "org.apache.iceberg.spark.SparkCatalog",
        }
        custom = {
            "spark_properties": {"_producer": SPARK, "_schemaURL": f"{CORE}RunFacet", "properties": settings}
        }
        engine = {"name": "spark", "version": "3.5.4", "openlineageAdapterVersion": "1.40.1"}
    else:
        task = {
            "operator_class": "SQLExecuteQueryOperator",
            "operator_class_path": "airflow.providers.common.sql.operators.sql.SQLExecuteQueryOperator",
            "owner": job.owner,
            "pool": "default_pool",
            "queue": "default",
            "retries": 2,
            "task_id": job.name.split(".")[-1],
            "trigger_rule": "all_success",
        }
        dag = {
            "dag_id": job.dag,
            "fileloc": f"/opt/airflow/dags/{job.dag}.py",
            "timetable_summary": "0 2 * * *",
        }
        custom = {
            "airflow": {"_producer": AIRFLOW, "_schemaURL": f"{CORE}RunFacet", "dag": dag, "task": task}
        }
        engine = {"name": "Airflow", "version": "3.3.2", "openlineageAdapterVersion": "2.20.3"}
    return {
        **custom,
        "processing_engine": _facet(_producer(job), "ProcessingEngineRunFacet", "1-1-1", **engine),
    }
