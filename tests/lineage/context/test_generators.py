"""Generators: what holds inside does not leak into whoever consumes them."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator

import pytest

from lineage import track_lineage
from lineage.context import active_run, attach, current, use
from lineage.testing import capture

Who = str | None


def who() -> Who:
    here = current()
    return here.actor if here is not None else None


@use(actor="inside")
def numbers() -> Iterator[Who]:
    for _ in range(3):
        yield who()


@use(actor="inside")
async def numbers_async() -> AsyncIterator[Who]:
    for _ in range(3):
        await asyncio.sleep(0)
        yield who()


def test_a_decorated_generator_does_not_leak_into_its_consumer() -> None:
    """fault 2.1.3-15: set around each step of its own, and not while its consumer's code runs."""
    with use(actor="consumer"):
        steps = numbers()
        for seen in steps:
            assert (seen, who()) == ("inside", "consumer")
        assert list(numbers()) == ["inside"] * 3
        half = numbers()
        assert next(half) == "inside"
        assert who() == "consumer"
        del half
        gc.collect()
        assert who() == "consumer"
    assert who() is None


def test_generators_that_are_consumed_in_turn_keep_apart() -> None:
    """fault 3-26: two consumers, two generators, each sees its own."""

    def one(actor: str) -> Iterator[Who]:
        @use(actor=actor)
        def steps() -> Iterator[Who]:
            while True:
                yield who()

        return steps()

    first, second = one("first"), one("second")
    assert [next(step) for step in (first, second, first, second)] == ["first", "second", "first", "second"]
    first.close()  # type: ignore[attr-defined]
    assert who() is None
    assert next(second) == "second"


def test_a_decorated_async_generator_does_not_leak_into_its_consumer() -> None:
    """fault 3-26: async generators leak context into the consumer; decorated ones do not."""

    async def main() -> None:
        with use(actor="consumer"):
            async for seen in numbers_async():
                assert (seen, who()) == ("inside", "consumer")
            assert who() == "consumer"

    asyncio.run(main())


@pytest.mark.parametrize("decorated", [True, False])
def test_an_async_generator_may_be_closed_in_another_task(decorated: bool) -> None:
    """fault 2.1.3-15: fault 3-26: no ValueError for a token of another context, and nothing left behind."""

    async def by_hand() -> AsyncIterator[Who]:
        with use(actor="inside"):
            yield who()
            yield who()

    async def main() -> None:
        steps = numbers_async() if decorated else by_hand()
        with use(actor="consumer"):
            seen = await asyncio.create_task(anext(steps))  # type: ignore[arg-type]
            assert (seen, who()) == ("inside", "consumer")

            async def close() -> Who:
                await steps.aclose()  # type: ignore[attr-defined]
                return who()

            assert await asyncio.create_task(close()) == "consumer"
            assert who() == "consumer"

    asyncio.run(main())


def test_an_attached_block_in_a_generator_may_be_left_in_another_task() -> None:
    """fault 3-26: so may a carrier's block, with its run and its trace."""

    async def steps() -> AsyncIterator[Who]:
        run = "01941f29-7c00-7077-bcef-1a2b3c4d5e6f"
        with attach({"baggage": "lineage.actor=inside", "OPENLINEAGE_PARENT_ID": f"ns/job/{run}"}):
            yield who()

    async def main() -> None:
        made = steps()
        with use(actor="consumer"):
            assert await asyncio.create_task(anext(made)) == "inside"  # type: ignore[arg-type]
            await asyncio.create_task(made.aclose())  # type: ignore[attr-defined]
            assert (who(), active_run.get()) == ("consumer", None)

    asyncio.run(main())


def test_an_inherited_value_can_be_cleared() -> None:
    """fault 2.1.3-15: work that is nobody's says so, in a block and as a decorator."""
    from lineage.context import nobody

    @nobody()
    def housekeeping() -> Who:
        return who()

    with use(actor="ada"):
        assert housekeeping() is None
        with nobody():
            assert who() is None
            with use(operation="vacuum"):
                assert who() is None
        assert who() == "ada"


def test_a_tracked_generator_does_not_leak_its_run() -> None:
    """fault 2.2-12: the run of a decorated generator is current inside its steps only, and ends with it."""

    @track_lineage(name="steps")
    def steps() -> Iterator[bool]:
        yield active_run.get() is not None
        yield active_run.get() is not None

    with capture() as events:
        made = steps()
        assert next(made)
        assert active_run.get() is None
        made.close()  # type: ignore[attr-defined]
        assert active_run.get() is None
    assert events.types == ["START", "COMPLETE"]


def test_one_object_may_be_entered_again_and_by_many() -> None:
    """fault 2.2-12: re-entered on one instance: no error, and nothing leaks to the rest of the program."""
    held = use(actor="ada")
    with held:
        with held:
            assert who() == "ada"
        assert who() == "ada"
    assert who() is None

    async def work(number: int) -> Who:
        with use(actor=f"outer {number}"):
            async with held:
                await asyncio.sleep(0.001 * (number % 5))
                assert who() == "ada"
            return who()

    async def main() -> list[Who]:
        return await asyncio.gather(*(work(number) for number in range(100)))

    assert asyncio.run(main()) == [f"outer {number}" for number in range(100)]
    assert who() is None


def test_a_cancelled_coroutine_leaves_nothing_behind() -> None:
    """fault 2.2-12: the scope of a decorated coroutine ends when it is cancelled, not when collected."""
    from lineage.context import Scope, current_scope

    scopes: list[Scope | None] = []

    @use(actor="ada")
    async def work() -> None:
        scopes.append(current_scope())
        await asyncio.sleep(10)

    async def main() -> None:
        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert scopes[0] is not None
        assert scopes[0].ended

    asyncio.run(main())
