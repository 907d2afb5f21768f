"""Whether what queries wrote stands: with the commit of their transaction, or never.

An integration tells of each query that has run and whether its connection is inside a transaction then, and
of the calls that end one. BEGIN, COMMIT, ROLLBACK and savepoints executed as text are read here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from lineage.redaction import mask_sql

if TYPE_CHECKING:
    from lineage.attribution.query import Query


class Work:
    """What a connection does between two points of a transaction: it stands or falls as one."""

    __slots__ = ("doomed", "outcome", "within")

    def __init__(self, within: Work | None = None, outcome: bool | None = None) -> None:
        self.within = within
        self.outcome = outcome
        self.doomed = False

    @property
    def stands(self) -> bool | None:
        """True once it is committed, False once it is rolled back, None until then."""
        work: Work | None = self
        while work is not None:
            if work.outcome is not None:
                return work.outcome
            work = work.within
        return None

    @property
    def cannot_stand(self) -> bool:
        """Whether a commit of it is a rollback: PostgreSQL answers so after a statement that failed."""
        work: Work | None = self
        while work is not None:
            if work.doomed or work.outcome is False:
                return True
            work = work.within
        return False


FELL: Final = Work(outcome=False)
"""The work of what was rolled back where it was done."""


class Transactions:
    """The transactions of one connection, one after another."""

    __slots__ = ("_savepoints", "_work")

    def __init__(self) -> None:
        self._work: Work | None = None
        self._savepoints: list[tuple[str, Work]] = []

    @property
    def is_open(self) -> bool:
        """Whether one is open, as far as is known."""
        return self._work is not None

    def ran(self, query: Query, *, inside: bool | None, failed: bool = False) -> None:
        """Take note of a query that has run, before its end is told: what it wrote stands when its work does.

        `inside` is whether the connection is in a transaction now. One that a statement ended without a word
        was committed by it, as by a CREATE TABLE of MySQL, or rolled back where it failed. None is for a
        driver that does not know: then there is one from the BEGIN to the COMMIT that are seen.
        """
        text = query.text or ""
        if not failed and ";" not in text and _FIRST.match(text) is None:
            if inside and self._work is None:  # the way of nearly every query: what follows costs the host
                self._work = Work()
            if inside is not False or self._work is None:
                query.transaction = self._work
                return
        said = controls(text)
        if self._work is None:
            if not inside and not said:
                return
            self._work = Work()
        query.transaction = self._work
        if failed:
            self._failed(query, said)
        else:
            self._obey(query, said)
        if inside and self._work is None:
            self._work = Work()
        elif inside is False and self._work is not None:
            self._end(not failed)

    def _failed(self, query: Query, said: list[tuple[str, str]]) -> None:
        if self._work is not None and query.source.dialect == "postgres":
            self._work.doomed = True
        if any(kind in ("commit", "rollback") for kind, _ in said):
            self._end(False)

    def _obey(self, query: Query, said: list[tuple[str, str]]) -> None:
        if len(said) > 1 and any(kind in ("rollback", "rollback to") for kind, _ in said):
            query.transaction = FELL  # which of its statements was rolled back is not read
        for kind, name in said:
            self._apply(kind, name)

    def begin(self) -> None:
        """Take note of a transaction that a call began."""
        self._apply("begin", "")

    def executed(self, text: str) -> None:
        """Take note of statements that the driver executed by itself: `COMMIT`, `RELEASE one`."""
        for kind, name in controls(text):
            self._apply(kind, name)

    def commit(self) -> None:
        """Take note of a commit that was done."""
        self._end(True)

    def rollback(self) -> None:
        """Take note of a rollback; also of one that failed, as of a connection that was lost."""
        self._end(False)

    def lost(self) -> None:
        """Take note that how a transaction ends will not be seen, as of a prepared one: it claims nothing."""
        self._work = None
        self._savepoints.clear()

    def __del__(self) -> None:
        # A connection that is gone commits nothing any more: nobody need wait for it.
        self._end(False)

    def _end(self, stands: bool) -> None:
        work, savepoints = self._work, self._savepoints
        if work is not None:
            root = savepoints[0][1].within if savepoints else work
            (root or work).outcome = stands and not work.cannot_stand
        self._work = None
        savepoints.clear()

    def _apply(self, kind: str, name: str) -> None:
        if kind == "begin":
            self._work = self._work or Work()
        elif kind == "savepoint":
            self._work = Work(self._work or Work())
            self._savepoints.append((name, self._work))
        elif kind in ("commit", "rollback"):
            self._end(kind == "commit")
        elif kind == "prepare":
            self.lost()
        elif (place := self._place_of(name)) is None:
            if kind == "rollback to":  # to a point that was not seen: what fell is not known
                self._end(False)
        else:
            work = self._savepoints[place][1]
            around = work.within or Work()
            del self._savepoints[place:]
            self._work = around
            if kind == "rollback to":
                work.outcome = False
                self._work = Work(around)
                self._savepoints.append((name, self._work))

    def _place_of(self, name: str) -> int | None:
        for place in range(len(self._savepoints) - 1, -1, -1):
            if self._savepoints[place][0] == name:
                return place
        return None


_CONTROL = re.compile(
    r"""\s*(?:
        (?:savepoint|save\s+tran(?:saction)?)\s+(?P<savepoint>[^\s;]+)
      | release\s+(?:savepoint\s+)?(?P<release>[^\s;]+)
      | (?:rollback|abort)(?:\s+(?:work|tran(?:saction)?))?\s+to(?:\s+savepoint)?\s+(?P<back>[^\s;]+)
      | rollback\s+tran(?:saction)?\s+(?P<back_mssql>[^\s;]+)
      | (?P<rollback>(?:rollback|abort)\b(?!\s+prepared))
      | (?P<begin>start\s+transaction\b
            | begin(?=\s*(?:$|(?:work|tran|transaction|deferred|immediate|exclusive|isolation|read|not)\b)))
      | (?P<prepare>prepare\s+transaction\b)
      | (?P<commit>commit\b(?!\s+prepared) | end(?=\s*(?:$|(?:work|transaction)\b)))
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_FIRST = re.compile(
    r"\s*(?:begin|start|commit|end|rollback|abort|save|release|prepare|--|/\*)", re.IGNORECASE
)
_ANYWHERE = re.compile(
    r"\b(?:begin|start|commit|end|rollback|abort|save|savepoint|release|prepare)\b", re.IGNORECASE
)
_BODY = re.compile(r"^\s*do\b|\bcreate\b[^;]*\b(?:procedure|function|trigger|event|package)\b", re.IGNORECASE)


def controls(text: str) -> list[tuple[str, str]]:
    """Return what a text says of transactions, in order: `("savepoint", "one")`, `("commit", "")`.

    Words inside strings, comments and the bodies of procedures say nothing. The END of a block is no commit.
    """
    several = ";" in text
    if (_ANYWHERE.search(text) if several else _FIRST.match(text)) is None:
        return []
    masked = mask_sql(text)
    if _BODY.search(masked) is not None:
        return []
    found: list[tuple[str, str]] = []
    for statement in masked.split(";"):
        match = _CONTROL.match(statement)
        if match is None:
            continue
        is_end = match["commit"] is not None and match["commit"][0] in "eE"
        if not is_end or not several or ("begin", "") in found:
            found.append(_control(match))
    return found


_NAMED = {"savepoint": "savepoint", "release": "release", "back": "rollback to", "back_mssql": "rollback to"}


def _control(match: re.Match[str]) -> tuple[str, str]:
    for group, kind in _NAMED.items():
        if match[group]:
            return kind, match[group].strip('"`[]').casefold()
    return next(kind for kind in ("rollback", "begin", "prepare", "commit") if match[kind]), ""
