"""What Airflow's hints are called as datasets, and whose events the plugin follows."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from lineage import Dataset
from producers._airflow_hints import dataset_of, hinted
from producers._airflow_settings import our_transport

OURS = {"type": "lineage.transport.OutboxTransport", "target": {"type": "http", "url": "http://a:1"}}


def hint(**known: Any) -> Any:
    return SimpleNamespace(**known)


@pytest.mark.parametrize(
    ("given", "namespace", "name"),
    [
        (hint(uri="s3://lake/raw/orders"), "s3://lake", "raw/orders"),
        (hint(uri="s3a://lake/raw/orders/"), "s3://lake", "raw/orders"),
        (hint(uri="postgres://db:5432/shop/public/orders"), "postgres://db:5432", "shop.public.orders"),
        (hint(uri="bigquery://project/dataset/orders"), "bigquery", "project.dataset.orders"),
        (hint(uri="file:///data/orders.csv"), "file", "/data/orders.csv"),
        (hint(uri="kafka://broker:9092/orders"), "kafka://broker:9092", "orders"),
        (hint(uri="acme://host/orders", name="orders"), "acme://host", "orders"),
        (hint(uri="orders", name="orders"), "shop", "orders"),
        (hint(uri="team/orders", name="team/orders"), "shop", "team/orders"),
        (hint(url="s3://lake/raw/orders"), "s3://lake", "raw/orders"),
        (hint(cluster="lake", database="raw", name="orders"), "lake", "raw.orders"),
        (
            hint(cluster="postgresql://db/", database="shop", name="orders"),
            "postgres://db:5432",
            "shop.orders",
        ),
        (hint(namespace="postgres://db:5432", name="shop.public.orders"), "postgres://db:5432", None),
        ("gs://lake/orders", "gs://lake", "orders"),
        (Dataset("s3a://lake", "orders"), "s3://lake", "orders"),
    ],
)
def test_hints_become_datasets(given: Any, namespace: str, name: str | None) -> None:
    """DD-05: assets, files, tables, datasets of others and of ours, under their canonical names."""
    found = dataset_of(given, "shop")

    assert found is not None
    assert (found.namespace, found.name) == (namespace, name or given.name)


def test_a_table_s_columns_are_its_schema() -> None:
    """DD-05."""
    columns = [hint(name="id", data_type="int", description="the order"), hint(name="note", data_type=None)]
    found = dataset_of(hint(cluster="lake", database="raw", name="orders", columns=columns), "shop")

    assert found is not None
    assert [(one.name, one.type, one.description) for one in found.schema] == [
        ("id", "int", "the order"),
        ("note", None, None),
    ]


@pytest.mark.usefixtures("faults_expected")
def test_what_names_no_dataset_costs_itself_alone() -> None:
    class Failing:
        @property
        def uri(self) -> str:
            raise RuntimeError("theirs")

    alias = hint(name="any_orders", group="asset")
    hints = [alias, None, 5, Failing(), "", hint(uri="s3:///orders"), hint(uri="s3://lake/orders")]

    assert [found.name for found in hinted(hints, "shop")] == ["orders"]


def test_passwords_of_hints_go_nowhere() -> None:
    found = dataset_of(hint(uri="postgres://ada:hunter2@db:5432/shop/public/orders"), "shop")

    assert found is not None
    assert "hunter2" not in repr(found)


@pytest.mark.parametrize(
    "transport",
    [
        OURS,
        {"type": "composite", "transports": [{"type": "console"}, OURS]},
        {"type": "composite", "transports": {"a": {"type": "console"}, "b": OURS}},
    ],
)
def test_our_transport_is_found_alone_and_among_others(transport: Any) -> None:
    assert our_transport(transport) == OURS


@pytest.mark.parametrize("transport", [None, {}, "x", {"type": "http"}, {"type": "composite"}])
def test_without_our_transport_there_is_none(transport: Any) -> None:
    assert our_transport(transport) is None
