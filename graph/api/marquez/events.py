"""Events as they were received."""

from __future__ import annotations

from datetime import datetime

import msgspec

from graph.store.base import LineageStore


def page(
    store: LineageStore,
    *,
    since: datetime,
    before: datetime,
    latest_first: bool,
    limit: int,
    offset: int,
    namespace: str | None = None,
) -> bytes:
    """Return a page of the events of runs (of jobs in a namespace) as JSON, and how many of all kinds."""
    bodies = store.catalog.events(
        since=since,
        before=before,
        latest_first=latest_first,
        limit=limit,
        offset=offset,
        namespace=namespace,
    )
    total = store.catalog.count_events(since=since, before=before, namespace=namespace)
    events = [msgspec.Raw(body.removeprefix(b"\xef\xbb\xbf")) for body in bodies]
    return msgspec.json.encode({"events": events, "totalCount": total})
