"""The outbox: events wait in a local SQLite file until they are delivered.

`emit` appends here and does nothing else. The embedded store drains the file of its own destination;
a shipper empties those of other backends.
"""

from lineage.outbox.connection import PATIENCE_SECONDS
from lineage.outbox.files import fallback_folder, outbox_files, outbox_path
from lineage.outbox.records import OutboxStats, Refused, Waiting
from lineage.outbox.registry import close_all, open_existing, open_outbox
from lineage.outbox.storage import Outbox

__all__ = [
    "PATIENCE_SECONDS",
    "Outbox",
    "OutboxStats",
    "Refused",
    "Waiting",
    "close_all",
    "fallback_folder",
    "open_existing",
    "open_outbox",
    "outbox_files",
    "outbox_path",
]
