"""Which runs read or wrote which content. What writes needs the transaction of the batch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from graph.nodes import hash63
from graph.store._reading import moment, nodes
from graph.store._writers import Known
from graph.store.artifacts import ArtifactSeen
from graph.store.changes import Changes
from graph.store.database import Database
from graph.store.log_format import run_id_of

_HASH = re.compile(r"[a-z]+-sha256:[0-9a-f]{64}")


def write_artifacts(db: Database, events: Iterable[Changes], numbers: Mapping[str, int]) -> None:
    """Write which contents the runs of these events read and wrote; `numbers` gives those of runs.

    Of two events that say so the first one counts, of two ids of the artifact the greater one: the order in
    which they come makes no difference.
    """
    said: dict[tuple[int, int, int, int], tuple[bytes, int, bytes]] = {}
    for item in events:
        if item.run is None:
            continue
        run = numbers[item.run.run_id]
        for one in item.artifacts:
            slot = (run, one.dataset, int(one.written), _key(one.content))
            told = (_packed(one.content), item.event_time, _packed(one.artifact_id))
            _, time, artifact_id = said.get(slot, told)
            said[slot] = (told[0], min(told[1], time), max(told[2], artifact_id))
    if not said:
        return
    db.executemany(
        """
        INSERT INTO artifact (run, dataset, written, content_key, content, event_time, artifact_id)
        VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (run, dataset, written, content_key) DO UPDATE
        SET event_time = least(artifact.event_time, excluded.event_time),
            artifact_id = greatest(artifact.artifact_id, excluded.artifact_id)
        """,
        [(*slot, *told) for slot, told in said.items()],
    )


def artifacts(known: Known, content: str, limit: int) -> list[ArtifactSeen]:
    """See `LineageReader.artifacts`."""
    if _HASH.fullmatch(content) is None:
        return []
    rows = known.db.execute(
        """
        SELECT a.dataset, r.id, a.written, a.event_time, a.artifact_id
        FROM artifact AS a JOIN run_id AS r ON r.number = a.run
        WHERE a.content_key = ? AND a.content = ? AND a.event_time <= ?
        ORDER BY a.event_time, a.written DESC, r.id, a.dataset LIMIT ?
        """,
        (_key(content), _packed(content), known.until, limit),
    ).fetchall()
    named = nodes(known.db, {row[0] for row in rows})
    found = []
    for dataset, run, written, time, artifact_id in rows:
        when = moment(time)
        assert when is not None, "every row has a time"
        told = _text(bytes(artifact_id)) or None
        found.append(ArtifactSeen(named[dataset], run_id_of(bytes(run)), bool(written), when, told))
    return found


def _key(content: str) -> int:
    return hash63(content.encode())


def _packed(text: str) -> bytes:
    """Return a hash as it is kept: its digits take half of their room."""
    word, _, digits = text.partition(":")
    return b"".join((bytes.fromhex(digits), word.encode()))


def _text(packed: bytes) -> str:
    return f"{packed[32:].decode()}:{packed[:32].hex()}" if packed else ""
