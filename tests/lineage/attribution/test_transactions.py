"""What a connection's statements and calls say about whether what its queries wrote stands."""

from __future__ import annotations

import gc
from weakref import ref

import pytest

from lineage.attribution import Query, Source, Transactions, begin_query
from lineage.attribution.claims import only_reads
from lineage.attribution.transactions import controls

WRITE = "INSERT INTO t SELECT a FROM s"


class Connection:
    """A connection as a driver shows it: statements that end or keep a transaction open."""

    def __init__(self, dialect: str = "postgres", *, autocommit: bool = False) -> None:
        self.source = Source("db", "driver", dialect=dialect)
        self.transactions = Transactions()
        self.autocommit = autocommit

    def ask(self, text: str, *, failed: bool = False, inside: bool | None = None) -> Query:
        query = begin_query(text, self.source)
        self.transactions.ran(query, inside=not self.autocommit if inside is None else inside, failed=failed)
        query.end(ValueError() if failed else None)
        return query


def stands(query: Query) -> bool | None:
    return True if query.transaction is None else query.transaction.stands


@pytest.fixture(autouse=True)
def _captured(told: object) -> None:
    """Queries are captured only where something is told of them."""


def test_autocommitted_queries_stand_at_once() -> None:
    assert stands(Connection(autocommit=True).ask(WRITE)) is True


def test_a_query_stands_with_the_commit_and_falls_with_the_rollback() -> None:
    connection = Connection()
    first = connection.ask(WRITE)
    assert stands(first) is None
    connection.transactions.commit()
    second = connection.ask(WRITE)
    connection.transactions.rollback()

    assert (stands(first), stands(second)) == (True, False)


def test_transactions_written_as_text_are_read() -> None:
    connection = Connection(autocommit=True)
    connection.ask("BEGIN", inside=True)
    first = connection.ask(WRITE, inside=True)
    connection.ask("  commit work ", inside=False)
    connection.ask("START TRANSACTION ISOLATION LEVEL SERIALIZABLE", inside=True)
    second = connection.ask(WRITE, inside=True)
    connection.ask("/* no more */ ROLLBACK", inside=False)
    third = connection.ask(WRITE)

    assert [stands(one) for one in (first, second, third)] == [True, False, True]


def test_what_is_rolled_back_to_a_savepoint_falls_alone() -> None:
    connection = Connection()
    before = connection.ask(WRITE)
    connection.ask('SAVEPOINT "One"')
    inside = connection.ask(WRITE)
    connection.ask("savepoint two")
    deeper = connection.ask(WRITE)
    connection.ask("RELEASE SAVEPOINT two")
    connection.ask('ROLLBACK TO SAVEPOINT "One"')
    again = connection.ask(WRITE)
    connection.ask("RELEASE one")
    after = connection.ask(WRITE)
    assert [stands(one) for one in (before, inside, deeper, again, after)] == [None, False, False, None, None]
    connection.transactions.commit()

    assert [stands(one) for one in (before, again, after)] == [True, True, True]


def test_a_rollback_takes_released_savepoints_along() -> None:
    connection = Connection()
    connection.ask("SAVEPOINT one")
    inside = connection.ask(WRITE)
    connection.ask("RELEASE one")
    connection.transactions.rollback()

    assert stands(inside) is False


def test_a_commit_after_a_failed_statement_is_a_rollback_on_postgresql_alone() -> None:
    """PostgreSQL answers ROLLBACK to such a COMMIT; other systems commit what succeeded."""
    found = {}
    for dialect in ("postgres", "mysql"):
        connection = Connection(dialect)
        before = connection.ask(WRITE)
        connection.ask("INSERT INTO t VALUES (1)", failed=True)
        connection.transactions.commit()
        found[dialect] = stands(before)

    assert found == {"postgres": False, "mysql": True}


def test_a_failure_inside_a_savepoint_that_is_rolled_back_dooms_nothing_else() -> None:
    connection = Connection()
    before = connection.ask(WRITE)
    connection.ask("SAVEPOINT one")
    connection.ask(WRITE, failed=True)
    connection.ask("ROLLBACK TO one")
    connection.transactions.commit()

    assert stands(before) is True


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"BEGIN; {WRITE}; COMMIT", True),
        (f"BEGIN; {WRITE}; ROLLBACK;", False),
        (f"{WRITE}; {WRITE}", True),
        ("INSERT INTO t VALUES ('; ROLLBACK')", True),
        (f"DO $$ BEGIN {WRITE}; ROLLBACK; END $$;", True),
        (f"CREATE TRIGGER a AFTER INSERT ON s BEGIN {WRITE}; END;", True),
        (f"CREATE PROCEDURE p() BEGIN {WRITE}; ROLLBACK; END;", True),
    ],
)
def test_a_text_of_several_statements_is_read_whole(text: str, expected: bool) -> None:
    assert stands(Connection(autocommit=True).ask(text)) is expected


def test_a_statement_that_ends_a_transaction_by_itself_commits_it_unless_it_failed() -> None:
    """A CREATE TABLE of MySQL commits; a failure that leaves no transaction behind rolled it back."""
    connection = Connection("mysql")
    first = connection.ask(WRITE)
    connection.ask("CREATE TABLE x (a int)", inside=False)
    second = connection.ask(WRITE)
    connection.ask("INSERT OR ROLLBACK INTO t VALUES (1)", inside=False, failed=True)

    assert (stands(first), stands(second)) == (True, False)


def test_a_connection_that_is_gone_commits_nothing() -> None:
    connection = Connection()
    query = connection.ask(WRITE)
    gone = ref(connection)
    del connection
    gc.collect()

    assert gone() is None
    assert stands(query) is False


def test_a_prepared_transaction_claims_nothing() -> None:
    connection = Connection()
    query = connection.ask(WRITE)
    connection.ask("PREPARE TRANSACTION 'one'", inside=False)
    connection.ask("COMMIT PREPARED 'one'", inside=False)

    assert stands(query) is not True


def test_thousands_of_savepoints_are_no_recursion() -> None:
    connection = Connection()
    for number in range(3_000):
        connection.transactions.executed(f"SAVEPOINT s{number}")
    query = connection.ask(WRITE)
    connection.transactions.commit()

    assert stands(query) is True


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT 1", []),
        ("begin", [("begin", "")]),
        ("BEGIN IMMEDIATE;", [("begin", "")]),
        ("END", [("commit", "")]),
        ("ABORT", [("rollback", "")]),
        ("SAVE TRANSACTION one", [("savepoint", "one")]),
        ("ROLLBACK TRANSACTION one", [("rollback to", "one")]),
        ("ROLLBACK WORK TO SAVEPOINT one", [("rollback to", "one")]),
        ("ROLLBACK PREPARED 'x'", []),
        ('ROLLBACK TO "_pg3_1"; RELEASE "_pg3_1"', [("rollback to", "_pg3_1"), ("release", "_pg3_1")]),
        ("commitments", []),
        ("UPDATE t SET rollback = 1; SELECT 'COMMIT'", []),
    ],
)
def test_what_a_text_says_of_transactions(text: str, expected: list[tuple[str, str]]) -> None:
    assert controls(text) == expected


@pytest.mark.parametrize(
    ("shape", "reads"),
    [
        ("select a from t", True),
        ("select a from t for update", True),
        ("with w as (select ?) select * from w", True),
        ("(select ?)", True),
        ("copy t to stdout", True),
        ("copy(select a from t) to stdout", True),
        ("with w as (delete from t returning a) select * from w", False),
        ("select a into n from t", False),
        ("insert into t select a from s", False),
        ("copy t from stdin", False),
        ("create table t as select ?", False),
        ("something new", False),
    ],
)
def test_only_what_surely_reads_is_said_to_only_read(shape: str, reads: bool) -> None:
    assert only_reads(shape) is reads
