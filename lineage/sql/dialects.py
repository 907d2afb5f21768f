"""Names of SQL dialects as drivers, engines and OpenLineage namespaces write them."""

from __future__ import annotations

_DIALECTS = {
    name: dialect
    for dialect, names in {
        "athena": "athena awsathena",
        "bigquery": "bigquery",
        "clickhouse": "clickhouse clickhousedb",
        "databricks": "databricks",
        "doris": "doris pydoris",
        "dremio": "dremio",
        "drill": "drill",
        "druid": "druid",
        "duckdb": "duckdb motherduck",
        "exasol": "exasol exa",
        "hive": "hive impala",
        "materialize": "materialize",
        "mysql": "mysql mariadb aurora_mysql",
        "oracle": "oracle",
        "postgres": "postgres postgresql pg cockroachdb cockroach crate greenplum vertica yugabytedb",
        "presto": "presto",
        "redshift": "redshift",
        "risingwave": "risingwave",
        "singlestore": "singlestore singlestoredb memsql",
        "snowflake": "snowflake",
        "spark": "spark sparksql spark_sql pyspark delta",
        "sqlite": "sqlite sqlite3",
        "starrocks": "starrocks",
        "tableau": "tableau",
        "teradata": "teradata teradatasql",
        "trino": "trino starburst",
        "tsql": "tsql mssql sqlserver azuresql synapse fabric",
    }.items()
    for name in names.split()
}


def dialect_of(name: str) -> str | None:
    """Return the SQL dialect behind a name, or None where it says nothing about one.

    Takes dialect names, SQLAlchemy's (`postgresql+psycopg2`), any URL with one as its scheme and OpenLineage
    namespaces (`postgres://warehouse:5432`, `bigquery`). Systems that speak another one's SQL give
    that one (`cockroachdb` and `greenplum`: `postgres`; `mariadb`: `mysql`).
    """
    scheme = name.strip().lower().partition("://")[0]
    driverless = scheme.removeprefix("jdbc:").partition("+")[0].partition(":")[0]
    return _DIALECTS.get(driverless.replace("-", "_").replace(" ", ""))
