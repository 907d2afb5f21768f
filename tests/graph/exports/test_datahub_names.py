"""What things are called in DataHub, and what is said where its client is not installed."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from graph.errors import InvalidQueryError
from graph.exports.datahub.names import Naming, job_name, naming, platform_and_name


@pytest.mark.parametrize(
    ("namespace", "name", "platform", "called"),
    [
        ("postgres://warehouse:5432", "shop.public.orders", "postgres", "shop.public.orders"),
        ("s3://lake", "gold/revenue", "s3", "lake/gold/revenue"),
        ("s3://lake", "/", "s3", "lake"),
        ("gs://lake", "gold/revenue/", "gcs", "lake/gold/revenue"),
        ("abfss://box@account.dfs.core.windows.net", "gold/revenue", "abs", "box/gold/revenue"),
        ("snowflake://org-account", "SHOP.PUBLIC.ORDERS", "snowflake", "shop.public.orders"),
        ("bigquery", "project.set.Table", "bigquery", "project.set.Table"),
        ("awsathena://athena.eu-west-1.amazonaws.com", "cat.db.t", "athena", "cat.db.t"),
        ("sqlserver://host:1433", "shop.dbo.orders", "mssql", "shop.dbo.orders"),
        ("unitycatalog://host", "main.shop.orders", "databricks", "main.shop.orders"),
        ("arn:aws:glue:eu-west-1:123456789012", "table/shop/orders", "glue", "shop.orders"),
        ("arn:aws:sqs:eu-west-1:123456789012", "jobs", "sqs", "jobs"),
        ("sqlite:///data/shop.db", "orders", "sqlite", "shop.orders"),
        ("duckdb:///data/shop.db", "shop.main.orders", "duckdb", "shop.main.orders"),
        ("file", "/data/orders.csv", "file", "/data/orders.csv"),
        ("kafka://broker:9092", "orders", "kafka", "orders"),
        ("food delivery (old)", "orders", "food_delivery_old_", "orders"),
    ],
)
def test_platforms_and_names(namespace: str, name: str, platform: str, called: str) -> None:
    """DD-12: as DataHub's connectors and its OpenLineage endpoint call them."""
    assert platform_and_name(namespace, name) == (platform, called)


def test_fields_are_as_the_platform_s_connector_writes_them() -> None:
    assert Naming().dataset("snowflake://x", "A.B.C").field_path("AMOUNT") == "amount"
    assert Naming().dataset("postgres://x", "a.b.c").field_path("Amount") == "Amount"


def test_an_instance_is_of_a_namespace_before_a_platform() -> None:
    known = naming("stg", ["postgres://a:5432=one", "postgres=others", "x=y=z"])

    assert known.environment == "STG"
    assert known.dataset("postgres://a:5432", "t").instance == "one"
    assert known.dataset("postgres://b:5432", "t").instance == "others"
    assert known.dataset("s3://b", "t").instance is None
    assert known.instances["x=y"] == "z"


@pytest.mark.parametrize(
    ("environment", "instances", "said"),
    [("here", [], "DataHub knows PROD"), ("PROD", ["one"], "NAMESPACE=INSTANCE"), ("PROD", ["a="], "'a='")],
)
def test_a_wrong_option_is_named(environment: str, instances: list[str], said: str) -> None:
    with pytest.raises(InvalidQueryError, match=said):
        naming(environment, instances)


def test_a_job_is_a_task_of_the_flow_that_its_name_begins_with() -> None:
    job = job_name("prod", "dag.group.task", "AIRFLOW")

    assert (job.orchestrator, job.flow, job.cluster, job.task, job.label) == (
        "airflow",
        "dag",
        "prod",
        "dag.group.task",
        "group.task",
    )
    alone = job_name("prod", "load", None)
    assert (alone.orchestrator, alone.flow, alone.task, alone.label) == ("unknown", "load", "load", "load")


def test_without_datahub_s_client_the_pip_line_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """DC-01: and what needs no client works: the help."""
    from graph.cli import main

    def run(*words: str) -> tuple[Any, str]:
        monkeypatch.setattr(sys, "argv", ["lineage", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return ended.value.code, printed.out + printed.err

    monkeypatch.setitem(sys.modules, "datahub", None)
    monkeypatch.delitem(sys.modules, "graph.exports.datahub.models", raising=False)

    code, said = run("export", "datahub", "--to", "-")
    assert code == 2
    assert "acryl-datahub is needed for this: pip install 'lineage-graph[datahub]'" in said
    assert run("export", "datahub", "--help")[0] in (0, None)
