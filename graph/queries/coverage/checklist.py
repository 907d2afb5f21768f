"""The checklist: which checks there are and what each of them asks of the store."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta

from graph.errors import InvalidQueryError
from graph.queries.coverage.columns import critical_columns
from graph.queries.coverage.findings import Check, CheckResult, Finding, Layer, found
from graph.queries.coverage.layers import MEDALLION, layers_linked
from graph.queries.coverage.runs import error_context, run_ends
from graph.queries.coverage.stale import heard_lately
from graph.store.base import LineageReader

_SINCE = timedelta(days=30)
_UNFINISHED_AFTER = timedelta(days=1)
_OLDER_THAN = timedelta(days=90)


def check_coverage(
    reader: LineageReader,
    checks: Collection[Check] = tuple(Check),
    *,
    critical: Sequence[str] = (),
    layers: Sequence[Layer] = (),
    as_of: datetime | None = None,
    since: timedelta = _SINCE,
    unfinished_after: timedelta = _UNFINISHED_AFTER,
    older_than: timedelta = _OLDER_THAN,
) -> list[CheckResult]:
    """Return the results of the checks, in the order of `Check`. Nothing is written.

    Ages are counted to `as_of` (None: the latest event time in the store). Runs that began up to `since`
    before are looked at; one is without an end when its last event is older than `unfinished_after`, a job or
    dataset is stale when it was not heard of for longer than `older_than`.

    `critical` are names of datasets, all columns of which are meant, and of fields. `layers` are in the order
    in which data flows; without any they are those of datasets in `bronze`, `silver` and `gold`.

    Raises:
        AmbiguousNameError: a critical name stands for several datasets or fields.
        InvalidQueryError: a negative time, or two layers of one name.
    """
    _judge(since, unfinished_after, older_than, layers)
    now = as_of or reader.latest_event_time() or datetime.now(UTC)
    results: dict[Check, Callable[[], CheckResult]] = {
        Check.EVENTS: lambda: _events(reader),
        Check.RUN_ENDS: lambda: run_ends(reader, now - since, now - unfinished_after, now),
        Check.ERROR_CONTEXT: lambda: error_context(reader, now - since, now),
        Check.LAYERS: lambda: layers_linked(reader, layers or MEDALLION, given=bool(layers)),
        Check.CRITICAL_COLUMNS: lambda: critical_columns(reader, critical),
        Check.STALE: lambda: heard_lately(reader, now - older_than),
    }
    return [result() for check, result in results.items() if check in checks]


def _judge(
    since: timedelta, unfinished_after: timedelta, older_than: timedelta, layers: Sequence[Layer]
) -> None:
    for what, time in ("since", since), ("unfinished_after", unfinished_after), ("older_than", older_than):
        if time < timedelta():
            raise InvalidQueryError(f"{what} is {time}: it must lie before the time that ages are counted to")
    names = [layer.name for layer in layers]
    for name in names:
        if names.count(name) > 1:
            raise InvalidQueryError(f"there are two layers called {name!r}: a layer has one pattern")


def _events(reader: LineageReader) -> CheckResult:
    counts = reader.counts()
    if not counts.events:
        remedy = "track a run, ingest a file, or look at `lineage status`: events may wait elsewhere"
        return CheckResult(Check.EVENTS, 0, 0, (Finding(reader.location, "there are no events", remedy),))
    if not counts.dead_letters:
        return found(Check.EVENTS, counts.events, [])
    many = "event was" if counts.dead_letters == 1 else "events were"
    remedy = "see the reasons with `lineage deadletters list`; mend the producer, and retry or drop them"
    rejected = Finding(reader.location, f"{counts.dead_letters} {many} rejected", remedy)
    total = counts.events + counts.dead_letters
    return CheckResult(Check.EVENTS, total, counts.dead_letters, (rejected,))
