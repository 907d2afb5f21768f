"""Where events leave our hands: `enqueue` for our own, `OutboxTransport` for any OpenLineage client's.

`OutboxTransport` is loaded on first use, because it needs openlineage-python.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineage.transport.delivery import append_aside, enqueue, flush, shutdown

if TYPE_CHECKING:
    from lineage.transport.outbox_transport import OutboxTransport

__all__ = ["OutboxTransport", "append_aside", "enqueue", "flush", "shutdown"]


def __getattr__(name: str) -> Any:
    if name != "OutboxTransport":
        raise AttributeError(f"module 'lineage.transport' has no attribute {name!r}")
    from lineage.transport.outbox_transport import OutboxTransport

    globals()[name] = OutboxTransport
    return OutboxTransport
