"""Operations on databases, object stores, messages and models: counted, priced, and part of lineage."""

from lineage.operations.metrics import emit_outcome, set_data_metrics, set_warehouse_metrics
from lineage.operations.names import DBOperation, MessagingOperation, StorageOperation
from lineage.operations.operation import Operation
from lineage.operations.trackers import DBTracker, LLMTracker, MessagingTracker, StorageTracker
from lineage.operations.tracking import (
    Tracked,
    track_db_operation,
    track_llm_call,
    track_messaging_operation,
    track_storage_operation,
)

__all__ = [
    "DBOperation",
    "DBTracker",
    "LLMTracker",
    "MessagingOperation",
    "MessagingTracker",
    "Operation",
    "StorageOperation",
    "StorageTracker",
    "Tracked",
    "emit_outcome",
    "set_data_metrics",
    "set_warehouse_metrics",
    "track_db_operation",
    "track_llm_call",
    "track_messaging_operation",
    "track_storage_operation",
]
