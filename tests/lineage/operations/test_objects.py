"""Objects that integrations see are datasets by their keys, and many of them by their folders."""

from __future__ import annotations

import random

import pytest

from lineage.operations.objects import MAX_KEYS, MAX_NAMES, Objects


def names_of(*keys: str) -> list[str]:
    objects = Objects()
    for key in keys:
        objects.add(key)
        assert len(objects.names) <= MAX_NAMES
    return list(objects.names)


def parts(folder: str, count: int) -> list[str]:
    return [f"{folder}part-{number:05}.parquet" for number in range(count)]


def test_few_objects_are_themselves() -> None:
    keys = ["raw/orders.csv", "a", "raw/orders/2026/01/01.csv", *parts("gold/revenue/", MAX_KEYS)]

    assert names_of(*keys, *keys) == keys


def test_many_keys_of_a_folder_are_the_folder() -> None:
    found = names_of("raw/orders.csv", *parts("gold/revenue/", 5_000), "gold/other/x.csv", "gold/x.csv")

    assert found == ["raw/orders.csv", "gold/revenue", "gold/other/x.csv", "gold/x.csv"]


def test_many_keys_of_the_bucket_itself_leave_its_folders_alone() -> None:
    assert names_of("raw/a.csv", *parts("", MAX_KEYS + 1), "raw/b.csv") == ["raw/a.csv", "/", "raw/b.csv"]


def test_folders_of_days_are_their_table_and_tables_stay_apart() -> None:
    """One file a day of thirty tables: the days are too many, the tables are not."""
    keys = [f"raw/{table}/{day}/part.parquet" for day in range(400) for table in range(30)]

    assert sorted(names_of(*keys)) == sorted(f"raw/{table}" for table in range(30))


def test_one_deep_object_beside_many_folders_keeps_its_name() -> None:
    keys = [f"raw/orders/{day}/{hour}/part.parquet" for day in range(200) for hour in range(24)]

    assert names_of("a/b/c/d/e.csv", *keys) == ["a/b/c/d/e.csv", "raw/orders"]


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("raw/orders/day=2026-01-01/part-0.parquet", "raw/orders"),
        ("raw/orders/day=2026-01-01/hour=7/part-0.parquet", "raw/orders"),
        ("day=2026-01-01/part-0.parquet", "day=2026-01-01/part-0.parquet"),
        ("raw/orders/_metadata", "raw/orders/_metadata"),
        ("raw/a=b.csv", "raw/a=b.csv"),
    ],
)
def test_an_object_in_a_partition_is_told_as_what_is_partitioned(key: str, name: str) -> None:
    """The same name every day, however many partitions a run touches."""
    assert names_of(key) == [name]


def test_what_lies_beside_partitions_is_theirs_and_forty_tables_are_forty() -> None:
    keys = [f"raw/{table}/day={day}/part.parquet" for day in range(3) for table in range(40)]

    assert sorted(names_of(*keys, "raw/7/_SUCCESS")) == sorted(f"raw/{table}" for table in range(40))


def test_folders_with_nothing_in_common_are_the_bucket() -> None:
    assert names_of(*(f"{number}/x.csv" for number in range(MAX_NAMES + 1)), "y/z") == ["/"]


@pytest.mark.parametrize("seed", range(3))
def test_every_object_is_in_what_stands_for_it_and_nothing_grows(seed: int) -> None:
    chance = random.Random(seed)
    objects, keys = Objects(), []
    for _ in range(3_000):
        keys.append("/".join(str(chance.randrange(9)) for _ in range(chance.randrange(1, 7))))
        objects.add(keys[-1])
        assert len(objects.names) <= MAX_NAMES

    for key in keys:
        assert any(name in ("/", key) or key.startswith(f"{name}/") for name in objects.names), key
    assert len(objects._keys) + len(objects._full) + len(objects._folded) < 10 * MAX_NAMES
