"""What is not as declared, and what is not as usual."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from graph.errors import InvalidQueryError
from graph.queries import since_time
from graph.questions.asked import Asked, time_text

if TYPE_CHECKING:
    from graph.queries.checking import Finding, Learning


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found, and the jobs of which too little is known to say what is usual."""

    query: Mapping[str, Any]
    findings: tuple[Finding, ...]
    learning: tuple[Learning, ...]
    incomplete: bool

    def as_json(self) -> dict[str, Any]:
        """Return it as it is published."""
        items = [each.as_json() for each in self.findings] + [each.as_json() for each in self.learning]
        return {"query": dict(self.query), "items": items, "next": None}


def check(
    asked: Asked,
    expect: Any = None,
    baseline: bool = True,
    sensitivity: str = "default",
    since: str = "1d",
    now: str | None = None,
) -> Checked:
    """Return what is not as declared, and what is not as usual.

    `expect` is what is declared, as docs/checking.md has it; without `baseline` that alone counts. Runs that
    ended from `since` on are held against the usual: a time, or so long before the latest event. `now` is
    when it is asked whether runs are missing: the time of the question, unless it is given.
    """
    from graph.queries.checking import Sensitivity, check_baseline

    try:
        sensitive = Sensitivity(sensitivity)
    except ValueError:
        words = ", ".join(Sensitivity)
        raise InvalidQueryError(f"sensitivity is {sensitivity!r}; it is one of {words}") from None
    asked_at = asked.time or datetime.now(UTC)
    at = asked_at if now is None else since_time(now, asked_at)
    latest = asked.reader.latest_event_time() or at
    begin = since_time(since, latest)
    findings: list[Finding] = []
    learning: tuple[Learning, ...] = ()
    if expect is not None:
        from graph.queries.checking.expectations import expectations_of
        from graph.queries.checking.expected import check_expectations

        findings += check_expectations(asked.reader, expectations_of(expect), now=at)
    if baseline:
        usual = check_baseline(asked.reader, since=begin, now=at, sensitivity=sensitive)
        findings += usual.findings
        learning = usual.learning
    query = {
        "question": "check",
        "expectations": expect is not None,
        "baseline": baseline,
        "sensitivity": sensitive.value,
        "since": time_text(begin),
        "now": time_text(at),
        **asked.query,
    }
    return Checked(query, tuple(findings), learning, asked.incomplete)
