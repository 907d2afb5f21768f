"""SQL that nobody wrote: made-up statements have the lineage their maker knows, broken ones break nothing."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest
import sql_cases
from hypothesis import HealthCheck, assume, event, example, given, settings
from hypothesis import strategies as st
from made_sql import Statement, statements
from yardstick import million_additions

from lineage import _guard
from lineage.redaction import mask_sql
from lineage.sql import SqlLineage, dialects, extract, extraction
from lineage.sql.process import WALL_SECONDS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

DIALECTS = [None, *sorted(set(dialects._DIALECTS.values()))]
FIXTURES = [case.sql for case in sql_cases.all_cases()]

HERE_SECONDS = 5
"""What a text within the fence may take of the processor in a watched process; far above what is usual.
What the parser follows down to the recursion limit takes half a second, on a busy machine two."""

STARTING_SECONDS = 5
"""What a worker process may take beside its limit to start, on a busy machine."""

_TOKENS = re.compile(r"\s+|'[^']*'|\w+|[^\w\s]")

# What is no SQL in a dialect, whatever a parser makes of it.
NO_SQL = {"clickhouse": r"^MERGE", "teradata": r"^UPDATE", "tsql": r"^CREATE TABLE|[( ]WITH "}

calm = settings(deadline=None, suppress_health_check=list(HealthCheck))


def tables(found: SqlLineage) -> tuple[set[str], set[str]]:
    return {table.name for table in found.inputs}, {table.name for table in found.outputs}


def direct(found: SqlLineage) -> dict[str, dict[tuple[str, str], str]]:
    return {
        edges.output.column: {(source.table, source.column): source.subtype for source in edges.inputs}
        for edges in found.columns
    }


@settings(calm, max_examples=1000)
@given(statements(), st.sampled_from(DIALECTS))
def test_a_made_statement_has_the_lineage_it_was_made_with(made: Statement, dialect: str | None) -> None:
    assume(not re.search(NO_SQL.get(dialect or "", "^$"), made.text))
    event(made.kind)

    found = extract(made.text, dialect=dialect)

    assert found.problems == ()
    assert tables(found) == (made.inputs, {made.output})
    assert {edges.output.table for edges in found.columns} == {made.output}
    assert direct(found) == made.columns


@settings(calm, max_examples=500)
@given(statements(), st.sampled_from(DIALECTS))
def test_a_made_statement_keeps_its_lineage_when_it_is_masked(made: Statement, dialect: str | None) -> None:
    assume(not re.search(NO_SQL.get(dialect or "", "^$"), made.text))

    found = extract(mask_sql(made.text, dialect=dialect), dialect=dialect)

    assert tables(found) == (made.inputs, {made.output})
    assert direct(found) == made.columns


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """Return a fixture with tokens cut, doubled, shuffled, swapped or mixed with those of another."""
    tokens = _TOKENS.findall(draw(st.sampled_from(FIXTURES)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, max(0, len(tokens) - 1)))
        end = min(len(tokens), start + draw(st.integers(1, 30)))
        part = tokens[start:end]
        kind = draw(st.sampled_from(["cut", "double", "shuffle", "truncate", "mix", "letters"]))
        if kind == "cut":
            tokens[start:end] = []
        elif kind == "double":
            tokens[start:end] = part * draw(st.integers(2, 20))
        elif kind == "shuffle":
            tokens[start:end] = draw(st.permutations(part))
        elif kind == "truncate":
            del tokens[end:]
        elif kind == "mix":
            other = _TOKENS.findall(draw(st.sampled_from(FIXTURES)))
            tokens[start:start] = other[: draw(st.integers(1, 40))]
        else:
            tokens[start:end] = [draw(st.text(max_size=20))]
    return "".join(tokens)


@contextmanager
def interrupted(seconds: float) -> Iterator[None]:
    """End what takes longer, so that a text that would take for ever is named."""

    def end(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"not answered after {seconds} s of the processor")

    before = signal.signal(signal.SIGVTALRM, end)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


@settings(calm, max_examples=2000)
@example("LOAD DATA raw.calls PARTITION ( '2024-01-01');", None)
@given(mutated(), st.sampled_from(DIALECTS))
def test_a_broken_statement_is_answered_in_time(sql: str, dialect: str | None) -> None:
    extraction._remembered.cache_clear()  # a text tried again fails again
    faults, started = _guard.faults.total(), time.process_time()

    with interrupted(5 * HERE_SECONDS):
        found = extract(sql, dialect=dialect, schema={"raw.orders": ["id", "amount"]}, default_schema="raw")

    spent = time.process_time() - started
    assert spent < HERE_SECONDS or spent < 20 * HERE_SECONDS * million_additions()
    assert _guard.faults.total() == faults
    event("understood" if not found.problems else "in doubt" if found.inputs or found.outputs else "nothing")


@settings(calm, max_examples=150)
@given(mutated(), st.sampled_from(DIALECTS), st.booleans())
def test_a_broken_statement_is_answered_in_time_apart(sql: str, dialect: str | None, confirm: bool) -> None:
    started = time.monotonic()

    extract(sql, dialect=dialect, apart=True, confirm=confirm)

    assert time.monotonic() - started < WALL_SECONDS + STARTING_SECONDS
