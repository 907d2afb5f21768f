"""From what runs say to edges: the pure part, in tables. Datasets are small numbers, the job is 99."""

from __future__ import annotations

import pytest

from graph.records import EdgeKind, Origin
from graph.store.projection import ClaimRow, KnownShape, Saying, project, undominated

JOB = 99
LISTED, LINEAGE, COLUMN = Origin.LISTED, Origin.LINEAGE_FACET, Origin.COLUMN_FACET
CERTAIN, DOUBTFUL = Origin.SQL_CERTAIN, Origin.SQL_DOUBTFUL
Pairs = list[tuple[int, int]]


def listed(inputs: list[int], outputs: list[int]) -> list[ClaimRow]:
    reads = [ClaimRow(LISTED, EdgeKind.READS, one, JOB) for one in inputs]
    return reads + [ClaimRow(LISTED, EdgeKind.WRITES, JOB, one) for one in outputs]


def statement(origin: Origin, inputs: list[int], outputs: list[int]) -> list[ClaimRow]:
    rows = [ClaimRow(origin, EdgeKind.READS, one, JOB) for one in inputs]
    rows += [ClaimRow(origin, EdgeKind.WRITES, JOB, one) for one in outputs]
    return rows + [ClaimRow(origin, EdgeKind.FEEDS, one, two) for one in inputs for two in outputs]


def facet(*pairs: tuple[int, int]) -> list[ClaimRow]:
    return [ClaimRow(LINEAGE, EdgeKind.FEEDS, *pair) for pair in pairs]


def fields(origin: Origin, dataset: int, *pairs: tuple[int, int]) -> list[ClaimRow]:
    return [ClaimRow(origin, EdgeKind.FIELD, *pair, dataset) for pair in pairs]


def shape(*rows: list[ClaimRow], covered: set[int] | None = None, certain: bool | None = None) -> KnownShape:
    claims = tuple(claim for part in rows for claim in part)
    return KnownShape(claims, None if covered is None else frozenset(covered), certain)


def pairs(shapes: list[KnownShape], kind: EdgeKind) -> Pairs:
    return sorted((edge.source, edge.target) for edge in project(shapes, True) if edge.kind == kind)


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        ([shape(listed([1, 2], [3, 4]))], [(1, 3), (1, 4), (2, 3), (2, 4)]),
        ([shape(listed([1], [])), shape(listed([], [2]))], [(1, 2)]),
        ([shape(listed([1, 2], [2]))], [(1, 2)]),
        # a lineage facet stands instead of the product, for the whole run
        ([shape(listed([1, 2], [3, 4]), facet((1, 3)), covered={3})], [(1, 3)]),
        (
            [shape(listed([1, 2], [3, 4])), shape(listed([1, 2], [3, 4]), facet((1, 3)), covered={3})],
            [(1, 3)],
        ),
        (
            [shape(listed([1], [2, 5])), shape(listed([], [3]), facet((1, 3)), covered={3})],
            [(1, 2), (1, 3), (1, 5)],
        ),
        ([shape(listed([1], [3]), covered={3})], []),
        # certain statements stand instead of the product
        (
            [
                shape(
                    listed([1, 2], [3, 4]),
                    statement(CERTAIN, [1], [3]),
                    statement(CERTAIN, [2], [4]),
                    certain=True,
                )
            ],
            [(1, 3), (2, 4)],
        ),
        ([shape(listed([1], [3]), statement(CERTAIN, [1, 2], [3]), certain=True)], [(1, 3), (2, 3)]),
        # what no statement names is joined with all
        ([shape(listed([1, 9], [3]), statement(CERTAIN, [1], [3]), certain=True)], [(1, 3), (9, 3)]),
        ([shape(listed([1], [3, 8]), statement(CERTAIN, [1], [3]), certain=True)], [(1, 3), (1, 8)]),
        (
            [shape(listed([9], [8]), statement(CERTAIN, [1], [3]), certain=True)],
            [(1, 3), (1, 8), (9, 3), (9, 8)],
        ),
        ([shape(listed([], [8]), statement(CERTAIN, [1], []), certain=True)], [(1, 8)]),
        # statements in doubt add
        (
            [shape(listed([1, 2], [3, 4]), statement(DOUBTFUL, [5], [3]), certain=False)],
            [(1, 3), (1, 4), (2, 3), (2, 4), (5, 3), (5, 4)],
        ),
        ([shape(listed([1], [3]), statement(CERTAIN, [2], [4]), certain=False)], [(1, 3), (2, 3), (2, 4)]),
        # one in doubt puts the whole run in doubt
        (
            [shape(listed([1, 2], [3]), statement(CERTAIN, [1], [3]), certain=True), shape(certain=False)],
            [(1, 3), (2, 3)],
        ),
        # SQL beside a lineage facet
        (
            [
                shape(
                    listed([1], [3, 4]),
                    facet((1, 3)),
                    statement(CERTAIN, [2], [3, 4]),
                    covered={3},
                    certain=True,
                )
            ],
            [(1, 3), (2, 4)],
        ),
    ],
)
def test_dataset_edges(shapes: list[KnownShape], expected: Pairs) -> None:
    assert pairs(shapes, EdgeKind.FEEDS) == expected
    assert pairs(list(reversed(shapes)), EdgeKind.FEEDS) == expected


@pytest.mark.parametrize(
    ("origins", "winner"),
    [
        ([DOUBTFUL], DOUBTFUL),
        ([DOUBTFUL, COLUMN], COLUMN),
        ([DOUBTFUL, COLUMN, CERTAIN], CERTAIN),
        ([DOUBTFUL, COLUMN, CERTAIN, LINEAGE], LINEAGE),
    ],
)
def test_field_edges_of_a_dataset_are_those_of_the_best_origin(origins: list[Origin], winner: Origin) -> None:
    claims = [fields(origin, 3, (10 + origin, 30)) for origin in origins]
    beside = fields(DOUBTFUL, 4, (50, 40))
    expected = [(10 + winner, 30), (50, 40)]
    assert pairs([shape(*claims, beside)], EdgeKind.FIELD) == expected
    assert pairs([shape(one) for one in [*claims, beside]], EdgeKind.FIELD) == expected


def test_a_run_that_did_not_complete_gives_what_it_read() -> None:
    said = shape(listed([1], [2]), statement(CERTAIN, [3], [4]), fields(COLUMN, 2, (5, 6)), certain=True)
    assert {edge[:3] for edge in project([said], False)} == {
        (EdgeKind.READS, 1, JOB),
        (EdgeKind.READS, 3, JOB),
    }


A, AB, B = frozenset({1}), frozenset({1, 2}), frozenset({2})


@pytest.mark.parametrize(
    ("sayings", "left"),
    [
        ([Saying(A), Saying(AB)], [Saying(AB)]),
        ([Saying(A), Saying(B)], [Saying(A), Saying(B)]),
        ([Saying(A), Saying(A)], [Saying(A)]),
        ([Saying(A, claims_outputs=False), Saying(AB)], [Saying(AB)]),
        ([Saying(A), Saying(AB, claims_outputs=False)], [Saying(A), Saying(AB, claims_outputs=False)]),
        ([], []),
    ],
)
def test_of_what_is_said_twice_the_fuller_counts(sayings: list[Saying], left: list[Saying]) -> None:
    assert set(undominated(sayings)) == set(left)
    assert len(undominated(sayings)) == len(left)
