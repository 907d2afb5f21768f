"""What a check finds: one thing each that is not as declared, or not as usual."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from graph.nodes import Node
from graph.queries.answer import time_as_json


class Basis(StrEnum):
    """What a finding is measured by."""

    EXPECTATION = "expectation"
    BASELINE = "baseline"


class Kind(StrEnum):
    """What is wrong; what is expected and what is usual use the same words."""

    UNKNOWN_NAME = "unknown-name"
    """Nothing in the store has a name that is declared."""
    NEW_EDGE = "new-edge"
    """A job reads or writes, or a dataset is made from, what it should not or never did."""
    MISSING_EDGE = "missing-edge"
    """A job does not read or write, or a dataset is not made from, what it should or always did."""
    NEW_READER = "new-reader"
    """A job reads a dataset that may not, or that never did."""
    SCHEMA = "schema"
    VOLUME = "volume"
    DURATION = "duration"
    MISSING_RUN = "missing-run"
    """A job did not complete when it should."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be; `message` says it in a sentence.

    `node` is the job or dataset that it is about, None where a name is not known; `other` the other end of an
    edge, or the job that wrote the rows. `at` is when it was so first, `runs` for how many runs on end.
    `expected` and `found` are what was declared or is usual, and what is.
    """

    basis: Basis
    kind: Kind
    node: Node | None
    message: str
    other: Node | None = None
    run_id: str | None = None
    at: datetime | None = None
    runs: int | None = None
    expected: str | None = None
    found: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the item of the envelope."""
        return {
            "what": "finding",
            "basis": self.basis.value,
            "kind": self.kind.value,
            "node": None if self.node is None else self.node.id,
            "other": None if self.other is None else self.other.id,
            "runId": self.run_id,
            "at": None if self.at is None else time_as_json(self.at),
            "runs": self.runs,
            "expected": self.expected,
            "found": self.found,
            "message": self.message,
        }


@dataclass(frozen=True, slots=True)
class Learning:
    """A job of which too little is known to say what is usual: `runs` completed, the first at `since`."""

    node: Node
    runs: int
    since: datetime | None

    def as_json(self) -> dict[str, Any]:
        """Return the item of the envelope."""
        return {
            "what": "learning",
            "node": self.node.id,
            "runs": self.runs,
            "since": None if self.since is None else time_as_json(self.since),
        }
