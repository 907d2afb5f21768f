"""From findings to suspects: consequences folded into their causes, the rest ranked nearest first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from graph.queries.diagnosis.ancestry import Ancestry
from graph.queries.diagnosis.facts import DatasetFacts
from graph.queries.diagnosis.findings import HARDNESS, Finding, Kind
from graph.queries.diagnosis.past import Past
from graph.queries.diagnosis.text import when_text
from graph.queries.diagnosis.tracing import Trace

_STOPPING = (Kind.FAILED_RUN, Kind.FAILED_TEST, Kind.STALE)
"""Causes that keep what lies behind them from being renewed."""

_EXPLAINED_BY: Mapping[Kind, tuple[Kind, ...]] = {
    Kind.FAILED_RUN: (Kind.FAILED_TEST,),
    Kind.FAILED_TEST: _STOPPING,
    Kind.STALE: _STOPPING,
    Kind.SCHEMA_CHANGE: (Kind.SCHEMA_CHANGE,),
    Kind.ROW_COUNT: (Kind.ROW_COUNT,),
    Kind.DURATION: (Kind.ROW_COUNT,),
    Kind.CODE_CHANGE: (Kind.CODE_CHANGE,),
}


def ranked(
    past: Past, found: Sequence[Finding], traced: Trace, datasets: Mapping[int, DatasetFacts]
) -> tuple[Finding, ...]:
    """Return the suspects, ranked from 1, each with the consequences that were folded into it."""
    ancestry = Ancestry(traced.steps)
    causes = _causes(found, ancestry)
    folded: dict[int, list[Finding]] = defaultdict(list)
    for effect in causes:
        folded[_root(causes, effect)].append(found[effect])
    suspects = []
    for place, finding in enumerate(found):
        if place not in causes and _counts(finding, folded[place]):
            said = _explained(finding, folded[place])
            said += _not_renewed(past, finding, folded[place], traced, ancestry, datasets)
            suspects.append(replace(finding, consequences=tuple(said)))
    suspects.sort(key=_order)
    return tuple(replace(each, rank=rank) for rank, each in enumerate(suspects, 1))


def _counts(finding: Finding, folded: Sequence[Finding]) -> bool:
    """Tell whether a finding stands: a hint does when something that is more than a hint follows from it."""
    return not finding.hint or any(not each.hint for each in folded)


def _order(finding: Finding) -> tuple[int, int, int, str, str]:
    warning = int(finding.data.get("severity") == "warn")
    return finding.distance, HARDNESS[finding.kind], warning, finding.node.id, finding.evidence[0]


def _causes(found: Sequence[Finding], ancestry: Ancestry) -> dict[int, int]:
    """Return for each consequence the place of its cause: of several the hardest, then the nearest to it."""
    places: dict[Kind, list[int]] = defaultdict(list)
    for place in sorted(range(len(found)), key=lambda place: _order(found[place])):
        places[found[place].kind].append(place)
    causes: dict[int, int] = {}
    for effect in range(len(found)):
        able = (
            place
            for kind in _EXPLAINED_BY[found[effect].kind]
            for place in places[kind]
            if place != effect and _explains(found[place], found[effect], ancestry)
        )
        # What follows from this one is no cause of it: on a circle the first that is looked at is the cause.
        cause = next((place for place in able if _root(causes, place) != effect), None)
        if cause is not None:
            causes[effect] = cause
    return causes


def _root(causes: Mapping[int, int], place: int) -> int:
    while place in causes:
        place = causes[place]
    return place


def _explains(cause: Finding, effect: Finding, ancestry: Ancestry) -> bool:
    """Tell whether one finding is a consequence of another; docs/diagnosing.md lists these rules."""
    if effect.kind is Kind.FAILED_RUN:
        return effect.runs <= cause.runs
    if cause.dataset is None or effect.dataset is None:
        return False
    if effect.kind is Kind.CODE_CHANGE:
        nearer = (cause.distance, cause.node.id, cause.job) < (effect.distance, effect.node.id, effect.job)
        return nearer and cause.data["to"] == effect.data["to"]
    if cause.since > effect.since + effect.late:
        return False
    if cause.dataset == effect.dataset:
        may_be_here = effect.kind is Kind.DURATION or cause.kind is Kind.FAILED_RUN
        return may_be_here and effect.kind in (Kind.STALE, Kind.DURATION) and _alike(cause, effect)
    return ancestry.behind(cause.dataset, effect.dataset) and _alike(cause, effect)


def _alike(cause: Finding, effect: Finding) -> bool:
    """Tell whether what the two are about is the same."""
    match effect.kind:
        case Kind.FAILED_TEST:
            return bool(effect.data["unchangedSincePassed"])
        case Kind.SCHEMA_CHANGE:
            return bool(cause.fields & effect.fields)
        case Kind.ROW_COUNT | Kind.DURATION:
            return cause.up is effect.up
    return True


def _explained(cause: Finding, folded: Sequence[Finding]) -> list[str]:
    """Say what was folded into a cause; what is only stale is said by `_not_renewed`."""
    return [
        each.evidence[0] if each.kind is Kind.FAILED_RUN else f"{each.node.label}: {each.evidence[0]}"
        for each in sorted(folded, key=_order)
        if not each.hint and (each.kind is not Kind.STALE or each.dataset == cause.dataset)
    ]


def _not_renewed(
    past: Past,
    cause: Finding,
    folded: Sequence[Finding],
    traced: Trace,
    ancestry: Ancestry,
    datasets: Mapping[int, DatasetFacts],
) -> list[str]:
    """Say which datasets between a cause and the metric were not written since it began."""
    if cause.kind not in _STOPPING or cause.dataset is None:
        return []
    stale = {each.dataset for each in folded if each.kind is Kind.STALE}
    waiting = [
        key
        for key, facts in datasets.items()
        if ancestry.behind(cause.dataset, key)
        and traced.distance[key] < cause.distance
        and (key in stale or (facts.updated is not None and facts.updated <= cause.since))
    ]
    said = []
    for key in sorted(waiting, key=lambda key: (-traced.distance[key], past.names[key].id)):
        updated = when_text(datasets[key].updated) or "never"
        said.append(f"{past.names[key].label} was not renewed since (last {updated})")
    return said
