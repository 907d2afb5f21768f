"""Queries that programs ran as a table for people."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import typer

from graph.cli._answers import Table
from graph.cli._output import duration_text, print_table, size_text, time_text
from graph.queries.answer import Answer
from graph.queries.query_items import QueryItem

_NAMED = 3


def print_queries(items: Sequence[QueryItem], table: Table = print_table) -> None:
    """Print a row for each kind of query; columns of which nothing is known are left out."""
    rows = [_row(item) for item in items]
    names = list(dict.fromkeys(name for row in rows for name in row)) or ["calls", "statement"]
    shown = [name for name in names if name in _ALWAYS or any(row[name] for row in rows)]
    table(shown, [[row[name] for name in shown] for row in rows])


_ALWAYS = ("calls", "errors", "statement")


def _row(item: QueryItem) -> dict[str, str]:
    kind, counts = item.record.kind, item.record.counts
    who = [*item.record.samples.get("actors", ()), *item.record.samples.get("agents", ())]
    return {
        "impact": item.impact.value if item.impact is not None else "",
        "service": kind.service,
        "operation": kind.operation or item.record.job.name,
        "code": item.code or "",
        "calls": str(counts.count),
        "a day": f"{item.calls_a_day:.3g}",
        "errors": str(counts.errors),
        "average": _duration(item.average_ms),
        "longest": _duration(counts.max_us / 1000),
        "total": _duration(counts.total_us / 1000),
        "rows": "" if counts.rows is None else str(counts.rows),
        "read": "" if counts.bytes_read is None else size_text(counts.bytes_read),
        "written": "" if counts.bytes_written is None else size_text(counts.bytes_written),
        "cost": ", ".join(f"{_money(one.amount)} {one.currency}" for one in item.record.costs),
        "who": ", ".join(who[:_NAMED]) + (f" and {len(who) - _NAMED} more" if len(who) > _NAMED else ""),
        "last seen": time_text(item.record.last) or "",
        "statement": kind.text or kind.fingerprint,
    }


def _duration(milliseconds: float) -> str:
    """Return a duration for people, also one of microseconds: `0.042 ms`."""
    return f"{milliseconds:.2g} ms" if 0 < milliseconds < 10 else duration_text(milliseconds)


def _money(amount: float) -> str:
    """Return an amount for people, also one far below a cent: `12.50`, `0.0000375`."""
    return f"{amount:.2f}" if amount >= 1 else format(Decimal(f"{amount:.3g}"), "f")


def print_readers(answer: Answer, table: Table = print_table) -> None:
    """Print the queries that read what an answer says is affected, below it; nothing where there are none."""
    if answer.readers:
        typer.echo("\nRead by:")
        if table is not print_table:
            typer.echo("")
        print_queries(answer.readers, table)
