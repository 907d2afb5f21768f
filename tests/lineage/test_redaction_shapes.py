"""One statement, one fingerprint: what gives one, what gives another, and what it costs to ask again."""

from __future__ import annotations

import gc
import hashlib
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from _pytest.mark import ParameterSet
from hypothesis import given, settings
from hypothesis import strategies as st

from lineage.redaction import fingerprint_sql, mask_sql, normalize_sql, shape_sql
from lineage.redaction.density import CHARACTERS, END, TOKENS

PLACEHOLDERS = [
    "?",
    "%s",
    "%({n})s",
    ":id_{n}",
    "${n}",
    "@p{n}",
    "{{p{n}}}",
    "{n}",
    "-{n}",
    "'{n}'",
    "N'{n}'",
    "{n}.5",
]


def _filled(piece: str, size: int = CHARACTERS) -> str:
    return "SELECT a" + piece * (size // len(piece))


class TestOneFingerprint:
    @pytest.mark.parametrize("style", PLACEHOLDERS)
    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("SELECT a FROM t WHERE x IN (", ")"),
            ("SELECT a FROM t WHERE x = ANY(ARRAY[", "])"),
            ("INSERT INTO t (a, b) VALUES (", ")"),
            ("SELECT a FROM t WHERE (x, y) = (", ")"),
            ("SELECT a FROM t WHERE x NOT IN ((", "))"),
        ],
    )
    def test_a_list_has_one_shape_however_long_and_whatever_fills_it(
        self, before: str, after: str, style: str
    ) -> None:
        """DC-12: same shape, same fingerprint."""
        expected = fingerprint_sql(f"{before}?{after}")
        for count in (1, 2, 3, 5, 6, 7, 50, 1000):
            items = [style.format(n=number + 1) for number in range(count)]
            for comma in (",", ", ", " ,\n "):
                assert fingerprint_sql(before + comma.join(items) + after) == expected, (count, comma)

    @pytest.mark.parametrize(
        "row", ["(?, ?)", "(%s,%s)", "(1, 'x')", "(-1, NULL)", "(:a, :b)", "($1,$2)", "(E'x', 0x1)"]
    )
    def test_any_number_of_rows_has_one_shape(self, row: str) -> None:
        """DC-12: bulk inserts of other sizes are the same statement."""
        shapes = {
            normalize_sql(f"INSERT INTO t (a, b) VALUES {','.join([row] * count)} ON CONFLICT DO NOTHING")
            for count in (1, 2, 4, 5, 6, 100)
        }
        assert shapes == {"insert into t(a, b) values (?) on conflict do nothing"}

    def test_a_row_constructor_and_tuples_of_tuples_collapse(self) -> None:
        for count in (1, 3, 9):
            tuples = ",".join(["(1,'a')"] * count)
            assert (
                normalize_sql(f"SELECT a FROM t WHERE (x,y) IN ({tuples})")
                == "select a from t where (x, y) in (?)"
            )

    @pytest.mark.parametrize(
        "other",
        [
            "SELECT a FROM t WHERE x = -5",
            "SELECT a FROM t WHERE x = + 5",
            "select  A\nfrom T where X=5;",
            "SELECT a FROM t WHERE x = 5 -- password=hunter2",
            "/* app='shop',user='bob@corp.com' */ SELECT a FROM t WHERE x = 5",
            "SELECT a FROM t WHERE x = 5 /*traceparent='00-5bd66ef5095369c7b0d1f8f4bd33716a-c532cb4098ac',"
            "route='%2Fpolls%201000'*/",
            "SELECT a /* don't */ FROM t -- don't\nWHERE x = 'secret'",
            "SELECT a FROM t WHERE x = 0xDEADBEEF",
            "SELECT a FROM t WHERE x = 1_000",
            "SELECT a FROM t WHERE x = 1.5E-3",
            "SELECT a FROM t WHERE x = $$my secret$$",
            "SELECT a FROM t WHERE x = $tag$it's 'password'$tag$",
            "SELECT a FROM t WHERE x = q'[it's secret]'",
            "SELECT a FROM t WHERE x = E'a\\'b secret'",
            "SELECT a FROM t WHERE x = U&'secret'",
            "SELECT a FROM t WHERE x = 'secret unfinished",
            "SELECT a FROM t WHERE x = $1",
            "SELECT a FROM t WHERE x = %(name)s",
            b"SELECT a FROM t WHERE x = 5",
        ],
    )
    def test_literals_signs_comments_case_and_spaces_make_no_difference(self, other: str | bytes) -> None:
        """DC-12: stable over what changes from call to call, the comments of sqlcommenter among it."""
        assert fingerprint_sql(other) == fingerprint_sql("SELECT a FROM t WHERE x = 5")

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ('SELECT "First Name" FROM "User Table"', 'SELECT "First Name" FROM "Admin Table"'),
            ('SELECT "Id" FROM t', "SELECT id FROM t"),
            ('SELECT "Id" FROM t', 'SELECT "ID" FROM t'),
            ("SELECT a FROM `proj-123.ds.tbl_1`", "SELECT a FROM `proj-123.ds.tbl_2`"),
            ("SELECT a FROM proj-1.ds.t", "SELECT a FROM proj-2.ds.t"),
            ("SELECT a FROM t1", "SELECT a FROM t2"),
            ("SELECT a FROM @stage/one", "SELECT a FROM @stage/two"),
            ("SELECT a FROM [one]", "SELECT a FROM [two]"),
            (b"select * from a", b"drop table b"),
            ("SELECT a FROM t WHERE x = 5", "SELECT a FROM t WHERE x < 5"),
            ("SELECT a - 5 FROM t", "SELECT a + 5 FROM t"),
            ("SELECT f(1, 2)", "SELECT f(1, 2, 3)"),
        ],
    )
    def test_another_statement_has_another_fingerprint(self, one: str | bytes, other: str | bytes) -> None:
        """DC-12: different shape, different fingerprint; quoted names count with their case."""
        assert fingerprint_sql(one) != fingerprint_sql(other)

    def test_placeholders_and_names_are_not_altered(self) -> None:
        assert mask_sql(
            "SELECT a FROM `p-1.ds.t_1` WHERE b = $1 AND c IN ($1,$2,$3,$4,$5,$6,:a7,%(b8)s)"
        ) == ("SELECT a FROM `p-1.ds.t_1` WHERE b = $1 AND c IN ($1,$2,$3,$4,$5,$6,:a7,%(b8)s)")

    def test_text_and_fingerprint_are_of_one_reading(self) -> None:
        """DC-12, DC-48: the fingerprint is the digest of the text that is shown."""
        text, fingerprint = shape_sql("SELECT a FROM t WHERE x = 'secret'")
        assert text == "select a from t where x = ?"
        assert fingerprint == "sha256:" + hashlib.sha256(text.encode()).hexdigest()
        assert fingerprint == fingerprint_sql("select A from T where X = 5")

    def test_what_is_not_known_has_a_shape_that_no_statement_has(self) -> None:
        text, fingerprint = shape_sql(None)
        assert text == "<unknown>"
        for statement in ("none", "None", "unknown", "<unknown>", ""):
            assert fingerprint_sql(statement) != fingerprint
            assert normalize_sql(statement) != text

    def test_the_dialect_counts(self) -> None:
        statement = 'SELECT a FROM t WHERE b = "x"'
        assert fingerprint_sql(statement, dialect="mysql") == fingerprint_sql("SELECT a FROM t WHERE b = 'y'")
        assert fingerprint_sql(statement, dialect="mysql") != fingerprint_sql(statement, dialect="postgres")


class TestLists:
    @pytest.mark.parametrize("count", [2, 4, 5, 6, 7, 30])
    def test_mask_hides_every_literal_of_a_list_and_nothing_else(self, count: int) -> None:
        literals = ["'bob'", "71", "-7.25", "NULL", "true", "%s", ":n71", "$71", "'O''Brien'", "7e5"]
        for start in range(len(literals)):
            items = [literals[(start + at) % len(literals)] for at in range(count)]
            shown = {"'bob'": "'?'", "71": "0", "-7.25": "-0", "'O''Brien'": "'?'", "7e5": "0"}
            expected = ", ".join(shown.get(item, item) for item in items)
            assert (
                mask_sql(f"SELECT a FROM t WHERE b IN ({', '.join(items)})")
                == f"SELECT a FROM t WHERE b IN ({expected})"
            )
            row = f"({', '.join(items)})"
            assert mask_sql(f"INSERT INTO t VALUES {','.join([row] * 9)}") == (
                f"INSERT INTO t VALUES {','.join([f'({expected})'] * 9)}"
            )

    def test_what_may_stay_in_a_list_stays(self) -> None:
        for statement in (
            "SELECT a FROM t GROUP BY 1, 2, 3, 4, 5, 6, 7, 8",
            "SELECT a FROM t ORDER BY 1, 2, 3, 4, 5, 6, 7 DESC",
            "SELECT a FROM t GROUP BY GROUPING SETS ((1), (2), (3), (4), (5), (6))",
            "SELECT * FROM read_csv(['a/1', 'a/2', 'a/3', 'a/4', 'a/5', 'a/6', 'a/7'])",
            "SELECT JSON_EXTRACT(x, '$.a', '$.b', '$.c', '$.d', '$.e', '$.f')",
        ):
            assert mask_sql(statement) == statement

    def test_a_type_before_a_long_list_keeps_its_own_numbers_only(self) -> None:
        statement = (
            "SELECT JSON_EXTRACT(CAST(x AS DECIMAL(10, 2)), 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)"
        )
        assert re_digits(mask_sql(statement)) == {"10", "2", "0"}

    def test_a_list_counts_where_it_is_none_of_literals_alone(self) -> None:
        assert normalize_sql("SELECT 1, 2, 3, 4, 5, 6, 7") == "select ?, ?, ?, ?, ?, ?, ?"
        assert normalize_sql("SELECT f(a, 1, 'x', 3, 4, 5, 6)") == "select f(a, ?, ?, ?, ?, ?, ?)"
        assert normalize_sql("SELECT (1), (2), (3), (4), (5)") == "select (?), (?), (?), (?), (?)"

    @settings(max_examples=300, deadline=None)
    @given(
        st.lists(
            st.sampled_from(
                [
                    "1",
                    "'a,b'",
                    "'('",
                    "NULL",
                    "%s",
                    "?",
                    ":n",
                    "now()",
                    "E'x'",
                    "x",
                    "(1)",
                    "(1,'a')",
                    "(NULL)",
                    "-1",
                ]
            ),
            max_size=24,
        ),
        st.sampled_from(["x IN (", "f(", "VALUES ", "ARRAY[", "SELECT "]),
        st.sampled_from([None, "postgres", "mysql", "bigquery"]),
    )
    def test_long_lists_are_read_as_short_ones_are(
        self, items: list[str], before: str, dialect: str | None
    ) -> None:
        """DC-48: a list in one token renders as its literals one by one would."""
        text = before + ", ".join(items)
        spaced = before + ",/**/".join(items)  # a comment: no list in one token
        assert normalize_sql(text, dialect=dialect) == normalize_sql(spaced, dialect=dialect)
        assert mask_sql(text, dialect=dialect) == mask_sql(spaced, dialect=dialect)
        once = normalize_sql(text, dialect=dialect)
        assert normalize_sql(once, dialect=dialect) == once


def re_digits(text: str) -> set[str]:
    return {
        part for part in text.replace("(", " ").replace(")", " ").replace(",", " ").split() if part.isdigit()
    }


def slow(*pieces: str) -> list[ParameterSet]:
    return [pytest.param(piece, marks=pytest.mark.slow) for piece in pieces]


class TestBounds:
    def test_above_the_cap_only_a_fingerprint_is_given(self) -> None:
        """DC-48: the size of a statement bounds neither the time nor what is kept of it."""
        huge = "INSERT INTO t VALUES " + ",".join(["(71, 'secret')"] * 100_000)
        assert len(huge) > CHARACTERS
        text, fingerprint = shape_sql(huge)
        assert text is None
        assert fingerprint == shape_sql(huge + huge)[1]
        assert fingerprint != fingerprint_sql("INSERT INTO t VALUES (1, 'x')")
        assert normalize_sql(huge) == f"insert into t values (?) {END}"
        assert "secret" not in mask_sql(huge)

    @pytest.mark.parametrize("inside", ["'{}", "/* {}", "-- {}", "$$ {}", '"{}', "(((('{}"])
    def test_what_is_cut_in_the_middle_is_hidden(self, inside: str) -> None:
        statement = "SELECT a, " + inside.format("secret " * (CHARACTERS // 7))
        for dialect in (None, "postgres", "tsql", "oracle"):
            assert "secret" not in mask_sql(statement, dialect=dialect)
            assert "secret" not in normalize_sql(statement, dialect=dialect)

    @pytest.mark.parametrize(
        "piece",
        [
            "+",
            "'' ",
            "case when x then 1 end ",
            *slow("a.b, ", "(", "[", "()", "f(1, a) or ", "a/**/", "-- x\n", "\\' "),
        ],
    )
    def test_a_dense_statement_is_read_in_part_and_says_so(self, piece: str) -> None:
        for dialect in (None, "mysql", "postgres"):
            normalized = normalize_sql(_filled(piece), dialect=dialect)
            masked = mask_sql(_filled(piece), dialect=dialect)
            if len(piece) < 10:
                assert normalized.endswith(END)
                assert masked.endswith(END)
            assert normalize_sql(normalized, dialect=dialect) == normalized

    def test_what_people_write_is_read_whole(self) -> None:
        columns = ", ".join(f"t.some_column_{n} AS column_{n}" for n in range(10_000))
        values = ", ".join(map(str, range(90_000)))
        statement = f"SELECT {columns} FROM db.t WHERE a = 'x' AND b IN ({values}) GROUP BY last"
        assert 900_000 < len(statement) < CHARACTERS
        text, _ = shape_sql(statement)
        assert text is not None
        assert text.endswith("from db.t where a = ? and b in (?) group by last")
        assert mask_sql(statement).endswith(" GROUP BY last")

    @pytest.mark.parametrize(
        "piece",
        ["+", "'' ", "\u20ac", *slow("(", ",", " a", "[", ";", "{", ",(1,f())", "\\'", "#", "a/**/")],
    )
    def test_the_work_does_not_grow_beyond_the_bound(self, piece: str) -> None:
        for rendering in (mask_sql, normalize_sql):
            once = _steps(lambda: rendering(_filled(piece, CHARACTERS // 2)))  # noqa: B023
            twice = _steps(lambda: rendering(_filled(piece, CHARACTERS)))  # noqa: B023
            assert once <= 30 * TOKENS
            assert twice <= 2.2 * once + 1000


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


class TestAgain:
    @pytest.mark.parametrize("length", [10, 1_000, 20_000, 200_000])
    def test_a_statement_that_comes_again_is_not_read_again(self, length: int) -> None:
        statement = f"SELECT a FROM again_{length} WHERE b = '{'x' * length}'"
        shape_sql(statement)
        assert _steps(lambda: shape_sql(statement)) < 40
        assert _steps(lambda: fingerprint_sql(statement)) < 40
        assert _steps(lambda: normalize_sql(statement)) < 40

    def test_no_huge_literal_is_kept_alive(self) -> None:
        statement = "SELECT a FROM kept WHERE b = '" + "x" * 300_000 + "'"
        for work in (shape_sql, mask_sql, normalize_sql, fingerprint_sql):
            work(statement)  # type: ignore[operator]
        gc.collect()
        assert sys.getrefcount(statement) <= 3

    def test_what_is_kept_is_bounded_in_characters(self) -> None:
        from lineage.redaction.shapes import ROOMS

        assert sum(length * entries for length, entries in ROOMS) <= 7_000_000
