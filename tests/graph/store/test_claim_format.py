"""What a shape claims comes back as it was kept."""

from __future__ import annotations

import random

import pytest

from graph.store.claim_format import claims_of, keys_in_claims, packed_claims
from graph.store.projection import ClaimRow


def claims(count: int, seed: int = 1) -> set[ClaimRow]:
    pick = random.Random(seed)
    keys = [0, *(pick.randrange(-(2**63), 2**63) for _ in range(count))]
    return {
        ClaimRow(pick.randrange(5), pick.randrange(8), *(pick.choice(keys) for _ in range(4)))
        for _ in range(count)
    }


@pytest.mark.parametrize("count", [0, 1, 2, 300, pytest.param(70_000, marks=pytest.mark.slow)])
def test_claims_come_back_whatever_keys_they_have(count: int) -> None:
    kept = packed_claims(claims(count))
    assert sorted(claims_of(kept)) == sorted(claims(count))


def test_keys_that_others_have_are_not_kept_again() -> None:
    first, second = claims(400), claims(400) | claims(20, seed=2)
    known = keys_in_claims(packed_claims(first))
    kept = packed_claims(second, known)
    assert sorted(claims_of(kept, known)) == sorted(second)
    assert len(keys_in_claims(kept)) <= 100 < len(known)
    assert len(kept) < len(packed_claims(second)) - 8 * 200
