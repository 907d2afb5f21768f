"""From finished queries to the sinks that the settings name, and to the runs they belong to."""

from __future__ import annotations

import atexit
import os
from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from lineage._guard import faults, guard, logger
from lineage.attribution.buffer import EXIT_SECONDS, Buffer
from lineage.attribution.event import event_of
from lineage.attribution.query import Query
from lineage.attribution.runs import complete, count_to_runs, tell_implicit_runs
from lineage.attribution.sinks import Sink, sink_of

if TYPE_CHECKING:
    from lineage.events import RunFacts


def _attribute(queries: list[Query]) -> None:
    count_to_runs([query for query in queries if "lineage" in query.config.sink])


def _tell(queries: list[Query]) -> None:
    tell_implicit_runs()
    by_sink: dict[Any, list[Query]] = defaultdict(list)
    for query in queries:
        for one in query.config.sink:
            if one not in ("lineage", "none", "otel"):
                by_sink[one].append(query)
    for one, theirs in by_sink.items():
        _write(_sink(one), [event_of(query) for query in theirs])


_sink = lru_cache(maxsize=64)(sink_of)


def _write(sink: Sink, events: list[dict[str, Any]]) -> None:
    """Hand events over; whatever the sink raises ends here: it runs in our thread, for nobody's request."""
    doing = f"writing queries to {type(sink).__name__}"
    try:
        with guard(doing):
            sink.write(events)
    except Exception:
        raise  # only when tests ask for our faults
    except BaseException as fault:  # noqa: BLE001 - a cancellation raised by a sink is nobody's here
        faults[doing] += 1
        logger.warning("A query sink raised %s; its events are lost.", type(fault).__name__)


buffer = Buffer(_attribute, _tell)
_completes_runs = False


def deliver(query: Query) -> None:
    """Take over a finished query; returns at once."""
    buffer.put(query)
    if query.run is not None and not _completes_runs:
        _complete_runs()


def _complete_runs() -> None:
    """Have runs ask for their queries when they end: from the first query of a run on."""
    global _completes_runs
    from lineage import events

    _completes_runs = True
    events.completions.append(_complete)


def _complete(facts: RunFacts) -> None:
    buffer.attribute()
    complete(facts)


def flush_queries(timeout: float | None = EXIT_SECONDS) -> bool:
    """Have the sinks told of all queries that have ended; returns whether that was done in time."""
    return buffer.flush(timeout)


def _at_exit(pid: int) -> None:
    if pid == os.getpid():
        with guard("telling of the last queries"):
            buffer.flush(EXIT_SECONDS)


os.register_at_fork(after_in_child=buffer.forget)
atexit.register(_at_exit, os.getpid())
