"""The dbt project of the fixtures: what is true of it, and how tests import it and look at the answer."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from graph.importers import find_importer
from graph.ingest import derive, ingest
from graph.records import EdgeKind
from graph.store import LineageStore

PROJECT = Path(__file__).resolve().parent / "fixtures" / "dbt" / "shop"

NAMESPACE = "duckdb:///srv/shop/shop.duckdb"

FEEDS = {
    "shop.main.raw_customers -> shop.main.stg_customers",
    "shop.main.raw_orders -> shop.main.stg_orders",
    "shop.main.raw_payments -> shop.main.stg_payments",
    "shop.lake.web_events_v1 -> shop.main.stg_events",
    "shop.main.stg_customers -> shop.history.customers_history",
    "shop.main.stg_orders -> shop.main.orders",
    "shop.main.stg_payments -> shop.main.orders",  # through an ephemeral model
    "shop.main.stg_customers -> shop.main.dim_customers",
    "shop.main.stg_events -> shop.main.dim_customers",
    "shop.main.orders -> shop.main.daily_revenue",
    "shop.main.daily_revenue -> shop.revenue_report",
    "shop.main.dim_customers -> shop.revenue_report",
}
"""What feeds what, read from the project's SQL; `broken` failed and `after_broken` was skipped."""

VALUES = {
    "stg_customers": {
        "customer_id": {"raw_customers.id"},
        "full_name": {"raw_customers.first_name", "raw_customers.last_name"},
        "country": {"raw_customers.country"},
        "updated_at": {"raw_customers.updated_at"},
    },
    "stg_orders": {
        "order_id": {"raw_orders.id"},
        "customer_id": {"raw_orders.customer"},
        "ordered_on": {"raw_orders.ordered_on"},
        "status": {"raw_orders.status"},
    },
    "stg_payments": {
        "payment_id": {"raw_payments.id"},
        "order_id": {"raw_payments.order_id"},
        "amount": {"raw_payments.cents"},
    },
    "stg_events": {
        "event_id": {"web_events_v1.event_id"},
        "customer_id": {"web_events_v1.customer_id"},
        "kind": {"web_events_v1.kind"},
        "loaded_at": {"web_events_v1.loaded_at"},
    },
    "orders": {
        "order_id": {"stg_orders.order_id"},
        "customer_id": {"stg_orders.customer_id"},
        "ordered_on": {"stg_orders.ordered_on"},
        "status": {"stg_orders.status"},
        "amount": {"stg_payments.amount"},
    },
    "dim_customers": {
        "customer_id": {"stg_customers.customer_id"},
        "full_name": {"stg_customers.full_name"},
        "country": {"stg_customers.country"},
        "visits": {"stg_events.event_id"},
    },
    "daily_revenue": {"day": {"orders.ordered_on"}, "revenue": {"orders.amount"}},
    "customers_history": {
        "customer_id": {"stg_customers.customer_id"},
        "full_name": {"stg_customers.full_name"},
        "country": {"stg_customers.country"},
        "updated_at": {"stg_customers.updated_at"},
        "dbt_scd_id": {"stg_customers.customer_id", "stg_customers.updated_at"},
        "dbt_updated_at": {"stg_customers.updated_at"},
        "dbt_valid_from": {"stg_customers.updated_at"},
        "dbt_valid_to": {"stg_customers.updated_at"},
    },
}
"""Which columns make the values of each column, read from the project's SQL and dbt's documentation."""

ROWS = {
    "orders": {"stg_orders.order_id", "stg_payments.order_id"},
    "daily_revenue": {"orders.ordered_on"},
    "stg_events": {"web_events_v1.kind"},
}
"""Which columns decide about the rows of a table, of some."""

STATES = {
    "shop.main.shop.raw_customers.build.seed": "COMPLETE",
    "shop.main.shop.raw_orders.build.seed": "COMPLETE",
    "shop.main.shop.raw_payments.build.seed": "COMPLETE",
    "shop.main.shop.stg_customers.build.run": "COMPLETE",
    "shop.main.shop.stg_orders.build.run": "COMPLETE",
    "shop.main.shop.stg_payments.build.run": "COMPLETE",
    "shop.main.shop.stg_events.build.run": "COMPLETE",
    "shop.main.shop.orders.build.run": "COMPLETE",
    "shop.main.shop.customers.build.run": "COMPLETE",
    "shop.main.shop.daily_revenue.build.run": "COMPLETE",
    "shop.history.shop.customers_history.build.snapshot": "COMPLETE",
    "shop.main.shop.broken.build.run": "FAIL",
    "shop.main.shop.after_broken.build.run": "ABORT",
    "shop.main.shop.orders.build.test": "COMPLETE",
    "shop.main.shop.customers.build.test": "FAIL",
    "shop.main.shop.raw_orders.build.test": "COMPLETE",
    "shop.lake.source.shop.lake.web_events.build.test": "COMPLETE",
    "shop.main.shop.after_broken.build.test": "ABORT",
    "test.shop.orders_are_paid": "COMPLETE",
    "dbt-run-shop": "FAIL",
}


def imported(
    target: Path,
    *,
    since: datetime | None = None,
    notes: list[str] | None = None,
    namespace: str | None = None,
) -> list[dict[str, Any]]:
    """Return the events of a target folder."""
    told: list[str] = [] if notes is None else notes
    bodies = find_importer("dbt")(
        str(target),
        since=since,
        namespace=namespace,
        token=None,
        ca_file=None,
        timeout=1.0,
        stored=lambda: (),
        note=told.append,
        progress=lambda where: None,
    )
    return [json.loads(body) for body in bodies]


def put(store: LineageStore, events: Iterable[dict[str, Any]]) -> Counter[str]:
    counts = ingest(store, [json.dumps(event).encode() for event in events])
    assert counts.rejected == 0, store.dead_letters()
    derive(store)
    return Counter(accepted=counts.accepted, duplicate=counts.duplicate)


def ends(events: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the last event of each job's run."""
    return {event["job"]["name"]: event for event in events if event.get("eventType") != "START"}


def made_from(store: LineageStore, how: str) -> dict[str, dict[str, set[str]]]:
    """Return by table and column what it is made from, DIRECT (as what says nothing is meant) or INDIRECT."""
    found: dict[str, dict[str, set[str]]] = {}
    rows = list(store.edges(EdgeKind.FIELD))
    rows = [row for row in rows if ((row.transformation and row.transformation.type) or "DIRECT") == how]
    known = store.nodes({key for row in rows for key in (row.source, row.target)})
    for row in rows:
        source, target = known[row.source], known[row.target]
        table = found.setdefault(target.name.rpartition(".")[2], {})
        table.setdefault(target.field or "", set()).add(f"{source.name.rpartition('.')[2]}.{source.field}")
    return found


def changed(path: Path, change: Callable[[Any], object]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
