"""Names of operations as things are counted by: without the ids in them."""

from __future__ import annotations

import re
from functools import lru_cache

from lineage.attribution.query import Query


def operation_of(query: Query) -> str | None:
    """Return the operation that a query belongs to, without ids; None where none was said."""
    operation = query.scope.attribution.operation if query.scope is not None else None
    return without_ids(operation) if operation is not None else None


_IDS = re.compile(
    r"""
    [0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}   # UUIDs
    | (?<![A-Za-z0-9])(?=[0-9a-f]*[0-9])[0-9a-f]{12,}(?![A-Za-z0-9])   # hashes
    | (?<![A-Za-z0-9])\d+(?![A-Za-z0-9])   # numbers that stand alone
    """,
    re.VERBOSE | re.IGNORECASE,
)


@lru_cache(maxsize=4096)
def without_ids(operation: str) -> str:
    """Return an operation's name with its ids as `{id}`: `GET /orders/42?x=1` is `GET /orders/{id}`."""
    return _IDS.sub("{id}", operation.partition("?")[0])[:200]
