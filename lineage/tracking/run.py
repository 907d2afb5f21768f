"""The handle of a run, with which the code inside says what it reads, writes and knows."""

from __future__ import annotations

import functools
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeAlias

from lineage._guard import guard
from lineage.config import current_config
from lineage.context import ActiveRun, RunIdentity, innermost_run
from lineage.datasets import Dataset, parse_dataset
from lineage.encoding import to_plain
from lineage.redaction import mask_sql

if TYPE_CHECKING:
    from lineage.events import DatasetFacts, RunFacts
    from lineage.provenance.recording import Recording

DatasetLike: TypeAlias = str | os.PathLike[str] | Dataset
"""What names a dataset: a URI, DSN, path or bare name, or a Dataset."""

FieldSource: TypeAlias = tuple[DatasetLike, str]
"""A field of a dataset, as (dataset, field)."""

_BASE_SCHEMA = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs"

_P = ParamSpec("_P")


def _recording(
    doing: str,
) -> Callable[[Callable[Concatenate[Run, _P], None]], Callable[Concatenate[Run, _P], None]]:
    """Make a method do nothing on a run that is not recorded, and never raise on one that is."""

    def decorate(method: Callable[Concatenate[Run, _P], None]) -> Callable[Concatenate[Run, _P], None]:
        @functools.wraps(method)
        def call(self: Run, /, *args: _P.args, **kwargs: _P.kwargs) -> None:
            if self.recording:
                with guard(doing):
                    method(self, *args, **kwargs)

        return call

    return decorate


class Run:
    """One run of a job, while it runs.

    Every method is safe to call at any time and from any thread: nothing raises, and on a run that
    is not recorded (lineage is disabled, or there is no run) nothing happens. What is said after
    the run has ended is ignored.
    """

    __slots__ = ("_elapsed_from", "_emitter", "_facts", "_versions", "around", "ended", "entered_in", "pid")

    def __init__(self, facts: RunFacts | None = None, emitter: Any = None) -> None:
        self._facts = facts
        self._emitter = emitter
        self._elapsed_from = time.perf_counter()
        self.pid = os.getpid()
        self.ended = facts is None
        self.around: ActiveRun | None = None
        self.entered_in: tuple[int, int] | None = None
        self._versions: Recording | None = None

    @property
    def recording(self) -> bool:
        """Whether what is said to this handle reaches an event."""
        return not self.ended

    @property
    def left(self) -> bool:
        """Whether code here is inside of it no more: it ended here, or a parent process began it."""
        return self.pid != os.getpid() or (self.ended and self.entered_in == execution_place())

    @property
    def facts(self) -> RunFacts:
        """What is known about the run; only a recorded run has any."""
        if self._facts is None:
            raise LookupError("this run is not recorded")
        return self._facts

    @property
    def versions(self) -> Recording | None:
        """What records the versions of the run's data and code; None where nothing does."""
        return self._versions

    @property
    def identity(self) -> RunIdentity:
        """The id of the run and the name of its job; empty strings when it is not recorded."""
        return self._facts.identity if self._facts is not None else RunIdentity("", "", "")

    @property
    def root(self) -> RunIdentity:
        """The outermost run this one is nested in, or itself."""
        return (self._facts.root if self._facts is not None else None) or self.identity

    @property
    def run_id(self) -> str:
        """The id of the run, a UUID; empty when it is not recorded."""
        return self.identity.run_id

    @property
    def job_name(self) -> str:
        """The name of the job; empty when the run is not recorded."""
        return self.identity.job_name

    def now(self) -> datetime:
        """Return the start plus the time since then by the monotonic clock, in UTC."""
        from lineage import events

        if events.sources.now is not events.current_time:
            return events.sources.now()
        return self.facts.started_at + timedelta(seconds=time.perf_counter() - self._elapsed_from)

    @_recording("reporting a run that goes on")
    def running(self) -> None:
        """Emit RUNNING with all that is known by now, outputs included: for long and streaming runs."""
        from lineage import events

        event = events.run_event(self.facts, events.RunState.RUNNING, self.now())
        events.emit(event, self._emitter)

    @_recording("recording the nominal time")
    def nominal_time(self, start: datetime | str, end: datetime | str | None = None) -> None:
        """Say which time the run is for, as a scheduler means it; text is taken as RFC 3339."""
        from openlineage.client.facet_v2 import nominal_time_run

        from lineage.version import PRODUCER

        self.facts.run_facets["nominalTime"] = nominal_time_run.NominalTimeRunFacet(
            nominalStartTime=_time_text(start),
            nominalEndTime=_time_text(end) if end else None,
            producer=PRODUCER,
        )

    @_recording("recording the attempt")
    def attempt(self, number: int, *, retry_of: str | None = None) -> None:
        """Say that this is attempt `number` (from 1) at the same work, and which run was the one before."""
        from lineage.facets import LineageGraphAttemptRunFacet
        from lineage.version import PRODUCER

        facet = LineageGraphAttemptRunFacet(attempt=int(number), retryOf=retry_of, producer=PRODUCER)
        self.facts.run_facets["lineageGraph_attempt"] = facet

    @_recording("adding an input")
    def input(
        self, dataset: DatasetLike, *, schema: Any = None, row_count: int | None = None, content: Any = None
    ) -> None:
        """Say that the run reads a dataset; `schema` as in `Dataset(schema=...)`, `row_count` rows read.

        `content` is a frame or table of what was read: where the run records full provenance its hash tells
        the version, else it is not looked at.
        """
        known = self._known(self.facts.inputs, dataset, schema)
        if row_count is not None:
            known.io_facets["inputStatistics"] = _statistics(input_side=True, row_count=row_count)
        if self.versions is not None:
            self.versions.read(known, content)

    @_recording("adding an output")
    def output(
        self, dataset: DatasetLike, *, schema: Any = None, row_count: int | None = None, content: Any = None
    ) -> None:
        """Say that the run writes a dataset; `row_count` rows written, `content` as in `input`."""
        known = self._known(self.facts.outputs, dataset, schema)
        if row_count is not None:
            known.io_facets["outputStatistics"] = _statistics(row_count=row_count)
        if self.versions is not None:
            self.versions.written(known, content)

    @_recording("recording a parameter")
    def parameter(self, name: str, value: Any) -> None:
        """Record a parameter: as a digest, or by its value where that is allowed (docs/provenance.md)."""
        if self.versions is not None:
            self.versions.parameter(str(name), value)

    @_recording("recording a seed")
    def seed(self, name: str, value: Any) -> None:
        """Record the seed that random numbers are made from, by what they are of: `run.seed("numpy", 42)`."""
        if self.versions is not None:
            self.versions.seed(str(name), value)

    @_recording("recording SQL")
    def sql(
        self,
        text: str,
        *,
        dialect: str | None = None,
        namespace: str | None = None,
        database: str | None = None,
        default_schema: str | None = None,
        extract: bool = False,
    ) -> None:
        """Say that the run executed a statement; its tables and columns are read from it after the run.

        Values are masked before anything is kept. `namespace` (as in `postgres://warehouse:5432`),
        `database` and `default_schema` complete the names of its tables.

        With `extract` they are read at once, in this thread, and the run's events list the tables and the
        columns: for backends that read no SQL. It takes milliseconds, and the first time a parser is loaded.
        A `*` is expanded by the schemas that the run gives its datasets. What cannot be read, or is too
        large for somebody else's program, is left for later.
        """
        from lineage.facets import Statement

        statement = Statement(mask_sql(text, dialect=dialect), dialect, namespace, database, default_schema)
        self.facts.statements.append(statement)
        if extract:
            from lineage.tracking.sql_reading import read_statement

            with guard("reading the tables and columns of SQL"):
                read_statement(self.facts, statement)

    @_recording("recording output statistics")
    def output_statistics(
        self,
        dataset: DatasetLike | None = None,
        *,
        row_count: int | None = None,
        size: int | None = None,
        file_count: int | None = None,
    ) -> None:
        """Say how much was written: rows, bytes, files. 0 means none, None means unknown.

        Without a dataset it is said of the run's only output, or of what its latest statement wrote.
        """
        outputs = self.facts.outputs
        if dataset is None and len(outputs) != 1:
            self._statement_statistics(row_count, size, file_count)
            return
        known = next(iter(outputs.values())) if dataset is None else self._known(outputs, dataset)
        known.io_facets["outputStatistics"] = _statistics(
            row_count=row_count, size=size, file_count=file_count
        )

    def _statement_statistics(self, row_count: int | None, size: int | None, file_count: int | None) -> None:
        from lineage.facets import StatementStatistics

        declared = any(known.made is None for known in self.facts.outputs.values())
        if not self.facts.statements or declared:
            raise LookupError("statistics need a dataset when a run has several outputs or none")
        place = len(self.facts.statements) - 1
        self.facts.statement_statistics[place] = StatementStatistics(place, row_count, size, file_count)

    @_recording("recording column lineage")
    def column_lineage(
        self,
        output: DatasetLike,
        column: str,
        inputs: Iterable[FieldSource],
        *,
        transformation: str | None = None,
        type: str = "DIRECT",
        subtype: str | None = None,
    ) -> None:
        """Say which input fields a column of an output is made of.

        `type` is DIRECT or INDIRECT and `subtype` one of OpenLineage's (IDENTITY, TRANSFORMATION,
        AGGREGATION; JOIN, GROUP_BY, FILTER, SORT, WINDOW, CONDITIONAL); `transformation` is text for people.
        """
        from lineage.sql.facets import Made, input_field

        if subtype is None and transformation is None and type == "DIRECT":
            subtype = "IDENTITY"
        known, said = self._known(self.facts.outputs, output), Made()
        for source, source_field in inputs:
            read = self._known(self.facts.inputs, source).dataset
            name = read.namespace, read.name
            said.inputs[name] = None
            found = said.fields.setdefault(column, [])
            found.append(input_field(name, source_field, type, subtype, transformation))
        known.made = known.made or Made()
        known.made.add(said)

    @_recording("tagging a run")
    def tag(self, key: str, value: str = "true") -> None:
        """Put a tag on the run."""
        self.facts.tags[str(key)] = str(value)

    @_recording("adding a facet")
    def facet(self, name: str, facet: Any) -> None:
        """Put any facet on the run: one of openlineage-python's objects, or a mapping."""
        self.facts.run_facets[name] = _plain_facet(facet, "RunFacet")

    @_recording("adding a job facet")
    def job_facet(self, name: str, facet: Any) -> None:
        """Put any facet on the job."""
        self.facts.job_facets[name] = _plain_facet(facet, "JobFacet")

    @_recording("adding a dataset facet")
    def dataset_facet(self, dataset: DatasetLike, name: str, facet: Any) -> None:
        """Put any facet on a dataset that the run already reads or writes."""
        named = self._parsed(dataset)
        place = (named.namespace, named.name)
        known = [facts[place] for facts in (self.facts.inputs, self.facts.outputs) if place in facts]
        if not known:
            raise LookupError("the run neither reads nor writes this dataset")
        for one in known:
            one.facets[name] = _plain_facet(facet, "DatasetFacet")

    @_recording("embedding the id of the run")
    def embed(self, path: str | os.PathLike[str], *, dataset: DatasetLike | None = None) -> None:
        """Put the id of the run into a file that it has written, or beside it (docs/provenance.md).

        The dataset is the path, where none is named. The content stays, and so does its hash.
        """
        from lineage.provenance import embed

        named, identity = self._parsed(path if dataset is None else dataset), self.identity
        embed(
            path,
            run=identity.run_id,
            job=(identity.job_namespace, identity.job_name),
            dataset=(named.namespace, named.name),
            time=self.now(),
        )

    def _parsed(self, dataset: DatasetLike, schema: Any = None) -> Dataset:
        named = parse_dataset(dataset, default_namespace=current_config().namespace)
        if schema is None:
            return named
        return Dataset(named.namespace, named.name, schema=schema, symlinks=named.symlinks)

    def _known(
        self, side: dict[tuple[str, str], DatasetFacts], dataset: DatasetLike, schema: Any = None
    ) -> DatasetFacts:
        from lineage.events import DatasetFacts

        named = self._parsed(dataset, schema)
        known = side.setdefault((named.namespace, named.name), DatasetFacts(named))
        if named.schema or (named.symlinks and not known.dataset.symlinks):
            known.dataset = named
        return known


def _statistics(
    *,
    input_side: bool = False,
    row_count: int | None = None,
    size: int | None = None,
    file_count: int | None = None,
) -> Any:
    from openlineage.client import facet_v2

    from lineage.version import PRODUCER

    kind = (
        facet_v2.input_statistics_input_dataset.InputStatisticsInputDatasetFacet
        if input_side
        else facet_v2.output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet
    )
    counts = {"rowCount": row_count, "size": size, "fileCount": file_count}
    # An absent count is unknown, a zero is a zero; numpy's integers are welcome.
    return kind(
        producer=PRODUCER, **{name: int(count) for name, count in counts.items() if count is not None}
    )


def _time_text(instant: datetime | str) -> str:
    from lineage.events import format_time

    return format_time(datetime.fromisoformat(instant) if isinstance(instant, str) else instant)


def _plain_facet(facet: Any, base: str) -> dict[str, Any]:
    """Return a facet as it goes on the wire, so that one that cannot be written is refused here, alone."""
    from lineage.version import PRODUCER

    plain = to_plain(dict(facet) if isinstance(facet, Mapping) else facet)
    if not isinstance(plain, dict):
        raise TypeError("a facet is a mapping or one of openlineage-python's facet objects")
    return {"_producer": PRODUCER, "_schemaURL": f"{_BASE_SCHEMA}/{base}", **plain}


def execution_place() -> tuple[int, int]:
    """Return what tells apart the threads and tasks that code can run in."""
    task = None
    if "asyncio" in sys.modules:
        import asyncio

        if asyncio._get_running_loop() is not None:
            task = asyncio.current_task()
    return threading.get_ident(), id(task)


def current_run() -> Run:
    """Return the innermost run this code is inside of; outside any run, one that ignores what it is told."""
    run = innermost_run()
    return run if isinstance(run, Run) else Run()
