"""Frames of polars: what runs are told of them, and of what their columns are made."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from told_runs import told_run

import producers
import producers.polars
from producers._polars_scans import named_paths


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in a folder with two files, polars instrumented."""
    monkeypatch.chdir(tmp_path)
    pl.DataFrame({"day": ["a", "a", "b"], "amount": [3, 4, 0], "cust": [1, 2, 1]}).write_parquet(
        "orders.parquet"
    )
    pl.DataFrame({"id": [1, 2], "name": ["x", "y"]}).write_csv("customers.csv")
    monkeypatch.setattr(producers.polars, "_origins", producers.polars.Origins())
    monkeypatch.setattr(producers.polars, "_scans", producers.polars.Scans())
    monkeypatch.setattr(producers.polars._Walking, "allowed", True)
    producers.install("polars")


def orders() -> pl.LazyFrame:
    return pl.scan_parquet("orders.parquet")


def customers() -> pl.LazyFrame:
    return pl.scan_csv("customers.csv")


def daily() -> pl.LazyFrame:
    """A query with a join, a filter, a condition, a group and an order."""
    return (
        orders()
        .join(customers(), left_on="cust", right_on="id")
        .filter(pl.col("amount") > 0)
        .with_columns(kind=pl.when(pl.col("amount") > 3).then(pl.col("name")).otherwise(pl.lit("small")))
        .group_by("day")
        .agg(pl.col("amount").sum().alias("total"), pl.len().alias("n"), pl.col("kind").first())
        .sort("day")
    )


DAILY = {
    "day": {"orders.parquet.day IDENTITY"},
    "total": {"orders.parquet.amount AGGREGATION"},
    "kind": {"customers.csv.name AGGREGATION", "orders.parquet.amount CONDITIONAL"},
}
DECIDING = {
    "customers.csv.id JOIN",
    "orders.parquet.cust JOIN",
    "orders.parquet.amount FILTER",
    "orders.parquet.day GROUP_BY",
    "orders.parquet.day SORT",
}


@pytest.mark.parametrize(
    "write",
    [
        lambda: daily().sink_parquet("daily"),
        lambda: daily().sink_csv("daily"),
        lambda: daily().sink_ndjson("daily"),
        lambda: daily().sink_parquet("daily", lazy=True).collect(),
        lambda: pl.collect_all([daily().sink_parquet("daily", lazy=True)]),
        lambda: daily().collect().write_parquet("daily"),
        lambda: daily().collect().head(5).write_csv("daily"),
        lambda: pl.collect_all([daily()])[0].clone().write_ndjson("daily"),
    ],
)
def test_the_plan_of_a_lazy_frame_says_what_was_read_and_how_columns_are_made(
    write: Callable[[], Any],
) -> None:
    with told_run() as told:
        write()

    assert told.inputs == {"orders.parquet": None, "customers.csv": None}
    assert told.schema("orders.parquet") == {"day": "String", "amount": "Int64", "cust": "Int64"}
    assert told.schema("customers.csv") == {"id": "Int64", "name": "String"}
    assert list(told.schema("daily")) == ["day", "total", "n", "kind"]
    assert told.columns("daily") == DAILY
    assert told.rows("daily") == DECIDING
    assert told.feeding("daily") == {"orders.parquet", "customers.csv"}


def test_each_step_of_an_eager_frame_is_followed() -> None:
    with told_run() as told:
        bought = pl.read_parquet("orders.parquet")
        made = bought.join(pl.read_csv("customers.csv"), left_on="cust", right_on="id")
        made = made.filter(pl.col("amount") > 0).rename({"name": "who"})
        made.group_by("who").agg(pl.col("amount").sum()).write_parquet("totals")

    assert told.inputs == {"orders.parquet": 3, "customers.csv": 2}
    assert told.outputs == {"totals": 2}
    assert told.columns("totals") == {
        "who": {"customers.csv.name IDENTITY"},
        "amount": {"orders.parquet.amount AGGREGATION"},
    }
    assert told.rows("totals") == {
        "customers.csv.id JOIN",
        "customers.csv.name GROUP_BY",
        "orders.parquet.amount FILTER",
        "orders.parquet.cust JOIN",
    }


def _made(frame: pl.LazyFrame) -> dict[str, set[str]]:
    with told_run() as told:
        frame.sink_parquet("made")
    found: dict[str, set[str]] = told.columns("made")
    return {column: {one.removeprefix("orders.parquet.") for one in each} for column, each in found.items()}


AMOUNT = pl.col("amount")


@pytest.mark.parametrize(
    ("frame", "columns"),
    [
        (lambda: orders().select(a=AMOUNT), {"a": {"amount IDENTITY"}}),
        (lambda: orders().select(AMOUNT + 1), {"amount": {"amount TRANSFORMATION"}}),
        (lambda: orders().select(AMOUNT.cast(pl.Float64)), {"amount": {"amount TRANSFORMATION"}}),
        (
            lambda: orders().select(pl.concat_str("day", "cust")),
            {"day": {"day TRANSFORMATION", "cust TRANSFORMATION"}},
        ),
        (lambda: orders().select(pl.col("day").str.to_uppercase()), {"day": {"day TRANSFORMATION"}}),
        (lambda: orders().select(AMOUNT.sum().over("day")), {"amount": {"amount AGGREGATION", "day WINDOW"}}),
        (
            lambda: orders().select(AMOUNT.filter(pl.col("cust") > 1).sum()),
            {"amount": {"amount AGGREGATION", "cust FILTER"}},
        ),
        (
            lambda: orders().select(AMOUNT.sort_by("day").first()),
            {"amount": {"amount AGGREGATION", "day SORT"}},
        ),
        (
            lambda: orders().select(pl.all().max()),
            {"day": {"day AGGREGATION"}, "amount": {"amount AGGREGATION"}, "cust": {"cust AGGREGATION"}},
        ),
        (
            lambda: orders().drop("cust").rename({"day": "d"}),
            {"d": {"day IDENTITY"}, "amount": {"amount IDENTITY"}},
        ),
        (lambda: orders().with_row_index().select("index", "day"), {"day": {"day IDENTITY"}}),
        (
            lambda: pl.scan_parquet("orders.parquet", row_index_name="n").select("n", "day"),
            {"day": {"day IDENTITY"}},
        ),
        (
            lambda: orders().unpivot(["amount", "cust"], index="day"),
            {"day": {"day IDENTITY"}, "value": {"amount TRANSFORMATION", "cust TRANSFORMATION"}},
        ),
        (
            lambda: orders().select(pl.struct("day", "cust").alias("s")).unnest("s"),
            {
                "day": {"day TRANSFORMATION", "cust TRANSFORMATION"},
                "cust": {"day TRANSFORMATION", "cust TRANSFORMATION"},
            },
        ),
        (
            lambda: pl.concat([orders().select(x=AMOUNT), orders().select(x=pl.col("cust"))]),
            {"x": {"amount IDENTITY", "cust IDENTITY"}},
        ),
        (lambda: orders().select("day").cache().unique(), {"day": {"day IDENTITY"}}),
        (lambda: orders().select(pl.len()), {}),
    ],
)
def test_each_kind_of_step_is_read_as_what_it_is(
    frame: Callable[[], pl.LazyFrame], columns: dict[str, set[str]]
) -> None:
    assert _made(frame()) == columns


def test_joins_tell_the_columns_of_both_sides_apart() -> None:
    left = orders().select("cust", v=AMOUNT)
    right = customers().select(cust="id", v="name")
    found = {}
    for how in ("inner", "left", "right", "full", "semi", "cross"):
        keys = {} if how == "cross" else {"on": "cust"}
        found[how] = _made(left.join(right, how=how, coalesce=None if how == "cross" else True, **keys))  # type: ignore[arg-type]

    both = {"v": {"amount IDENTITY"}, "v_right": {"customers.csv.name IDENTITY"}}
    assert found["inner"] == found["left"] == {"cust": {"cust IDENTITY"}, **both}
    assert found["right"] == {"cust": {"customers.csv.id IDENTITY"}, **both}
    assert found["full"] == {"cust": {"cust IDENTITY", "customers.csv.id IDENTITY"}, **both}
    assert found["semi"] == {"cust": {"cust IDENTITY"}, "v": {"amount IDENTITY"}}
    assert found["cross"] == {**found["left"], "cust_right": {"customers.csv.id IDENTITY"}}


@pytest.mark.parametrize(
    "frame",
    [
        lambda: orders().with_columns(x=AMOUNT.map_elements(hash, return_dtype=pl.Int64)),
        lambda: orders().map_batches(lambda frame: frame.reverse()),
        lambda: orders().filter(AMOUNT.map_elements(bool, return_dtype=pl.Boolean)),
        lambda: orders().join(pl.LazyFrame({"cust": [1, 2], "w": [1, 2]}), on="cust"),
    ],
)
def test_where_one_column_is_not_known_none_is_told(frame: Callable[[], pl.LazyFrame]) -> None:
    """Half of the columns would say of the others that they are made of nothing."""
    with told_run() as told:
        frame().sink_parquet("made")
        frame().collect().write_csv("again")

    assert told.inputs == {"orders.parquet": None}
    assert told.columns("made") == told.columns("again") == {}
    assert told.feeding("made") == {"orders.parquet"}


def test_what_is_changed_in_place_is_not_known_any_more() -> None:
    def changed(change: Callable[[pl.DataFrame], Any]) -> dict[str, set[str]]:
        with told_run() as told:
            frame = pl.read_parquet("orders.parquet")
            change(frame)
            frame.write_parquet("made")
        columns: dict[str, set[str]] = told.columns("made")
        return columns

    assert changed(lambda frame: None) != {}
    more = pl.DataFrame({"day": ["z"], "amount": [1], "cust": [1]})
    assert changed(lambda frame: frame.__setitem__((0, "amount"), 9)) == {}
    assert changed(lambda frame: frame.replace_column(1, pl.Series("amount", [1, 2, 3]))) == {}
    assert changed(lambda frame: frame.insert_column(0, pl.Series("n", [1, 2, 3]))) == {}
    assert changed(lambda frame: frame.extend(more)) == {}
    assert changed(lambda frame: frame.vstack(more, in_place=True)) == {}
    assert changed(lambda frame: frame.drop_in_place("day")) == {}
    assert changed(lambda frame: setattr(frame, "columns", ["cust", "day", "amount"])) == {}


def test_every_method_that_changes_a_frame_in_place_is_known() -> None:
    """A method of a newer polars that does so, and is not in the list, would leave lineage that is wrong."""
    says_so = re.compile(r"in[- _]place|inplace", re.IGNORECASE)
    found = {
        name
        for name, method in vars(pl.DataFrame).items()
        if callable(method) and says_so.search((method.__doc__ or "").partition("Note")[0])
    }

    assert found - set(producers.polars.CHANGING) <= {"map_rows"}


def test_frames_made_lazy_by_the_program_are_known_where_nothing_is_like_them() -> None:
    with told_run() as told:
        bought = pl.read_parquet("orders.parquet")
        bought.lazy().select("day").collect().write_parquet("days")
        other = pl.DataFrame({"day": ["q"] * 3, "amount": [1] * 3, "cust": [1] * 3})
        other.lazy().select("day").collect().write_parquet("made_up")
        bought.lazy().select("day").collect().write_parquet("doubtful")

    assert told.columns("days") == {"day": {"orders.parquet.day IDENTITY"}}
    assert told.columns("made_up") == told.columns("doubtful") == {}


def test_a_query_that_is_not_run_reads_nothing() -> None:
    with told_run() as told:
        daily()
        orders().collect_schema()

    assert told.inputs == {}


def test_patterns_and_folders_are_one_dataset() -> None:
    Path("parts").mkdir()
    for number in range(3):
        pl.DataFrame({"a": [number]}).write_parquet(f"parts/{number}.parquet")

    with told_run() as told:
        pl.scan_parquet("parts/").collect()
    assert told.inputs == {"parts": None}
    with told_run() as told:
        pl.scan_parquet("parts/*.parquet").collect()
        pl.read_parquet("parts/?.parquet")
    assert told.inputs == {"*.parquet": None, "?.parquet": 3}
    with told_run() as told:
        pl.scan_parquet(["parts/0.parquet", "parts/2.parquet"]).collect()
    assert told.inputs == {"0.parquet": None, "2.parquet": None}
    assert named_paths(["/a/b/1", "/a/b/2", "/c"], ["/a", "/a/b"]) == ["/a/b", "/c"]


def test_a_choice_of_columns_is_not_taken_for_the_schema() -> None:
    with told_run() as told:
        pl.read_parquet("orders.parquet", columns=["day"])
        pl.read_csv("customers.csv", new_columns=["number", "who"]).write_csv("renamed")

    assert told.inputs == {"orders.parquet": 3, "customers.csv": 2}
    assert told.schema("orders.parquet") == told.schema("customers.csv") == {}
    assert told.columns("renamed") == {}


def test_outside_a_run_nothing_is_told_and_nothing_kept() -> None:
    frame = pl.read_parquet("orders.parquet")
    with told_run() as told:
        frame.select("day").write_parquet("days")

    assert told.inputs == {}
    assert told.columns("days") == {}
    assert told.outputs == {"days": 3}


def test_a_look_at_a_plan_reads_no_file_again(monkeypatch: pytest.MonkeyPatch) -> None:
    walk = producers.polars._walked
    looked = []

    def without_files(*args: Any, **kwargs: Any) -> Any:
        for file in ("orders.parquet", "customers.csv"):
            Path(file).unlink()
        looked.append(walk(*args, **kwargs))
        return looked[-1]

    monkeypatch.setattr(producers.polars, "_walked", without_files)
    with told_run() as told:
        daily().collect()

    assert looked != [None]
    assert set(told.inputs) == {"orders.parquet", "customers.csv"}
