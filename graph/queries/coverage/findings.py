"""What a check of coverage finds: how much it looked at, and each thing that is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from graph.nodes import Node


class Check(StrEnum):
    """The checks, in the order in which they are reported."""

    EVENTS = "events"
    """The store holds events, and none was rejected."""
    RUN_ENDS = "run-ends"
    """Every run has an end: COMPLETE, FAIL or ABORT."""
    ERROR_CONTEXT = "error-context"
    """Every failed run says why."""
    LAYERS = "layers"
    """The datasets of each layer are made from those of the layer before."""
    CRITICAL_COLUMNS = "critical-columns"
    """It is known what each critical column is made from."""
    STALE = "stale"
    """Every job and dataset was heard of lately."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of a warehouse and the pattern that its datasets match, such as `gold` and `marts.*`.

    The pattern (`*`, `?`, `[...]`, whatever the case) matches one whole part of the namespace, a folder or
    schema in the name, the whole name, the whole namespace, or `NAMESPACE/NAME`.
    """

    name: str
    pattern: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is missing: where, what is wrong, and what to do about it.

    `node` is None where nothing in the store stands for it, `since` where no time belongs to it.
    """

    where: str
    problem: str
    remedy: str
    node: Node | None = None
    run_id: str | None = None
    since: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the finding as it stands in the envelope."""
        return {
            "where": self.where,
            "node": None if self.node is None else self.node.id,
            "runId": self.run_id,
            "since": _text(self.since),
            "problem": self.problem,
            "remedy": self.remedy,
        }


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check looked at and found.

    `missing` of `total` are not covered; `findings` says which. `skipped` says why there was nothing to
    look at, and None that there was.
    """

    check: Check
    total: int
    missing: int
    findings: tuple[Finding, ...] = ()
    skipped: str | None = None

    @property
    def share(self) -> float | None:
        """How much is covered, from 0 to 1; None when there was nothing to look at."""
        if self.skipped is not None:
            return None
        return 1 - self.missing / self.total if self.total else 0.0

    def fails(self, under: float = 1.0) -> bool:
        """Say whether less than this share is covered; what was skipped does not fail."""
        return self.share is not None and self.share < under

    def as_json(self, under: float = 1.0, limit: int | None = None) -> dict[str, Any]:
        """Return the check as an item, with up to `limit` findings."""
        state = "skipped" if self.skipped is not None else "failed" if self.fails(under) else "ok"
        found: Mapping[str, Any] = {
            "check": self.check.value,
            "state": state,
            "skipped": self.skipped,
            "total": self.total,
            "missing": self.missing,
            "share": self.share,
            "findings": [each.as_json() for each in self.findings[:limit]],
        }
        return dict(found)


def found(check: Check, total: int, findings: list[Finding]) -> CheckResult:
    """Return the result of a check in which each finding stands for one thing that is not covered."""
    return CheckResult(check, total, len(findings), tuple(findings))


def skipped(check: Check, why: str) -> CheckResult:
    """Return the result of a check that had nothing to look at."""
    return CheckResult(check, 0, 0, skipped=why)


def _text(time: datetime | None) -> str | None:
    if time is None:
        return None
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
