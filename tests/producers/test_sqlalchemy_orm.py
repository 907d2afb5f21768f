"""SQLAlchemy's ORM: sessions, flushes and queries, on SQLite."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship, sessionmaker

import producers
from lineage import context

Told = Callable[[], list[dict[str, Any]]]


class Base(DeclarativeBase):
    pass


class Customer(Base):
    __tablename__ = "customers"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    orders: Mapped[list[Order]] = relationship(back_populates="customer")


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(sa.ForeignKey("customers.id"))
    customer: Mapped[Customer] = relationship(back_populates="orders")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    made = sa.create_engine(f"sqlite:///{tmp_path / 'shop.db'}")
    Base.metadata.create_all(made)
    with Session(made) as session:
        session.add(Customer(id=1, name="ann", orders=[Order(id=1), Order(id=2)]))
        session.commit()
    producers.install("sqlalchemy")
    yield made
    made.dispose()


def here() -> int:
    return sys._getframe(1).f_lineno


def lines(told: Told) -> list[int]:
    assert {one["callsite"]["path"] for one in told()} == {__file__}
    return [one["callsite"]["line"] for one in told()]


def test_queries_of_a_session_are_one_event_each(engine: sa.Engine, told: Told) -> None:
    """DC-26, DC-14: fault 2.1.3-4: `get`, `query` and `select`, each at the application's line."""
    expected = []
    with Session(engine) as session:
        assert session.get(Customer, 1) is not None
        expected.append(here() - 1)
        assert session.query(Order).filter(Order.id > 1).count() == 1
        expected.append(here() - 1)
        assert len(session.scalars(sa.select(Order)).all()) == 2
        expected.append(here() - 1)

    assert lines(told) == expected
    assert {one["status"] for one in told()} == {"ok"}


def test_rows_that_are_loaded_when_they_are_touched(engine: sa.Engine, told: Told) -> None:
    """DC-14: the line of a lazy load is the one that touches the attribute."""
    with Session(engine) as session:
        customer = session.get(Customer, 1)
        assert customer is not None
        assert len(customer.orders) == 2
        touched = here() - 1

    assert lines(told)[1] == touched


def test_a_flush_is_told_statement_by_statement(engine: sa.Engine, told: Told) -> None:
    """DC-26: what the driver gets in a flush, statement by statement, at the line that flushes."""
    driver: list[str] = []
    sa.event.listen(engine, "before_cursor_execute", lambda *heard: driver.append(heard[2].split(" ")[0]))
    with Session(engine) as session:
        session.add_all([Customer(name=f"planted-{number}") for number in range(5)])
        session.flush()
        flushed = here() - 1
        gone = session.get(Order, 2)
        session.delete(gone)
        session.commit()
        committed = here() - 1

    assert [one["query_text"].split(" ")[0].upper() for one in told()] == driver
    assert [driver[0], *driver[-2:]] == ["INSERT", "SELECT", "DELETE"]
    assert lines(told)[0] == flushed
    assert lines(told)[-1] == committed
    assert "planted" not in repr(told())


def test_a_flush_that_fails_is_one_error(engine: sa.Engine, told: Told) -> None:
    """DC-26: a constraint that is violated in a flush; the session works on after its rollback."""
    with Session(engine) as session:
        session.add(Customer(id=1, name="twice"))
        with pytest.raises(sa.exc.IntegrityError):
            session.flush()
        session.rollback()
        assert session.scalar(sa.select(sa.func.count(Customer.id))) == 1

    assert [one["status"] for one in told()] == ["error", "ok"]


def test_bulk_work_is_one_event_a_statement(engine: sa.Engine, told: Told) -> None:
    """DC-26: bulk INSERT and UPDATE through a session."""
    with Session(engine) as session:
        session.execute(sa.insert(Order), [{"id": n, "customer_id": 1} for n in range(10, 20)])
        session.execute(sa.update(Order).where(Order.id > 10).values(customer_id=1))
        session.commit()

    assert [(one["query_text"].split(" ")[0], one.get("rows")) for one in told()] == [
        ("insert", 10),
        ("update", 9),
    ]


def test_rows_that_are_yielded_in_parts_are_one_query(engine: sa.Engine, told: Told) -> None:
    """DC-26: `yield_per` fetches one statement's rows in parts, all of which reach the application."""
    with Session(engine) as session:
        found = session.scalars(sa.select(Order.id).order_by(Order.id).execution_options(yield_per=1))
        assert list(found) == [1, 2]

    assert len(told()) == 1


def test_sessions_in_threads_keep_to_themselves(engine: sa.Engine, told: Told) -> None:
    """DC-19: each thread's session, with the context that was opened in the thread."""
    make = sessionmaker(engine)

    def work(number: int) -> int:
        with context.use(operation=f"thread-{number}"), make() as session:
            return len(session.scalars(sa.select(Order)).all())

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(12))) == [2] * 12

    assert sorted(one["operation"] for one in told()) == sorted(f"thread-{number}" for number in range(12))
