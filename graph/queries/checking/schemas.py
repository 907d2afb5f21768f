"""Schemas that changed, as those say who write a dataset or, where they are silent, who read it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from graph.queries.checking.job_past import JobTimes
from graph.queries.checking.sensitivity import LEAST_TIME, chance
from graph.queries.diagnosis.versions import SchemaChange, difference
from graph.store.history import Said, Version


def schema_news(
    versions: Sequence[Version], times: Mapping[int, JobTimes], since: datetime, most: float
) -> Iterator[SchemaChange]:
    """Yield what became of the schema of a dataset from a time on, where that is unusual.

    What an owner says is held against what it said before, and what several say alike is told once. Where
    new schemas come in more than this share of the runs, one more is usual.
    """
    schemas = [each for each in versions if each.kind in (Said.WRITTEN_SCHEMA, Said.READ_SCHEMA)]
    kind = min((each.kind for each in schemas), default=None)
    by_owner: dict[int, list[Version]] = defaultdict(list)
    for each in schemas:
        if each.kind is kind:
            by_owner[each.owner].append(each)
    told = set()
    for owner in sorted(by_owner):
        said = sorted(by_owner[owner], key=lambda each: (each.first, each.last, each.body))
        for before, new in enumerate(said[1:]):
            if new.first < since or not _is_known(owner, new, said[0].first, times, before, most):
                continue
            # The latest that was said until then, whether or not it is said again.
            old = max(said[: before + 1], key=lambda each: (min(each.last, new.first), each.first))
            change = difference(old, new)
            if change.fields and (what := (change.added, change.removed, change.retyped)) not in told:
                told.add(what)
                yield change


def _is_known(
    owner: int,
    new: Version,
    first: datetime,
    times: Mapping[int, JobTimes],
    before: int,
    most: float,
) -> bool:
    """Tell whether enough is known of an owner for a change to be news: its runs, or how long it said so."""
    if owner not in times:
        return new.first - first >= LEAST_TIME
    runs = times[owner].known_by(new.first)
    return runs is not None and chance(before, runs) < most
