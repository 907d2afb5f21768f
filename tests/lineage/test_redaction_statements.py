"""What drivers accept as a statement, as text."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
import sqlalchemy as sa

from lineage.redaction import fingerprint_sql, normalize_sql, shape_sql, statement_text


def _kind(module: str, name: str, *bases: type) -> type:
    """A class as the drivers' modules define it: what is read of them is their place, name and content."""
    return type(name, bases, {"__module__": module})


class _Held:
    def __init__(self, **held: Any) -> None:
        vars(self).update(held)


def _composed(module: str, attribute: str) -> tuple[Any, ...]:
    base = _kind(module, "Composable", _Held)
    make = {
        name: _kind(module, name, base)
        for name in ("SQL", "Identifier", "Literal", "Placeholder", "Composed")
    }

    def built(name: str, content: Any) -> Any:
        return make[name](**{attribute: content})

    def query(table: str, value: object) -> Any:
        parts = [
            built("SQL", "SELECT "),
            built("Composed", [built("Identifier", ("o", 'a"b')), built("SQL", ", 5")]),
            built("SQL", " FROM "),
            built("Identifier", (table,)),
            built("SQL", " WHERE x = "),
            built("Literal", value),
            built("SQL", " AND y = "),
            built("Placeholder", "name"),
            built("SQL", " AND z = "),
            built("Placeholder", None),
        ]
        return built("Composed", parts)

    return built, query


class TestTexts:
    @pytest.mark.parametrize(
        "query", ["SELECT 1", b"SELECT 1", bytearray(b"SELECT 1"), memoryview(b"SELECT 1")]
    )
    def test_text_and_bytes_are_what_they_hold(self, query: object) -> None:
        assert statement_text(query) == "SELECT 1"
        assert statement_text(b"SELECT \xff") == "SELECT \ufffd"

    def test_a_text_of_a_subclass_is_read_past_the_code_of_its_class(self) -> None:
        class Loud(str):
            def __str__(self) -> str:
                raise RuntimeError("hunter2")

        text = statement_text(Loud("SELECT 1"))
        assert text == "SELECT 1"
        assert type(text) is str

    @pytest.mark.parametrize(
        "query", [None, 5, 5.5, {"a": 1}, ["SELECT 1"], object(), datetime.date(2024, 1, 1)]
    )
    def test_what_is_no_statement_is_not_known(self, query: object) -> None:
        """DC-48: None is not the statement `none`."""
        assert statement_text(query) is None
        assert shape_sql(statement_text(query))[0] == "<unknown>"

    def test_an_object_that_raises_is_not_known(self) -> None:
        class Broken(sa.sql.expression.ClauseElement):
            def __str__(self) -> str:
                raise RuntimeError("hunter2")

        class Odd:
            @property
            def text(self) -> str:
                raise ValueError("hunter2")

        assert statement_text(Broken()) is None
        assert statement_text(Odd()) is None

    def test_an_object_that_holds_a_text_gives_it(self) -> None:
        assert statement_text(_Held(text="SELECT 1")) == "SELECT 1"
        assert statement_text(_Held(query=b"SELECT 1")) == "SELECT 1"


@pytest.mark.parametrize(("module", "attribute"), [("psycopg.sql", "_obj"), ("psycopg2.sql", "_wrapped")])
class TestComposed:
    def test_parts_are_put_together_without_a_connection_or_a_value(
        self, module: str, attribute: str
    ) -> None:
        _, query = _composed(module, attribute)
        assert statement_text(query("orders", "hunter2")) == (
            'SELECT "o"."a""b", 5 FROM "orders" WHERE x = ? AND y = %(name)s AND z = %s'
        )

    def test_another_table_has_another_fingerprint_and_another_value_has_not(
        self, module: str, attribute: str
    ) -> None:
        """DC-12, DC-48: not one fingerprint for each arity of a composed query."""
        _, query = _composed(module, attribute)
        one = fingerprint_sql(statement_text(query("orders", 1)) or "")
        assert one == fingerprint_sql(statement_text(query("orders", "x")) or "")
        assert one != fingerprint_sql(statement_text(query("users", 1)) or "")

    def test_nesting_without_an_end_is_cut(self, module: str, attribute: str) -> None:
        built, _ = _composed(module, attribute)
        parts: list[Any] = []
        parts.append(built("Composed", parts))
        assert statement_text(built("Composed", parts)) == "?"


class TestSqlalchemy:
    def test_a_text_is_what_it_says(self) -> None:
        assert statement_text(sa.text("SELECT a FROM t WHERE b = :b")) == "SELECT a FROM t WHERE b = :b"

    def test_a_list_of_any_length_has_one_shape(self) -> None:
        table = sa.table("Orders", sa.column("id"), sa.column("mail"))
        shapes = set()
        for count in (1, 2, 7):
            query = sa.select(table.c.mail).where(table.c.id.in_(range(count)), table.c.mail == "hunter2")
            text = statement_text(query)
            assert text is not None
            assert "hunter2" not in text
            shapes.add(normalize_sql(text))
        assert shapes == {'select "Orders".mail from "Orders" where "Orders".id in (?) and "Orders".mail = ?'}

    def test_rows_of_any_number_have_one_shape(self) -> None:
        table = sa.table("orders", sa.column("id"))
        shapes = {
            normalize_sql(statement_text(table.insert().values([{"id": n} for n in range(count)])) or "")
            for count in (1, 2, 7)
        }
        assert shapes == {"insert into orders(id) values (?)"}
