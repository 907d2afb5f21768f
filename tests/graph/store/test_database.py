"""SQL that is written once: what each engine makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from graph import open_store
from graph.errors import StoreError
from graph.store.database import Database, Dialect, translate

PLAIN = Dialect(
    mark="$",
    name=lambda name: f"<{name}>",
    table_of=lambda of, values: f"table_of_{of}({values})",
    words={"least": "min", "%": "%%"},
    lookup=lambda table, alias, condition: f"LOOKUP({table} {alias}: {condition})",
)


@pytest.mark.parametrize(
    ("neutral", "text", "lists"),
    [
        ("SELECT ? + :one", "SELECT $ + <one>", ()),
        ("SELECT '?', ':x', 'it''s ?' -- ? :x", "SELECT '?', ':x', 'it''s ?' -- ? :x", ()),
        ("SELECT 5 % ?, '%'", "SELECT 5 %% $, '%%'", ()),
        ("SELECT least(a, ?), leastwise FROM least", "SELECT min(a, $), leastwise FROM least", ()),
        (
            "SELECT ? FROM each_key(?) AS k, each_text( ? ) AS t",
            "SELECT $ FROM table_of_key($) AS k, table_of_text($) AS t",
            (1, 2),
        ),
        (
            "each_key(:keys) AS k JOIN each_key(:keys) AS l",
            "table_of_key(<keys>) AS k JOIN table_of_key(<keys>) AS l",
            ("keys",),
        ),
        (
            "FROM k CROSS JOIN t AS x ON x.a IN (SELECT b FROM u WHERE c = k.v LIMIT ?) AND (x.d) WHERE x.e",
            "FROM k LOOKUP(t x: x.a IN (SELECT b FROM u WHERE c = k.v LIMIT $) AND (x.d)) WHERE x.e",
            (),
        ),
        (
            "(SELECT 1 FROM k CROSS JOIN t AS x ON x.a = k.v) CROSS JOIN u AS y ON y.b = 1",
            "(SELECT 1 FROM k LOOKUP(t x: x.a = k.v) ) LOOKUP(u y: y.b = 1) ",
            (),
        ),
    ],
)
def test_neutral_sql_becomes_that_of_an_engine(neutral: str, text: str, lists: tuple[object, ...]) -> None:
    statement = translate(neutral, PLAIN)
    assert statement.text == text
    assert statement.lists == lists


@pytest.fixture
def db(place: str) -> Iterator[Database]:
    with closing(open_store(place)) as store:
        yield store._db  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("sql", "values", "expected"),
    [
        ("SELECT value FROM each_key(?) AS k ORDER BY value", ([3, 2**63 - 1, -1],), [-1, 3, 2**63 - 1]),
        (
            "SELECT value FROM each_text(:names) AS k ORDER BY value",
            {"names": ["é", "Z", "a"]},
            ["Z", "a", "é"],
        ),
        ("SELECT value FROM each_key(?) AS k", ([],), []),
        (
            "SELECT k.value FROM each_key(?) AS k WHERE k.value IN (SELECT value FROM each_key(?) AS l)",
            ([1, 2, 2**62], [2**62]),
            [2**62],
        ),
        ("SELECT value FROM each_text(?) AS k", (['"{a,b}\\', "", "null"],), ['"{a,b}\\', "", "null"]),
        ("SELECT least(value, ?) FROM each_key(?) AS k", (5, [9, 1]), [5, 1]),
        ("SELECT greatest(value, :low) FROM each_key(:keys) AS k", {"low": 5, "keys": [9, 1]}, [9, 5]),
        ("SELECT CAST(sum(value) AS BIGINT) FROM each_key(?) AS k", ([2**40, 2**40],), [2**41]),
        ("SELECT value % 4 FROM each_key(?) AS k WHERE '%' = '%' AND true", ([7],), [3]),
    ],
)
def test_an_engine_answers_neutral_sql(
    db: Database, sql: str, values: object, expected: list[object]
) -> None:
    for _ in range(7):  # also when it is prepared
        assert [value for (value,) in db.execute(sql, values)] == expected  # type: ignore[arg-type]


def test_values_come_back_as_they_were_given(db: Database) -> None:
    rows = [(1, b"\x00\xff", "dataset\\ % ? :x 'é'", None), (2**62, b"", "", -(2**63))]
    with db.transaction():
        written = db.executemany(
            "INSERT INTO facet (entity, body, name, content, event_time, gone, contested)"
            " VALUES (?, ?, ?, coalesce(?, 0), 0, 0, 0)",
            rows,
        )
    assert written == 2
    found = db.execute("SELECT entity, body, name, content FROM facet ORDER BY entity").fetchall()
    assert found == [(1, b"\x00\xff", "dataset\\ % ? :x 'é'", 0), (2**62, b"", "", -(2**63))]


def test_many_statements_tell_how_many_rows_they_changed(db: Database) -> None:
    insert = "INSERT INTO projected VALUES (?, ?) ON CONFLICT DO NOTHING"
    with db.transaction():
        assert db.executemany(insert, []) == 0
        assert db.executemany(insert, [(1, b"a"), (2, b"b"), (1, b"c")]) == 2
        assert db.execute("DELETE FROM projected").rowcount == 2


def test_many_statements_may_have_lists(db: Database) -> None:
    with db.transaction():
        db.executemany("INSERT INTO projected VALUES (?, ?)", [(owner, b"") for owner in range(6)])
        changed = db.executemany(
            "UPDATE projected SET digest = ? WHERE owner IN (SELECT value FROM each_key(?) AS k)",
            [(b"x", [1, 2]), (b"y", [5])],
        )
    assert changed == 3
    found = db.execute(
        "SELECT owner, digest FROM projected WHERE digest <> ? ORDER BY owner", (b"",)
    ).fetchall()
    assert found == [(1, b"x"), (2, b"x"), (5, b"y")]


def test_a_store_that_was_closed_stays_closed(place: str) -> None:
    store = open_store(place)
    store.close()
    for _ in range(2):
        with pytest.raises(StoreError, match="closed"):
            store.counts()
    store.close()


def test_a_transaction_that_fails_leaves_nothing(db: Database) -> None:
    def fail() -> None:
        with db.transaction():
            db.execute("INSERT INTO projected VALUES (1, ?)", (b"",))
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert db.execute("SELECT * FROM projected").fetchall() == []
    with db.transaction():
        db.execute("INSERT INTO projected VALUES (1, ?)", (b"",))
    assert db.execute("SELECT owner FROM projected").fetchall() == [(1,)]


def test_a_store_that_holds_more_takes_more_room(db: Database) -> None:
    before = db.size()
    assert before > 0
    with db.transaction():
        db.executemany(
            "INSERT INTO projected VALUES (?, ?)", [(owner, b"x" * 100) for owner in range(10_000)]
        )
    assert db.size() - before > 1_000_000


def test_a_long_answer_is_read_while_other_statements_run(db: Database) -> None:
    count = 25_000
    with db.transaction():
        db.execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
            " INSERT INTO job_parent SELECT i, 0, i, i FROM n",
            (count,),
        )
    rows = db.stream("SELECT job FROM job_parent")
    seen = [next(rows)[0]]
    for (owner,) in rows:
        seen.append(owner)
        if len(seen) % 5000 == 0:
            assert db.execute("SELECT count(*) FROM job_parent").fetchone() == (count,)
    assert sorted(seen) == list(range(1, count + 1))
