"""Frames of pandas: what runs are told of the files and tables that they are read from and written to."""

from __future__ import annotations

import pickle
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest
import sqlalchemy as sa
from told_runs import told_run

import producers
from lineage.attribution import flush_queries


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in a folder with a file, pandas and what it reads by instrumented."""
    monkeypatch.chdir(tmp_path)
    frame().to_parquet("orders.parquet")
    for name in ("pandas", "pyarrow", "fsspec", "polars"):
        producers.install(name)


def frame() -> pd.DataFrame:
    return pd.DataFrame({"day": ["a", "a", "b"], "amount": [3, 4, 0]})


@pytest.mark.parametrize("kind", ["parquet", "csv", "json", "feather", "pickle", "orc"])
def test_a_file_is_one_input_or_output_whatever_it_is_read_by(kind: str) -> None:
    with told_run() as written:
        getattr(frame(), f"to_{kind}")(f"orders.{kind}")
    with told_run() as read:
        getattr(pd, f"read_{kind}")(Path(f"orders.{kind}"))

    assert written.inputs == read.outputs == {}
    assert written.outputs == read.inputs == {f"orders.{kind}": 3}
    assert "amount" in read.schema(f"orders.{kind}")
    assert written.schema(f"orders.{kind}") == {name: str(type_) for name, type_ in frame().dtypes.items()}


def test_folders_of_parts_are_one_dataset() -> None:
    with told_run() as told:
        frame().to_parquet("parts", partition_cols=["day"])
        pd.read_parquet("parts")

    assert told.inputs == told.outputs == {"parts": 3}


def test_of_columns_nothing_is_said() -> None:
    """Frames change in place in ways that nobody sees: what is not known is not claimed."""
    with told_run() as told:
        read = pd.read_parquet("orders.parquet")
        read.to_parquet("copy.parquet")

    assert told.columns("copy.parquet") == {}
    assert told.feeding("copy.parquet") == {"orders.parquet"}


def test_what_is_not_all_of_a_file_is_not_taken_for_its_schema() -> None:
    with told_run() as told:
        pd.read_parquet("orders.parquet", columns=["day"])

    assert told.inputs == {"orders.parquet": 3}
    assert told.schema("orders.parquet") == {}


def test_what_is_added_counts_together_and_what_is_written_anew_does_not() -> None:
    with told_run() as told:
        frame().to_csv("added.csv")
        frame().to_csv("added.csv", mode="a", header=False)
        frame().to_csv("anew.csv")
        frame().to_csv("anew.csv")

    assert told.outputs == {"added.csv": 6, "anew.csv": 3}


def test_the_index_is_a_column_where_it_has_a_name_and_is_written() -> None:
    indexed = frame().set_index("day")
    with told_run() as told:
        indexed.to_csv("with.csv")
        indexed.to_csv("without.csv", index=False)

    assert list(told.schema("with.csv")) == ["day", "amount"]
    assert list(told.schema("without.csv")) == ["amount"]


def test_open_files_have_their_names_and_buffers_none() -> None:
    frame().to_csv("orders.csv", index=False)
    with told_run() as told, Path("orders.csv").open() as file:
        pd.read_csv(file)
        frame().to_csv()
        assert frame().to_parquet() is not None

    assert told.inputs == {"orders.csv": 3}
    assert told.outputs == {}


def test_a_read_in_chunks_has_no_rows() -> None:
    frame().to_csv("orders.csv")
    with told_run() as told, pd.read_csv("orders.csv", chunksize=2) as chunks:
        assert sum(len(chunk) for chunk in chunks) == 3

    assert told.inputs == {"orders.csv": None}


def test_a_read_that_fails_is_no_input() -> None:
    Path("broken.parquet").write_text("no parquet")
    with told_run() as told, pytest.raises(Exception, match=r"magic|footer|Parquet"):
        pd.read_parquet("broken.parquet")

    assert told.inputs == {}


def test_functions_can_be_sent_to_other_processes() -> None:
    assert pickle.loads(pickle.dumps(pd.read_parquet)) is pd.read_parquet
    assert pickle.loads(pickle.dumps(pl.read_parquet)) is pl.read_parquet


def _names(side: dict[str, Any]) -> set[str]:
    return set(side)


@pytest.mark.parametrize("instrumented", [(), ("sqlalchemy",), ("sqlite3",), ("sqlalchemy", "sqlite3")])
def test_a_table_is_told_once_by_whoever_sees_its_statements(instrumented: tuple[str, ...]) -> None:
    for name in instrumented:
        producers.install(name)
    engine = sa.create_engine("sqlite:///shop.db")
    with told_run() as told:
        pd.read_parquet("orders.parquet").to_sql("orders", engine, index=False)
        assert len(pd.read_sql("SELECT day, amount FROM orders", engine)) == 3
        assert len(pd.read_sql_table("orders", engine)) == 3
        assert flush_queries(10)
    engine.dispose()

    queries = told.event["run"]["facets"].get("lineageGraph_queryAttribution", {})
    assert bool(queries) is bool(instrumented)
    statements = told.event["job"]["facets"].get("sql", {}).get("query", "")
    if instrumented:
        assert "INSERT INTO orders" in statements.replace('"', "")
        assert told.outputs == {}  # of the statement, and not besides
        assert _names(told.inputs) == {"orders.parquet"}
    else:
        assert statements == "SELECT day, amount FROM orders"
        assert told.outputs == {"orders": 3}
        assert told.inputs == {"orders.parquet": 3, "orders": 3}
        assert told.schema("orders").keys() == {"day", "amount"}


def test_what_is_not_committed_is_not_claimed() -> None:
    engine = sa.create_engine("sqlite:///shop.db")
    with told_run() as told:
        with engine.connect() as connection, connection.begin() as transaction:
            frame().to_sql("orders", connection, index=False)
            transaction.rollback()
        with closing(sqlite3.connect("other.db")) as raw:  # where it leads nobody knows
            frame().to_sql("orders", raw, index=False)
    engine.dispose()

    assert told.outputs == {}


@pytest.mark.parametrize("captured", [False, True])
def test_the_columns_of_a_frame_of_polars_are_those_of_its_table(captured: bool) -> None:
    if captured:
        producers.install("sqlalchemy")
    engine = sa.create_engine("sqlite:///shop.db")
    with told_run() as told:
        totals = pl.scan_parquet("orders.parquet").group_by("day").agg(total=pl.col("amount").sum()).collect()
        totals.write_database("totals", engine)
        assert flush_queries(10)
    engine.dispose()

    assert told.outputs == {"totals": 2}
    assert told.dataset("totals")["namespace"] == f"sqlite://{Path('shop.db').absolute()}"
    assert told.columns("totals") == {
        "day": {"orders.parquet.day IDENTITY"},
        "total": {"orders.parquet.amount AGGREGATION"},
    }


def test_statements_of_an_address_are_told() -> None:
    with closing(sqlite3.connect("shop.db")) as raw:
        frame().to_sql("orders", raw, index=False)
    with told_run() as told:
        assert len(pd.read_sql("SELECT day FROM orders", "sqlite:///shop.db")) == 3

    assert told.event["job"]["facets"]["sql"]["query"] == "SELECT day FROM orders"
