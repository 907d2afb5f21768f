"""From the outbox to another backend: by a thread of the watched process, or by `lineage ship`."""

from lineage.shipping.route import ShipCounts
from lineage.shipping.worker import Shipper, follow, ship_once

__all__ = ["ShipCounts", "Shipper", "follow", "ship_once"]
