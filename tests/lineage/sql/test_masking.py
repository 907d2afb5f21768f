"""Values that a hash or a mask hides."""

from __future__ import annotations

import pytest
from sql_answers import direct

from lineage.sql import extract


@pytest.mark.parametrize(
    ("dialect", "call"),
    [
        ("postgres", "md5(a)"),
        ("postgres", "encode(digest(a, 'sha256'), 'hex')"),
        ("postgres", "crypt(a, gen_salt('bf'))"),
        ("postgres", "hashtext(a)"),
        ("bigquery", "FARM_FINGERPRINT(a)"),
        ("bigquery", "TO_HEX(SHA256(a))"),
        ("bigquery", "DETERMINISTIC_ENCRYPT(k, a, '')"),
        ("bigquery", "AEAD.ENCRYPT(k, a, '')"),
        ("snowflake", "SHA2(a, 256)"),
        ("snowflake", "SHA1_HEX(a)"),
        ("snowflake", "MD5_NUMBER_LOWER64(a)"),
        ("snowflake", "HASH(a)"),
        ("snowflake", "ENCRYPT(a, 'secret')"),
        ("tsql", "HASHBYTES('SHA2_256', a)"),
        ("tsql", "CHECKSUM(a)"),
        ("oracle", "STANDARD_HASH(a, 'SHA256')"),
        ("oracle", "ORA_HASH(a)"),
        ("oracle", "DBMS_CRYPTO.HASH(a, 2)"),
        ("spark", "xxhash64(a)"),
        ("spark", "sha2(a, 256)"),
        ("databricks", "mask(a)"),
        ("hive", "mask_last_n(a, 4)"),
        ("mysql", "SHA1(a)"),
        ("mysql", "HEX(AES_ENCRYPT(a, 'k'))"),
        ("clickhouse", "cityHash64(a)"),
        ("clickhouse", "sipHash64(a)"),
        ("redshift", "FNV_HASH(a)"),
        ("duckdb", "sha256(a)"),
        ("trino", "to_hex(xxhash64(a))"),
        (None, "pii.mask_email(a)"),
        (None, "tokenize(a)"),
        (None, "redact(a)"),
    ],
)
def test_a_hash_or_mask_function_hides_its_arguments(dialect: str | None, call: str) -> None:
    (line,) = [line for line in direct(f"INSERT INTO o SELECT {call} AS x FROM t", dialect)]
    assert "t.a T masked" in line


@pytest.mark.parametrize(
    "call", ["upper(a)", "substr(a, 1, 3)", "decrypt(a, 'k')", "unmask(a)", "masked + a", "length(a)"]
)
def test_other_functions_hide_nothing(call: str) -> None:
    assert "masked" not in direct(f"INSERT INTO o SELECT {call} AS x FROM t")[0].partition("t.a")[2]


def test_what_was_hidden_on_the_way_stays_hidden() -> None:
    sql = """INSERT INTO o
    WITH hashed AS (SELECT sha256(email) AS h FROM t), named AS (SELECT upper(h) AS h FROM hashed)
    SELECT h, count(h) AS n FROM named GROUP BY h"""
    assert direct(sql, "postgres") == ["o.h <- t.email T masked", "o.n <- t.email A masked"]


def test_what_also_comes_unhidden_is_not_hidden() -> None:
    values = "md5(a) || a AS x, CASE WHEN b THEN md5(c) ELSE c END AS y, md5(d) || e AS z"
    assert direct(f"INSERT INTO o SELECT {values} FROM t") == [
        "o.x <- t.a T",
        "o.y <- t.c T",
        "o.z <- t.d T masked, t.e T",
    ]


def test_a_hidden_value_that_decides_is_hidden_there_too() -> None:
    sql = "INSERT INTO o SELECT b FROM (SELECT md5(a) AS h, b FROM t) x WHERE h = 'x'"
    (edges,) = extract(sql).columns
    assert [(source.column, source.subtype, source.masking) for source in edges.indirect] == [
        ("a", "FILTER", True)
    ]
