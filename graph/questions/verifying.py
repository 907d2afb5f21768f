"""Whether a log is as it was written: a part of it at a time, and what was signed of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graph.errors import InvalidQueryError
from graph.questions.asked import Asked
from graph.store.chain import Finding, Verified, place_of


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a log that was held against its chain."""

    query: Mapping[str, Any]
    found: Verified
    incomplete: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return it as it is published; `next` is where to go on."""
        found = self.found
        item = {
            **_of_log(found),
            "findings": [finding_as_json(each) for each in found.findings],
            "link": found.place.link,
            "value": found.place.value.hex(),
            "signed": [{"link": each.link, "statement": each.body} for each in found.signed],
            "values": {str(link): value.hex() for link, value in found.passed},
        }
        return {"query": dict(self.query), "items": [item], "next": None if found.end else found.place.text}


def verify(asked: Asked, links: Sequence[int] = (), limit: int = 5000, cursor: str | None = None) -> Part:
    """Return what is not as it was written in a part of the log, about `limit` records from the cursor on.

    Of the links of its chain that are named it tells the values.
    """
    from graph.ingest.verify import verify_page

    place = None if cursor is None else place_of(cursor)
    if cursor is not None and place is None:
        raise InvalidQueryError(f"{cursor[:80]!r} is no place in a log: give the `next` of the page before")
    return Part({"links": list(links)}, verify_page(asked.store, place, limit=limit, wanted=links))


@dataclass(frozen=True, slots=True)
class Statements:
    """A page of what was signed of a log, in the order in which it was."""

    items: tuple[tuple[int, str], ...]
    next: str | None
    incomplete: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return it as it is published."""
        items = [{"link": link, "statement": body} for link, body in self.items]
        return {"query": {}, "items": items, "next": self.next}


def checkpoints(asked: Asked, limit: int = 100, cursor: str | None = None) -> Statements:
    """Return the signed checkpoints of the log, the first one first."""
    if cursor is not None and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise InvalidQueryError(f"{cursor[:80]!r} is no cursor: give the `next` of the page before")
    found = asked.store.signed(after=int(cursor or 0), limit=limit)
    return Statements(tuple(found), str(found[-1][0]) if len(found) == limit else None)


def _of_log(found: Verified) -> dict[str, Any]:
    return {
        "log": found.log_id or None,
        "checked": found.checked,
        "removed": found.removed,
        "last": found.last,
        "coveredFrom": found.covered_from,
        "uncovered": found.uncovered,
    }


def finding_as_json(finding: Finding) -> dict[str, Any]:
    """Return a finding as it is published."""
    return {
        "kind": finding.kind.value,
        "number": finding.number,
        "id": finding.id,
        "job": finding.job,
        "run": finding.run_id,
        "text": finding.text,
    }
