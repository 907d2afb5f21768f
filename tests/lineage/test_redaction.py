"""What leaves the process through texts: nothing that was a literal, everything that names a thing."""

from __future__ import annotations

import json
import re
import string
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import sqlglot
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlglot import exp
from sqlglot.dialects.dialect import Dialect

from lineage.redaction import mask_sql, normalize_sql, redact_text, redact_url
from lineage.redaction.masking import mask
from lineage.redaction.normalizing import normalize
from lineage.redaction.patterns import pattern_of
from lineage.redaction.readings import READINGS, readings_of

BACKSLASH = ["mysql", "bigquery", "databricks", "spark", "hive", "snowflake", "clickhouse"]
DOUBLE_QUOTED = ["mysql", "bigquery", "databricks", "spark", "hive"]
DIALECTS = [None, *sorted(READINGS)]
RENDERINGS: list[Callable[..., str]] = [mask_sql, normalize_sql]

NASTY = [
    ("SELECT a FROM t -- password=hunter2", "hunter2", "select a from t"),
    ("SELECT a /* user=bob@corp.com key=AKIAX */ FROM t", "bob", "select a from t"),
    ("SELECT /*+ INDEX(t secret) */ a FROM t", "secret", "select a from t"),
    ("SELECT a /* x /* y */ secret */ FROM t", "secret", "select a from t"),
    ("SELECT a -- don't\nFROM t WHERE s='secret'", "secret", "select a from t where s = ?"),
    ("SELECT a FROM t WHERE s=E'a\\'b secret'", "secret", "select a from t where s = ?"),
    ("SELECT $$my secret$$ FROM t", "secret", "select ? from t"),
    ("SELECT $tag$it's 'secret'$tag$ FROM t", "secret", "select ? from t"),
    ("SELECT q'[it's secret]' FROM t", "secret", "select ? from t"),
    ("SELECT nq'!it's secret!' FROM t", "secret", "select ? from t"),
    (
        "SELECT N'secret', U&'secret' UESCAPE '!', x'5ec2e7', B'0101' FROM t",
        "secret",
        "select ?, ?, ?, ? from t",
    ),
    ("SELECT a FROM t WHERE s = 'secret unfinished", "secret", "select a from t where s = ?"),
    ("SELECT a FROM t /* secret unfinished", "secret", "select a from t"),
    ("SELECT $x$ secret unfinished", "secret", "select ?"),
    ("SELECT a FROM t WHERE \"unfinished AND s = 'secret'", "secret", "select a from t where ?"),
    ("SELECT 1e10, 0xDEADBEEF, 0b11, 1_000, .5, 1.5E-3, 7.", "DEADBEEF", "select ?, ?, ?, ?, ?, ?, ?"),
    ("ALTER USER bob IDENTIFIED BY hunter2", "hunter2", "alter user bob identified by ?"),
    ('ALTER USER bob IDENTIFIED BY "hunter2"', "hunter2", "alter user bob identified by ?"),
    ("SELECT a FROM t WHERE x IN (%s,%s)", "no literal", "select a from t where x in (?)"),
    ("SELECT a FROM t WHERE x IN (%s, %s,%s)", "no literal", "select a from t where x in (?)"),
    ("SELECT a FROM t WHERE x IN ($1,$2)", "$2", "select a from t where x in (?)"),
    ("SELECT a FROM t WHERE x IN (:id_1,:id_2)", "no literal", "select a from t where x in (?)"),
    ("SELECT a FROM t WHERE x IN (%(a)s,@p2,{c},?)", "no literal", "select a from t where x in (?)"),
    ("SELECT a FROM t WHERE x IN (-71,-72)", "72", "select a from t where x in (?)"),
    ("SELECT a FROM t WHERE x = -71", "71", "select a from t where x = ?"),
    ("SELECT a FROM t WHERE x = 71", "71", "select a from t where x = ?"),
    ("SELECT a-71 FROM t", "71", "select a - ? from t"),
    ("SELECT a FROM t WHERE (x,y) IN ((71,'b'),(72,'d'))", "72", "select a from t where (x, y) in (?)"),
    ("SELECT ARRAY[71,72,73]", "72", "select array[?]"),
    ("INSERT INTO t VALUES (71,'b'),(72,NULL), (73,'c')", "72", "insert into t values (?)"),
    ("INSERT INTO t VALUES (71,now()),(72,now())", "72", "insert into t values (?, now())"),
    ("SELECT a FROM t WHERE x=$1;", "$1", "select a from t where x = ?"),
    ("SELECT a FROM `proj-123.ds.tbl_1`", "no literal", "select a from `proj-123.ds.tbl_1`"),
    ('SELECT "Id", ID FROM T', "no literal", 'select "Id", id from t'),
]


class TestNastyInputs:
    @pytest.mark.parametrize(("statement", "planted", "expected"), NASTY, ids=[row[0] for row in NASTY])
    def test_the_text_for_people_has_its_shape_and_no_literal(
        self, statement: str, planted: str, expected: str
    ) -> None:
        """DC-48: one normalization for text and fingerprint."""
        assert normalize_sql(statement) == expected
        assert planted not in normalize_sql(statement)

    @pytest.mark.parametrize(("statement", "planted", "expected"), NASTY, ids=[row[0] for row in NASTY])
    def test_both_renderings_of_a_statement_have_one_shape(
        self, statement: str, planted: str, expected: str
    ) -> None:
        """DC-46: the text a parser gets holds no literal either."""
        masked = mask_sql(statement)
        assert planted not in masked or planted.startswith("$")
        assert normalize_sql(masked) == expected

    @pytest.mark.parametrize("dialect", [*BACKSLASH, None])
    @pytest.mark.parametrize("rendering", RENDERINGS)
    def test_a_backslash_before_a_quote_leaks_nothing(
        self, rendering: Callable[..., str], dialect: str | None
    ) -> None:
        """DC-48: in every dialect that reads backslashes, and where none is named."""
        rendered = rendering(r"SELECT a FROM t WHERE a='it\'s secret' AND b='other'", dialect=dialect)
        assert "secret" not in rendered
        assert "other" not in rendered

    @pytest.mark.parametrize("rendering", RENDERINGS)
    def test_a_standard_literal_that_ends_in_a_backslash_ends_there(
        self, rendering: Callable[..., str]
    ) -> None:
        statement = r"SELECT a FROM t WHERE p = 'C:\' AND q = 'secret'"
        for dialect in ("postgres", "tsql", None):
            assert "secret" not in rendering(statement, dialect=dialect)
        assert "AND q" in mask_sql(statement, dialect="postgres")

    def test_different_tables_have_different_shapes(self) -> None:
        """DC-48: names in quotes are names, with their case and their spaces."""
        first = normalize_sql('SELECT "First Name" FROM "User Table" WHERE x=1')
        second = normalize_sql('SELECT "Last Name" FROM "Admin Table" WHERE x=1')
        assert first == 'select "First Name" from "User Table" where x = ?'
        assert first != second
        assert normalize_sql("SELECT a FROM proj-1.ds.t") != normalize_sql("SELECT a FROM proj-2.ds.t")
        assert normalize_sql("SELECT a FROM db.2020_t") != normalize_sql("SELECT a FROM db.2021_t")

    def test_bytes_are_read_as_the_text_they_hold(self) -> None:
        """DC-48: not one shape for all queries in bytes."""
        assert normalize_sql(b"select * from a where x = 'q'") == "select * from a where x = ?"
        assert mask_sql(b"drop table b\xff") == "drop table b\ufffd"
        assert redact_text(b"password=hunter2") == "password=***"

    def test_whitespace_and_case_make_no_difference_to_the_shape(self) -> None:
        """DC-48: spaces become one, words small letters."""
        assert normalize_sql("SELECT  COUNT ( * )\nFROM T where A=1 ;") == normalize_sql(
            "select count(*) from t WHERE a = 2"
        )


class TestMaskKeepsWhatLineageReads:
    @pytest.mark.parametrize(
        ("statement", "dialect"),
        [
            ('SELECT Id, "Full Name"\n  FROM Sales.Orders o', None),
            ("SELECT * FROM read_parquet('s3://b/2024/k.parquet')", "duckdb"),
            ("SELECT * FROM read_csv(['a/1.csv', 'a/2.csv'])", "duckdb"),
            ("SELECT * FROM 'data/a.parquet'", "duckdb"),
            ("SELECT * FROM parquet.`/mnt/2024/x`", "spark"),
            ("COPY INTO t FROM 's3://bucket/2024/'", "snowflake"),
            ("COPY INTO t FROM @stage/2024/01/x.csv", "snowflake"),
            ("COPY INTO @~/out/2024 FROM t", "snowflake"),
            ("COPY t FROM 's3://bucket/k'", "redshift"),
            ("SELECT * FROM IDENTIFIER('raw.visits')", "snowflake"),
            ("LOAD DATA INTO t FROM FILES (uris = ['gs://b/*.csv'])", "bigquery"),
            ("CREATE EXTERNAL TABLE t (a INT) LOCATION 's3://b/2024'", "hive"),
            ("CREATE TABLE t USING parquet OPTIONS (path 's3://b/2024')", "spark"),
            ("INSERT OVERWRITE DIRECTORY 'hdfs://p/f' SELECT * FROM t", "hive"),
            ("SELECT JSON_VALUE(x, '$.a.b[3]'), x -> '$.a' ->> 'b2' FROM t", "mysql"),
            ("SELECT x #>> '{a,b}' FROM t", "postgres"),
            ("SELECT c:a.b::int FROM t", "snowflake"),
            ("SELECT CAST(a AS DECIMAL(10, 2)), b::VARCHAR(20) FROM t", "postgres"),
            ("CREATE TABLE t (a DECIMAL(10,2), b CHAR(3), c TIMESTAMP(3))", None),
            ("SELECT a, b, sum(c) FROM t GROUP BY 1, 2 ORDER BY 3 DESC, 1", None),
            ("SELECT a FROM t GROUP BY ROLLUP (1, 2)", None),
            ("SELECT a FROM t WHERE b = $1 AND c = :name AND d = %(e)s AND f = ? AND g = %s", None),
            ("SELECT a FROM t WHERE b = @p1", "tsql"),
            ("SELECT [Order Id 2] FROM [dbo].[Orders 2024]", "tsql"),
            ("SELECT a FROM my-project-123.ds.t", "bigquery"),
            ("SELECT 2020_total FROM db.2020_orders", "hive"),
            ("SELECT a AS 'Total' FROM t", "mysql"),
        ],
    )
    def test_a_statement_without_literals_stays_as_it_is(self, statement: str, dialect: str | None) -> None:
        assert mask_sql(statement, dialect=dialect) == statement

    @pytest.mark.parametrize(
        ("statement", "dialect", "expected"),
        [
            ("SELECT trim('a' FROM 'secret')", None, "SELECT trim('?' FROM '?')"),
            ("SELECT a IS DISTINCT FROM 'b' FROM t", None, "SELECT a IS DISTINCT FROM '?' FROM t"),
            ("SELECT EXTRACT(day FROM '2024-01-01')", None, "SELECT EXTRACT(day FROM '?')"),
            ("SELECT a FROM t WHERE path = 's3://b/k'", None, "SELECT a FROM t WHERE path = '?'"),
            ("SELECT a FROM t WHERE url = '/home/bob'", None, "SELECT a FROM t WHERE url = '?'"),
            ("INSERT INTO t VALUES ('s3://b/k')", None, "INSERT INTO t VALUES ('?')"),
            ("SELECT s3('bob'), file('bob')", None, "SELECT s3('?'), file('?')"),
            (
                "SELECT swap_partitions_between_tables('a.b', 'bob', 'bob', 'c')",
                None,
                "SELECT swap_partitions_between_tables('a.b', '?', '?', 'c')",
            ),
            ("SELECT * FROM table_changes('raw.t', 5)", "spark", "SELECT * FROM table_changes('raw.t', 0)"),
            ("SELECT * FROM IDENTIFIER('it is bob')", None, "SELECT * FROM IDENTIFIER('?')"),
            ("SELECT transform(a, x -> 'bob') FROM t", "spark", "SELECT transform(a, x -> '?') FROM t"),
            ("SELECT list_transform(a, x -> 'bob')", "duckdb", "SELECT list_transform(a, x -> '?')"),
            ("SELECT JSON_VALUE('{\"a\": 1}', '$.a')", None, "SELECT JSON_VALUE('?', '$.a')"),
            (
                "SELECT JSON_QUERY(x, '$[?(@.mail == \"bob@corp.com\")]') FROM t",
                None,
                "SELECT JSON_QUERY(x, '?') FROM t",
            ),
            ("SELECT JSON_SET(x, '$.a', 'bob')", "mysql", "SELECT JSON_SET(x, '$.a', '?')"),
            ("SELECT char(66, 111, 98)", None, "SELECT char(0, 0, 0)"),
            ("SELECT a FROM t ORDER BY field(a, 5, 6)", None, "SELECT a FROM t ORDER BY field(a, 0, 0)"),
            ("SELECT a FROM t ORDER BY 1 + b LIMIT 5", None, "SELECT a FROM t ORDER BY 0 + b LIMIT 0"),
            ("SELECT now() - INTERVAL '3 days'", "postgres", "SELECT now() - INTERVAL '0 days'"),
            ("SELECT a[5:6] FROM t", "duckdb", "SELECT a[0:0] FROM t"),
            ("SELECT a, -- x\n b /* y */ FROM/**/t", None, "SELECT a,\n b FROM t"),
            ("CREATE FUNCTION f() RETURNS int AS 'select 5'", None, "CREATE FUNCTION f() RETURNS int AS '?'"),
        ],
    )
    def test_a_literal_is_kept_only_for_where_it_stands(
        self, statement: str, dialect: str | None, expected: str
    ) -> None:
        assert mask_sql(statement, dialect=dialect) == expected

    @pytest.mark.parametrize(
        ("statement", "dialect", "expected"),
        [
            ("CREATE USER u IDENTIFIED BY hunter2!x;", "oracle", "CREATE USER u IDENTIFIED BY '?';"),
            ("CREATE USER u PASSWORD hunter2", None, "CREATE USER u PASSWORD '?'"),
            ("CREATE LOGIN u WITH PASSWORD = 'hunter2'", "tsql", "CREATE LOGIN u WITH PASSWORD = '?'"),
            ("CREATE LOGIN u WITH PASSWORD = hunter2", "tsql", "CREATE LOGIN u WITH PASSWORD = '?'"),
            ("SET s3_secret_access_key = hunter2", None, "SET s3_secret_access_key = '?'"),
            (
                "COPY INTO t FROM 's3://b' CREDENTIALS=(AWS_KEY_ID=AKIA AWS_SECRET_KEY='hunter/2')",
                "snowflake",
                "COPY INTO t FROM 's3://b' CREDENTIALS=(AWS_KEY_ID='?' AWS_SECRET_KEY='?')",
            ),
            (
                "COPY INTO t FROM 'https://bob:hunter2@h/k?sv=1&sig=hunter2'",
                "snowflake",
                "COPY INTO t FROM 'https://bob:***@h/k?sv=1&sig=***'",
            ),
            ("SELECT * FROM csv.`s3://k:hunter2@b/x`", "spark", "SELECT * FROM csv.`s3://k:***@b/x`"),
            (
                "SELECT * FROM s3('http://h/x', 'AKIA', 'hunter2')",
                "clickhouse",
                "SELECT * FROM s3('http://h/x', '?', '?')",
            ),
            (
                "SELECT a FROM t JOIN u ON t.token = u.token",
                None,
                "SELECT a FROM t JOIN u ON t.token = u.token",
            ),
        ],
    )
    def test_credentials_go(self, statement: str, dialect: str | None, expected: str) -> None:
        """DC-46: passwords and keys go even where a statement writes them without quotes."""
        assert mask_sql(statement, dialect=dialect) == expected
        assert "hunter2" not in normalize_sql(statement, dialect=dialect)

    @pytest.mark.parametrize(
        ("statement", "dialect", "expected"),
        [
            (
                "CREATE PROCEDURE p() LANGUAGE SQL AS $$ BEGIN DELETE FROM t WHERE a = 'bob'; END $$",
                "snowflake",
                "CREATE PROCEDURE p() LANGUAGE SQL AS $$ BEGIN DELETE FROM t WHERE a = '?'; END $$",
            ),
            (
                "CREATE OR REPLACE PROCEDURE p() AS 'BEGIN DELETE FROM t WHERE a = ''bob''; END'",
                "snowflake",
                "CREATE OR REPLACE PROCEDURE p() AS 'BEGIN DELETE FROM t WHERE a = ''?''; END'",
            ),
            (
                "CREATE PROCEDURE p() AS $b$ begin execute immediate 'select 5, ''bob'' from t'; end $b$",
                "postgres",
                "CREATE PROCEDURE p() AS $b$ begin execute immediate 'select 0, ''?'' from t'; end $b$",
            ),
            ("DO $$ BEGIN SELECT 'bob'; END $$", "postgres", "DO $$ BEGIN SELECT '?'; END $$"),
            ("DO LANGUAGE plpgsql $$ -- bob\nBEGIN END $$", None, "DO LANGUAGE plpgsql $$BEGIN END $$"),
            (
                "UNLOAD ('SELECT * FROM t WHERE a = ''bob''') TO 's3://b/k'",
                "redshift",
                "UNLOAD ('SELECT * FROM t WHERE a = ''?''') TO 's3://b/k'",
            ),
            ("EXECUTE IMMEDIATE $$ SELECT 'bob' $$", "snowflake", "EXECUTE IMMEDIATE $$ SELECT '?' $$"),
            ("EXECUTE IMMEDIATE 'bob'", "snowflake", "EXECUTE IMMEDIATE '?'"),
            ("DO $$ bob $$", "postgres", "DO '?'"),
            ("CREATE PROCEDURE p() LANGUAGE PYTHON AS $$ select = bob $$", "snowflake", None),
            ("CREATE PROCEDURE p() AS $$ select = bob $$ LANGUAGE plpython3u", "postgres", None),
            (
                "CREATE FUNCTION f() RETURNS void AS $$ DELETE FROM t WHERE a = 'bob' $$ LANGUAGE sql",
                "postgres",
                "CREATE FUNCTION f() RETURNS void AS $$ DELETE FROM t WHERE a = '?' $$ LANGUAGE sql",
            ),
            ("CREATE FUNCTION f() RETURNS int AS 'select bob'", None, None),
            ("CREATE FUNCTION f() AS $$ return bob $$ LANGUAGE javascript", "snowflake", None),
            ("SELECT $$ select bob $$", "postgres", None),
            ("SELECT unload('select bob')", "redshift", None),
            (r"EXECUTE IMMEDIATE 'select \'bob\''", "snowflake", None),
        ],
    )
    def test_a_statement_inside_a_string_is_masked_in_its_place(
        self, statement: str, dialect: str | None, expected: str | None
    ) -> None:
        masked = mask_sql(statement, dialect=dialect)
        assert "bob" not in masked
        if expected is not None:
            assert masked == expected

    def test_strings_inside_strings_are_followed_so_far_and_no_further(self) -> None:
        statement = "select 5"
        for _ in range(8):
            statement = "execute immediate '" + statement.replace("'", "''") + "'"
        masked = mask_sql(statement, dialect="snowflake")
        assert "5" not in masked
        assert masked.count("immediate") == 4

    def test_double_quotes_enclose_strings_where_the_dialect_says_so(self) -> None:
        for dialect in DOUBLE_QUOTED:
            assert (
                mask_sql('SELECT a FROM t WHERE b = "x\\"y"', dialect=dialect)
                == "SELECT a FROM t WHERE b = '?'"
            )
        assert mask_sql('SELECT "x" FROM t', dialect="postgres") == 'SELECT "x" FROM t'
        assert mask_sql('SELECT "x" FROM t') == 'SELECT "x" FROM t'


PLANTED = "Zq7planted"
_dangerous = st.text(alphabet="'\"\\$`[]()#-/*;,?@% \n\tabq1.{}", max_size=12)


def _quoted(before: str, after: str) -> list[tuple[str, list[str | None]]]:
    """Every way to quote a text, with the dialects that quote so; the text is escaped as each asks."""
    inner = f"{before}{PLANTED}{after}"
    doubled = inner.replace("'", "''")
    backslashed = inner.replace("\\", "\\\\").replace("'", "\\'")
    standard = [
        d
        for d in DIALECTS
        if d not in (*BACKSLASH, "doris", "starrocks", "singlestore", "redshift", "athena", "spark2")
    ]
    escaping: list[str | None] = [*BACKSLASH, None]
    ways: list[tuple[str, list[str | None]]] = [
        (f"'{doubled}'", standard),
        (f"N'{doubled}'", ["tsql", "postgres", "oracle", None]),
        (f"'{backslashed}'", escaping),
        (f"E'{backslashed}'", ["postgres", None]),
        ("/*" + inner.replace("*", "").replace("/", "") + "*/", DIALECTS),
        ("-- " + inner.replace("\n", "") + "\n", DIALECTS),
        ("# " + inner.replace("\n", "") + "\n", ["mysql", "bigquery", None]),
    ]
    if "$" not in inner:
        ways += [
            (f"$${inner}$$", ["postgres", "snowflake", "duckdb", None]),
            (f"$t${inner}$t$", ["postgres", None]),
        ]
    if "]'" not in inner:
        ways.append((f"q'[{inner}]'", ["oracle", None]))
    double = inner.replace("\\", "\\\\").replace('"', '\\"')
    ways.append((f'"{double}"', list(DOUBLE_QUOTED)))
    triple = inner.replace("\\", "\\\\").replace("'", "\\'")
    ways.append((f"'''{triple}'''", ["bigquery", None]))
    return ways


def _bodies(statement: str) -> list[str]:
    """Every way to put a statement into a string that is run, escaped for any dialect."""
    doubled = statement.replace("\\", "\\\\").replace("'", "''")
    return [
        f"CREATE PROCEDURE p() AS $body$ BEGIN {statement}; END $body$ LANGUAGE plpgsql",
        f"CREATE OR REPLACE PROCEDURE p() LANGUAGE SQL AS 'BEGIN {doubled}; END'",
        f"DO $do$ BEGIN {statement}; END $do$",
        f"EXECUTE IMMEDIATE '{doubled}'",
        f"UNLOAD ('{doubled}') TO 's3://b/k'",
    ]


class TestProperties:
    @settings(max_examples=40, deadline=None)
    @given(_dangerous, _dangerous)
    @example("C:\\", "")
    @example("", "\\")
    @example("it's ", "")
    def test_no_planted_literal_survives_in_any_quoting(self, before: str, after: str) -> None:
        """DC-48: no literal survives, whatever quoting holds it and whatever stands around it in there."""
        for literal, dialects in _quoted(before, after):
            for dialect in dialects:
                statement = f"SELECT a, {literal} FROM t WHERE b = 'x' AND c = {literal}"
                assert PLANTED not in mask_sql(statement, dialect=dialect), (literal, dialect)
                for body in _bodies(statement):
                    assert PLANTED not in mask_sql(body, dialect=dialect), (body, dialect)
                assert PLANTED.lower() not in normalize_sql(statement, dialect=dialect), (literal, dialect)

    @settings(max_examples=200, deadline=None)
    @given(st.integers(min_value=1000), st.floats(min_value=1000, allow_infinity=False))
    def test_no_planted_number_survives(self, whole: int, real: float) -> None:
        statement = f"SELECT {whole}, {real}, {whole:#x}, {real:e}, -{whole} FROM t WHERE b IN ({real})"
        for dialect in DIALECTS:
            assert not re.search("[1-9]", mask_sql(statement, dialect=dialect))
            assert not re.search("[0-9]", normalize_sql(statement, dialect=dialect))

    @settings(max_examples=500, deadline=None)
    @given(
        st.one_of(
            st.text(alphabet=string.printable, max_size=60),
            st.text(max_size=30),
            st.lists(
                st.sampled_from(
                    [
                        "SELECT",
                        "FROM",
                        "WHERE",
                        "IN",
                        "VALUES",
                        "(",
                        "(",
                        ")",
                        ")",
                        "[",
                        "]",
                        ",",
                        ",",
                        ".",
                        ":",
                        "::",
                        "-",
                        "-",
                        "+",
                        "?",
                        "'a'",
                        "5",
                        ".5",
                        "x",
                        "Y",
                        '"Q"',
                        "`b`",
                        "[c]",
                        "ARRAY",
                        "NULL",
                        "@v",
                        "@s/p",
                        ":n",
                        "$1",
                        "%s",
                        "{k}",
                        ";",
                        "=",
                        "->",
                        "#",
                        "##",
                        "/*",
                        "*/",
                        "--",
                        "\n",
                        "//",
                        "*",
                        "$$",
                        "$t$",
                        "q'[",
                        "]'",
                        "E'",
                        "\\",
                        "{",
                    ]
                ),
                max_size=14,
            ).map("".join),
            st.lists(
                st.sampled_from(
                    [
                        "(",
                        ")",
                        "[",
                        "]",
                        ",",
                        ".",
                        ":",
                        "::",
                        "-",
                        "+",
                        "?",
                        "5",
                        "x",
                        '"Q"',
                        "values",
                        "in",
                        "null",
                        "@v",
                        ";",
                    ]
                ),
                max_size=14,
            ).map(" ".join),
        ),
        st.sampled_from([None, "postgres", "mysql", "snowflake", "tsql", "bigquery", "oracle"]),
    )
    @example("[] ]", "tsql")
    @example("WHERE[c]]", None)
    @example(".[ s]", None)
    @example("t$: n", "oracle")
    @example("#: n", "postgres")
    @example("#-: n", "oracle")
    @example("FROM@v#", "mysql")
    @example("FROM@v#", "tsql")
    @example("FROM@v.5x", "mysql")
    @example("FROM@v:n", "tsql")
    @example("--FROM\n@v", "postgres")
    @example("@FROM @v", "bigquery")
    @example("5FROM #", None)
    @example('@s/ :""', "snowflake")
    def test_normalizing_twice_is_normalizing_once(self, text: str, dialect: str | None) -> None:
        """DC-48: idempotent."""
        once = normalize_sql(text, dialect=dialect)
        assert normalize_sql(once, dialect=dialect) == once

    @settings(max_examples=200, deadline=None)
    @given(st.text(alphabet=string.printable, max_size=80))
    def test_nothing_raises_for_any_text(self, text: str) -> None:
        assert isinstance(mask_sql(text), str)
        assert isinstance(redact_text(text), str)
        assert isinstance(redact_url(text), str)


def _tables(statement: str, dialect: str | None) -> set[str]:
    found = set()
    for tree in sqlglot.parse(statement, dialect=dialect):
        for table in tree.find_all(exp.Table) if tree else ():
            found.add(".".join(part.name for part in table.parts) or table.sql(dialect))
    return found


def _cases(shared: Path) -> list[tuple[str, str | None, str]]:
    same = {"sparksql": "spark", "greenplum": "postgres"}
    cases = []
    for file in sorted((shared / "sql-cases").glob("*.jsonl")):
        for line in file.read_text().splitlines():
            case = json.loads(line)
            dialect = same.get(case["dialect"], case["dialect"])
            cases.append((case["id"], dialect if dialect in Dialect.classes else None, case["sql"]))
    return cases


class TestRecordedStatements:
    @pytest.mark.filterwarnings("ignore")
    def test_every_statement_that_parses_still_names_the_same_tables(self, shared: Path) -> None:
        compared, changed = 0, []
        for name, dialect, statement in _cases(shared):
            try:
                before = _tables(statement, dialect)
            except sqlglot.errors.SqlglotError:
                continue
            compared += 1
            try:
                after = _tables(mask_sql(statement, dialect=dialect), dialect)
            except sqlglot.errors.SqlglotError as error:
                changed.append((name, str(error)[:80]))
                continue
            if before != after:
                changed.append((name, str(before ^ after)))
        assert compared > 500
        assert changed == []

    def test_every_statement_keeps_its_shape(self, shared: Path) -> None:
        for name, dialect, statement in _cases(shared):
            shape = normalize_sql(statement, dialect=dialect)
            assert normalize_sql(shape, dialect=dialect) == shape, name
            masked = mask_sql(statement, dialect=dialect)
            assert mask_sql(masked, dialect=dialect) == masked, name


ATTACKS = {
    "unclosed quotes": "'",
    "escaped quotes": "\\'",
    "in list without commas": "1 ",
    "open brackets": "[(",
    "open comments": "/* ",
    "comment ends": "*/ ",
    "dollar signs": "$a$b ",
    "dollars": "${",
    "percent": "%(a",
    "odd brackets": "['",
    "types": "DECIMAL ",
    "types with numbers": "DECIMAL(1,",
    "group by": "GROUP BY 1,",
    "dashes": "a-",
    "dots": ".a",
    "uescape": "U&'a' ",
    "triple": "'''",
    "q quotes": "q'a",
    "key value": "password = ",
    "urls": "://a:",
    "pg detail": ")=(",
    "braces": "{a:",
    "mail": "a.b+",
    "parameters": "parameters: ",
    "sql": "[SQL: ",
    "rows": "(1),",
    "nested comments": "/* a",
    "backslashes": "\\",
    "stages": "@a/",
}


def _unbounded(parsed: Any) -> Iterator[str]:
    """The repetitions of a parsed pattern that can give back what they took."""
    for operation, argument in parsed:
        name = str(operation)
        if name in ("MAX_REPEAT", "MIN_REPEAT"):
            if argument[1] > 1_000:
                yield name
            yield from _unbounded(argument[2])
        elif name == "POSSESSIVE_REPEAT":
            yield from _unbounded(argument[2])
        elif name == "SUBPATTERN":
            yield from _unbounded(argument[3])
        elif name == "BRANCH":
            for branch in argument[1]:
                yield from _unbounded(branch)
        elif name in ("ASSERT", "ASSERT_NOT"):
            yield from _unbounded(argument[1])


def _steps(work: Callable[[], object]) -> int:
    """How many lines of Python a piece of work runs."""
    count = 0

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


class TestTime:
    @pytest.mark.parametrize("dialect", DIALECTS)
    def test_no_repetition_of_the_tokenizer_can_backtrack(self, dialect: str | None) -> None:
        for reading in readings_of(dialect):
            pattern = pattern_of(reading)[0].pattern
            assert list(_unbounded(re._parser.parse(pattern))) == []  # type: ignore[attr-defined]

    @pytest.mark.parametrize("piece", ATTACKS.values(), ids=ATTACKS.keys())
    @pytest.mark.parametrize("rendering", [mask, normalize])
    def test_twice_the_text_takes_twice_the_steps(
        self, rendering: Callable[[str, str | None], str], piece: str
    ) -> None:
        """DC-48: no text of any size makes it backtrack, such as a list without commas."""
        for before in ("SELECT a FROM t WHERE x IN (", ""):
            once = _steps(lambda text=before + piece * 60: rendering(text, None))  # type: ignore[misc]
            twice = _steps(lambda text=before + piece * 120: rendering(text, None))  # type: ignore[misc]
            assert twice <= 2.2 * once + 200

    @pytest.mark.timeout(30)
    @pytest.mark.parametrize("piece", ATTACKS.values(), ids=ATTACKS.keys())
    def test_a_long_hostile_text_ends(self, piece: str) -> None:
        text = piece * (100_000 // len(piece))
        for dialect in (None, "oracle", "tsql"):
            assert isinstance(mask_sql(text, dialect=dialect), str)
        assert isinstance(normalize_sql(text), str)
        assert len(redact_text(text)) <= 2000
        assert isinstance(redact_url(text), str)

    def test_a_statement_that_comes_again_is_not_read_again(self) -> None:
        statement = "SELECT a FROM cached_once WHERE b = 'x'"
        first = _steps(lambda: mask_sql(statement) + normalize_sql(statement))
        again = _steps(lambda: mask_sql(statement) + normalize_sql(statement))
        assert again < first / 5


class TestMessages:
    @pytest.mark.parametrize(
        ("message", "expected"),
        [
            (
                'duplicate key value violates unique constraint "users_email_key"\n'
                "DETAIL:  Key (email)=(bob@corp.com) already exists.",
                'duplicate key value violates unique constraint "users_email_key"\n'
                "DETAIL:  Key (email)=(***) already exists.",
            ),
            (
                'Key (a, lower(b))=(1, x)y) is not present in table "t".',
                'Key (a, lower(b))=(***) is not present in table "t".',
            ),
            ("Schlüssel »(email)=(bob@corp.com)« existiert bereits.", "Schlüssel »***« existiert bereits."),
            ("DETAIL:  Failing row contains (1, bob, (x), null).", "DETAIL:  Failing row contains (***)"),
            ('invalid input syntax for type integer: "bob"', 'invalid input syntax for type integer: "***"'),
            (
                'relation "sales.orders" does not exist at line 12',
                'relation "sales.orders" does not exist at line 12',
            ),
            ('column "total" of relation "orders" is null', 'column "total" of relation "orders" is null'),
            (
                "(1062, \"Duplicate entry 'O'Brien' for key 'users.email'\")",
                "(1062, \"Duplicate entry '***' for key 'users.email'\")",
            ),
            ("Table 'shop.orders' doesn't exist", "Table 'shop.orders' doesn't exist"),
            ("The duplicate key value is (bob).", "The duplicate key value is (***)"),
            ("'NoneType' object has no attribute 'price'", "'NoneType' object has no attribute 'price'"),
            (
                "ValueError: invalid literal for int() with base 10: 'bob'",
                "ValueError: invalid literal for int() with base 10: '***'",
            ),
            (
                "LINE 1: SELECT a FROM t WHERE b = 'bob' AND c = 5",
                "LINE 1: SELECT a FROM t WHERE b = '?' AND c = 0",
            ),
            (
                "KeyError at /app/jobs/load.py line 42, in load_orders",
                "KeyError at /app/jobs/load.py line 42, in load_orders",
            ),
            ("value 'unfinished bob", "value '***'"),
        ],
    )
    def test_what_helps_to_debug_stays_and_the_data_goes(self, message: str, expected: str) -> None:
        """DC-46: error messages carry no values of the data they speak of."""
        assert redact_text(message) == expected

    def test_a_sqlalchemy_error_keeps_its_statement_and_no_values(self) -> None:
        message = (
            "(psycopg2.errors.UniqueViolation) duplicate key value\n"
            "[SQL: INSERT INTO users (email, age)\nVALUES (%(email)s, 37), ('eve', ARRAY['x']\n)]\n"
            "[parameters: {'email': 'bob]\\n', 'n': 71}]\n"
            "(Background on this error at: https://sqlalche.me/e/20/gkpj)"
        )
        assert redact_text(message) == (
            "(psycopg2.errors.UniqueViolation) duplicate key value\n"
            "[SQL: INSERT INTO users (email, age)\nVALUES (%(email)s, 0), ('?', ARRAY['?']\n)]\n"
            "[parameters: ***]\n"
            "(Background on this error at: https://sqlalche.me/e/20/gkpj)"
        )

    @pytest.mark.parametrize(
        "secret",
        [
            "postgres://bob:{}@h/db",
            "postgres://bob:a@b/{}@h/db",
            "password={}",
            'password="{} x"',
            "PGPASSWORD={}",
            "'password': '{}'",
            "token: {}",
            "api_key={}",
            "client_secret = {}",
            "Authorization: Bearer {}",
            "Authorization: Basic {}",
            "X-Api-Key: {}",
            "https://h/p?a=1&X-Amz-Signature={}&b=2",
            "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----\n{}",
            "{}@corp.com",
        ],
    )
    def test_secrets_go(self, secret: str) -> None:
        message = f"OperationalError: could not connect: {secret.format('hunter2')} after 3 attempts"
        redacted = redact_text(message)
        assert "hunter2" not in redacted
        assert redacted.startswith("OperationalError: could not connect: ")

    @pytest.mark.parametrize(
        "key",
        [
            "AKIA" + "IOSFODNN7EXAMPLE",
            "ASIA" + "IOSFODNN7EXAMPLE",
            "AIza" + "SyA-1234567890abcdefghijklmnopqrst_u",
            "ghp_" + "a1" * 18,
            "github_pat_" + "11ABCDEFG0123456789_ab",
            "xoxb-" + "123456789012-abcdefghij",
            "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc",
            "rk_test_" + "4eC39HqLyjWDarjtT1zdp7dc",
            "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        ],
    )
    def test_keys_go_by_their_shape(self, key: str) -> None:
        assert redact_text(f"rejected {key}, try again") == "rejected ***, try again"

    def test_the_length_is_bounded(self) -> None:
        assert redact_text("word " * 1000, limit=50) == ("word " * 10)[:49] + "\u2026"
        assert redact_text("word", limit=50) == "word"
        for length in range(15_900, 16_500, 7):
            long = "x" * length + " password=hunter2 " + "y" * 500
            assert "hunter" not in redact_text(long, limit=100_000)
            assert "unter" not in redact_text("'" + "x " * (length // 2) + "hunter2'", limit=2000)


class TestUrls:
    @pytest.mark.parametrize(
        ("given_text", "expected"),
        [
            (
                "postgresql://bob:s3cret@h:5432/db?sslmode=require",
                "postgresql://bob:***@h:5432/db?sslmode=require",
            ),
            ("postgresql+psycopg2://bob:s3:cr@et@h/db", "postgresql+psycopg2://bob:***@h/db"),
            (
                "postgres://h/db?user=bob&password=s3cret&sslpassword=x",
                "postgres://h/db?user=bob&password=***&sslpassword=***",
            ),
            ("mysql://:s3cret@h/db", "mysql://:***@h/db"),
            ("host=h user=bob password='s3 cret' dbname=d", "host=h user=bob password=*** dbname=d"),
            ("Server=h;User Id=sa;Password=s3cret;Database=d", "Server=h;User Id=sa;Password=***;Database=d"),
            (
                "https://b.s3.amazonaws.com/k?X-Amz-Credential=AK&X-Amz-Signature=ab&versionId=3",
                "https://b.s3.amazonaws.com/k?X-Amz-Credential=***&X-Amz-Signature=***&versionId=3",
            ),
            (
                "https://a.blob.core.windows.net/c/k?sv=2022&sig=ab%3D",
                "https://a.blob.core.windows.net/c/k?sv=2022&sig=***",
            ),
            (
                "https://s/k?AWSAccessKeyId=AK&Expires=1&Signature=ab",
                "https://s/k?AWSAccessKeyId=***&Expires=1&Signature=***",
            ),
            (
                "snowflake://bob:s3cret@acct/db/schema?warehouse=wh&token=t",
                "snowflake://bob:***@acct/db/schema?warehouse=wh&token=***",
            ),
            ("s3://bucket/path/a=1/b=2/key.parquet", "s3://bucket/path/a=1/b=2/key.parquet"),
            ("sqlite:////var/lib/x.db", "sqlite:////var/lib/x.db"),
            ("https://bob@h/path", "https://bob@h/path"),
        ],
    )
    def test_only_what_is_secret_goes(self, given_text: str, expected: str) -> None:
        assert redact_url(given_text) == expected
