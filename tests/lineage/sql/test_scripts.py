"""Scripts: temporary tables collapsed, tables renamed, defaults followed, no statement spoiling others."""

from __future__ import annotations

import pytest
from yardstick import seconds_of

from lineage.sql import SqlLineage, extract, fence
from lineage.sql.extraction import _extract


def tables(result: SqlLineage) -> tuple[list[str], list[str]]:
    return [table.name for table in result.inputs], [table.name for table in result.outputs]


def sources(result: SqlLineage, column: str) -> set[str]:
    return {
        f"{source.table}.{source.column} {source.subtype}"
        for edges in result.columns
        if f"{edges.output.table}.{edges.output.column}" == column
        for source in (*edges.inputs, *edges.indirect)
    }


@pytest.mark.parametrize(
    ("dialect", "making", "name"),
    [
        ("postgres", "CREATE TEMP TABLE x AS SELECT a, b FROM t", "x"),
        ("postgres", "CREATE TEMPORARY TABLE x ON COMMIT DROP AS SELECT a, b FROM t", "x"),
        ("postgres", "SELECT a, b INTO TEMP x FROM t", "x"),
        ("redshift", "CREATE TABLE #x AS SELECT a, b FROM t", "#x"),
        ("tsql", "SELECT a, b INTO #x FROM t", "#x"),
        ("tsql", "SELECT a, b INTO ##x FROM t", "##x"),
        ("tsql", "DECLARE @x TABLE (a int, b int); INSERT INTO @x (a, b) SELECT a, b FROM t", "@x"),
        ("snowflake", "CREATE OR REPLACE TEMPORARY TABLE x AS SELECT a, b FROM t", "x"),
        ("bigquery", "CREATE TEMP TABLE x AS SELECT a, b FROM t", "x"),
        ("mysql", "CREATE TEMPORARY TABLE x AS SELECT a, b FROM t", "x"),
        ("spark", "CREATE OR REPLACE TEMP VIEW x AS SELECT a, b FROM t", "x"),
        ("spark", "CACHE TABLE x AS SELECT a, b FROM t", "x"),
        ("teradata", "CREATE VOLATILE TABLE x AS (SELECT a, b FROM t) WITH DATA", "x"),
        ("duckdb", "CREATE TEMP TABLE x AS SELECT a, b FROM t", "x"),
    ],
)
def test_a_temporary_table_is_what_it_was_made_from(dialect: str, making: str, name: str) -> None:
    result = extract(f"{making}; INSERT INTO o (k, v) SELECT a, b + 1 FROM {name};", dialect=dialect)
    assert result.problems == ()
    assert tables(result) == (["t"], ["o"])
    assert sources(result, "o.k") == {"t.a IDENTITY"}
    assert sources(result, "o.v") == {"t.b TRANSFORMATION"}
    assert name in [table.name for statement in result.statements for table in statement.temporary]
    assert len(result.collapsed) == 1


def test_edges_through_temporary_tables_compose_as_through_ctes() -> None:
    query = "SELECT a, sum(b) AS s FROM t WHERE c > 1 GROUP BY a"
    last = "SELECT x.a, max(x.s) AS m FROM x JOIN u ON u.a = x.a GROUP BY x.a"
    script = extract(f"CREATE TEMP TABLE x AS {query}; INSERT INTO o {last}", dialect="postgres")
    single = extract(f"INSERT INTO o WITH x AS ({query}) {last}", dialect="postgres")
    for column in ("o.a", "o.m"):
        assert sources(script, column) == sources(single, column) != set()
    assert tables(script) == tables(single)


def test_statements_keep_the_temporary_tables_as_written() -> None:
    result = extract(
        "CREATE TEMP TABLE x AS SELECT a FROM t; INSERT INTO o SELECT a FROM x", dialect="duckdb"
    )
    assert [tuple(table.name for table in each.outputs) for each in result.statements] == [("x",), ("o",)]
    assert [tuple(table.name for table in each.inputs) for each in result.statements] == [("t",), ("x",)]


def test_a_chain_of_temporary_tables_ends_at_its_first_source() -> None:
    steps = ["CREATE TEMP TABLE x0 AS SELECT a, b FROM src WHERE z = 1"]
    steps += [f"CREATE TEMP TABLE x{i} AS SELECT a, b FROM x{i - 1}" for i in range(1, 50)]
    result = extract(";".join([*steps, "INSERT INTO o SELECT a FROM x49"]), dialect="postgres")
    assert tables(result) == (["src"], ["o"])
    assert sources(result, "o.a") == {"src.a IDENTITY", "src.z FILTER"}


def test_all_that_fills_and_changes_a_temporary_table_counts() -> None:
    result = extract(
        """SELECT a, b INTO #t FROM s1
        INSERT INTO #t (a, b) SELECT a, c FROM s2
        UPDATE #t SET b = s3.d FROM #t JOIN s3 ON s3.a = #t.a
        INSERT INTO o (b) SELECT b FROM #t""",
        dialect="tsql",
    )
    assert tables(result) == (["s1", "s2", "s3"], ["o"])
    assert {"s1.b IDENTITY", "s2.c IDENTITY", "s3.d IDENTITY"} <= sources(result, "o.b")


def test_an_unknown_star_passes_through_a_temporary_table() -> None:
    script = "CREATE TEMP VIEW v AS SELECT * FROM t; CREATE TABLE o AS SELECT a FROM v"
    assert sources(extract(script, dialect="spark"), "o.a") == {"t.a IDENTITY"}


def test_a_column_of_one_of_several_stars_is_not_guessed() -> None:
    script = "CREATE TEMP VIEW v AS SELECT * FROM t JOIN u; CREATE TABLE o AS SELECT a FROM v"
    result = extract(script, dialect="spark")
    assert sources(result, "o.a") == set()
    assert "the column a of v may be of several tables" in result.collapsed[0].problems
    assert not result.collapsed[0].certain


@pytest.mark.parametrize(
    ("script", "inputs", "outputs"),
    [
        ("CREATE TABLE x AS SELECT a FROM t; INSERT INTO o SELECT a FROM x; DROP TABLE x", ["t"], ["o"]),
        ("CREATE TABLE x AS SELECT a FROM t; INSERT INTO o SELECT a FROM x", ["t", "x"], ["x", "o"]),
        ("DROP TABLE IF EXISTS x; CREATE TABLE x AS SELECT a FROM t", ["t"], ["x"]),
        ("CREATE TABLE x AS SELECT a FROM t; DROP TABLE x; CREATE TABLE x AS SELECT a FROM u", ["u"], ["x"]),
        ("DROP TABLE IF EXISTS x; CREATE TEMP TABLE x AS SELECT a FROM t; INSERT INTO o SELECT a FROM x",
         ["t"], ["o"]),
        ("CREATE TABLE x AS SELECT 1; DROP TABLE x", [], []),
        ("DROP TABLE x", [], ["x"]),
        ("CREATE TEMP TABLE x AS SELECT a FROM t", ["t"], ["x"]),
    ],
)  # fmt: skip
def test_a_table_that_a_script_makes_and_drops_is_temporary(
    script: str, inputs: list[str], outputs: list[str]
) -> None:
    assert tables(extract(script, dialect="postgres")) == (inputs, outputs)


def test_a_table_may_have_a_temporary_one_of_its_own_name() -> None:
    script = "CREATE TEMP TABLE x AS SELECT a FROM x; INSERT INTO o SELECT a FROM x"
    assert tables(extract(script, dialect="postgres")) == (["x"], ["o"])


@pytest.mark.parametrize(
    ("script", "inputs", "outputs"),
    [
        ("INSERT INTO x SELECT a FROM t; ALTER TABLE x RENAME TO o", ["t"], ["o"]),
        ("ALTER TABLE x RENAME TO o", ["x"], ["o"]),
        (
            "CREATE TABLE n AS SELECT a FROM t; ALTER TABLE o RENAME TO old; "
            "ALTER TABLE n RENAME TO o; DROP TABLE old",
            ["t"],
            ["o"],
        ),
        ("CREATE TABLE n AS SELECT a FROM t; ALTER TABLE o SWAP WITH n; DROP TABLE n", ["t"], ["o"]),
        ("ALTER TABLE o SWAP WITH n", ["o", "n"], ["o", "n"]),
    ],
)
def test_a_table_filled_and_renamed_is_known_by_its_new_name(
    script: str, inputs: list[str], outputs: list[str]
) -> None:
    result = extract(script, dialect="snowflake")
    assert tables(result) == (inputs, outputs)
    if "SELECT" in script:
        assert sources(result, "o.a") == {"t.a IDENTITY"}


@pytest.mark.parametrize(
    ("dialect", "setting", "written", "meant"),
    [
        ("mysql", "USE db1", "t", "db1.t"),
        ("hive", "USE db1", "t", "db1.t"),
        ("databricks", "USE CATALOG c; USE SCHEMA s", "t", "c.s.t"),
        ("databricks", "USE CATALOG c", "s.t", "c.s.t"),
        ("snowflake", "USE SCHEMA d.s", "t", "d.s.t"),
        ("snowflake", "USE DATABASE d", "s.t", "d.s.t"),
        ("snowflake", "USE DATABASE d", "t", "t"),
        ("snowflake", "USE WAREHOUSE w", "t", "t"),
        ("tsql", "USE [d]", "dbo.t", "d.dbo.t"),
        ("postgres", "SET search_path TO s", "t", "s.t"),
        ("postgres", "SET search_path = s, public", "t", "s.t"),
        ("postgres", "SET LOCAL search_path TO \"$user\", s", "t", "s.t"),
        ("oracle", "ALTER SESSION SET CURRENT_SCHEMA = s", "t", "s.t"),
        ("bigquery", "SET @@dataset_id = 's'", "t", "s.t"),
        ("postgres", "SET search_path TO s", "r.t", "r.t"),
        ("postgres", "SET work_mem = '1GB'", "t", "t"),
    ],
)  # fmt: skip
def test_a_script_says_which_schema_a_bare_name_is_in(
    dialect: str, setting: str, written: str, meant: str
) -> None:
    result = extract(f"{setting}; INSERT INTO z.y.o SELECT a FROM {written}", dialect=dialect)
    assert tables(result) == ([meant], ["z.y.o"])
    assert sources(result, "z.y.o.a") == {f"{meant}.a IDENTITY"}
    assert result.problems == ()


def test_defaults_hold_until_the_next_ones_and_not_for_temporary_tables() -> None:
    result = extract(
        "USE one; CREATE TEMPORARY TABLE x AS SELECT a FROM t; USE two; INSERT INTO o SELECT a FROM x JOIN t",
        dialect="mysql",
    )
    assert tables(result) == (["one.t", "two.t"], ["two.o"])


def test_the_columns_of_a_table_made_under_a_default_schema_are_known_under_it() -> None:
    result = extract(
        "USE one; CREATE TABLE t (a int); USE two; CREATE TABLE t (b int); INSERT INTO o SELECT * FROM t",
        dialect="mysql",
    )
    assert sources(result, "two.o.b") == {"two.t.b IDENTITY"}


@pytest.mark.parametrize(
    "bad",
    ["SELECT FROM WHERE (", "INSERT INTO", "SELEC a FRM t", "GRANT", "a b c d", "CREATE TABLE (", ")"],
)
@pytest.mark.parametrize("dialect", [None, "postgres", "snowflake", "bigquery", "oracle"])
def test_a_bad_statement_spoils_no_other(bad: str, dialect: str | None) -> None:
    result = extract(
        f"INSERT INTO o SELECT a FROM t;\n{bad};\nINSERT INTO p SELECT b FROM u;", dialect=dialect
    )
    assert {"o", "p"} <= {table.name for table in result.outputs}
    assert {"t", "u"} <= {table.name for table in result.inputs}


def test_a_quote_that_never_ends_spoils_only_its_line() -> None:
    result = extract(
        "INSERT INTO o SELECT a FROM t;\nSELECT 'x FROM v;\nINSERT INTO p SELECT b FROM u;", dialect="mysql"
    )
    assert tables(result) == (["t", "u"], ["o", "p"])
    assert len(result.problems) == 1


@pytest.mark.parametrize("dialect", ["tsql", None])
def test_statements_need_no_semicolons(dialect: str | None) -> None:
    result = extract("insert into o select * from t\ninsert into p select * from u", dialect=dialect)
    assert tables(result) == (["t", "u"], ["o", "p"])


def test_words_that_go_on_with_a_statement_do_not_cut_it() -> None:
    result = extract(
        """WITH q AS (SELECT a FROM t) INSERT INTO o (a) SELECT a FROM q
        UNION ALL SELECT a FROM u WITH (NOLOCK)
        MERGE INTO m USING s ON m.a = s.a WHEN MATCHED THEN UPDATE SET b = s.b
        WHEN NOT MATCHED THEN INSERT (b) VALUES (s.b)
        CREATE VIEW v AS WITH r AS (SELECT a FROM w) SELECT CASE WHEN a = 1 THEN 2 ELSE 3 END AS a FROM r
        DELETE FROM d FROM e WHERE e.a = d.a""",
        dialect="tsql",
    )
    assert [statement.kind for statement in result.statements] == ["INSERT", "MERGE", "CREATE VIEW", "DELETE"]
    assert result.problems == ()
    assert tables(result) == (["t", "u", "s", "w", "e"], ["o", "m", "v", "d"])


def test_batches_end_at_go() -> None:
    result = extract("USE d\nGO\nSELECT a INTO s.o FROM s.t\nGO 2\nDROP TABLE s.x\nGO\n", dialect="tsql")
    assert tables(result) == (["d.s.t"], ["d.s.o", "d.s.x"])
    assert result.problems == ()


def test_each_statement_has_its_text() -> None:
    result = extract("INSERT INTO o SELECT 'a;b' FROM t; SELECT FROM; CALL p(1)", dialect="snowflake")
    assert [statement.text for statement in result.statements] == [
        "INSERT INTO o SELECT 'a;b' FROM t",
        "SELECT FROM",
        "CALL p(1)",
    ]


def test_tables_have_the_namespace_given_and_files_their_own() -> None:
    result = extract(
        "INSERT INTO o SELECT a FROM read_parquet('s3://lake/raw/x.parquet') JOIN t USING (a)",
        dialect="duckdb",
        default_namespace="duckdb:///shop.db",
    )
    assert {table.name: table.namespace for table in (*result.inputs, *result.outputs)} == {
        "s3://lake/raw/x.parquet": "s3://lake",
        "t": "duckdb:///shop.db",
        "o": "duckdb:///shop.db",
    }


def test_a_script_costs_little_more_than_its_statements(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fence, "_limits", fence.WIDE)
    parts = [
        f"INSERT INTO o{i} SELECT t.a, sum(u.b) FROM t{i} t JOIN u ON t.id = u.id GROUP BY 1;"
        for i in range(150)
    ]
    together = "\n".join(parts)
    assert len(_extract(together, "tsql", (), None, None).statements) == len(parts)
    apart = seconds_of(lambda: [_extract(part, "tsql", (), None, None) for part in parts])
    assert seconds_of(lambda: _extract(together, "tsql", (), None, None)) < 3 * apart


def test_a_temporary_table_filled_from_itself_costs_little_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fence, "_limits", fence.WIDE)
    parts = ["CREATE TEMP TABLE tmp AS SELECT a, b, id, c FROM s"]
    parts += [
        f"INSERT INTO tmp SELECT x.a, y.b, x.id, u{i}.c FROM tmp x JOIN tmp y ON x.id = y.id "
        f"JOIN u{i} ON u{i}.id = x.id WHERE x.c > 1"
        for i in range(150)
    ]
    together = ";\n".join(parts)
    assert len(_extract(together, "postgres", (), None, None).statements) == len(parts)
    apart = seconds_of(lambda: [_extract(part, "postgres", (), None, None) for part in parts])
    assert seconds_of(lambda: _extract(together, "postgres", (), None, None)) < 3 * apart


def test_a_temporary_table_filled_several_times_is_made_of_all_of_it() -> None:
    result = extract(
        """CREATE TEMP TABLE tmp AS SELECT a, id FROM s WHERE k > 1;
        INSERT INTO tmp SELECT u.b, u.id FROM tmp JOIN u ON u.id = tmp.id;
        INSERT INTO o (x) SELECT a FROM tmp ORDER BY id LIMIT 3""",
        dialect="postgres",
    )
    assert tables(result) == (["s", "u"], ["o"])
    (edges,) = result.columns
    assert {(source.table, source.column) for source in edges.inputs} == {("s", "a"), ("u", "b")}
    assert {(source.table, source.column, source.subtype) for source in edges.indirect} == {
        ("s", "k", "FILTER"),
        ("u", "id", "JOIN"),
        ("s", "id", "JOIN"),
        ("s", "id", "SORT"),
        ("u", "id", "SORT"),
    }
