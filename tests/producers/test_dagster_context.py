"""`use_dagster_context`: whose queries they are, by anything of the form of Dagster's own objects."""

from __future__ import annotations

import copy
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from lineage import context, trace_query
from producers.dagster import use_dagster_context

Told = Callable[[], list[dict[str, Any]]]

RUN = "5dd42cd4-9f4e-4f6d-8a4c-2b8a6ed6a1c3"
WHOLE = {
    "dagster.run_id": RUN,
    "dagster.job_name": "nightly",
    "dagster.op_name": "warehouse__orders",
    "dagster.asset_key": "warehouse/orders",
    "dagster.partition_key": "2026-01-05",
}
TAGS = {"team": "sales", "dagster/partition": "2026-01-05"}


class Key(NamedTuple):
    path: tuple[str, ...]


def as_mapping() -> Any:
    return {
        "run": {"run_id": RUN, "tags": TAGS},
        "job_name": "nightly",
        "op_def": {"name": "warehouse__orders"},
        "asset_key": Key(("warehouse", "orders")),
        "partition_key": "2026-01-05",
    }


def as_objects() -> Any:
    said = as_mapping()
    return SimpleNamespace(
        **said | {"run": SimpleNamespace(**said["run"]), "op_def": SimpleNamespace(**said["op_def"])}
    )


def as_asset_context() -> Any:
    """As the context of an asset: what it is for stands in that of its op."""
    inner = as_objects()
    inner.has_assets_def = inner.has_partition_key = True
    inner.selected_asset_keys = frozenset([inner.asset_key])
    del inner.asset_key
    return SimpleNamespace(op_execution_context=inner)


@pytest.mark.parametrize("form", [as_mapping, as_objects, as_asset_context])
def test_run_and_asset_are_job_operation_and_attributes(form: Callable[[], Any], told: Told) -> None:
    """DC-37, DC-39: with Dagster not needed; nothing else of the context is taken."""
    with use_dagster_context(form()), trace_query("select 1"):
        pass

    (event,) = told()
    assert event["job_id"] == RUN
    assert event["operation"] == "warehouse/orders"
    assert event["attributes"] == WHOLE
    assert context.current() is None


def test_an_op_is_known_by_its_name_and_what_is_absent_is_left_out() -> None:
    """DC-39: an op that has nothing to do with assets or partitions."""
    op = SimpleNamespace(
        run_id="manual", op=SimpleNamespace(name="load"), has_assets_def=False, has_partition_key=False
    )
    with use_dagster_context(op) as known:
        assert known is not None
        assert (known.operation, known.job_id) == ("load", "manual")
        assert known.attributes == (("dagster.run_id", "manual"), ("dagster.op_name", "load"))


def test_of_several_assets_none_is_the_operation() -> None:
    keys = frozenset(Key((name,)) for name in ("orders", "refunds"))
    several = SimpleNamespace(
        has_assets_def=True, selected_asset_keys=keys, op_def=SimpleNamespace(name="split")
    )
    with use_dagster_context(several) as known:
        assert known is not None
        assert known.operation == "split"
        assert "dagster.asset_key" not in dict(known.attributes)


@pytest.mark.parametrize("include", [True, False])
def test_tags_of_the_run_are_told_on_request(include: bool, told: Told) -> None:
    """DC-40: with `include_run_tags` and not without."""
    with use_dagster_context(as_objects(), include_run_tags=include), trace_query("select 1"):
        pass

    tags = {f"dagster.run_tags.{name}": value for name, value in TAGS.items()}
    assert told()[0]["attributes"] == (WHOLE | tags if include else WHOLE)


def test_nothing_of_dagster_is_written(told: Told) -> None:
    """DC-41: the bridge says for whom a query is, and leaves what it was given as it is."""
    given = as_mapping()
    before = copy.deepcopy(given)
    with context.use(actor="ada"), use_dagster_context(given, include_run_tags=True), trace_query("select 1"):
        pass

    assert given == before
    assert told()[0]["actor"] == "ada"


class Failing:
    @property
    def run(self) -> Any:
        raise RuntimeError("theirs")

    op_execution_context = run_id = job_name = op_def = op = asset_key = partition_key = run

    def __str__(self) -> str:
        raise RuntimeError("theirs")


@pytest.mark.usefixtures("faults_expected")
@pytest.mark.parametrize(
    "given",
    [None, 5, "text", [], Failing(), {"run": Failing(), "asset_key": Failing()}, {"run": {"tags": 5}}],
)
def test_what_is_none_or_raises_reaches_nobody(given: Any) -> None:
    """DC-37, fault 2.1.3-14: the block runs, and its own error is its own."""
    with use_dagster_context(given, include_run_tags=True) as known:
        assert known is None or known.operation is None
    with pytest.raises(ZeroDivisionError), use_dagster_context(given):
        raise ZeroDivisionError
