"""From OpenLineage events to the store: `ingest` files, `drain` the outbox, `derive` lineage from SQL.

`renew` has SQL that an older version has read wait for `derive` again, `rebuild` takes the whole log in
again, `prune` removes old and retired events. `give` gives a command, such as to tag a dataset.
"""

from __future__ import annotations

from graph.ingest.as_of import as_of
from graph.ingest.batch import IngestCounts, apply_bodies, ingest
from graph.ingest.commands import give
from graph.ingest.dead_letters import retry_dead_letters
from graph.ingest.derive import Derived, derive
from graph.ingest.drain import Drained, drain
from graph.ingest.early import take_in_early
from graph.ingest.indexing import index
from graph.ingest.prune import prune
from graph.ingest.rebuild import rebuild
from graph.ingest.renewal import renew

__all__ = [
    "Derived",
    "Drained",
    "IngestCounts",
    "apply_bodies",
    "as_of",
    "derive",
    "drain",
    "give",
    "index",
    "ingest",
    "prune",
    "rebuild",
    "renew",
    "retry_dead_letters",
    "take_in_early",
]
