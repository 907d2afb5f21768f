"""Statements the parser leaves as text or refuses, with the tables they name."""

from __future__ import annotations

import pytest

from lineage.sql import extract


@pytest.mark.parametrize(
    ("dialect", "sql", "inputs", "outputs"),
    [
        ("redshift", "UNLOAD ('SELECT a FROM t') TO 's3://b/k' IAM_ROLE default", ["t"], ["s3://b/k"]),
        ("redshift", "UNLOAD ($$SELECT a FROM t$$) TO 's3://b/k'", ["t"], ["s3://b/k"]),
        ("athena", "UNLOAD (SELECT a FROM t) TO 's3://b/k' WITH (format = 'PARQUET')", ["t"], ["s3://b/k"]),
        ("bigquery",
         "EXPORT DATA OPTIONS (format = 'CSV', uri = 'gs://b/k') AS SELECT a FROM t",
         ["t"], ["gs://b/k"]),
        ("bigquery",
         "LOAD DATA INTO o FROM FILES (format = 'CSV', uris = ['gs://b/k'])",
         ["gs://b/k"], ["o"]),
        ("mysql", "LOAD DATA LOCAL INFILE '/f' INTO TABLE o FIELDS TERMINATED BY ','", ["/f"], ["o"]),
        ("mysql", "SELECT a INTO OUTFILE '/f' FIELDS TERMINATED BY ',' FROM t", ["t"], ["/f"]),
        ("mysql", "RENAME TABLE a TO b, c TO d", ["a", "c"], ["b", "d"]),
        ("mysql", "DROP TABLE IF EXISTS a, b", [], ["a", "b"]),
        ("mysql", "DELETE FROM o WHERE a = 1 ORDER BY b LIMIT 5", [], ["o"]),
        ("clickhouse", "EXCHANGE TABLES a AND b", ["a", "b"], ["a", "b"]),
        ("hive", "ALTER TABLE o EXCHANGE PARTITION (p = 'x') WITH TABLE t", ["t"], ["o"]),
        ("hive",
         "FROM t INSERT INTO o SELECT a WHERE b = 1 INSERT OVERWRITE TABLE p SELECT c",
         ["t"], ["o", "p"]),
        ("redshift", "ALTER TABLE o APPEND FROM t", ["t"], ["o"]),
        ("redshift", "SELECT [a] FROM [s].[t]", ["s.t"], []),
        ("tsql", "ALTER TABLE t SWITCH PARTITION 2 TO o PARTITION 2", ["t"], ["o"]),
        ("tsql", "BULK INSERT o FROM '/f.csv' WITH (FORMAT = 'CSV')", ["/f.csv"], ["o"]),
        ("tsql", "UPDATE o SET o.a += t.a FROM t", ["t"], ["o"]),
        ("tsql",
         "INSERT INTO o SELECT a FROM OPENROWSET(BULK 's3://b/k.parquet', FORMAT = 'PARQUET') "
         "AS r",
         ["s3://b/k.parquet"], ["o"]),
        ("tsql", "EXEC sp_rename 's.a', 'b'", ["s.a"], ["s.b"]),
        ("tsql", "DELETE FROM o OUTPUT deleted.a INTO log (x) WHERE b = 1", ["o"], ["o", "log"]),
        ("vertica", "SELECT swap_partitions_between_tables('t', 1, 2, 'o')", ["t"], ["o"]),
        ("postgres", "ALTER TABLE s.t SET SCHEMA r", ["s.t"], ["r.t"]),
        ("postgres", "ALTER TABLE s.t RENAME TO o", ["s.t"], ["s.o"]),
        ("postgres", "REFRESH MATERIALIZED VIEW CONCURRENTLY o", [], ["o"]),
        ("postgres", "CREATE MATERIALIZED VIEW o AS SELECT a FROM t WITH NO DATA", ["t"], ["o"]),
        ("postgres", "EXPLAIN INSERT INTO o SELECT a FROM t", [], []),
        ("postgres", "EXPLAIN (ANALYZE, VERBOSE) INSERT INTO o SELECT a FROM t", ["t"], ["o"]),
        ("postgres", "VACUUM t", [], []),
        ("oracle", "CREATE TABLE o NOLOGGING PARALLEL 4 AS SELECT a FROM t", ["t"], ["o"]),
        ("oracle", "UPDATE (SELECT o.a x, t.b y FROM o JOIN t ON o.i = t.i) SET x = y", ["t"], ["o"]),
        ("oracle", "INSERT INTO o SELECT a FROM t LOG ERRORS INTO e REJECT LIMIT 5", ["t"], ["o"]),
        ("oracle",
         "MERGE INTO o USING t ON (o.a = t.a) WHEN MATCHED THEN UPDATE SET b = t.b WHERE t.c "
         "= 1 DELETE WHERE o.d = 1",
         ["t"], ["o"]),
        ("snowflake", "CREATE STREAM o ON TABLE t", ["t"], ["o"]),
        ("snowflake", "CREATE STAGE o URL = 's3://b/k'", ["s3://b/k"], ["o"]),
        ("snowflake",
         "CREATE DYNAMIC TABLE o TARGET_LAG = '1 hour' WAREHOUSE = w AS SELECT a FROM t",
         ["t"], ["o"]),
        ("snowflake", "CREATE PIPE p AS COPY INTO o FROM 's3://b/k'", ["s3://b/k"], ["o"]),
        ("snowflake", "COPY INTO 's3://b/k' FROM (SELECT a FROM t)", ["t"], ["s3://b/k"]),
        ("snowflake", "SELECT a FROM t WHERE b = %(day)s AND c = %s", ["t"], []),
        ("databricks", "CREATE TABLE o DEEP CLONE t VERSION AS OF 3", ["t"], ["o"]),
        ("databricks",
         "MERGE WITH SCHEMA EVOLUTION INTO o USING t ON o.a = t.a WHEN MATCHED THEN UPDATE "
         "SET *",
         ["t"], ["o"]),
        ("databricks", "ALTER VIEW o AS SELECT a FROM t", ["t"], ["o"]),
        ("spark", "INSERT OVERWRITE DIRECTORY '/f' USING csv SELECT a FROM t", ["t"], ["/f"]),
        ("duckdb", "SUMMARIZE t", ["t"], []),
        ("duckdb", "CREATE TABLE o AS PIVOT t ON b IN (1, 2) USING sum(c) GROUP BY a", ["t"], ["o"]),
        ("athena", "SELECT a FROM `s`.`t`", ["s.t"], []),
        ("teradata", "CREATE TABLE o AS (SELECT a (TITLE 'x') FROM t) WITH DATA", ["t"], ["o"]),
        ("bigquery", "SELECT normal(a, b) FROM t", ["t"], []),
    ],
)  # fmt: skip
def test_a_form_the_parser_does_not_know_names_its_tables(
    dialect: str, sql: str, inputs: list[str], outputs: list[str]
) -> None:
    result = extract(sql, dialect=dialect)
    assert result.problems == ()
    assert [table.name for table in result.inputs] == inputs
    assert [table.name for table in result.outputs] == outputs


def test_a_query_written_to_a_file_has_its_columns() -> None:
    result = extract("UNLOAD ('SELECT a, b + 1 AS c FROM t') TO 's3://b/k'", dialect="redshift")
    assert [
        (edges.output.column, [(source.column, source.subtype) for source in edges.inputs])
        for edges in result.columns
    ] == [("a", [("a", "IDENTITY")]), ("c", [("b", "TRANSFORMATION")])]


def test_a_word_of_the_dialect_that_a_statement_misuses_is_read_as_generic_sql() -> None:
    result = extract("SELECT key, value FROM t", dialect="mysql")
    assert [table.name for table in result.inputs] == ["t"]
    assert "it is read as generic SQL" in result.problems[0]
    assert not result.statements[0].certain


@pytest.mark.parametrize("sql", ["CALL p(1)", "CREATE USER u PASSWORD 'x'", "GRANT ROLE a TO b FOR c"])
def test_what_stays_text_is_never_understood(sql: str) -> None:
    (statement,) = extract(sql, dialect="snowflake").statements
    assert not statement.certain
    assert "was not understood" in statement.problems[0]
