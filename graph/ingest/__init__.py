"""From OpenLineage events to the store: `ingest` files, `drain` the outbox, `derive` lineage from SQL."""

from __future__ import annotations

from graph.ingest.batch import IngestCounts, apply_bodies, ingest

__all__ = ["IngestCounts", "apply_bodies", "ingest"]
