"""Column lineage that people write down: kept in a file, and declared to the graph.

For pipelines whose columns no parser can follow. What is written down for a job is declared by a
JobEvent, which takes the place of the one before: so the file is read, and all of it is declared.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from lineage._guard import guard, logger
from lineage.config import current_config
from lineage.datasets import Dataset, parse_dataset
from lineage.errors import InvalidNameError, OutboxError


@dataclass(frozen=True, slots=True)
class ColumnLineage:
    """One column of an output and the columns it is made from.

    `input_columns` are written `dataset.column`, the dataset as in `Dataset` names (a URI, path or bare
    name): `silver.orders.amount`, `s3://lake/silver/orders.amount`. `transformation` is text for people.
    """

    output_column: str
    input_columns: Sequence[str]
    transformation: str | None = None


def document_column_lineage(
    job_name: str,
    lineage: Iterable[ColumnLineage],
    *,
    output: str | Dataset,
    output_path: str | Path | None = None,
    job_namespace: str | None = None,
) -> Path:
    """Write down how the columns of `output` are made by a job, declare it to the graph, and return the file.

    The file holds a JSON object a line: job, output dataset, output column, input columns, transformation
    and the time of writing. A line that says what the file says already is not written again. By
    default it is column_lineage.jsonl beside the store. Several processes may write it at once.

    Raises InvalidNameError for a dataset or column that cannot be read, and OutboxError when the file cannot
    be written; a name of the lineage is wrong before anything is written.
    """
    config = current_config()
    job = {"namespace": job_namespace or config.namespace, "name": job_name}
    made = _dataset(output)
    records = [_record(job, made, column) for column in lineage]
    path = Path(output_path) if output_path is not None else _default_path(config.store)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path) as file:
            known = _append_new(file, records)
    except OSError as fault:
        raise OutboxError(path, f"cannot be written ({fault.strerror})") from None
    with guard("declaring column lineage"):
        _declare(job, [record for record in known if record["job"] == job])
    return path


def _default_path(store: str) -> Path:
    from lineage.config import data_folder

    return (Path(store).parent if "://" not in store else data_folder()) / "column_lineage.jsonl"


def _dataset(name: str | Dataset) -> Dataset:
    return parse_dataset(name, default_namespace=current_config().namespace)


def _record(job: Mapping[str, str], output: Dataset, column: ColumnLineage) -> dict[str, Any]:
    if not column.output_column.strip():
        raise InvalidNameError(column.output_column, "give the output column's name")
    return {
        "job": dict(job),
        "output": {"namespace": output.namespace, "name": output.name},
        "output_column": column.output_column,
        "input_columns": [_input(text) for text in column.input_columns],
        "transformation": column.transformation,
    }


def _input(text: str) -> dict[str, str]:
    name, dot, field = text.rpartition(".")
    if not (dot and name and field):
        raise InvalidNameError(text, "write an input column as dataset.column")
    dataset = _dataset(name)
    return {"namespace": dataset.namespace, "name": dataset.name, "field": field}


@contextmanager
def _locked(path: Path) -> Iterator[IO[str]]:
    with path.open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def _append_new(file: IO[str], records: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Append the records that say something new; return what the file says now, the latest of each column."""
    from lineage.events import format_time, sources

    file.seek(0)
    text = file.read()
    latest = {_column(record): record for record in _records(text)}
    if text and not text.endswith("\n"):
        file.write("\n")
    for record in records:
        known = latest.get(_column(record))
        if known is None or {**known, "recorded_at": None} != {**record, "recorded_at": None}:
            record["recorded_at"] = format_time(sources.now())
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
            latest[_column(record)] = record
    file.flush()
    return list(latest.values())


def _records(text: str) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(text.splitlines(), 1):
        try:
            record = json.loads(line)
            _column(record)
        except (ValueError, LookupError, TypeError):  # cut off by a crash, or not ours
            logger.warning(
                "Line %d of the written column lineage cannot be read; it is left as it is.", number
            )
            continue
        yield record


def _column(record: Mapping[str, Any]) -> tuple[str, ...]:
    job, output = record["job"], record["output"]
    return job["namespace"], job["name"], output["namespace"], output["name"], record["output_column"]


def _declare(job: Mapping[str, str], records: Iterable[Mapping[str, Any]]) -> None:
    from lineage import events

    event = events.column_lineage_event(job["namespace"], job["name"], records)
    events.emit(event)
