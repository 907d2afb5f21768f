"""Tables on a terminal: coloured, and folded so that they fit its width."""

from __future__ import annotations

import re
from collections.abc import Sequence
from shutil import get_terminal_size

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

_BETWEEN = 3
"""How many characters stand between two columns."""

_SHORT = 12
"""Columns up to this width stay whole, unless the long ones would be narrower than _LEAST."""

_LEAST = 4

_PLACES = re.compile(r"(?<=[ ./_\-,])|(?<=:)(?!\d)|(?<=\dT)(?=\d)")
"""Where a name or a time is folded rather than in the middle of a word."""

_STYLES = {
    "dataset": "green",
    "dashboard": "magenta",
    "job": "yellow",
    "field": "cyan",
    "direct": "red",
    "indirect": "yellow",
    "unknown": "dim",
    "COMPLETE": "green",
    "FAIL": "red",
    "ABORT": "yellow",
    "RUNNING": "cyan",
}


def print_on_terminal(columns: Sequence[str], rows: Sequence[Sequence[str]], *, fit: bool) -> None:
    """Print a table in colours; with `fit` as wide as the terminal, else as wide as it is."""
    natural = [max(map(cell_len, cells)) for cells in zip(columns, *rows, strict=True)]
    whole = sum(natural) + _BETWEEN * (len(columns) - 1)
    columns_there, lines_there = get_terminal_size()
    # With a height, too: for its width alone rich takes a dumb terminal to have 80 columns.
    console = Console(width=columns_there if fit else whole, height=lines_there)
    widths = shared_out(natural, console.width - _BETWEEN * (len(columns) - 1))
    # Rich before 14.3 counts the padding of outer columns that have none: what is between is width here.
    table = Table(box=SIMPLE_HEAD, padding=0, pad_edge=False, show_edge=False, header_style="bold")
    between = [*[_BETWEEN - 1] * (len(columns) - 1), 0]
    for column, width, more in zip(columns, widths, between, strict=True):
        table.add_column("\n".join(folded(column, width)), width=width + more, no_wrap=True)
    for row in rows:
        cells = zip(row, widths, strict=True)
        table.add_row(*(Text("\n".join(folded(cell, width)), _STYLES.get(cell, "")) for cell, width in cells))
    console.print(table)


def shared_out(natural: Sequence[int], room: int) -> list[int]:
    """Return the widths of columns: short ones as they are, and the long ones share what is left evenly."""
    long = [place for place, width in enumerate(natural) if width > _SHORT]
    left = room - sum(width for width in natural if width <= _SHORT)
    if left < _LEAST * len(long):
        return _evenly(natural, room)
    widths = list(natural)
    for place, width in zip(long, _evenly([natural[place] for place in long], left), strict=True):
        widths[place] = width
    return widths


def _evenly(natural: Sequence[int], room: int) -> list[int]:
    """Return widths of which none is cut while another one that is cut is wider by more than one."""
    most = max(natural, default=0)
    while most > 1 and sum(min(width, most) for width in natural) > room:
        most -= 1
    widths = [min(width, most) for width in natural]
    for place, width in enumerate(natural):
        if width > widths[place] and sum(widths) < room:
            widths[place] += 1
    return widths


def folded(text: str, width: int) -> list[str]:
    """Return a text as lines of at most this width, none of its characters lost."""
    lines = []
    while cell_len(text) > width:
        end = _cut(text, width)
        lines.append(text[:end])
        text = text[end:]
    return [*lines, text]


def _cut(text: str, width: int) -> int:
    """Return where the first line ends: at the last good place that fits, else where the width does."""
    size = end = 0
    while end < len(text) and (size := size + cell_len(text[end])) <= width:
        end += 1
    good = [match.end() for match in _PLACES.finditer(text[: end + 1]) if 0 < match.end() <= end]
    return good[-1] if good else max(end, 1)
