from __future__ import annotations

import pytest

from lineage.sql.catalog import Catalog
from lineage.sql.names import file_table
from lineage.sql.results import Table

SCHEMA = {"shop.public.orders": ["id"], "public.Customers": ["name"], "a.x": ["of_a"], "b.x": ["of_b"]}


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("shop.public.orders", ("id",)),
        ("orders", ("id",)),
        ("public.orders", ("id",)),
        ("other.orders", None),
        ("shop.public.customers", ("name",)),
        ("CUSTOMERS", ("name",)),
        ("a.x", ("of_a",)),
        ("x", None),
        ("ders", None),
    ],
)
def test_a_table_is_found_by_the_end_of_its_name(name: str, columns: tuple[str, ...] | None) -> None:
    assert Catalog(SCHEMA).columns(Table(tuple(name.split(".")))) == columns


def test_the_default_schema_settles_which_of_two_tables_is_meant() -> None:
    assert Catalog(SCHEMA, "b").columns(Table(("x",))) == ("of_b",)


def test_a_file_is_found_by_its_whole_path_only() -> None:
    catalog = Catalog({"lake/orders.parquet": ["id"], "parquet": ["no"]})
    assert catalog.columns(file_table("lake/orders.parquet")) == ("id",)
    assert catalog.columns(file_table("orders.parquet")) is None
