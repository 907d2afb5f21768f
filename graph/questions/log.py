"""The log of a store as lines: events as they came, and commands."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge
from operator import itemgetter

from graph.store.base import LineageStore

_PAGE = 200


def event_lines(store: LineageStore) -> Iterator[bytes]:
    """Yield events and commands in the order of arrival, a line each."""
    after: int | None = 0
    while after is not None:
        lines, after = page_of_lines(store, after)
        yield from lines


def page_of_lines(store: LineageStore, after: int) -> tuple[list[bytes], int | None]:
    """Return lines of the log that come behind a number, and the number that they end with.

    That is None on the last page.
    """
    from graph.store.commands import line_of

    events = store.bodies(after=after, limit=_PAGE)
    commands = [(number, line_of(command)) for number, command in store.commands(after=after, limit=_PAGE)]
    # Of what goes on behind this page nothing is known: the other part may not go further either.
    end = min((part[-1][0] for part in (events, commands) if len(part) == _PAGE), default=None)
    merged = merge(events, commands, key=itemgetter(0))
    lines = [line for number, line in merged if end is None or number <= end]
    return [one_line(line) + b"\n" for line in lines], end


def one_line(event: bytes) -> bytes:
    """Return an event on one line: line breaks in it stand between parts of its JSON."""
    return event.replace(b"\n", b" ").replace(b"\r", b" ")


def end_of_log(store: LineageStore, place: int) -> int:
    """Return the number of the last event or command, where `place` is one that was the last before.

    It is found in as many steps as the number has bits: each asks whether anything stands behind a number.
    """

    def is_behind(number: int) -> bool:
        return bool(store.bodies(after=number, limit=1) or store.commands(after=number, limit=1))

    if not is_behind(place):
        return place
    step = 1
    while is_behind(place + step):
        step *= 2
    low, high = place + step // 2, place + step  # something stands behind `low`, nothing behind `high`
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if is_behind(middle) else (low, middle)
    return high
