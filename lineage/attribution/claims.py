"""What a run may say that its queries wrote: what stands, and later what is committed after its end.

Of a statement that only reads, and of one of which any query has succeeded and stands, lineage is read. One
that failed, was rolled back, or whose transaction is still open, claims nothing. A commit that is seen after
the run has ended is told by one more event of the run, of the type OTHER.
"""

from __future__ import annotations

import re
import threading
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from lineage._guard import guard
from lineage.attribution.query import Query

if TYPE_CHECKING:
    from lineage.attribution.transactions import Work
    from lineage.events import RunFacts
    from lineage.facets import Statement

MAX_AWAITED = 1_000
"""Statements whose transactions were open when their run ended; of more the oldest are given up."""

_MANY = 100


class Claim:
    """Whether anything that the queries of one kind wrote stands, and how many rows of it."""

    __slots__ = ("_fell", "_many", "_open", "_rows", "_stands")

    def __init__(self) -> None:
        self._stands = self._fell = False
        self._rows: int | None = 0
        self._open: dict[Work, int | None] = {}
        self._many = _MANY

    def add(self, query: Query) -> None:
        """Take note of one of the queries, which has ended."""
        if query.status != "ok":
            return
        work = query.transaction
        if work is None:
            self._take(query.rows)
            return
        self._open[work] = _sum(self._open.get(work, 0), query.rows)
        if len(self._open) > self._many:
            self._settle()
            self._many = max(_MANY, 2 * len(self._open))

    def _take(self, rows: int | None) -> None:
        self._stands = True
        self._rows = _sum(self._rows, rows)

    def _settle(self) -> None:
        for work, rows in list(self._open.items()):
            stands = work.stands
            if stands is not None:
                del self._open[work]
            if stands:
                self._take(rows)
            elif stands is False:
                self._fell = True

    @property
    def stands(self) -> bool | None:
        """True or False once it is known, None while a transaction may still be committed."""
        self._settle()
        return True if self._stands else None if self._open else False

    @property
    def rows(self) -> int | None:
        """The rows of all that stands, as the drivers told them; None where that is not known."""
        self._settle()
        return None if self._open else self._rows

    @property
    def why_not(self) -> str | None:
        """Why nothing is claimed of what succeeded: `open` or `rolled back`; None where it stands."""
        stands = self.stands
        return "open" if stands is None else "rolled back" if self._fell and not stands else None


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


@dataclass
class Withheld:
    """The statements that a run was not told of, as nobody knows yet whether what they wrote stands."""

    claims: list[tuple[Statement, Claim]] = field(default_factory=list)
    written: dict[int, int | None] = field(default_factory=dict)
    """By the place of a statement that the run was told of: the rows that it wrote, None where not known."""

    def take(self, shape: str, statement: Statement, claim: Claim) -> bool:
        """Return whether lineage is read from a statement now; keeps it where that is not known yet."""
        stands = True if only_reads(shape) else claim.stands
        if stands is None:
            self.claims.append((statement, claim))
        return bool(stands)

    def placed(self, place: int, shape: str, claim: Claim) -> None:
        """Take note of where a statement stands in the run; one that was run at two places wrote both."""
        if _WRITES_ROWS.match(shape) is not None and not only_reads(shape):
            self.written[place] = _sum(self.written.get(place, 0), claim.rows)


_READS = frozenset(
    ["select", "with", "values", "table", "show", "explain", "describe", "desc", "pragma", "fetch", "declare"]
)
_WRITES = re.compile(r"\b(?:insert|delete|merge|into|(?<!for )(?<!key )update)\b")
_FIRST = re.compile(r"[( ]*(\w+)")
_WRITES_ROWS = re.compile(r"(?:insert|update|merge|replace|create|copy)\b")
_COPY_FROM = re.compile(r"\bfrom (?:stdin|program|\?)")


def only_reads(shape: str) -> bool:
    """Whether a statement, in its normalized shape, writes nothing; what is not known may write."""
    found = _FIRST.match(shape)
    first = found[1] if found is not None else ""
    if first == "copy":
        return _COPY_FROM.search(shape) is None
    return first in _READS and _WRITES.search(shape) is None


class _Awaited:
    """Withheld statements of runs that have ended."""

    def __init__(self) -> None:
        # Reentrant: a signal handler may end runs wherever the thread stands.
        self.lock = threading.RLock()
        self.waiting: deque[tuple[RunFacts, Statement, Claim]] = deque(maxlen=MAX_AWAITED)


_awaited = _Awaited()


def await_commits(facts: RunFacts, withheld: Withheld) -> None:
    """Tell of a run's withheld statements once they are committed."""
    if withheld.claims and not facts.failed:
        bare = replace(
            facts, inputs={}, outputs={}, statements=[], filling=[], statement_statistics={}, run_facets={}
        )
        with _awaited.lock:
            _awaited.waiting.extend((bare, statement, claim) for statement, claim in withheld.claims)


def tell_commits() -> None:
    """Emit an event for each ended run of which statements were committed since its end."""
    if not _awaited.waiting:
        return
    told: dict[int, tuple[RunFacts, list[Statement]]] = {}
    with _awaited.lock:
        waiting = list(_awaited.waiting)
        _awaited.waiting.clear()
        for facts, statement, claim in waiting:
            stands = claim.stands
            if stands is None:
                _awaited.waiting.append((facts, statement, claim))
            elif stands:
                told.setdefault(id(facts), (facts, []))[1].append(statement)
    for facts, statements in told.values():
        with guard("telling of a commit after a run's end"):
            _tell(facts, statements)


def _tell(facts: RunFacts, statements: list[Statement]) -> None:
    from lineage import events

    known = replace(facts, statements=statements)
    events.emit(events.run_event(known, events.RunState.OTHER, events.sources.now()), facts.emitter)


def forget_awaited() -> None:
    """Await nothing, as a forked child does: its parent tells of its own runs."""
    global _awaited
    _awaited = _Awaited()
