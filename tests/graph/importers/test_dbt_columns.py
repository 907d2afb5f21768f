"""What a node of dbt is made from, by the SQL of every kind of database and node."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from graph.importers.dbt.artifacts import (
    Artifacts,
    Catalog,
    CatalogColumn,
    CatalogTable,
    Config,
    Dependencies,
    Manifest,
    Metadata,
    Node,
)
from graph.importers.dbt.columns import Origins, origins_of
from graph.importers.dbt.project import Project

Quote = Callable[..., str]


def plain(*parts: str | None) -> str:
    return ".".join(part for part in parts if part)


def quoted(*parts: str | None) -> str:
    return ".".join(f'"{part}"' for part in parts if part)


def ticked(*parts: str | None) -> str:
    return ".".join(f"`{part}`" for part in parts if part)


def catalogued(*columns: str) -> CatalogTable:
    return CatalogTable({name: CatalogColumn(name, at) for at, name in enumerate(columns)})


def origins(
    sql: str,
    *,
    adapter: str = "postgres",
    namespace: str = "postgres://h:5432",
    database: str | None = "shop",
    schema: str = "main",
    quote: Quote = quoted,
    columns: Sequence[str] = ("id", "amount"),
    config: Config | None = None,
    kind: str = "model",
    language: str = "sql",
) -> Origins:
    """Return the origins of a node `totals`; `{raw}` in its SQL is the table `raw`, of these columns."""

    def node(name: str, of: str, **fields: object) -> Node:
        relation = quote(database, schema, name)
        return Node(
            f"{of}.shop.{name}",
            of,
            name,
            database=database,
            schema=schema,
            alias=name,
            relation_name=relation,
            **fields,
        )

    raw = node("raw", "seed")
    totals = node(
        "totals",
        kind,
        depends_on=Dependencies([raw.unique_id]),
        compiled_code=sql.format(raw=raw.relation_name),
        config=config or Config(materialized="table"),
        language=language,
    )
    metadata = Metadata("", "2026-01-01T00:00:00Z", adapter_type=adapter, project_name="shop")
    manifest = Manifest(metadata, {one.unique_id: one for one in (raw, totals)}, {})
    catalog = Catalog(metadata, {raw.unique_id: catalogued(*columns)}, {})
    if adapter == "snowflake":
        catalog.nodes[totals.unique_id] = catalogued("ID", "TOTAL")
    project = Project(Artifacts(Path(), manifest, None, catalog, None), namespace, "dbt")
    return origins_of(project, [totals], {}).get(totals.unique_id, Origins())


def fields(found: Origins) -> dict[str, set[str]]:
    return {column: {one["field"] for one in sources} for column, sources in found.made.fields.items()}


@pytest.mark.parametrize(
    ("adapter", "namespace", "database", "quote", "table"),
    [
        ("postgres", "postgres://h:5432", "shop", quoted, "shop.main.raw"),
        ("redshift", "redshift://h:5439", "shop", quoted, "shop.main.raw"),
        ("bigquery", "bigquery", "my-project", ticked, "my-project.main.raw"),
        ("databricks", "unitycatalog://h", "shop", ticked, "shop.main.raw"),
        ("spark", "spark://h:10001", None, plain, "main.raw"),
        ("sqlserver", "mssql://h:1433", "shop", quoted, "shop.main.raw"),
        ("mysql", "mysql://h:3306", None, ticked, "main.raw"),
        ("clickhouse", "clickhouse://h:8123", "", ticked, "main.raw"),
        ("trino", "trino://h:8080", "shop", quoted, "shop.main.raw"),
        (
            "athena",
            "awsathena://athena.eu-west-1.amazonaws.com",
            "awsdatacatalog",
            quoted,
            "awsdatacatalog.main.raw",
        ),
        ("glue", "arn:aws:glue:eu-west-1:1", None, plain, "main.raw"),
    ],
)
def test_the_sql_of_each_database_is_read(
    adapter: str, namespace: str, database: str | None, quote: Quote, table: str
) -> None:
    found = origins(
        "select r.id, sum(amount) as total from {raw} r group by r.id",
        adapter=adapter,
        namespace=namespace,
        database=database,
        quote=quote,
    )

    assert found.inputs == ((namespace, table),)
    assert found.certain
    assert fields(found) == {"id": {"id"}, "total": {"amount"}}


@pytest.mark.parametrize("quote", [plain, quoted])
def test_columns_are_called_as_the_database_has_them(quote: Quote) -> None:
    """Snowflake writes names without quotes in capitals: else a chain of models would break at each."""
    found = origins(
        "select r.id, sum(amount) as total from {raw} r group by r.id",
        adapter="snowflake",
        namespace="snowflake://org-account",
        database="SHOP",
        quote=quote,
        columns=("ID", "AMOUNT"),
    )

    assert found.inputs == (("snowflake://org-account", "SHOP.main.raw"),)
    assert fields(found) == {"ID": {"ID"}, "TOTAL": {"AMOUNT"}}
    assert {one["field"] for one in found.made.rows} == {"ID"}


def test_a_star_has_the_columns_of_the_catalog_in_their_order() -> None:
    assert origins("select * from {raw}").columns == ("id", "amount")


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (
            Config(strategy="check", unique_key=["id", "amount"]),
            {"dbt_scd_id": {"id", "amount"}},
        ),
        (
            Config(strategy="timestamp", unique_key="id", updated_at="amount"),
            {
                "dbt_scd_id": {"id", "amount"},
                "dbt_updated_at": {"amount"},
                "dbt_valid_from": {"amount"},
                "dbt_valid_to": {"amount"},
            },
        ),
        (
            Config(
                strategy="check",
                unique_key="id",
                snapshot_meta_column_names={"dbt_scd_id": "version", "dbt_valid_to": None},
            ),
            {"version": {"id"}},
        ),
    ],
)
def test_a_snapshot_has_the_columns_that_dbt_adds(config: Config, expected: dict[str, set[str]]) -> None:
    found = origins("select * from {raw};", kind="snapshot", config=config)

    assert fields(found) == {"id": {"id"}, "amount": {"amount"}, **expected}


def test_a_table_is_not_made_from_itself() -> None:
    found = origins('select id, amount from {raw} where id > (select max(id) from "shop"."main"."totals")')

    assert found.inputs == (("postgres://h:5432", "shop.main.raw"),)
    assert {one["name"] for one in found.made.rows} == {"shop.main.raw"}


def test_python_is_not_read_as_sql() -> None:
    assert origins("def model(dbt, session): return dbt.ref('raw')", language="python") == Origins()


def test_what_is_not_understood_is_said_and_claims_nothing() -> None:
    found = origins("select ( from {raw} group")

    assert found.problems
    assert not found.made.fields
    assert not found.certain
