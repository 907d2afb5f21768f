"""One operation on a database, an object store, messages or a model, while it runs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextvars import Token
from types import FrameType, MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from lineage._guard import guard, logger
from lineage.attribution.delivery import enclosing
from lineage.attribution.endings import status_of
from lineage.attribution.plan import Plan
from lineage.attribution.query import Query, Source
from lineage.attribution.record import Record
from lineage.context.scopes import MAX_ATTRIBUTES
from lineage.datasets import Dataset, parse_dataset
from lineage.errors import InvalidNameError
from lineage.operations.names import system_and_vendor, told_name
from lineage.operations.spans import tell_span
from lineage.operations.values import count_of, is_reserved, refuse, scalar_of, text_of
from lineage.redaction import redact_text

if TYPE_CHECKING:
    from lineage.attribution.statistics import Counted, QueryStatistics

MEASURES = (
    "rows_returned",
    "rows_affected",
    "bytes_read",
    "bytes_written",
    "bytes_scanned",
    "bytes_transferred",
    "partitions_scanned",
    "objects",
    "messages",
    "input_tokens",
    "output_tokens",
)

_MEASURES = frozenset(MEASURES)
_NO_SOURCE = Source()
_NOTHING: Mapping[str, int] = MappingProxyType({})
_TELLING = guard("telling a span of an operation")
_SETTING = guard("taking over what is known of an operation")

Self = TypeVar("Self", bound="Operation")


class Operation(Record):
    """One operation while it runs, and what is said of it; `track_..._operation` gives one.

    Every method may be called at any time, from any thread, and none raises: None means not known, 0 means
    none, what is no value is left out with a line in the log. Later calls complete earlier ones. What is
    said after the block still counts, until the run that the operation belongs to has ended.
    """

    kind: ClassVar[str]
    recording = True
    counted = False
    vendor = "unknown"
    database: str | None = None
    namespace: str | None = None
    dataset: Dataset | None = None
    copied_from: tuple[Dataset, ...] = ()
    """What it reads besides what it writes: the sources of a copy."""
    found = False
    """Whether an integration found its dataset, an object; many of these are told as their folder."""
    etag: str | None = None
    """The version of the object that was read or written, as its store answered."""
    requests = 1
    """How many requests to the system it took, for their price."""
    inside_on_span = False
    inner_ns = 0
    inner: Mapping[str, int] = _NOTHING
    in_queries: Mapping[str, int] = _NOTHING
    queries_cost: float | None = None
    queries_in: tuple[tuple[QueryStatistics, Counted], ...] = ()
    _span: Any = None
    _told: Token[Any] | None = None

    def __init__(self, plan: Plan, system: object, operation: object) -> None:
        super().__init__(plan, _NO_SOURCE)
        self.system, self.vendor = system_and_vendor(self.kind, system)
        self.operation_name = told_name(self.kind, operation)
        self.measures: dict[str, int] = {}

    @property
    def target(self) -> str | None:
        """What it is done to: a table, a bucket, a destination or a model."""
        return None

    def __enter__(self: Self) -> Self:
        self.enter()
        return self

    def enter(self, within: FrameType | None = None) -> None:
        """Be the innermost operation of the code that runs now."""
        self._told = enclosing.set(self)

    def leave(self) -> None:
        """Be the innermost operation no more, without an end."""
        token, self._told = self._told, None
        if token is None:
            return
        try:
            enclosing.reset(token)
        except (ValueError, RuntimeError):  # left in another task or thread than entered
            if enclosing.get() is self:
                enclosing.set(None)

    def end(
        self, error: BaseException | None = None, *, took: int | None = None, status: str | None = None
    ) -> None:
        """Tell the end. An error that was set by hand before stays the one that is recorded."""
        if self.ended:
            return
        super().end(None if self.status != "ok" else error, took=took, status=status)
        if self.ended and self._span is not None:
            with _TELLING:
                tell_span(self._span, self)
        self._span = None

    def set(self, **known: Any) -> None:
        """Set measures (`rows_returned`, `bytes_read`, ...), the `query_id` or `attributes`."""
        if not self._open_for("what is known of it"):
            return
        for name, value in known.items():
            if name in _MEASURES:
                if value is not None and (count := count_of(name, value)) is not None:
                    self.measures[name] = count
            elif name == "query_id":
                self.query_id = text_of(name, value) or self.query_id
            elif name == "attributes" and isinstance(value, Mapping):
                self.add_metadata(**{str(key): one for key, one in value.items()})
            else:
                refuse(f"{name} of an operation", value, f"one of {', '.join(MEASURES)}")

    def set_query_id(self, query_id: str | None) -> None:
        """Say what the system itself calls this operation: a warehouse's query id, a job id, a request id."""
        self.set(query_id=query_id)

    def set_error(self, error: BaseException) -> None:
        """Say that it failed, although no exception leaves the block. The first error said is kept.

        Its message is recorded without values. A cancellation makes it cancelled, not failed.
        """
        if not isinstance(error, BaseException):
            refuse("an error", error, "the exception")
            return
        if not self._open_for("an error") or self.status != "ok":
            return
        with _SETTING:
            self.status = status_of(error)
            if self.status == "error":
                self.error = type(error).__qualname__, ""
                self.error = type(error).__qualname__, redact_text(str(error), limit=500)

    def set_dataset(self, dataset: str | Dataset, namespace: str | None = None) -> None:
        """Say which dataset it reads or writes: a URI, a `Dataset`, or a name with its namespace.

        The run gets it as input or output, as the operation goes.
        """
        if not self._open_for("a dataset"):
            return
        try:
            if isinstance(dataset, str) and namespace is not None:
                dataset = Dataset(namespace, dataset)
            self.dataset = parse_dataset(dataset)
        except InvalidNameError as problem:
            refuse(f"a dataset ({problem})", dataset, "a URI, a Dataset, or a name with its namespace")
        except (TypeError, ValueError):
            refuse("a dataset", dataset, "a URI, a Dataset, or a name with its namespace")

    def add_metadata(self, **metadata: Any) -> None:
        """Say more of it: text, numbers and flags, at most 32. Text is kept without credentials.

        Names that are recorded anyway (`db.*`, `messaging.*`, `run_id`, ...) are refused, which the log says.
        """
        if not self._open_for("metadata"):
            return
        with _SETTING:
            known = dict(self.attributes)
            for name, value in metadata.items():
                if is_reserved(name):
                    refuse(f"the metadata {name[:64]!r}", value, "another name: this one is reserved")
                elif len(known) >= MAX_ATTRIBUTES and name not in known:
                    refuse("further metadata", value, f"at most {MAX_ATTRIBUTES} of them")
                elif (scalar := scalar_of(name, value)) is not None:
                    known[name[:256]] = scalar
            self.attributes = tuple(known.items())

    def hold(self, record: Query) -> None:
        """Take note of a query or operation that has ended inside this one, so that nothing counts twice."""
        if self.ended or self.pid != record.pid:
            return
        if isinstance(record, Operation):
            if record.kind == self.kind and record.system == self.system:
                self.inner_ns += record.duration_ns
                found = {
                    name: max(record.measures.get(name, 0), record.inner.get(name, 0))
                    for name in {*record.measures, *record.inner}
                }
                self.inner = _added(self.inner, found)
                also = record.also_in_queries()
                found = {name: count - also.get(name, 0) for name, count in record.in_queries.items()}
                self.in_queries = _added(self.in_queries, found)
        elif not isinstance(record, Record) and self.kind == "database":
            said = {name: getattr(record, name) for name in _OF_QUERIES}
            found = {name: count for name, count in said.items() if count is not None}
            self.in_queries = _added(self.in_queries, found)
            record.inside = self

    def queries_counted(self, run: QueryStatistics, counted: Counted, cost: float | None) -> None:
        """Take note of what a query inside this one costs by itself, and of what it was counted to.

        Two different ones are enough to know that nobody can tell which of them an operation's cost is of.
        """
        if cost is not None:
            self.queries_cost = (self.queries_cost or 0.0) + cost
        if len(self.queries_in) < 2 and all(counted is not other for _, other in self.queries_in):
            self.queries_in += ((run, counted),)

    def own_measures(self) -> dict[str, int]:
        """Return what is counted of it: what operations on the same system inside it measured is theirs."""
        measures = self.measures.copy()  # other threads may still say more
        return {name: max(0, count - self.inner.get(name, 0)) for name, count in measures.items()}

    def also_in_queries(self) -> dict[str, int]:
        """Return how much of that captured queries inside it tell, too."""
        own = self.own_measures()
        mine = {name: sum(own.get(one, 0) for one in ours) for name, ours in _OF_QUERIES.items()}
        return {name: min(mine[name], count) for name, count in self.in_queries.items()}

    def own_event(self) -> dict[str, Any]:
        """Return its flat event, as sinks get it."""
        from lineage.operations.event import event_of_operation

        return event_of_operation(self)

    def count_to(self, statistics: QueryStatistics) -> None:
        """Count it to its run."""
        from lineage.operations.statistics import operations_of

        operations_of(statistics).add(self)

    def _open_for(self, what: str) -> bool:
        if self.counted:
            logger.debug("%s of an operation came after its run had ended.", what)
        return self.recording and not self.counted

    def _name(self, attribute: str, value: Any) -> None:
        """Take over one of the names of what it is done to."""
        if (
            value is not None
            and self._open_for(attribute)
            and (text := text_of(attribute, value)) is not None
        ):
            setattr(self, attribute, text)


def _added(counts: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    return {**counts, **{name: counts.get(name, 0) + count for name, count in more.items()}}


def _forget_after_fork() -> None:
    # What is open in the parent is the parent's: nothing that the child does is part of it.
    enclosing.set(None)


os.register_at_fork(after_in_child=_forget_after_fork)

_OF_QUERIES = {
    "rows": ("rows_returned", "rows_affected"),
    "bytes_read": ("bytes_read",),
    "bytes_written": ("bytes_written",),
}
"""What captured queries measure, and what operations call that."""
