"""The write that an event costs in a backend of Marquez's shape, on PostgreSQL: a peer for our ingest.

Written after what is known of its model: each entity is upserted by a statement of its own, which answers
with the row's UUID, each facet is a row of each event, each run makes new dataset versions with their fields
and column lineage, the event itself is a jsonb row, and nothing is held together by a transaction. Fields are
written by one statement a dataset, which is fewer than that model takes: about 49 statements an event.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, LiteralString
from uuid import NAMESPACE_URL, UUID, uuid3, uuid4

if TYPE_CHECKING:
    import psycopg

SCHEMA = """
CREATE TABLE namespaces (uuid uuid PRIMARY KEY, created_at timestamptz, updated_at timestamptz,
    name text UNIQUE NOT NULL, owner text);
CREATE TABLE sources (uuid uuid PRIMARY KEY, type text, created_at timestamptz, updated_at timestamptz,
    name text UNIQUE NOT NULL, connection_url text);
CREATE TABLE datasets (uuid uuid PRIMARY KEY, type text, created_at timestamptz, updated_at timestamptz,
    namespace_uuid uuid REFERENCES namespaces, source_uuid uuid REFERENCES sources, name text,
    physical_name text, namespace_name text, source_name text, current_version_uuid uuid,
    UNIQUE (namespace_uuid, name));
CREATE TABLE jobs (uuid uuid PRIMARY KEY, type text, created_at timestamptz, updated_at timestamptz,
    namespace_uuid uuid REFERENCES namespaces, name text, simple_name text, parent_job_uuid uuid,
    location text, current_version_uuid uuid, UNIQUE (namespace_uuid, name));
CREATE TABLE run_args (uuid uuid PRIMARY KEY, created_at timestamptz, args text, checksum text UNIQUE);
CREATE TABLE runs (uuid uuid PRIMARY KEY, created_at timestamptz, updated_at timestamptz,
    job_uuid uuid REFERENCES jobs, job_version_uuid uuid, run_args_uuid uuid REFERENCES run_args,
    parent_run_uuid uuid, nominal_start timestamptz, nominal_end timestamptz, state text,
    transitioned_at timestamptz, started_at timestamptz, ended_at timestamptz);
CREATE INDEX ON runs (job_uuid, transitioned_at);
CREATE TABLE run_states (uuid uuid PRIMARY KEY, transitioned_at timestamptz, run_uuid uuid, state text);
CREATE INDEX ON run_states (run_uuid);
CREATE TABLE dataset_versions (uuid uuid PRIMARY KEY, created_at timestamptz, dataset_uuid uuid,
    version uuid UNIQUE, run_uuid uuid, fields jsonb, namespace_name text, dataset_name text);
CREATE INDEX ON dataset_versions (dataset_uuid, created_at);
CREATE TABLE runs_input_mapping (run_uuid uuid, dataset_version_uuid uuid,
    PRIMARY KEY (run_uuid, dataset_version_uuid));
CREATE TABLE dataset_fields (uuid uuid PRIMARY KEY, type text, created_at timestamptz,
    updated_at timestamptz, dataset_uuid uuid, name text, UNIQUE (dataset_uuid, name, type));
CREATE TABLE dataset_versions_field_mapping (dataset_version_uuid uuid, dataset_field_uuid uuid,
    PRIMARY KEY (dataset_version_uuid, dataset_field_uuid));
CREATE TABLE column_lineage (output_dataset_version_uuid uuid, output_dataset_field_uuid uuid,
    input_dataset_version_uuid uuid, input_dataset_field_uuid uuid, transformation_type text,
    created_at timestamptz, updated_at timestamptz, UNIQUE (output_dataset_version_uuid,
    output_dataset_field_uuid, input_dataset_version_uuid, input_dataset_field_uuid));
CREATE TABLE job_versions (uuid uuid PRIMARY KEY, created_at timestamptz, updated_at timestamptz,
    job_uuid uuid, version uuid UNIQUE, location text, latest_run_uuid uuid);
CREATE TABLE job_versions_io_mapping (job_version_uuid uuid, dataset_uuid uuid, io_type text, job_uuid uuid,
    is_current_job_version boolean, made_current_at timestamptz,
    UNIQUE (job_version_uuid, dataset_uuid, io_type, job_uuid));
CREATE INDEX ON job_versions_io_mapping (job_uuid, is_current_job_version);
CREATE TABLE run_facets (created_at timestamptz, run_uuid uuid, event_time timestamptz, event_type text,
    name text, facet jsonb);
CREATE INDEX ON run_facets (run_uuid);
CREATE TABLE job_facets (created_at timestamptz, job_uuid uuid, run_uuid uuid, event_time timestamptz,
    event_type text, name text, facet jsonb);
CREATE INDEX ON job_facets (job_uuid);
CREATE INDEX ON job_facets (run_uuid);
CREATE TABLE dataset_facets (created_at timestamptz, dataset_uuid uuid, dataset_version_uuid uuid,
    run_uuid uuid, event_time timestamptz, event_type text, type text, name text, facet jsonb);
CREATE INDEX ON dataset_facets (dataset_uuid);
CREATE INDEX ON dataset_facets (run_uuid);
CREATE INDEX ON dataset_facets (dataset_version_uuid);
CREATE TABLE lineage_events (event_time timestamptz, event jsonb, event_type text, run_uuid uuid,
    job_name text, job_namespace text, producer text, created_at timestamptz);
CREATE INDEX ON lineage_events (run_uuid);
CREATE INDEX ON lineage_events (job_name, job_namespace);
CREATE INDEX ON lineage_events (created_at);
"""
STATES = {"START": "RUNNING", "COMPLETE": "COMPLETED", "FAIL": "FAILED", "ABORT": "ABORTED"}

Json = dict[str, Any]


class MarquezShape:
    """Writes events one by one over an autocommit connection; `statements` counts what that took."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self.statements = 0

    def create(self) -> None:
        """Make the tables."""
        self._connection.execute(SCHEMA.encode())

    def _run(self, statement: LiteralString, *values: object) -> Any:
        self.statements += 1
        cursor = self._connection.execute(statement, values)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None

    def write(self, body: bytes) -> None:
        """Write one RunEvent."""
        event = json.loads(body)
        when = datetime.fromisoformat(event["eventTime"])
        run, job, state = UUID(event["run"]["runId"]), event["job"], event["eventType"]
        self._run(
            "INSERT INTO lineage_events VALUES (%s, %s, %s, %s, %s, %s, %s, now())",
            *(when, body.decode(), state, run, job["name"], job["namespace"], event["producer"]),
        )
        job_id = self._write_run(event, when, run, STATES[state])
        for name, facet in event["run"]["facets"].items():
            self._run(
                "INSERT INTO run_facets VALUES (now(), %s, %s, %s, %s, %s)",
                *(run, when, state, name, json.dumps(facet)),
            )
        for name, facet in job["facets"].items():
            self._run(
                "INSERT INTO job_facets VALUES (now(), %s, %s, %s, %s, %s, %s)",
                *(job_id, run, when, state, name, json.dumps(facet)),
            )
        read = {_name(each): self._write_dataset(each, when, run, state, "INPUT") for each in event["inputs"]}
        self._run(
            "INSERT INTO runs_input_mapping SELECT %s, unnest(%s::uuid[]) ON CONFLICT DO NOTHING",
            *(run, [version for _, version in read.values()]),
        )
        written = {
            _name(each): self._write_dataset(each, when, run, state, "OUTPUT") for each in event["outputs"]
        }
        for output in event["outputs"]:
            self._write_columns(output, written[_name(output)], read)
        if state != "START":
            self._write_job_version(job, job_id, run, read, written)

    def _write_run(self, event: Json, when: datetime, run: UUID, state: str) -> UUID:
        """Write the namespace, the parent's job and run, and the event's own; return the job's id."""
        facets, job = event["run"]["facets"], event["job"]
        namespace = self._namespace(job["namespace"])
        parent, nominal = facets["parent"], facets["nominalTime"]
        parent_job = self._job(namespace, parent["job"]["name"], None, None)
        location = job["facets"]["sourceCodeLocation"]["url"]
        job_id = self._job(namespace, job["name"], parent_job, location)
        times = (nominal["nominalStartTime"], nominal["nominalEndTime"])
        args = json.dumps({"nominal": times, "parent": parent["run"]["runId"]})
        args_id = self._run(
            "INSERT INTO run_args VALUES (%s, now(), %s, md5(%s)) ON CONFLICT (checksum)"
            " DO UPDATE SET args = excluded.args RETURNING uuid",
            *(uuid4(), args, args),
        )
        parent_run = UUID(parent["run"]["runId"])
        self._run(
            "INSERT INTO runs (uuid, created_at, updated_at, job_uuid, state, started_at)"
            " VALUES (%s, now(), now(), %s, 'RUNNING', %s) ON CONFLICT (uuid)"
            " DO UPDATE SET updated_at = excluded.updated_at",
            *(parent_run, parent_job, when),
        )
        self._run(
            "INSERT INTO runs (uuid, created_at, updated_at, job_uuid, run_args_uuid, parent_run_uuid,"
            " nominal_start, nominal_end, state, transitioned_at, started_at, ended_at)"
            " VALUES (%s, now(), now(), %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (uuid) DO UPDATE SET"
            " updated_at = excluded.updated_at, state = excluded.state,"
            " transitioned_at = excluded.transitioned_at,"
            " started_at = coalesce(excluded.started_at, runs.started_at),"
            " ended_at = coalesce(excluded.ended_at, runs.ended_at)",
            *(run, job_id, args_id, parent_run, *times, state, when),
            *((when, None) if state == "RUNNING" else (None, when)),
        )
        self._run("INSERT INTO run_states VALUES (%s, %s, %s, %s)", uuid4(), when, run, state)
        return job_id

    def _namespace(self, name: str) -> UUID:
        return self._run(  # type: ignore[no-any-return]
            "INSERT INTO namespaces VALUES (%s, now(), now(), %s, 'anonymous') ON CONFLICT (name)"
            " DO UPDATE SET updated_at = excluded.updated_at RETURNING uuid",
            *(uuid4(), name),
        )

    def _job(self, namespace: UUID, name: str, parent: UUID | None, location: str | None) -> UUID:
        return self._run(  # type: ignore[no-any-return]
            "INSERT INTO jobs VALUES (%s, 'BATCH', now(), now(), %s, %s, %s, %s, %s)"
            " ON CONFLICT (namespace_uuid, name) DO UPDATE SET updated_at = excluded.updated_at,"
            " location = excluded.location, parent_job_uuid = excluded.parent_job_uuid RETURNING uuid",
            *(uuid4(), namespace, name, name, parent, location),
        )

    def _write_dataset(
        self, given: Json, when: datetime, run: UUID, state: str, io: str
    ) -> tuple[UUID, UUID]:
        """Write a dataset, its version, fields and facets; return the ids of the dataset and the version."""
        namespace, source = self._namespace(given["namespace"]), given["facets"]["dataSource"]
        source_id = self._run(
            "INSERT INTO sources VALUES (%s, 'POSTGRESQL', now(), now(), %s, %s) ON CONFLICT (name)"
            " DO UPDATE SET updated_at = excluded.updated_at RETURNING uuid",
            *(uuid4(), source["name"], source["uri"]),
        )
        name, owner = given["name"], given["namespace"]
        dataset = self._run(
            "INSERT INTO datasets VALUES (%s, 'DB_TABLE', now(), now(), %s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (namespace_uuid, name) DO UPDATE SET updated_at = excluded.updated_at,"
            " physical_name = excluded.physical_name RETURNING uuid",
            *(uuid4(), namespace, source_id, name, name, owner, source["name"]),
        )
        fields = given["facets"]["schema"]["fields"]
        # What is read keeps its version until its columns change, what is written gets one of each run.
        content = f"{owner} {name} {fields}" + (f" {run}" if io == "OUTPUT" else "")
        version = self._run(
            "INSERT INTO dataset_versions VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (version)"
            " DO UPDATE SET run_uuid = excluded.run_uuid RETURNING uuid",
            *(uuid4(), when, dataset, uuid3(NAMESPACE_URL, content), run, json.dumps(fields), owner, name),
        )
        self._write_fields(dataset, version, fields)
        if io == "OUTPUT" and state != "START":
            self._run("UPDATE datasets SET current_version_uuid = %s WHERE uuid = %s", version, dataset)
        for key, facet in (given["facets"] | given.get("outputFacets", {})).items():
            self._run(
                "INSERT INTO dataset_facets VALUES (now(), %s, %s, %s, %s, %s, %s, %s, %s)",
                *(dataset, version, run, when, state, io, key, json.dumps(facet)),
            )
        return dataset, version

    def _write_fields(self, dataset: UUID, version: UUID, fields: list[Json]) -> None:
        names, types = [each["name"] for each in fields], [each["type"] for each in fields]
        self._run(
            "WITH field AS (INSERT INTO dataset_fields"
            " SELECT gen_random_uuid(), t.type, now(), now(), %s, t.name"
            " FROM unnest(%s::text[], %s::text[]) AS t(name, type) ON CONFLICT (dataset_uuid, name, type)"
            " DO UPDATE SET updated_at = excluded.updated_at RETURNING uuid)"
            " INSERT INTO dataset_versions_field_mapping SELECT %s, uuid FROM field ON CONFLICT DO NOTHING",
            *(dataset, names, types, version),
        )

    def _write_columns(
        self, output: Json, ids: tuple[UUID, UUID], read: dict[tuple[str, str], tuple[UUID, UUID]]
    ) -> None:
        rows = [
            (column, *read[_name(source)], source["field"], source["transformations"][0]["type"])
            for column, made in output["facets"]["columnLineage"]["fields"].items()
            for source in made["inputFields"]
        ]
        self._run(
            "INSERT INTO column_lineage SELECT DISTINCT ON (o.uuid, t.version, i.uuid)"
            " %s::uuid, o.uuid, t.version, i.uuid, t.type, now(), now()"
            " FROM unnest(%s::text[], %s::uuid[], %s::uuid[], %s::text[], %s::text[])"
            " AS t(column_name, dataset, version, source, type)"
            " JOIN dataset_fields o ON o.dataset_uuid = %s AND o.name = t.column_name"
            " JOIN dataset_fields i ON i.dataset_uuid = t.dataset AND i.name = t.source"
            " ON CONFLICT DO NOTHING",
            *(ids[1], *(list(part) for part in zip(*rows, strict=True)), ids[0]),
        )

    def _write_job_version(
        self,
        job: Json,
        job_id: UUID,
        run: UUID,
        read: dict[tuple[str, str], tuple[UUID, UUID]],
        written: dict[tuple[str, str], tuple[UUID, UUID]],
    ) -> None:
        content = f"{job['namespace']} {job['name']} {sorted(read)} {sorted(written)}"
        version = self._run(
            "INSERT INTO job_versions VALUES (%s, now(), now(), %s, %s, NULL, %s) ON CONFLICT (version)"
            " DO UPDATE SET updated_at = excluded.updated_at, latest_run_uuid = excluded.latest_run_uuid"
            " RETURNING uuid",
            *(uuid4(), job_id, uuid3(NAMESPACE_URL, content), run),
        )
        self._run(
            "UPDATE job_versions_io_mapping SET is_current_job_version = false"
            " WHERE job_uuid = %s AND job_version_uuid <> %s AND is_current_job_version",
            *(job_id, version),
        )
        for io, ids in (("INPUT", read), ("OUTPUT", written)):
            self._run(
                "INSERT INTO job_versions_io_mapping SELECT %s, t.dataset, %s, %s, true, now()"
                " FROM unnest(%s::uuid[]) AS t(dataset)"
                " ON CONFLICT (job_version_uuid, dataset_uuid, io_type, job_uuid)"
                " DO UPDATE SET is_current_job_version = true, made_current_at = excluded.made_current_at",
                *(version, io, job_id, [dataset for dataset, _ in ids.values()]),
            )
        self._run("UPDATE jobs SET current_version_uuid = %s WHERE uuid = %s", version, job_id)
        self._run("UPDATE runs SET job_version_uuid = %s WHERE uuid = %s", version, run)


def _name(dataset: Json) -> tuple[str, str]:
    return dataset["namespace"], dataset["name"]
