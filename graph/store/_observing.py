"""Write what events observed of runs, but for what is kept with the run. Needs the batch's transaction.

Of an observation the latest counts, of two at the same time the greater text, so that neither order nor
repetition makes a difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from graph.store.changes import Changes
from graph.store.database import Database
from graph.store.history import Observed


def write_observations(db: Database, events: Iterable[Changes], numbers: Mapping[str, int]) -> None:
    """Write the observations of these events; `numbers` gives the numbers of their runs."""
    latest: dict[tuple[int, int, int], tuple[int, bytes]] = {}
    for item in events:
        if item.run is None:
            continue
        for one in item.observed:
            if one.kind is Observed.STATISTICS:
                continue
            slot = (numbers[item.run.run_id], one.entity, int(one.kind))
            told = (item.event_time, one.body)
            latest[slot] = max(told, latest.get(slot, told))
    if not latest:
        return
    db.executemany(
        """
        INSERT INTO observation (run, entity, kind, event_time, body) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT (run, entity, kind) DO UPDATE
        SET event_time = excluded.event_time, body = excluded.body
        WHERE (excluded.event_time, excluded.body) > (observation.event_time, observation.body)
        """,
        [(*slot, *told) for slot, told in latest.items()],
    )
