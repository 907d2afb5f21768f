"""Old and retired events taken out of a store."""

from __future__ import annotations

from dataclasses import replace

from graph.errors import InvalidQueryError
from graph.ingest.batch import understand
from graph.ingest.commands import author
from graph.store.base import LineageStore
from graph.store.retention import Policy, Pruned


def prune(store: LineageStore, policy: Policy, *, dry_run: bool = False) -> Pruned:
    """Remove what a policy names from the log and the graph for good, and return what that was.

    It is done in short transactions, so that others write meanwhile; see `LineageStore.prune`. With `dry_run`
    nothing is removed. What was removed is not taken in again when it is sent again. Raises InvalidQueryError
    for a policy that names nothing, StoreError when the store cannot be written.
    """
    if policy.is_empty:
        raise InvalidQueryError("nothing is said of what to remove: give an age, a namespace or a job")
    return store.prune(replace(policy, who=policy.who or author()), understand, dry_run=dry_run)
