"""What an event has of its own comes back as it was, whatever it is like the sample in."""

from __future__ import annotations

import random
from uuid import UUID

import pytest

from graph.store.hole_format import Runs, packed_like, parents_in, text_like

OWN, ABOVE = str(UUID(int=1 << 100)), str(UUID(int=2 << 100))
RUNS = Runs(OWN, {70_000: ABOVE})
TIME = 1_767_225_600_123_456_789
SAMPLE = (
    b'{"_producer":"https://x/tree/1.40.1","at":"2026-01-01T00:00:00Z","to":"2026-01-02T00:00:00Z","run":{'
    b'"runId":"00000000-0000-0000-0000-000000000009"},"root":"00000000-0000-0000-0000-000000000009"}\0'
    b'{"rows":12,"size":[1, 2],"sha":"0123456789abcdef"}\0#42'
)


def packed(text: bytes) -> int:
    """Return how many bytes a text takes, once it has come back; 0 where it is quite another."""
    kept = packed_like(text, SAMPLE, TIME, RUNS)
    if kept is None:
        return 0
    assert text_like(kept, SAMPLE, TIME, RUNS) == text
    return len(kept)


def test_a_run_of_the_next_day_takes_few_bytes() -> None:
    text = SAMPLE.replace(b"01-02T", b"01-03T").replace(b"01-01T", b"01-02T").replace(b"12,", b"123456,")
    assert 0 < packed(text.replace(b"00000000-0000-0000-0000-000000000009", ABOVE.encode())) <= 24


@pytest.mark.parametrize(
    ("was", "now"),
    [
        (b"00000000-0000-0000-0000-000000000009", OWN.encode()),
        (b"00000000-0000-0000-0000-000000000009", b"ffffffff-ffff-ffff-ffff-ffffffffffff"),
        (b"2026-01-01T00:00:00Z", b"0001-01-01T00:00:00Z"),
        (b"2026-01-01T00:00:00Z", b"9999-12-31T23:59:59Z"),
        (b"12,", b"0,"),
        (b"12,", b"123456789012345678901234567890,"),
        (b"0123456789abcdef", b"ffffffffffffffff"),
        (b"#42", b"#9223372036854775807"),
    ],
)
def test_what_is_another_in_each_run_comes_back(was: bytes, now: bytes) -> None:
    assert packed(SAMPLE.replace(was, now)) > 0


@pytest.mark.parametrize(
    ("was", "now"),
    [
        (b"1.40.1", b"1.41.0"),
        (b"00000000-0000-0000-0000-000000000009", b"FFFFFFFF-ffff-ffff-ffff-ffffffffffff"),
        (b"2026-01-01T00:00:00Z", b"2026-02-31T00:00:00Z"),
        (b"2026-01-01T00:00:00Z", b"2026-01-01T24:00:00Z"),
        (b"2026-01-01T00:00:00Z", b"2026-01-01T00:00:00+00:00"),
        (b"2026-01-01T00:00:00Z", b"2026-01-01T00:00:00.000Z"),
        (b"12,", b"-12,"),
        (b"12,", b"12.5,"),
        (b"12,", b"1e5,"),
        (b"12,", b"null,"),
        (b"0123456789abcdef", b"0123456789ABCDEF"),
        (b"0123456789abcdef", b"0123456789abcdef00"),
        (b"#42", b"#42\0{}"),
        (b"#42", b""),
    ],
)
def test_what_is_quite_another_is_said_to_be(was: bytes, now: bytes) -> None:
    assert packed(SAMPLE.replace(was, now)) == 0


@pytest.mark.parametrize("seed", range(20))
def test_random_texts_come_back_or_are_said_to_be_quite_other(seed: int) -> None:
    pick = random.Random(seed)
    parts = [
        b"0",
        b"7",
        b"2026-01-01T00:00:00",
        b".5",
        b'"',
        b",",
        b"Z",
        b"#",
        b"\0",
        ABOVE.encode(),
        b"ab" * 9,
    ]
    texts = [b"".join(pick.choices(parts, k=6)) for _ in range(200)]
    for sample in texts[:20]:
        for text in texts:
            kept = packed_like(text, sample, TIME, RUNS)
            assert kept is not None or text != sample
            assert kept is None or text_like(kept, sample, TIME, RUNS) == text


def test_the_runs_that_are_referred_to_are_known_without_their_ids() -> None:
    text = SAMPLE.replace(b"00000000-0000-0000-0000-000000000009", ABOVE.encode())
    kept = packed_like(text, SAMPLE, TIME, RUNS)
    assert kept is not None
    assert parents_in(kept, SAMPLE) == {70_000}
