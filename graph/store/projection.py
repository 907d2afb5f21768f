"""From what the runs of a job say to the edges of the current graph: pure, the same for every database."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from graph.records import EdgeKind, Origin

CURRENT_GROUPS = 10
"""How many groups of finished runs of a job count for the current graph."""

MOST_PAIRS = 250_000
"""How many pairs of an input and an output a run may list in all its events, to have them joined."""

_READING = (EdgeKind.READS, EdgeKind.USES)
_SQL = (Origin.SQL_CERTAIN, Origin.SQL_DOUBTFUL)
_FIELD_PRECEDENCE = (Origin.LINEAGE_FACET, Origin.SQL_CERTAIN, Origin.COLUMN_FACET, Origin.SQL_DOUBTFUL)


class ClaimRow(NamedTuple):
    """A `Claim` as the store has it: `origin` and `kind` are values of the enums, the rest are keys."""

    origin: int
    kind: int
    source: int
    target: int
    dataset: int = 0
    transformation: int = 0


class EdgeRow(NamedTuple):
    """An edge of one owner as the store has it; `origin` is 0 but between fields."""

    kind: int
    source: int
    target: int
    transformation: int = 0
    origin: int = 0


@dataclass(frozen=True, slots=True)
class KnownShape:
    """A shape as a store gives it back.

    `covered`: see `Shape.covered`. `certain` is whether the tables of all its SQL are known without doubt,
    None when it has none or it was not read yet.
    """

    claims: tuple[ClaimRow, ...]
    covered: frozenset[int] | None = None
    certain: bool | None = None


@dataclass(frozen=True, slots=True)
class Saying:
    """What one run, or a declaration, says: the keys of its shapes, and whether its outputs count."""

    shapes: frozenset[int]
    claims_outputs: bool = True


def undominated(sayings: Iterable[Saying]) -> list[Saying]:
    """Return the sayings without those of which another says as much and more.

    A new run that has so far said only what a finished run of its job also said brings nothing of its own:
    otherwise every START would bring back for a while what the ends of earlier runs had made precise.
    """
    distinct = set(sayings)
    # A service has as many sayings of one shape as statements: none of these contains another.
    larger = [one for one in distinct if len(one.shapes) != 1]
    return [
        one
        for one in distinct
        if not any(
            other != one and one.shapes <= other.shapes and one.claims_outputs <= other.claims_outputs
            for other in (*larger, Saying(one.shapes, True))
            if other in distinct
        )
    ]


def project(shapes: Collection[KnownShape], claims_outputs: bool) -> set[EdgeRow]:
    """Return the edges that the shapes of one run (or of one declaration) give together.

    A run that did not complete gives only what it read.
    """
    reads = {_edge(claim) for kind in _READING for claim in _of(shapes, kind, Origin)}
    if not claims_outputs:
        return reads
    writes = {_edge(claim) for claim in _of(shapes, EdgeKind.WRITES, Origin)}
    return reads | writes | set(_feeds(shapes)) | set(_fields(shapes))


def understood(sayings: Iterable[Collection[KnownShape]]) -> set[EdgeRow]:
    """Return the UNDERSTOOD edges of an owner: of what all sayings that read a dataset tell the fields.

    A claim of that kind is certain where a statement is understood and doubtful where one is not.
    """
    known, unknown = set(), set()
    for shapes in sayings:
        reads = {(c.source, c.target) for c in _of(shapes, EdgeKind.READS, Origin)}
        told = {(c.source, c.target) for c in _of(shapes, EdgeKind.UNDERSTOOD, (Origin.SQL_CERTAIN,))}
        told -= {(c.source, c.target) for c in _of(shapes, EdgeKind.UNDERSTOOD, (Origin.SQL_DOUBTFUL,))}
        known |= told
        unknown |= reads - told
    return {EdgeRow(EdgeKind.UNDERSTOOD, *ends) for ends in known - unknown}


def _edge(claim: ClaimRow) -> EdgeRow:
    return EdgeRow(claim.kind, claim.source, claim.target, claim.transformation)


def _feeds(shapes: Collection[KnownShape]) -> Iterator[EdgeRow]:
    """Yield the dataset edges: from lineage facets, else statement by statement, else inputs x outputs."""
    settled = {dataset for shape in shapes for dataset in shape.covered or ()}
    pairs = {(c.source, c.target) for c in _of(shapes, EdgeKind.FEEDS, (Origin.LINEAGE_FACET,))}
    pairs |= {pair for pair in _inferred(shapes) if pair[1] not in settled}
    for source, target in pairs:
        if source != target:
            yield EdgeRow(EdgeKind.FEEDS, source, target)


def _inferred(shapes: Collection[KnownShape]) -> set[tuple[int, int]]:
    listed = (Origin.LISTED,)
    plain = [shape for shape in shapes if shape.covered is None]
    # What an event with a lineage facet lists is not multiplied, here or by another event of the run.
    explicit = [shape for shape in shapes if shape.covered is not None]
    inputs = {c.source for c in _of(plain, EdgeKind.READS, listed)}
    outputs = {c.target for c in _of(plain, EdgeKind.WRITES, listed)}
    outputs -= {c.target for c in _of(explicit, EdgeKind.WRITES, listed)}
    by_statement = {(c.source, c.target) for c in _of(shapes, EdgeKind.FEEDS, _SQL)}
    sql_inputs = {c.source for c in _of(shapes, EdgeKind.READS, _SQL)}
    sql_outputs = {c.target for c in _of(shapes, EdgeKind.WRITES, _SQL)}
    # A query alone does not say what its job does not write: dbt's incremental models ask their own table.
    named = sql_inputs | sql_outputs if sql_outputs else set()
    unnamed_outputs = outputs - named
    if {shape.certain for shape in shapes} - {None} != {True}:
        return by_statement | _joined((inputs, outputs), (sql_inputs, unnamed_outputs))
    return by_statement | _joined(
        (inputs - named, outputs | sql_outputs), (inputs | sql_inputs, unnamed_outputs)
    )


def _joined(*parts: tuple[Collection[int], Collection[int]]) -> set[tuple[int, int]]:
    """Return each input with each output of the parts, and nothing where that is too much.

    It is all or nothing, so that the order in which the events of a run arrive makes no difference.
    """
    if sum(len(inputs) * len(outputs) for inputs, outputs in parts) > MOST_PAIRS:
        return set()
    return {pair for part in parts for pair in product(*part)}


def _fields(shapes: Collection[KnownShape]) -> Iterator[EdgeRow]:
    """Yield the field edges: for each dataset those of the best origin that has any.

    What another origin says of fields that the best one does not join is OVERRULED.
    """
    best: dict[int, Origin] = {}
    joined: set[tuple[int, int]] = set()
    for origin in _FIELD_PRECEDENCE:
        for claim in _of(shapes, EdgeKind.FIELD, (origin,)):
            pair = claim.source, claim.target
            if best.setdefault(claim.dataset, origin) is origin:
                joined.add(pair)
                yield EdgeRow(EdgeKind.FIELD, *pair, claim.transformation, origin)
            elif pair not in joined:
                yield EdgeRow(EdgeKind.OVERRULED, *pair, claim.transformation, origin)


def _of(shapes: Iterable[KnownShape], kind: EdgeKind, origins: Iterable[Origin]) -> Iterator[ClaimRow]:
    wanted = frozenset(origins)
    for shape in shapes:
        for claim in shape.claims:
            if claim.kind == kind and claim.origin in wanted:
                yield claim
