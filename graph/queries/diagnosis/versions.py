"""Changes of schemas and of code versions, as far as they are recent.

A change is a later saying of the same owner that begins after the one before has ended. Where the two
overlap (a run that says one schema at its start and another at its end, two releases side by side) nothing
is claimed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from graph.records import RunState
from graph.store.history import JobRun, Said, Version

RECENT = 3
"""A change is recent while at most this many runs have been made with it."""


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """What a dataset's schema has become: names of fields, and (field, old type, new type)."""

    owner: int
    since: datetime
    added: tuple[str, ...]
    removed: tuple[str, ...]
    retyped: tuple[tuple[str, str, str], ...]

    @property
    def fields(self) -> frozenset[str]:
        """All fields that the change touches."""
        return frozenset({*self.added, *self.removed, *(name for name, _, _ in self.retyped)})


@dataclass(frozen=True, slots=True)
class CodeChange:
    """A code version that the last good run before it did not have."""

    since: datetime
    old: str
    new: str


def schema_change(
    said: Sequence[Version], wrote: Sequence[JobRun], runs: Mapping[int, Sequence[JobRun]]
) -> SchemaChange | None:
    """Return the recent change of a schema, as those say who write it or, if they are silent, who read it."""
    kind = min((each.kind for each in said), default=Said.READ_SCHEMA)
    changes = []
    for owner in sorted({each.owner for each in said if each.kind is kind}):
        pair = _succession([each for each in said if each.owner == owner and each.kind is kind])
        made = wrote if kind is Said.WRITTEN_SCHEMA else _good(runs.get(owner, ()))
        # What nobody on the way writes or reads is measured by the busiest job on the way.
        made = made or max(map(_good, runs.values()), key=len, default=[])
        if pair is not None and _is_recent(pair[1].first, made):
            change = difference(*pair)
            if change.fields:
                changes.append(change)
    return min(changes, key=lambda change: change.since, default=None)


def code_change(said: Sequence[Version], runs: Sequence[JobRun]) -> CodeChange | None:
    """Return the recent change of a job's code version."""
    pair = _succession(said)
    if pair is None or not _is_recent(pair[1].first, _good(runs)):
        return None
    old, new = pair
    return CodeChange(new.first, old.body[0][0], new.body[0][0])


def _good(runs: Iterable[JobRun]) -> list[JobRun]:
    return [run for run in runs if run.state is RunState.COMPLETE]


def _is_recent(since: datetime, made: Sequence[JobRun]) -> bool:
    """Tell whether few good runs were made since; a run that was under way counts as made since."""
    return len([run for run in made if (run.ended or run.began) >= since]) <= RECENT


def _succession(said: Sequence[Version]) -> tuple[Version, Version] | None:
    """Return the last two of an owner's sayings, where one clearly follows the other."""
    if len(said) < 2:
        return None
    new = max(said, key=lambda each: (each.last, each.first))
    old = max((each for each in said if each is not new), key=lambda each: (each.last, each.first))
    return (old, new) if old.last < new.first else None


def difference(old: Version, new: Version) -> SchemaChange:
    """Return what became of a schema."""
    before, after = dict(old.body), dict(new.body)
    return SchemaChange(
        owner=new.owner,
        since=new.first,
        added=tuple(sorted(after.keys() - before.keys())),
        removed=tuple(sorted(before.keys() - after.keys())),
        retyped=tuple(
            (name, before[name], after[name])
            for name in sorted(before.keys() & after.keys())
            if before[name].lower() != after[name].lower() and before[name] and after[name]
        ),
    )
