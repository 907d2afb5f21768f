"""`use_dbt_context`: whose queries they are, by dbt's own objects or by anything of their form."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from lineage import context, trace_query
from producers.dbt import use_dbt_context

NODE = {
    "unique_id": "model.shop.orders",
    "name": "orders",
    "resource_type": "model",
    "package_name": "shop",
    "raw_code": "select 'secret'",
}
THIS = {"database": "shop", "schema": "main", "identifier": "orders"}
WHOLE = {
    "dbt.invocation_id": "16ffbaff-46b5-4656-a53a-c79d37a542d1",
    "dbt.node.unique_id": "model.shop.orders",
    "dbt.node.name": "orders",
    "dbt.node.resource_type": "model",
    "dbt.node.package_name": "shop",
    "dbt.this": "shop.main.orders",
    "dbt.target.name": "prod",
}


def as_dict(node: str) -> Any:
    return {
        "invocation_id": WHOLE["dbt.invocation_id"],
        node: NODE,
        "this": THIS,
        "target": {"name": "prod", "password": "hunter2"},
    }


def as_object(node: str) -> Any:
    said = {
        key: SimpleNamespace(**one) if isinstance(one, dict) else one for key, one in as_dict(node).items()
    }
    return SimpleNamespace(**said)


@pytest.mark.parametrize("node", ["node", "model"])
@pytest.mark.parametrize("form", [as_dict, as_object])
def test_invocation_and_node_are_job_operation_and_attributes(
    form: Callable[[str], Any], node: str, told: Callable[[], list[dict[str, Any]]]
) -> None:
    """DC-45: from a mapping and from an object; nothing else of them is taken."""
    with use_dbt_context(form(node)), trace_query("select 1"):
        pass

    (event,) = told()
    assert event["operation"] == "model.shop.orders"
    assert event["job_id"] == WHOLE["dbt.invocation_id"]
    assert event["attributes"] == WHOLE
    assert context.current() is None


class this:  # noqa: N801 - as dbt calls it
    database = "shop"
    schema = "main"
    identifier = "orders"

    def __repr__(self) -> str:
        return '"shop"."main"."orders"'


@pytest.mark.parametrize("relation", [this(), THIS, "shop.main.orders"])
def test_a_python_model_is_known_by_its_relation(relation: Any) -> None:
    """DC-45: the argument of a Python model has `this` and no node; what is absent is left out."""
    with use_dbt_context(SimpleNamespace(this=relation, ref=print, config=object())) as known:
        assert known is not None
        assert (known.operation, known.job_id) == ("shop.main.orders", None)
        assert known.attributes == (("dbt.this", "shop.main.orders"),)


def test_where_dbt_runs_it_in_its_process_the_invocation_is_dbt_s(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("dbt_common.invocation")
    module.get_invocation_id = lambda: "from-dbt"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "dbt_common.invocation", module)

    with use_dbt_context(SimpleNamespace(this=this())) as inferred:
        assert inferred is not None
        assert inferred.job_id == "from-dbt"
    with use_dbt_context({"invocation_id": "given"}) as given:
        assert given is not None
        assert given.job_id == "given"


def test_what_is_outside_stays_and_what_a_target_is_called_may_be_text() -> None:
    with context.use(actor="ada", attributes={"tier": "gold"}), use_dbt_context({"target": "prod"}) as known:
        assert known is not None
        assert (known.actor, known.operation) == ("ada", None)
        assert dict(known.attributes) == {"tier": "gold", "dbt.target.name": "prod"}


class Failing:
    @property
    def node(self) -> Any:
        raise RuntimeError("theirs")

    model = invocation_id = this = target = unique_id = database = node

    def __str__(self) -> str:
        raise RuntimeError("theirs")


@pytest.mark.usefixtures("faults_expected")
@pytest.mark.parametrize(
    "dbt",
    [
        None,
        5,
        "text",
        [],
        Failing(),
        {"node": Failing(), "this": Failing(), "invocation_id": Failing()},
        {"this": print},
    ],
)
def test_what_is_none_or_raises_reaches_nobody(dbt: Any) -> None:
    """DC-45, fault 2.1.3-14: the block runs, and its own error is its own."""
    with use_dbt_context(dbt) as known:
        assert known is None or known.operation is None
    with pytest.raises(ZeroDivisionError), use_dbt_context(dbt):
        raise ZeroDivisionError


def test_nothing_of_dbt_is_written_and_a_real_query_is_told_once(
    told: Callable[[], list[dict[str, Any]]],
) -> None:
    """DC-41: the bridge says for whom a query is, and leaves dbt's objects as they are."""
    dbt = as_dict("model")
    before = repr(dbt)
    with use_dbt_context(dbt), sqlite3.connect(":memory:") as connection, trace_query("select 1") as query:
        query.set(rows=len(connection.execute("select 1").fetchall()))

    assert repr(dbt) == before
    (event,) = told()
    assert event["rows"] == 1
    assert "hunter2" not in repr(event)
    assert "secret" not in repr(event)
