"""Which query is open around the code that runs, and whether a further one is the same.

The open query is kept in a context variable. What stands there may be out of date: a hook that failed never
left its query, a generator that waits for its next turn has left its own in the consumer's context, a fork
has taken the parent's along. So an open query counts only as long as

- it has not ended, and began in this process;
- it stands in a `with` block, which Python ends whatever happens (also around tasks and threads that took
  its context along); or the frame it was entered for is on the stack of here, or waits in a greenlet for
  what runs here.
"""

from __future__ import annotations

import sys
from contextvars import ContextVar
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR
from threading import get_ident
from types import FrameType
from typing import TYPE_CHECKING
from weakref import ref

from lineage.attribution.callsite import around_greenlet
from lineage.redaction import normalize_sql

if TYPE_CHECKING:
    from lineage.attribution.query import Query

open_query: ContextVar[Query | None] = ContextVar("lineage_open_query", default=None)

_OVER = object()
"""Stands for a frame that has ended, so that the frame itself and its variables are not kept."""

GENERATOR = CO_GENERATOR | CO_ASYNC_GENERATOR
_LONG = 100_000
"""Statements longer than this are the same only when they are equal: reading them takes the host's time."""


def note_greenlet(query: Query) -> None:
    """Note in which greenlet a query was entered open while a frame runs: that greenlet may wait."""
    greenlet = sys.modules.get("greenlet")
    if greenlet is not None:
        query.waits_in = ref(greenlet.getcurrent())


def hold_in_generator(query: Query, frame: FrameType) -> None:
    """Have a query whose block stands in a generator not count in the code that consumes the generator.

    A function made a context manager by contextlib is consumed by the block it stands around: that counts.
    """
    caller = frame.f_back
    if caller is None or caller.f_globals.get("__name__") != "contextlib":
        query.within = frame
        note_greenlet(query)


def is_open(outer: Query, frame: FrameType, pid: int) -> bool:
    """Whether the query found in the context is still open around the code at a frame of this process."""
    if outer.ended or outer.pid != pid:
        return False
    if outer.within is None:
        return True
    if outer.within is _OVER:
        return False
    if _is_called_by(frame, outer.within) or _waits(outer):
        return True
    if outer.thread == get_ident() and _runs_to_its_end(outer.within):
        outer.within = _OVER
    return False


def _is_called_by(frame: FrameType | None, wanted: object) -> bool:
    while frame is not None:
        if frame is wanted:
            return True
        frame = frame.f_back or around_greenlet(frame)
    return False


def _waits(outer: Query) -> bool:
    """Whether the frame the query is open for stands in a greenlet that waits for this one."""
    greenlet = outer.waits_in() if outer.waits_in is not None else None
    return greenlet is not None and _is_called_by(greenlet.gr_frame, outer.within)


def _runs_to_its_end(frame: object) -> bool:
    """Whether a frame that is not on its thread's stack has ended: only these wait nowhere else."""
    return isinstance(frame, FrameType) and not frame.f_code.co_flags & (GENERATOR | CO_COROUTINE)


def is_same(outer: Query, inner: Query) -> bool:
    """Whether a query inside another one is that query, seen one layer further down."""
    if outer.text is None or inner.text is None or outer.text == inner.text:
        return True
    if outer.own_client is not None and outer.own_client == inner.own_client:
        return True
    if max(len(outer.text), len(inner.text)) > _LONG:
        return False
    return normalize_sql(outer.text, dialect=outer.source.dialect) == normalize_sql(
        inner.text, dialect=inner.source.dialect
    )
