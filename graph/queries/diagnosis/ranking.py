"""From findings to suspects: consequences folded into their causes, the rest ranked nearest first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from graph.queries.diagnosis.facts import DatasetFacts
from graph.queries.diagnosis.findings import HARDNESS, Finding, Kind
from graph.queries.diagnosis.past import Past
from graph.queries.diagnosis.text import when_text
from graph.queries.diagnosis.tracing import Trace

_HARD = (Kind.FAILED_RUN, Kind.FAILED_TEST)


def ranked(
    past: Past, found: Sequence[Finding], traced: Trace, datasets: Mapping[int, DatasetFacts]
) -> tuple[Finding, ...]:
    """Return the suspects, ranked from 1, each with the consequences that were folded into it."""
    places = {each.dataset for each in found if each.dataset is not None}
    behind = {key: traced.behind(key) for key in places}
    causes = _causes(found, behind)
    folded: dict[int, list[Finding]] = defaultdict(list)
    for effect in range(len(found)):
        root = _root(causes, effect)
        if root != effect:
            folded[root].append(found[effect])
    suspects = [
        replace(found[place], consequences=_consequences(past, found[place], folded[place], traced, datasets))
        for place in range(len(found))
        if _root(causes, place) == place and _counts(found[place], folded[place])
    ]
    suspects.sort(key=_order)
    return tuple(replace(each, rank=rank) for rank, each in enumerate(suspects, 1))


def _counts(finding: Finding, folded: Sequence[Finding]) -> bool:
    """Tell whether a finding stands: a hint does when something that is more than a hint follows from it."""
    return not finding.hint or any(not each.hint for each in folded)


def _order(finding: Finding) -> tuple[int, int, int, str, str]:
    warning = int(finding.data.get("severity") == "warn")
    return finding.distance, HARDNESS[finding.kind], warning, finding.node.id, finding.evidence[0]


def _causes(found: Sequence[Finding], behind: Mapping[int, Collection[int]]) -> dict[int, int]:
    """Return for each consequence the place of its cause: of several the hardest, then the nearest to it."""
    causes: dict[int, int] = {}
    # From the sources on, so that what is folded is known before what lies behind it is looked at.
    for place in sorted(range(len(found)), key=lambda n: (-found[n].distance, HARDNESS[found[n].kind])):
        effect = found[place]
        able = [
            other
            for other in range(len(found))
            if other != place and _explains(found[other], effect, behind) and _root(causes, other) != place
        ]
        if able:
            causes[place] = min(
                able, key=lambda n: (HARDNESS[found[n].kind], found[n].distance, _order(found[n]))
            )
    return causes


def _root(causes: Mapping[int, int], place: int) -> int:
    while place in causes:
        place = causes[place]
    return place


def _explains(cause: Finding, effect: Finding, behind: Mapping[int, Collection[int]]) -> bool:
    """Tell whether one finding is a consequence of another; docs/diagnosing.md lists these rules."""
    if effect.kind is Kind.FAILED_RUN:
        return cause.kind is Kind.FAILED_TEST and effect.runs <= cause.runs
    if cause.dataset is None or effect.dataset is None:
        return False
    before = cause.dataset in behind[effect.dataset]
    here = cause.dataset == effect.dataset
    in_time = cause.since <= effect.since + effect.late
    match effect.kind:
        case Kind.STALE:
            if cause.kind is Kind.FAILED_RUN:
                return (before or here) and in_time
            return before and in_time and cause.kind in (Kind.FAILED_TEST, Kind.STALE)
        case Kind.FAILED_TEST:
            stopped = cause.kind in (*_HARD, Kind.STALE)
            return before and in_time and stopped and bool(effect.data["unchangedSincePassed"])
        case Kind.ROW_COUNT:
            return before and in_time and cause.kind is Kind.ROW_COUNT and cause.up is effect.up
        case Kind.DURATION:
            return (before or here) and in_time and cause.kind is Kind.ROW_COUNT and cause.up is effect.up
        case Kind.SCHEMA_CHANGE:
            same = bool(cause.fields & effect.fields)
            return before and in_time and cause.kind is Kind.SCHEMA_CHANGE and same
        case Kind.CODE_CHANGE:
            same = cause.data.get("to") == effect.data["to"]
            nearer = (cause.distance, cause.node.id) < (effect.distance, effect.node.id)
            return cause.kind is Kind.CODE_CHANGE and same and nearer
    return False


def _consequences(
    past: Past,
    cause: Finding,
    folded: Sequence[Finding],
    traced: Trace,
    datasets: Mapping[int, DatasetFacts],
) -> tuple[str, ...]:
    """Say what was folded into a cause and, where it stops the flow, what was not renewed since."""
    said = [
        each.evidence[0] if each.kind is Kind.FAILED_RUN else f"{each.node.label}: {each.evidence[0]}"
        for each in sorted(folded, key=_order)
        if not each.hint and (each.kind is not Kind.STALE or each.dataset == cause.dataset)
    ]
    stale = {each.dataset for each in folded if each.kind is Kind.STALE} - {cause.dataset}
    if cause.kind in (*_HARD, Kind.STALE):
        nearer = [key for key in datasets if traced.distance[key] < cause.distance]
        for key in sorted(nearer, key=lambda key: (-traced.distance[key], past.names[key].id)):
            facts = datasets[key]
            waits = key in stale or (facts.updated is not None and facts.updated < cause.since)
            if waits and cause.dataset in traced.behind(key):
                updated = when_text(facts.updated) if facts.updated is not None else "never"
                said.append(f"{past.names[key].label} was not renewed since (last {updated})")
    return tuple(said)
