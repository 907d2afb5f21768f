"""Events by their time, in a log of several spans: what is looked up is what a look at every event gives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from made_events import dataset_event, job_event, put, run_event

from graph.ingest import prune, rebuild
from graph.store import LineageStore
from graph.store._event_spans import measure_spans
from graph.store.retention import Policy

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
EVENTS = 20_000
SPANS = 5
"""4096 numbers each."""


def spans(store: LineageStore) -> list[tuple[int, ...]]:
    db: Any = store._db  # type: ignore[attr-defined]
    return db.execute("SELECT * FROM event_span ORDER BY span").fetchall()  # type: ignore[no-any-return]


def measured(store: LineageStore) -> list[tuple[int, ...]]:
    db: Any = store._db  # type: ignore[attr-defined]
    return db.execute(  # type: ignore[no-any-return]
        "SELECT seq / 4096 AS span, min(event_time), max(event_time), count(*), count(run) FROM event"
        " GROUP BY span ORDER BY span"
    ).fetchall()


def fill(store: LineageStore) -> None:
    """Have one event a minute, each hundredth of which comes days late and each thousandth is of no run."""
    put(store, run_event("1", "COMPLETE", 0, job="a"), run_event("1", "START", 0, job="b"), job_event(0))
    db: Any = store._db  # type: ignore[attr-defined]
    minute = "1767225600000000000 + CAST(i AS BIGINT) * 60000000000"
    with db.transaction():
        db.execute(
            "WITH RECURSIVE n (i) AS (SELECT 4 UNION ALL SELECT i + 1 FROM n WHERE i < :events)"
            f" INSERT INTO event SELECT i, {minute} - CASE WHEN i % 100 = 7 THEN 500000000000000 ELSE 0 END,"
            " e.form, e.run, e.rest FROM n JOIN event AS e"
            " ON e.seq = CASE WHEN i % 1000 = 0 THEN 3 WHEN i % 3 = 0 THEN 1 ELSE 2 END",
            {"events": EVENTS},
        )
        measure_spans(db, range(EVENTS + 1))
        db.execute("UPDATE log_end SET seq = ?", (EVENTS,))


def every(store: LineageStore, since: datetime, before: datetime) -> list[tuple[int, datetime, bool]]:
    """Return all events between two times in their order: number, time, and whether it is of a run."""
    db: Any = store._db  # type: ignore[attr-defined]
    rows = db.execute("SELECT seq, event_time, run IS NOT NULL FROM event ORDER BY event_time, seq")
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    told = [(seq, epoch + timedelta(microseconds=time // 1000), bool(of_run)) for seq, time, of_run in rows]
    return [row for row in told if since <= row[1] < before]


def time_of(body: bytes) -> datetime:
    return datetime.fromisoformat(msgspec.json.decode(body)["eventTime"])


def test_a_page_has_the_events_that_a_look_at_all_of_them_gives(store: LineageStore) -> None:
    fill(store)
    assert len(spans(store)) == SPANS
    day = timedelta(days=1)
    for since, before in (
        (BEGIN - day, BEGIN + 100 * day),
        (BEGIN + 3 * day, BEGIN + 4 * day),
        (BEGIN + 12 * day, BEGIN + 100 * day),
        (BEGIN + 50 * day, BEGIN + 51 * day),
    ):
        told = every(store, since, before)
        assert store.catalog.count_events(since=since, before=before) == len(told)
        times = [at for _, at, of_run in told if of_run]
        for limit, offset in ((50, 0), (50, 30), (3, 5000), (50, len(times) - 7), (9, EVENTS)):
            if offset < 0:
                continue
            asked: dict[str, Any] = {"since": since, "before": before, "limit": limit, "offset": offset}
            first = store.catalog.events(latest_first=False, **asked)
            assert [time_of(body) for body in first] == times[offset : offset + limit]
            last = store.catalog.events(latest_first=True, **asked)
            assert [time_of(body) for body in last] == times[::-1][offset : offset + limit]


def test_events_of_a_namespace_and_their_types_are_counted_over_all_spans(store: LineageStore) -> None:
    fill(store)
    ever = {"since": BEGIN, "before": BEGIN + timedelta(days=10)}
    told = every(store, **ever)
    assert store.catalog.count_events(namespace="ns", **ever) == len(told)
    assert store.catalog.count_events(namespace="other", **ever) == 0
    kinds = store.catalog.event_types(**ever)
    assert sum(kinds.values()) == sum(of_run for _, _, of_run in told)
    assert {kind for _, kind in kinds} == {"START", "COMPLETE"}
    first = [at for _, at, of_run in told if of_run and at < BEGIN + timedelta(minutes=15)]
    assert sum(count for (at, _), count in kinds.items() if at == BEGIN) == len(first)


@pytest.mark.parametrize("seconds", [range(1, 3), range(60, 4, -3)])
def test_spans_say_what_the_log_has_whatever_was_added_and_removed(
    store: LineageStore, seconds: range
) -> None:
    day = 86_400
    put(store, *(run_event(f"r{n}", "COMPLETE", n, outputs=["t"]) for n in seconds))
    put(store, job_event(70), dataset_event(1, "t"))
    put(store, *(run_event(f"d{n}", "COMPLETE", n * day, outputs=["t"]) for n in range(1, 20)))
    before = spans(store)
    assert before == measured(store)
    rebuild(store)
    assert spans(store) == before
    assert prune(store, Policy(before=datetime(2026, 1, 12, tzinfo=UTC))).events
    assert spans(store) == measured(store) != before
