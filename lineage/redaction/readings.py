"""How each dialect reads quotes, comments and signs.

Dialects disagree on what a quote, a backslash or a `#` means. A reading is the set of those rules that
hold; a dialect has one reading or, where servers or settings differ, several.
"""

from __future__ import annotations

import re

Reading = frozenset[str]

_STANDARD: Reading = frozenset({"nested"})
_ORACLE = frozenset({"q_quotes"})
_TSQL = frozenset({"nested", "brackets"})
_MYSQL = frozenset({"backslash", "hash", "spaced_dashes", "double"})
_BIGQUERY = frozenset({"backslash", "hash", "double", "triple", "dashed"})
_SPARK = frozenset({"backslash", "double", "nested"})
_HIVE = frozenset({"backslash", "double"})
_SNOWFLAKE = frozenset({"backslash", "slashes", "stage"})
_CLICKHOUSE = frozenset({"backslash", "nested", "hash"})
FLAT: Reading = frozenset()

_ODD = frozenset({"nested", "odd_brackets"})  # T-SQL where brackets cannot be taken for arrays
ANY = tuple(
    reading - {"double", "stage"} | {"loose", "dashed", "q_quotes"}
    for reading in (_STANDARD, FLAT, _MYSQL, _BIGQUERY, _SPARK, _SNOWFLAKE, _CLICKHOUSE, _ODD)
)

READINGS: dict[str, tuple[Reading, ...]] = {
    "athena": (FLAT, _HIVE - {"double"}),
    "bigquery": (_BIGQUERY,),
    "clickhouse": (_CLICKHOUSE, _CLICKHOUSE - {"hash"}),
    "databricks": (_SPARK | {"stage"}, _HIVE | {"stage"}),
    "doris": (_MYSQL,),
    "duckdb": (_STANDARD, FLAT),
    "fabric": (_TSQL,),
    "hive": (_HIVE, _SPARK),
    "materialize": (_STANDARD,),
    "mysql": (_MYSQL,),
    "oracle": (_ORACLE,),
    "postgres": (_STANDARD,),
    "presto": (FLAT,),
    "redshift": (_STANDARD | {"backslash"}, _STANDARD),
    "risingwave": (_STANDARD,),
    "singlestore": (_MYSQL,),
    "snowflake": (_SNOWFLAKE,),
    "spark": (_SPARK, _HIVE),
    "spark2": (_HIVE, _SPARK),
    "sqlite": (frozenset({"brackets"}),),
    "starrocks": (_MYSQL,),
    "teradata": (_STANDARD, FLAT),
    "trino": (FLAT,),
    "tsql": (_TSQL,),
}
SAME = {"mariadb": "mysql", "postgresql": "postgres", "mssql": "tsql", "sqlserver": "tsql"}

# A rule can change the tokens of a text only where the text holds this.
TRIGGERS = {
    "backslash": re.compile(r"\\['\"`]"),
    "hash": re.compile(r"#"),
    "slashes": re.compile(r"//"),
    "spaced_dashes": re.compile(r"--(?=\S)"),
    "nested": re.compile(r"/\*[^*/]*+(?:(?:\*(?!/)|/(?!\*))[^*/]*+)*+/\*"),
    "odd_brackets": re.compile(r"\[[^\[\]']*+'"),
    "triple": re.compile(r"'''|\"\"\""),
}


def readings_of(dialect: str | None) -> tuple[Reading, ...]:
    """Return the readings of a dialect; of every dialect where it is None or unknown."""
    name = dialect.lower() if dialect else ""
    return READINGS.get(SAME.get(name, name), ANY)
