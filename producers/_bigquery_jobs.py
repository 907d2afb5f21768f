"""What calls of BigQuery's client ask for, and what its answers say of the jobs, without another request."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

from google.cloud.bigquery.job import _AsyncJob
from google.cloud.bigquery.table import RowIterator, _EmptyRowIterator

from lineage.attribution import KnownTable

Text = Callable[["Call", FrameType | None], object]
"""Gives the statement of a call; the frame is the caller's."""

_LIBRARY = "google.cloud.bigquery"


class Call:
    """One call of a client's method, with its arguments by their names."""

    __slots__ = ("bound", "client", "given")

    def __init__(self, client: Any, bound: inspect.BoundArguments) -> None:
        self.client = client
        self.bound = bound
        self.given: dict[str, Any] = bound.arguments

    @property
    def project(self) -> str:
        """The project that the job runs in."""
        return str(self.given.get("project") or self.client.project)

    def setting(self, *path: str) -> Any:
        """Return what the job's configuration says, or the client's defaults for queries; else None."""
        defaults = self.client._default_query_job_config if "query" in self.given else None
        for config in (self.given.get("job_config"), defaults):
            value = getattr(config, "_properties", None)
            for name in path:
                value = value.get(name) if isinstance(value, Mapping) else None
            if value is not None:
                return value
        return None

    def is_dry_run(self) -> bool:
        """Whether nothing is to be executed."""
        return bool(self.setting("dryRun"))

    def default_dataset(self) -> str | None:
        """Return the dataset of tables written without one."""
        dataset = self.setting("query", "defaultDataset")
        if not isinstance(dataset, Mapping) or dataset.get("projectId", self.project) != self.project:
            return None  # a table's name is completed by the job's project, so this would name another one
        found = dataset.get("datasetId")
        return found if isinstance(found, str) else None

    def kept_in(self, text: str | None) -> str | None:
        """Return the table that the rows of a SELECT are to be kept in; None without one."""
        table = self.setting("query", "destinationTable")
        return _quoted(_dotted(table)) if isinstance(table, Mapping) and _selects(text) else None

    def session(self) -> str | None:
        """Return the session that the job belongs to, as far as its configuration says."""
        for one in self.setting("query", "connectionProperties") or ():
            if isinstance(one, Mapping) and one.get("key") == "session_id":
                return str(one.get("value"))
        return None

    def table(self, given: Any) -> str:
        """Return a table as SQL has it; `given` is what the client takes for one."""
        if isinstance(given, str):
            parts = given.replace(":", ".").split(".")
            return _quoted(".".join([self.client.project, *parts] if len(parts) == 2 else parts))
        return _quoted(f"{given.project}.{given.dataset_id}.{given.table_id}")


def call_of(
    signature: inspect.Signature, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Call | None:
    """Return a call by the names of its arguments; None where the method will refuse them."""
    try:
        return Call(client, signature.bind(client, *args, **kwargs))
    except TypeError:
        return None


def _dotted(table: Mapping[str, Any]) -> str:
    return ".".join(str(table.get(part)) for part in ("projectId", "datasetId", "tableId"))


def _quoted(name: str) -> str:
    return "`{}`".format(name.replace("`", ""))


def _listed(given: Any) -> list[Any]:
    return list(given) if isinstance(given, list | tuple) else [given]


def _uris(given: Any) -> str:
    return ", ".join("'{}'".format(str(uri).replace("'", "%27")) for uri in _listed(given))


def _selects(text: str | None) -> bool:
    return (text or "").lstrip("( \t\r\n")[:6].lower().startswith(("select", "with"))


def _query(call: Call, caller: FrameType | None) -> object:
    return call.given["query"]


def _load(call: Call, caller: FrameType | None) -> object:
    target = call.table(call.given["destination"])
    return f"LOAD DATA INTO {target} FROM FILES (uris=[{_uris(call.given['source_uris'])}])"


def _load_file(call: Call, caller: FrameType | None) -> object:
    target = call.table(call.given["destination"])
    path = getattr(call.given["file_obj"], "name", None)
    # What the library has written itself (of a data frame, say) goes again with the call.
    is_own = caller is not None and str(caller.f_globals.get("__name__")).startswith(_LIBRARY)
    if is_own or not isinstance(path, str) or not os.path.isfile(path):
        return f"LOAD DATA INTO {target} FROM FILES ()"
    return f"LOAD DATA INTO {target} FROM FILES (uris=[{_uris(os.path.abspath(path))}])"


def _copy(call: Call, caller: FrameType | None) -> object:
    target = call.table(call.given["destination"])
    sources = [call.table(one) for one in _listed(call.given["sources"])]
    listed = call.setting("copy", "sourceTables") or [call.setting("copy", "sourceTable")]
    sources = sources or [_quoted(_dotted(one)) for one in listed if isinstance(one, Mapping)]
    if len(sources) == 1:
        return f"CREATE TABLE {target} COPY {sources[0]}"
    return f"CREATE TABLE {target} AS {' UNION ALL '.join(f'SELECT * FROM {one}' for one in sources)}"


def _extract(call: Call, caller: FrameType | None) -> object:
    uris = _listed(call.given["destination_uris"])
    if str(call.given.get("source_type", "Table")).lower() == "model":
        model = call.given["source"]
        parts = [model] if isinstance(model, str) else [model.project, model.dataset_id, model.model_id]
        return f"EXPORT MODEL {_quoted('.'.join(parts))} OPTIONS (uri={_uris(uris[:1])})"
    source = call.table(call.given["source"])
    return ";\n".join(f"EXPORT DATA OPTIONS (uri={_uris(uri)}) AS SELECT * FROM {source}" for uri in uris)


TEXTS: dict[str, Text] = {
    "query": _query,
    "query_and_wait": _query,
    "load_table_from_uri": _load,
    "load_table_from_file": _load_file,
    "copy_table": _copy,
    "extract_table": _extract,
}
"""The methods that start a job, and the statement of each."""


def told_of(found: Any, job: Any) -> dict[str, Any]:
    """Return what a query may be told with: rows, bytes, ids and attributes.

    `found` is what the caller was given (rows or a job), `job` the job where the client has it.
    """
    job = found if isinstance(found, _AsyncJob) else job
    resource = job._properties if job is not None else {}
    answer = _answer(found, job)
    statistics = resource.get("statistics") or {}
    kind = next((kind for kind in _MEASURED if statistics.get(kind)), "query")
    of_kind: Mapping[str, Any] = statistics.get(kind) or {}

    def known(*names: str) -> int | None:
        places = (of_kind, statistics, answer)
        values = (place.get(name) for name in names for place in places)
        return next((int(value) for value in values if value is not None), None)

    told: dict[str, Any] = {name: known(*names) for name, names in _MEASURED[kind].items()}
    if told.get("rows") is None and isinstance(found, RowIterator):
        told["rows"] = _rows(found, answer)
    reference = resource.get("jobReference") or answer.get("jobReference") or {}
    told["query_id"] = reference.get("jobId") or answer.get("queryId")
    billed, processed = known("totalBytesBilled"), known("totalBytesProcessed")
    told["bytes_scanned"] = billed if billed is not None else processed
    seen = {
        "job_type": getattr(job, "job_type", None),
        "location": reference.get("location") or answer.get("location"),
        "statement_type": of_kind.get("statementType") or answer.get("statementType"),
        "cache_hit": of_kind.get("cacheHit", answer.get("cacheHit")),
        "bytes_processed": processed,
        "bytes_billed": billed,
        "slot_ms": known("totalSlotMs"),
        "job_ms": _milliseconds(statistics),
    }
    told["attributes"] = {f"bigquery.{name}": value for name, value in seen.items() if value is not None}
    return told


_MEASURED: dict[str, dict[str, tuple[str, ...]]] = {
    "query": {"rows": ("numDmlAffectedRows",), "bytes_read": ("totalBytesProcessed",)},
    "load": {"rows": ("outputRows",), "bytes_read": ("inputFileBytes",), "bytes_written": ("outputBytes",)},
    "extract": {"bytes_read": ("inputBytes",)},
    "copy": {"rows": ("copiedRows", "copied_rows"), "bytes_written": ("copiedLogicalBytes",)},
}
"""By kind of job: which of its statistics are rows and bytes."""


def tables_of(found: Any, job: Any) -> tuple[KnownTable, ...]:
    """Return the tables that a job's statistics say it read; those of cached results are no datasets."""
    job = found if isinstance(found, _AsyncJob) else job
    statistics = (job._properties.get("statistics") or {}).get("query") or {} if job is not None else {}
    tables = [one for one in statistics.get("referencedTables") or () if isinstance(one, Mapping)]
    named = [_dotted(one) for one in tables if not str(one.get("datasetId")).startswith("_")]
    return tuple(KnownTable(name, read=True) for name in dict.fromkeys(named))


def columns_of(found: Any) -> tuple[str, ...]:
    """Return the columns of a result."""
    schema = found.schema if isinstance(found, RowIterator) else ()
    return tuple(field.name for field in schema or ())


def _answer(found: Any, job: Any) -> Mapping[str, Any]:
    """Return the answer that brought the rows, which has some statistics; none once they are fetched."""
    results = getattr(job, "_query_results", None)
    for holder, name in ((found, "_first_page_response"), (results, "_properties")):
        answer = getattr(holder, name, None)
        if isinstance(answer, Mapping) and answer:
            return answer
    if not isinstance(found, RowIterator):
        return {}
    known = {wire: getattr(found, name, None) for wire, name in _OF_ROWS.items()}
    reference = {"jobId": getattr(found, "job_id", None), "location": getattr(found, "location", None)}
    return {**known, "jobReference": reference}


_OF_ROWS = {
    "numDmlAffectedRows": "num_dml_affected_rows",
    "queryId": "query_id",
    "totalBytesProcessed": "total_bytes_processed",
    "totalSlotMs": "slot_millis",
}
"""What newer versions of rows say of their query."""


def _rows(found: Any, answer: Mapping[str, Any]) -> int | None:
    """Return how many rows a SELECT has; a statement without a result has an iterator of none, too."""
    if isinstance(found, _EmptyRowIterator):
        return None
    total = answer.get("totalRows", found.total_rows)  # older rows learn it as they are fetched
    return int(total) if total is not None else None


def _milliseconds(statistics: Mapping[str, Any]) -> float | None:
    start, end = statistics.get("startTime"), statistics.get("endTime")
    return None if start is None or end is None else float(end) - float(start)


def session_of(job: Any) -> str | None:
    """Return the session that a job ran in, as its statistics say."""
    statistics = getattr(job, "_properties", {}).get("statistics") or {}
    session = (statistics.get("sessionInfo") or {}).get("sessionId")
    return str(session) if session else None
