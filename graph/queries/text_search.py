"""Datasets, jobs and fields by words of their names, columns, descriptions, tags, owners and SQL."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from graph.errors import InvalidQueryError
from graph.nodes import NodeType, dataset
from graph.queries.cursors import packed, unpacked
from graph.store.base import LineageReader
from graph.store.search import SearchHit, SearchPlace


def search(
    reader: LineageReader,
    text: str = "",
    *,
    types: Collection[NodeType] = (),
    namespaces: Collection[str] = (),
    tags: Collection[str] = (),
    owners: Collection[str] = (),
    limit: int = 100,
    cursor: str | None = None,
) -> tuple[list[SearchHit], str | None]:
    """Return up to `limit` hits, the best first, and the cursor of the next page (None on the last).

    Every word of `text` must be found in a hit, or a word that begins so. `types` are datasets and jobs where
    none is given: a dataset is found by its columns, too. A hit is in one of the `namespaces` and has all the
    `tags` (`key` or `key=value`) and `owners`. `text` may be empty where a tag or an owner is given.

    What came since `graph.ingest.index` was last called may be missing: `reader.unindexed()` counts it.

    Raises:
        InvalidQueryError: there is nothing to search for, or more than 16 words; a limit below 1; no cursor.
    """
    if limit < 1:
        raise InvalidQueryError(f"limit is {limit}; it must be at least 1")
    after = None if cursor is None else SearchPlace(*unpacked(cursor, int, int, str, str, int, str))
    found = reader.search(
        text, types=types, namespaces=namespaces, tags=tags, owners=owners, after=after, limit=limit + 1
    )
    shown = _marked(reader, found[:limit])
    return shown, packed(shown[-1].place) if len(found) > limit else None


def _marked(reader: LineageReader, hits: Sequence[SearchHit]) -> list[SearchHit]:
    """Return the hits with when they were dropped."""
    holders = [
        dataset(hit.node.namespace, hit.node.name).key if hit.node.type is not NodeType.JOB else 0
        for hit in hits
    ]
    dropped = reader.dropped(set(holders))
    return [replace(hit, dropped_at=dropped.get(key)) for hit, key in zip(hits, holders, strict=True)]
