"""Statements with the lineage they have, by hand: one test per construct."""

from __future__ import annotations

import pytest

from lineage.sql import SqlLineage, Table, extract

KNOWN = {"t": ["a", "b", "c"], "u": ["a", "d"]}


def tables(result: SqlLineage) -> tuple[list[str], list[str]]:
    return [table.name for table in result.inputs], [table.name for table in result.outputs]


def direct(result: SqlLineage) -> dict[str, dict[str, str]]:
    return {
        f"{edges.output.table}.{edges.output.column}".lstrip("."): {
            f"{source.table}.{source.column}": source.subtype for source in edges.inputs
        }
        for edges in result.columns
    }


def indirect(result: SqlLineage, column: str) -> set[str]:
    return {
        f"{source.table}.{source.column} {source.subtype}"
        for edges in result.columns
        if edges.output.column == column
        for source in edges.indirect
    }


def test_an_insert_names_its_targets_by_the_column_list() -> None:
    result = extract(
        """insert into mart.customer_orders (customer_id, full_name, n_orders, total)
        select c.id, c.first_name || ' ' || c.last_name, count(o.id), sum(o.amount)
        from raw.customers c left join raw.orders o on o.customer_id = c.id
        where o.status = 'completed' group by 1, 2""",
        dialect="postgres",
    )
    assert tables(result) == (["raw.customers", "raw.orders"], ["mart.customer_orders"])
    assert direct(result) == {
        "mart.customer_orders.customer_id": {"raw.customers.id": "IDENTITY"},
        "mart.customer_orders.full_name": {
            "raw.customers.first_name": "TRANSFORMATION",
            "raw.customers.last_name": "TRANSFORMATION",
        },
        "mart.customer_orders.n_orders": {"raw.orders.id": "AGGREGATION"},
        "mart.customer_orders.total": {"raw.orders.amount": "AGGREGATION"},
    }
    every_row = {
        "raw.orders.customer_id JOIN",
        "raw.customers.id JOIN",
        "raw.orders.status FILTER",
        "raw.customers.id GROUP_BY",
        "raw.customers.first_name GROUP_BY",
        "raw.customers.last_name GROUP_BY",
    }
    assert indirect(result, "customer_id") == indirect(result, "total") == every_row
    assert [edges.expression for edges in result.columns] == [
        None,
        "c.first_name || ' ' || c.last_name",
        "COUNT(o.id)",
        "SUM(o.amount)",
    ]
    (statement,) = result.statements
    assert (statement.kind, statement.certain, statement.problems) == ("INSERT", True, ())


def test_the_sum_of_a_daily_revenue_comes_from_the_amount() -> None:
    """DD-11: an INSERT ... SELECT gives its tables and `total_revenue <- silver.orders.amount`."""
    result = extract(
        "INSERT INTO gold.daily_revenue SELECT order_date, SUM(amount) AS total_revenue "
        "FROM silver.orders GROUP BY order_date"
    )
    assert tables(result) == (["silver.orders"], ["gold.daily_revenue"])
    assert direct(result)["gold.daily_revenue.total_revenue"] == {"silver.orders.amount": "AGGREGATION"}


@pytest.mark.parametrize(
    ("sql", "kind", "inputs", "outputs"),
    [
        ("SELECT a FROM s.t", "SELECT", ["s.t"], []),
        ("SELECT a INTO o FROM t", "SELECT INTO", ["t"], ["o"]),
        ("INSERT INTO o VALUES (1, 2)", "INSERT", [], ["o"]),
        ("INSERT INTO o SELECT * FROM t", "INSERT", ["t"], ["o"]),
        ("CREATE TABLE o (a int)", "CREATE TABLE", [], ["o"]),
        ("CREATE TABLE o AS SELECT a FROM t", "CREATE TABLE AS", ["t"], ["o"]),
        ("CREATE TABLE o (LIKE t)", "CREATE TABLE", ["t"], ["o"]),
        ("CREATE OR REPLACE VIEW o AS SELECT a FROM t", "CREATE VIEW", ["t"], ["o"]),
        ("CREATE MATERIALIZED VIEW o AS SELECT a FROM t", "CREATE MATERIALIZED VIEW", ["t"], ["o"]),
        ("DELETE FROM o WHERE a IN (SELECT a FROM t)", "DELETE", ["t"], ["o"]),
        ("DELETE FROM o USING t WHERE o.a = t.a", "DELETE", ["t"], ["o"]),
        ("UPDATE o SET a = 1", "UPDATE", [], ["o"]),
        ("UPDATE o SET a = (SELECT max(a) FROM o)", "UPDATE", ["o"], ["o"]),
        ("TRUNCATE TABLE a.o", "TRUNCATE", [], ["a.o"]),
        ("DROP TABLE IF EXISTS a.o", "DROP TABLE", [], ["a.o"]),
        ("DROP VIEW o", "DROP VIEW", [], ["o"]),
        ("ALTER TABLE o ADD COLUMN z int", "ALTER TABLE", [], ["o"]),
        ("ALTER TABLE t RENAME TO o", "ALTER TABLE RENAME", ["t"], ["o"]),
        ("SELECT a FROM t FOR UPDATE OF t", "SELECT", ["t"], []),
        ("SELECT 1", "SELECT", [], []),
        ("COMMIT", "COMMIT", [], []),
    ],
)
def test_a_statement_names_its_kind_and_its_tables(
    sql: str, kind: str, inputs: list[str], outputs: list[str]
) -> None:
    result = extract(sql, dialect="postgres")
    assert result.statements[0].kind == kind
    assert tables(result) == (inputs, outputs)
    assert result.problems == ()


def test_insert_overwrite_reads_a_query_and_not_its_partition() -> None:
    result = extract("INSERT OVERWRITE TABLE o PARTITION (ds='x') SELECT a FROM t", dialect="spark")
    assert result.statements[0].kind == "INSERT OVERWRITE"
    assert tables(result) == (["t"], ["o"])
    assert direct(result) == {"o.a": {"t.a": "IDENTITY"}}


def test_a_view_names_its_columns_by_its_own_list() -> None:
    result = extract("CREATE VIEW o (x, y) AS SELECT a, b + 1 FROM t")
    assert direct(result) == {"o.x": {"t.a": "IDENTITY"}, "o.y": {"t.b": "TRANSFORMATION"}}
    assert result.statements[0].certain


def test_an_insert_without_a_list_takes_the_names_of_a_known_target() -> None:
    result = extract("INSERT INTO o SELECT a, b FROM t", schema={"o": ["x", "y"]})
    assert direct(result) == {"o.x": {"t.a": "IDENTITY"}, "o.y": {"t.b": "IDENTITY"}}


def test_a_merge_gives_the_columns_of_all_its_branches() -> None:
    result = extract(
        """MERGE INTO o USING s ON o.id = s.id
        WHEN MATCHED AND s.x > 1 THEN UPDATE SET a = s.a + o.b
        WHEN NOT MATCHED THEN INSERT (a, b) VALUES (s.a, upper(b))"""
    )
    assert tables(result) == (["s"], ["o"])
    assert direct(result) == {
        "o.a": {"s.a": "TRANSFORMATION", "o.b": "TRANSFORMATION"},
        "o.b": {"s.b": "TRANSFORMATION"},
    }
    assert indirect(result, "b") == {"o.id JOIN", "s.id JOIN", "s.x FILTER"}


def test_a_merge_of_all_columns_is_a_star_until_the_source_is_known() -> None:
    sql = "MERGE INTO o USING u ON o.a = u.a WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *"
    unknown, known = extract(sql, dialect="databricks"), extract(sql, dialect="databricks", schema=KNOWN)
    assert direct(unknown) == {"o.*": {"u.*": "IDENTITY"}}
    assert not unknown.statements[0].certain
    assert direct(known) == {"o.a": {"u.a": "IDENTITY"}, "o.d": {"u.d": "IDENTITY"}}
    assert known.statements[0].certain


def test_an_update_takes_values_from_its_from_clause_and_subqueries() -> None:
    result = extract(
        "UPDATE o SET a = s.a, b = (SELECT max(q) FROM z WHERE z.i = o.i) FROM s WHERE o.id = s.id",
        dialect="postgres",
    )
    assert tables(result) == (["z", "s"], ["o"])
    assert direct(result) == {"o.a": {"s.a": "IDENTITY"}, "o.b": {"z.q": "AGGREGATION"}}
    assert indirect(result, "a") == {"o.id FILTER", "s.id FILTER"}
    assert indirect(result, "b") == {"z.i FILTER", "o.i FILTER", "o.id FILTER", "s.id FILTER"}


def test_a_joined_update_changes_the_table_whose_columns_it_sets() -> None:
    result = extract("UPDATE t JOIN s ON t.id = s.id SET s.a = t.a", dialect="mysql")
    assert tables(result) == (["t"], ["s"])
    assert direct(result) == {"s.a": {"t.a": "IDENTITY"}}


def test_an_update_of_an_alias_changes_the_table_behind_it() -> None:
    result = extract("UPDATE o SET o.a = s.b FROM orders o JOIN s ON o.id = s.id", dialect="mssql")
    assert tables(result) == (["s"], ["orders"])
    assert direct(result) == {"orders.a": {"s.b": "IDENTITY"}}


def test_a_cte_may_have_the_name_of_the_table_it_reads() -> None:
    result = extract("WITH t AS (SELECT * FROM t) INSERT INTO o SELECT a, b + 1 AS z FROM t", schema=KNOWN)
    assert tables(result) == (["t"], ["o"])
    assert direct(result) == {"o.a": {"t.a": "IDENTITY"}, "o.z": {"t.b": "TRANSFORMATION"}}


def test_a_cte_that_nothing_uses_reads_nothing() -> None:
    assert tables(extract("WITH x AS (SELECT a FROM s) SELECT a FROM t")) == (["t"], [])


def test_a_recursive_cte_comes_from_its_first_arm() -> None:
    result = extract(
        """WITH RECURSIVE r (i, p) AS (
            SELECT id, parent FROM n UNION ALL SELECT n.id, r.p FROM n JOIN r ON r.i = n.parent
        ) INSERT INTO o SELECT i, p FROM r""",
        dialect="postgres",
    )
    assert tables(result) == (["n"], ["o"])
    assert direct(result) == {"o.i": {"n.id": "IDENTITY"}, "o.p": {"n.parent": "IDENTITY"}}


def test_rows_that_a_cte_deletes_are_written_and_read() -> None:
    result = extract(
        "WITH d AS (DELETE FROM q RETURNING id, v) INSERT INTO o SELECT id, v FROM d", dialect="postgres"
    )
    assert tables(result) == (["q"], ["q", "o"])
    assert direct(result) == {"o.id": {"q.id": "IDENTITY"}, "o.v": {"q.v": "IDENTITY"}}


def test_subqueries_pass_columns_on_under_their_new_names() -> None:
    result = extract("CREATE TABLE o AS SELECT x.m AS n FROM (SELECT max(a) AS m FROM t) AS x")
    assert direct(result) == {"o.n": {"t.a": "AGGREGATION"}}
    assert result.columns[0].expression == "MAX(a)"


def test_a_union_takes_each_column_from_every_arm() -> None:
    result = extract("CREATE TABLE o AS SELECT * FROM t UNION ALL SELECT a, d, 1 FROM u", schema=KNOWN)
    assert direct(result) == {
        "o.a": {"t.a": "IDENTITY", "u.a": "IDENTITY"},
        "o.b": {"t.b": "IDENTITY", "u.d": "IDENTITY"},
        "o.c": {"t.c": "IDENTITY"},
    }


def test_what_except_takes_away_only_filters() -> None:
    result = extract("CREATE TABLE o AS SELECT a FROM t EXCEPT SELECT d FROM u")
    assert direct(result) == {"o.a": {"t.a": "IDENTITY"}}
    assert indirect(result, "a") == {"u.d FILTER"}


def test_using_leaves_one_column_of_both_sides() -> None:
    result = extract("CREATE TABLE o AS SELECT * FROM t JOIN u USING (a)", schema=KNOWN)
    assert direct(result) == {
        "o.a": {"t.a": "IDENTITY", "u.a": "IDENTITY"},
        "o.b": {"t.b": "IDENTITY"},
        "o.c": {"t.c": "IDENTITY"},
        "o.d": {"u.d": "IDENTITY"},
    }
    assert indirect(result, "d") == {"t.a JOIN", "u.a JOIN"}


def test_a_star_is_expanded_through_subqueries_and_ctes_by_the_schema() -> None:
    result = extract(
        "CREATE TABLE o AS WITH x AS (SELECT * FROM t) SELECT y.* FROM (SELECT * FROM x) AS y",
        schema=KNOWN,
    )
    assert direct(result) == {f"o.{name}": {f"t.{name}": "IDENTITY"} for name in "abc"}
    assert result.statements[0].certain


def test_a_star_of_an_unknown_table_stays_a_star() -> None:
    result = extract("CREATE TABLE o AS SELECT * FROM (SELECT * FROM x) AS y")
    assert direct(result) == {"o.*": {"x.*": "IDENTITY"}}
    assert not result.statements[0].certain


def test_a_star_leaves_out_and_replaces_columns() -> None:
    result = extract(
        "CREATE TABLE o AS SELECT * EXCEPT (a) REPLACE (b + 1 AS b) FROM t", dialect="bigquery", schema=KNOWN
    )
    assert direct(result) == {"o.b": {"t.b": "TRANSFORMATION"}, "o.c": {"t.c": "IDENTITY"}}


def test_a_column_of_a_joined_table_is_found_by_the_schema_and_never_guessed() -> None:
    sql = "INSERT INTO o SELECT d, c FROM t JOIN u ON t.a = u.a"
    known, unknown = extract(sql, schema=KNOWN), extract(sql)
    assert direct(known) == {"o.d": {"u.d": "IDENTITY"}, "o.c": {"t.c": "IDENTITY"}}
    assert known.statements[0].certain
    assert direct(unknown) == {"o.d": {}, "o.c": {}}
    assert not unknown.statements[0].certain
    assert unknown.problems == (
        "the column d may be of several tables: t, u",
        "the column c may be of several tables: t, u",
    )


def test_windows_decide_by_their_keys() -> None:
    result = extract(
        "CREATE TABLE o AS SELECT row_number() OVER (PARTITION BY b ORDER BY c) AS rn, "
        "sum(c) OVER (ORDER BY a) AS s, lag(a) OVER (ORDER BY b) AS l FROM t"
    )
    assert direct(result) == {"o.rn": {}, "o.s": {"t.c": "AGGREGATION"}, "o.l": {"t.a": "TRANSFORMATION"}}
    assert indirect(result, "rn") == {"t.b WINDOW", "t.c WINDOW"}
    assert indirect(result, "s") == {"t.a WINDOW"}


def test_a_filter_on_a_window_filters_by_what_the_window_is_made_of() -> None:
    result = extract(
        "CREATE TABLE o AS SELECT a FROM (SELECT a, row_number() OVER (PARTITION BY b) AS rn FROM t) x "
        "WHERE rn = 1"
    )
    assert indirect(result, "a") == {"t.b FILTER"}


def test_case_is_decided_by_its_conditions() -> None:
    result = extract("CREATE TABLE o AS SELECT CASE WHEN a > 1 THEN b ELSE c END AS x FROM t")
    assert direct(result) == {"o.x": {"t.b": "TRANSFORMATION", "t.c": "TRANSFORMATION"}}
    assert indirect(result, "x") == {"t.a CONDITIONAL"}


def test_correlated_subqueries_and_exists_see_the_query_around_them() -> None:
    result = extract(
        "CREATE TABLE o AS SELECT a, (SELECT max(d) FROM u WHERE u.a = t.a) AS m FROM t "
        "WHERE EXISTS (SELECT 1 FROM u WHERE d = c)",
        schema=KNOWN,
    )
    assert direct(result) == {"o.a": {"t.a": "IDENTITY"}, "o.m": {"u.d": "AGGREGATION"}}
    assert indirect(result, "a") == {"u.d FILTER", "t.c FILTER"}
    assert indirect(result, "m") == {"u.d FILTER", "t.c FILTER", "u.a FILTER", "t.a FILTER"}


def test_filters_inside_a_cte_apply_to_what_flows_through_it() -> None:
    result = extract("CREATE TABLE o AS WITH x AS (SELECT a FROM t WHERE b = 1) SELECT a FROM x")
    assert indirect(result, "a") == {"t.b FILTER"}


def test_order_decides_only_with_a_limit() -> None:
    assert indirect(extract("CREATE TABLE o AS SELECT a FROM t ORDER BY b"), "a") == set()
    assert indirect(extract("CREATE TABLE o AS SELECT a FROM t ORDER BY b LIMIT 3"), "a") == {"t.b SORT"}


@pytest.mark.parametrize(
    ("dialect", "sql"),
    [
        ("bigquery", "CREATE TABLE o AS SELECT x, id FROM t, UNNEST(t.items) AS x"),
        (
            "snowflake",
            "CREATE TABLE o AS SELECT f.value x, t.id FROM t, LATERAL FLATTEN(input => t.items) f",
        ),
        ("hive", "CREATE TABLE o AS SELECT x, id FROM t LATERAL VIEW explode(items) e AS x"),
        ("postgres", "CREATE TABLE o AS SELECT s.x, t.id FROM t, LATERAL (SELECT upper(t.items) AS x) s"),
    ],
)
def test_unnested_arrays_come_from_their_column(dialect: str, sql: str) -> None:
    result = extract(sql, dialect=dialect)
    assert tables(result) == (["t"], ["o"])
    assert direct(result) == {"o.x": {"t.items": "TRANSFORMATION"}, "o.id": {"t.id": "IDENTITY"}}


def test_a_pivot_makes_columns_of_its_aggregate() -> None:
    result = extract(
        "CREATE TABLE o AS SELECT * FROM t PIVOT (SUM(b) FOR c IN ('x', 'y'))", dialect="spark", schema=KNOWN
    )
    assert direct(result) == {
        "o.a": {"t.a": "IDENTITY"},
        "o.x": {"t.b": "AGGREGATION"},
        "o.y": {"t.b": "AGGREGATION"},
    }
    assert indirect(result, "x") == {"t.c CONDITIONAL"}


def test_a_query_may_use_an_earlier_alias_where_the_dialect_has_that() -> None:
    result = extract("CREATE TABLE o AS SELECT a + 1 AS x, x * 2 AS y FROM t", dialect="duckdb")
    assert direct(result) == {"o.x": {"t.a": "TRANSFORMATION"}, "o.y": {"t.a": "TRANSFORMATION"}}


@pytest.mark.parametrize(
    ("dialect", "source", "path"),
    [
        ("duckdb", "read_parquet('s3://b/k/*.parquet')", "s3://b/k/*.parquet"),
        ("duckdb", "'s3://b/orders.parquet'", "s3://b/orders.parquet"),
        ("duckdb", "'orders.parquet'", "orders.parquet"),
        ("duckdb", "read_csv('in/orders.csv', header = true)", "in/orders.csv"),
        ("spark", "parquet.`s3://b/k`", "s3://b/k"),
    ],
)
def test_a_file_argument_is_a_table_named_by_its_path(dialect: str, source: str, path: str) -> None:
    result = extract(f"CREATE TABLE o AS SELECT a FROM {source} AS f", dialect=dialect)
    assert tables(result) == ([path], ["o"])
    assert result.inputs[0].is_path
    assert not result.outputs[0].is_path
    assert direct(result) == {"o.a": {f"{path}.a": "IDENTITY"}}


def test_several_files_read_as_one_are_several_inputs() -> None:
    result = extract("CREATE TABLE o AS SELECT a FROM read_csv(['x.csv', 'y.csv'])", dialect="duckdb")
    assert tables(result) == (["x.csv", "y.csv"], ["o"])
    assert direct(result) == {"o.a": {"x.csv.a": "IDENTITY", "y.csv.a": "IDENTITY"}}


def test_copy_of_a_query_writes_the_columns_of_a_file() -> None:
    result = extract(
        "COPY (SELECT day, sum(amount) AS total FROM read_parquet('lake/raw/*.parquet') GROUP BY day) "
        "TO 'lake/gold/revenue.parquet' (FORMAT parquet)",
        dialect="duckdb",
    )
    assert tables(result) == (["lake/raw/*.parquet"], ["lake/gold/revenue.parquet"])
    assert result.outputs[0].is_path
    assert direct(result) == {
        "lake/gold/revenue.parquet.day": {"lake/raw/*.parquet.day": "IDENTITY"},
        "lake/gold/revenue.parquet.total": {"lake/raw/*.parquet.amount": "AGGREGATION"},
    }
    assert result.statements[0].certain


def test_copy_of_a_table_writes_and_reads_files() -> None:
    written = extract("COPY t TO 'x.parquet'", dialect="duckdb", schema=KNOWN)
    assert tables(written) == (["t"], ["x.parquet"])
    assert direct(written) == {f"x.parquet.{name}": {f"t.{name}": "IDENTITY"} for name in "abc"}
    read = extract("COPY t FROM 'x.csv'", dialect="duckdb")
    assert tables(read) == (["x.csv"], ["t"])
    assert tables(extract("COPY t FROM STDIN", dialect="postgres")) == ([], ["t"])


def test_several_inserts_share_one_query() -> None:
    result = extract(
        "INSERT ALL INTO x (i) VALUES (p) INTO y (j) VALUES (q) SELECT p, q FROM s", dialect="snowflake"
    )
    assert tables(result) == (["s"], ["x", "y"])
    assert direct(result) == {"x.i": {"s.p": "IDENTITY"}, "y.j": {"s.q": "IDENTITY"}}


def test_names_stay_as_written_without_their_quotes() -> None:
    result = extract('INSERT INTO "Shop".public."Orders" SELECT "Id" FROM raw.Orders', dialect="postgres")
    assert result.outputs == (Table(("Shop", "public", "Orders")),)
    assert result.outputs[0].name == "Shop.public.Orders"
    assert direct(result) == {"Shop.public.Orders.Id": {"raw.Orders.Id": "IDENTITY"}}


def test_a_column_list_that_does_not_fit_is_doubted() -> None:
    result = extract("INSERT INTO o (x, y) SELECT a FROM t")
    assert direct(result) == {"o.a": {"t.a": "IDENTITY"}}
    assert not result.statements[0].certain
    assert result.problems == ("1 columns are written to 2 of o",)


def test_a_table_function_may_read_what_nobody_sees() -> None:
    result = extract("CREATE TABLE o AS SELECT f.a FROM report(2024) AS f", dialect="postgres")
    assert not result.statements[0].certain
    assert result.problems == ("what the table function report reads is not known",)


def test_statements_are_listed_and_united() -> None:
    result = extract("CREATE TABLE x AS SELECT a, b FROM t; INSERT INTO o SELECT * FROM x; DROP TABLE z")
    assert [statement.kind for statement in result.statements] == ["CREATE TABLE AS", "INSERT", "DROP TABLE"]
    assert tables(result) == (["t", "x"], ["x", "o", "z"])
    assert direct(result)["o.b"] == {"x.b": "IDENTITY"}, "the columns of a table made before are known"


def test_one_bad_statement_does_not_spoil_the_others() -> None:
    result = extract(
        "INSERT INTO o SELECT a FROM t; SELECT FROM WHERE 'secret'; INSERT INTO p SELECT a FROM u"
    )
    assert tables(result) == (["t", "u"], ["o", "p"])
    assert [statement.certain for statement in result.statements] == [True, False, True]
    (problem,) = result.problems
    assert problem.startswith("statement 2: the parser does not understand it")
    assert "secret" not in problem


def test_an_upsert_sets_what_comes_in_and_what_was_there() -> None:
    result = extract(
        "INSERT INTO o (a, b) SELECT x, y FROM s "
        "ON CONFLICT (a) DO UPDATE SET b = excluded.b + o.b, n = o.n + 1 WHERE o.c > 1",
        dialect="postgres",
    )
    assert tables(result) == (["s"], ["o"])
    assert direct(result) == {
        "o.a": {"s.x": "IDENTITY"},
        "o.b": {"s.y": "TRANSFORMATION", "o.b": "TRANSFORMATION"},
        "o.n": {"o.n": "TRANSFORMATION"},
    }
    assert indirect(result, "a") == set()
    assert indirect(result, "b") == {"o.c FILTER"}


def test_mysqls_upsert_names_what_comes_in_by_a_function() -> None:
    result = extract(
        "INSERT INTO o (a, b) SELECT x, y FROM s ON DUPLICATE KEY UPDATE c = VALUES(b) + 1", dialect="mysql"
    )
    assert direct(result)["o.c"] == {"s.y": "TRANSFORMATION"}


def test_a_semi_join_only_decides_about_rows() -> None:
    sql = "CREATE TABLE o AS SELECT * FROM t LEFT SEMI JOIN u ON t.a = u.a"
    result = extract(sql, dialect="spark", schema=KNOWN)
    assert direct(result) == {f"o.{name}": {f"t.{name}": "IDENTITY"} for name in "abc"}
    assert indirect(result, "b") == {"t.a JOIN", "u.a JOIN"}


def test_having_and_qualify_filter() -> None:
    result = extract(
        "CREATE TABLE o AS SELECT a FROM t GROUP BY a HAVING sum(b) > 1 "
        "QUALIFY row_number() OVER (ORDER BY max(c)) = 1",
        dialect="snowflake",
    )
    assert indirect(result, "a") == {"t.a GROUP_BY", "t.b FILTER", "t.c FILTER"}


def test_a_file_that_is_a_parameter_is_doubted() -> None:
    result = extract("CREATE TABLE o AS SELECT a FROM read_parquet($1)", dialect="duckdb")
    assert tables(result) == ([], ["o"])
    assert not result.statements[0].certain
    assert result.problems == ("what the table function read_parquet reads is not known",)


def test_columns_of_a_stage_are_numbered() -> None:
    result = extract("COPY INTO o (a, b) FROM (SELECT $1, s.$2:x FROM @stage/f s)", dialect="snowflake")
    assert tables(result) == (["@stage/f"], ["o"])
    assert direct(result) == {"o.a": {"@stage/f.$1": "IDENTITY"}, "o.b": {"@stage/f.$2": "TRANSFORMATION"}}


def test_group_by_all_groups_by_what_is_not_aggregated() -> None:
    result = extract("CREATE TABLE o AS SELECT a, sum(b) AS s FROM t GROUP BY ALL", dialect="duckdb")
    assert indirect(result, "s") == {"t.a GROUP_BY"}


def test_a_change_through_a_cte_changes_the_table_behind_it() -> None:
    result = extract("WITH c AS (SELECT a FROM t WHERE b = 1) DELETE FROM c WHERE a > 1", dialect="mssql")
    assert result.outputs == (Table(("t",)),)


def test_an_updates_target_named_again_in_from_is_not_read() -> None:
    result = extract("UPDATE t SET a = s.x FROM t JOIN s ON s.i = t.i", dialect="mssql")
    assert tables(result) == (["s"], ["t"])


def test_a_temporary_table_keeps_its_mark() -> None:
    assert tables(extract("SELECT a INTO #x FROM ##y", dialect="mssql")) == (["##y"], ["#x"])


def test_mysqls_replace_is_an_insert() -> None:
    result = extract("REPLACE INTO o (x) SELECT a FROM t", dialect="mysql")
    assert result.statements[0].kind == "INSERT"
    assert direct(result) == {"o.x": {"t.a": "IDENTITY"}}


def test_a_row_is_assigned_column_by_column() -> None:
    result = extract("UPDATE o SET (a, b) = (SELECT x, max(y) FROM s WHERE s.i = o.i)", dialect="postgres")
    assert direct(result) == {"o.a": {"s.x": "IDENTITY"}, "o.b": {"s.y": "AGGREGATION"}}


def test_a_natural_join_meets_on_the_columns_both_have() -> None:
    schema = {"x": ["k", "a"], "y": ["k", "b"]}
    result = extract("CREATE TABLE o AS SELECT a, b FROM x NATURAL JOIN y", schema=schema)
    assert indirect(result, "a") == {"x.k JOIN", "y.k JOIN"}


def test_an_array_in_from_is_no_table() -> None:
    result = extract("CREATE TABLE o AS SELECT i.x FROM db.t AS t, t.items AS i", dialect="bigquery")
    assert tables(result) == (["db.t"], ["o"])
    assert direct(result) == {"o.x": {"db.t.items": "TRANSFORMATION"}}


def test_an_unpivot_puts_its_columns_into_one() -> None:
    result = extract(
        "CREATE TABLE o AS SELECT a, v FROM t UNPIVOT (v FOR n IN (b, c))", dialect="snowflake", schema=KNOWN
    )
    assert direct(result) == {
        "o.a": {"t.a": "IDENTITY"},
        "o.v": {"t.b": "TRANSFORMATION", "t.c": "TRANSFORMATION"},
    }


def test_a_named_window_decides_like_one_written_out() -> None:
    result = extract(
        "CREATE TABLE o AS SELECT sum(a) OVER w AS x, sum(a) OVER (w ORDER BY c) AS y "
        "FROM t WINDOW w AS (PARTITION BY b)",
        dialect="postgres",
    )
    assert direct(result) == {"o.x": {"t.a": "AGGREGATION"}, "o.y": {"t.a": "AGGREGATION"}}
    assert indirect(result, "x") == {"t.b WINDOW"}
    assert indirect(result, "y") == {"t.b WINDOW", "t.c WINDOW"}


def test_exists_asks_for_rows_whatever_their_columns() -> None:
    result = extract("CREATE TABLE o AS SELECT a FROM t WHERE EXISTS (SELECT * FROM s WHERE s.i = t.i)")
    assert indirect(result, "a") == {"s.i FILTER", "t.i FILTER"}


@pytest.mark.parametrize("column", ["t.fresh", "fresh"])
def test_a_column_the_schema_does_not_list_yet_is_the_tables_with_a_doubt(column: str) -> None:
    result = extract(f"CREATE TABLE o AS SELECT {column} AS x FROM t", schema=KNOWN)
    assert direct(result) == {"o.x": {"t.fresh": "IDENTITY"}}
    assert not result.statements[0].certain
    assert result.problems == ("the column fresh of t is not one of its known columns",)


def test_an_unknown_qualifier_may_be_a_struct_and_is_doubted() -> None:
    sql = "CREATE TABLE o AS SELECT s.x FROM t"
    unknown, known = extract(sql, dialect="bigquery"), extract(sql, dialect="bigquery", schema={"t": ["s"]})
    assert direct(unknown) == direct(known) == {"o.x": {"t.s": "TRANSFORMATION"}}
    assert not unknown.statements[0].certain
    assert known.statements[0].certain


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE o AS (WITH u AS (SELECT a FROM s), v AS (SELECT a FROM t) {query})",
        "CREATE TABLE o AS WITH u AS (SELECT a FROM s), v AS (SELECT a FROM t) {query}",
        "INSERT INTO o (WITH u AS (SELECT a FROM s), v AS (SELECT a FROM t) {query})",
        "CREATE VIEW o AS SELECT * FROM (WITH u AS (SELECT a FROM s), v AS (SELECT a FROM t) {query}) x",
    ],
)
def test_a_union_may_begin_with_common_table_expressions_of_its_own(sql: str) -> None:
    for query in ("SELECT * FROM u UNION ALL SELECT * FROM v", "SELECT a FROM u UNION SELECT a FROM v"):
        result = extract(sql.format(query=query))
        assert result.problems == ()
        (edges,) = result.columns
        assert {(source.table, source.column) for source in edges.inputs} == {("s", "a"), ("t", "a")}
