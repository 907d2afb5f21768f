"""`use` and `nobody`: what is said of the code inside, and what callers may get wrong."""

from __future__ import annotations

import inspect
import threading
from typing import Any

import pytest

from lineage import context
from lineage._guard import faults
from lineage.context import Attribution, current, current_scope, nobody, use


class Unreadable:
    def __str__(self) -> str:
        raise RuntimeError("theirs")


def test_what_is_not_given_is_as_outside_and_attributes_are_joined() -> None:
    with use(operation="outer", actor="ada", attributes={"a": 1, "b": 1}):
        with use(operation="inner", attributes={"b": 2, "c": 3}) as inside:
            assert inside == current()
            assert inside == Attribution(
                operation="inner", actor="ada", attributes=(("a", 1), ("b", 2), ("c", 3))
            )
        assert current() == Attribution(operation="outer", actor="ada", attributes=(("a", 1), ("b", 1)))
    assert current() is None


@pytest.mark.parametrize("attributes", [5, "text", [1], {"x": Unreadable()}, {Unreadable(): 1}, {"": 1}])
def test_what_cannot_be_read_is_left_out_and_nothing_raises(attributes: Any) -> None:
    """fault 2.1.3-14: a value whose text raises, or attributes that are none, reach nobody."""
    with use(actor=Unreadable(), operation="load", attributes=attributes):  # type: ignore[arg-type]
        assert current() == Attribution(operation="load")


def test_faults_of_reading_are_counted() -> None:
    before = faults.total()
    use(actor=Unreadable())  # type: ignore[arg-type]
    assert faults.total() == before + 1


def test_what_is_said_of_every_query_stays_small() -> None:
    with use(actor="a" * 1_000, attributes={f"k{number}": "v" * 1_000 for number in range(100)}):
        for number in range(100):
            use(attributes={f"inner {number}": number}).__enter__()
        here = current()
        scope = current_scope()
    assert here is not None
    assert len(here.actor or "") == 256
    assert len(here.attributes) == 32
    assert here.attributes[-1] == ("inner 99", 99)
    assert scope is not None
    context.scopes.active_scope.set(None)


def test_attributes_are_copied_when_they_are_given() -> None:
    mine = {"tier": "gold"}
    with use(attributes=mine):
        mine["tier"] = "changed"
        here = current()
    assert here is not None
    assert dict(here.attributes) == {"tier": "gold"}


def test_nobody_is_nobody_for_whoever_enters_it_at_the_same_time() -> None:
    """One object, many threads: each gets its own outside back."""
    cleared = nobody()
    together = threading.Barrier(8, timeout=10)
    wrong: list[Any] = []

    def work(number: int) -> None:
        with use(actor=str(number)):
            together.wait()
            with cleared:
                together.wait()
                if current() is not None:
                    wrong.append(number)
            together.wait()
            if current() != Attribution(actor=str(number)):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_decorated_function_stays_what_it_was() -> None:
    @use(operation="load")
    def load(rows: int, *, fast: bool = False) -> tuple[int, str | None]:
        """Load."""
        here = current()
        return rows, here.operation if here else None

    assert load(3) == (3, "load")
    assert (load.__name__, load.__doc__) == ("load", "Load.")
    assert list(inspect.signature(load).parameters) == ["rows", "fast"]
