"""Where the tables of a dbt project are, by the profile that dbt used."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from graph.errors import InvalidSourceError
from graph.importers.dbt.artifacts import read_artifacts
from graph.importers.dbt.namespace import dataset_namespace

PROJECT = Path(__file__).resolve().parents[2] / "fixtures" / "dbt" / "shop"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("DBT_PROFILES_DIR", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return Path(shutil.copytree(PROJECT, tmp_path / "shop"))


def of_output(project: Path, /, **output: Any) -> str:
    profiles = {"shop": {"target": "prod", "outputs": {"prod": output}}}
    (project / "profiles.yml").write_text(yaml.safe_dump(profiles))
    return namespace(project)


def namespace(project: Path) -> str:
    return dataset_namespace(read_artifacts(str(project / "target"), lambda note: None))


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ({"type": "postgres", "host": "Warehouse", "port": 5433}, "postgres://warehouse:5433"),
        ({"type": "postgres", "host": "warehouse"}, "postgres://warehouse:5432"),
        (
            {"type": "redshift", "host": "c.x.eu-west-1.redshift.amazonaws.com", "port": 5439},
            "redshift://c.eu-west-1:5439",
        ),
        ({"type": "snowflake", "account": "org-account"}, "snowflake://org-account"),
        ({"type": "snowflake", "account": "xy12345.us-east-1"}, "snowflake://xy12345.us-east-1.aws"),
        ({"type": "bigquery", "project": "p"}, "bigquery"),
        (
            {"type": "databricks", "host": "adb-1.azuredatabricks.net"},
            "unitycatalog://adb-1.azuredatabricks.net",
        ),
        ({"type": "trino", "host": "t", "port": 443}, "trino://t:443"),
        ({"type": "clickhouse", "host": "c"}, "clickhouse://c:8123"),
        ({"type": "sqlserver", "server": "s"}, "mssql://s:1433"),
        ({"type": "fabric", "server": "s"}, "fabric-warehouse://s"),
        ({"type": "athena", "region_name": "eu-west-1"}, "awsathena://athena.eu-west-1.amazonaws.com"),
        ({"type": "glue", "region": "r", "role_arn": "arn:aws:iam::42:role/x"}, "arn:aws:glue:r:42"),
        ({"type": "spark", "method": "thrift", "host": "h"}, "spark://h:10001"),
        ({"type": "duckdb"}, "duckdb://:memory:"),
        ({"type": "duckdb", "path": "/srv/shop.duckdb"}, "duckdb:///srv/shop.duckdb"),
        ({"type": "duckdb", "path": "md:shop"}, "duckdb://md:shop"),
    ],
)
def test_each_adapter_has_the_namespace_of_its_tables(
    project: Path, output: dict[str, Any], expected: str
) -> None:
    assert of_output(project, **output) == expected


def test_a_relative_file_is_in_the_project(project: Path) -> None:
    assert (
        of_output(project, type="duckdb", path="data/shop.duckdb") == f"duckdb://{project}/data/shop.duckdb"
    )


def test_environment_variables_are_put_in_and_secrets_are_not_asked_for(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAREHOUSE", "w")
    found = of_output(
        project,
        type="postgres",
        host="{{ env_var('WAREHOUSE') }}.example",
        port="{{ env_var('PORT_OF_IT', '5433') | as_number }}",
        password="{{ env_var('DBT_ENV_SECRET_PASSWORD') }}",
    )

    assert found == "postgres://w.example:5433"


def test_the_profiles_are_looked_for_where_dbt_does(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_HOME", "/elsewhere")
    home = tmp_path / ".dbt"
    home.mkdir()
    (project / "profiles.yml").rename(home / "profiles.yml")
    assert namespace(project) == "duckdb:///elsewhere/shop.duckdb"

    other = tmp_path / "other"
    other.mkdir()
    (home / "profiles.yml").rename(other / "profiles.yml")
    monkeypatch.setenv("DBT_PROFILES_DIR", str(other))
    assert namespace(project) == "duckdb:///elsewhere/shop.duckdb"


@pytest.mark.parametrize(
    ("profiles", "told"),
    [
        (None, "there is no profiles.yml"),
        ("shop: {outputs: {prod: {type: duckdb, password: hunter2", r"is no YAML \("),
        ("other: {}", "has no profile 'shop'"),
        ("shop: {target: dev, outputs: {prod: {type: duckdb}}}", "has no output 'dev'"),
        ("shop: {target: prod, outputs: {prod: {type: nosuch}}}", "adapter 'nosuch'"),
        ("shop: {target: prod, outputs: {prod: {type: postgres}}}", "has no 'host'"),
        (
            "shop: {target: prod, outputs: {prod: {type: postgres, host: \"{{ env_var('UNSET_ONE') }}\"}}}",
            "needs the environment variable UNSET_ONE",
        ),
        (
            "shop: {target: prod, outputs: {prod: {type: postgres, host: \"{{ var('h') }}\"}}}",
            "only dbt can read",
        ),
    ],
)
def test_where_it_is_not_known_the_option_is_named(project: Path, profiles: str | None, told: str) -> None:
    (project / "profiles.yml").unlink()
    if profiles is not None:
        (project / "profiles.yml").write_text(profiles)

    with pytest.raises(InvalidSourceError, match=told) as caught:
        namespace(project)

    assert "--namespace" in str(caught.value)
    assert "hunter2" not in str(caught.value)
