"""Tables on terminals, colours, Markdown and Mermaid."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_events import dataset, run_event, schema
from rich.cells import cell_len

from graph.cli._table import folded, shared_out

Lineage = Callable[..., Any]

COMMAND = [sys.executable, "-c", "from graph.cli import main; main()"]
COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-7]m")
LONG = "shop.some_very_long_schema_name.and_a_table_whose_name_nobody_wanted_to_shorten_in_time"
NASTY = 'a|b `c` *d* _e_ <f> [g](h) &lt; $i$ \\j ~~k~~ "l" #1 \n表 ; end'


def in_terminal(width: int, *arguments: str, **environment: str) -> list[str]:
    """Run the command in a pseudo-terminal and return the lines it printed."""
    import fcntl
    import pty
    import struct
    import termios

    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    hushed = ("NO_COLOR", "COLUMNS", "FORCE_COLOR", "TERM")
    clean = {name: value for name, value in os.environ.items() if name not in hushed}
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=child,
        stdout=child,
        stderr=child,
        env={**clean, "TERM": "xterm", **environment},
    )
    os.close(child)
    printed = b""
    while True:
        try:
            chunk = os.read(parent, 65536)
        except OSError:  # how Linux says that the other side was closed
            break
        if not chunk:
            break
        printed += chunk
    os.close(parent)
    assert process.wait(60) == 0
    return printed.decode().splitlines()


def without_styles(line: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", line)


@pytest.fixture
def long_names(lineage: Lineage) -> None:
    """Put names into the store that no terminal has room for."""
    event = run_event(
        "r", "COMPLETE", 1, job=f"{LONG}.job", inputs=[f"{LONG}.source"], outputs=[LONG, "表" * 40]
    )
    assert lineage("ingest", "-", input=json.dumps(event)).code == 0


@pytest.mark.usefixtures("long_names")
@pytest.mark.parametrize("environment", [{}, {"TERM": "dumb"}], ids=["xterm", "dumb"])
@pytest.mark.parametrize(
    "arguments", [("upstream", LONG), ("downstream", f"{LONG}.source"), ("runs",)], ids=str
)
@pytest.mark.parametrize("width", [40, 80, 200])
def test_tables_fit_and_lose_nothing(
    arguments: tuple[str, ...], width: int, environment: dict[str, str]
) -> None:
    lines = [without_styles(line) for line in in_terminal(width, *arguments, **environment)]

    assert max(map(cell_len, lines)) <= width
    assert "…" not in "".join(lines)
    if width >= 80:
        folded_names = [line for line in lines if re.search(r"\w[./_]( |$)", line.rstrip())]
        assert folded_names or width == 200, lines


@pytest.mark.usefixtures("long_names")
def test_a_name_can_be_read_down_its_column() -> None:
    lines = [without_styles(line) for line in in_terminal(80, "upstream", LONG)]

    start = lines[0].index("name")
    end = lines[0].index("via")
    first = next(number for number, line in enumerate(lines) if line.startswith("0 "))
    last = next(number for number, line in enumerate(lines) if line.startswith("1 "))
    assert "".join(line[start:end].strip() for line in lines[first:last]) == LONG


@given(st.text(st.characters(exclude_categories=["C", "M", "Z"]), max_size=60), st.integers(2, 30))
def test_folding_keeps_every_character_and_the_width(text: str, width: int) -> None:
    lines = folded(text, width)

    assert "".join(lines) == text
    assert all(cell_len(line) <= width for line in lines)


def test_names_are_folded_behind_their_separators_and_times_between_day_and_hour() -> None:
    assert folded("shop.gold.daily_revenue", 12) == ["shop.gold.", "daily_", "revenue"]
    assert folded("2026-01-01T10:11:12.000Z", 15) == ["2026-01-01T", "10:11:12.000Z"]
    assert folded("abcdefghij", 4) == ["abcd", "efgh", "ij"]
    assert unicodedata.east_asian_width("表") == "W"
    assert folded("表表表", 4) == ["表表", "表"]


@given(st.lists(st.integers(1, 100), min_size=1, max_size=8), st.integers(8, 200))
def test_columns_use_the_room_and_the_long_ones_share_what_the_short_ones_leave(
    natural: list[int], room: int
) -> None:
    widths = shared_out(natural, room)

    assert sum(widths) == min(sum(natural), room)
    pairs = list(zip(widths, natural, strict=True))
    cut = [width for width, whole in pairs if width < whole]
    assert not cut or max(cut) - min(cut) <= 1
    long = sum(whole > 12 for whole in natural)
    if room - sum(whole for whole in natural if whole <= 12) >= 4 * long:
        assert all(width == whole for width, whole in pairs if whole <= 12)


@pytest.mark.usefixtures("warehouse")
@pytest.mark.parametrize(
    ("environment", "coloured"),
    [
        ({}, True),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
    ],
    ids=str,
)
def test_colours_on_a_terminal(environment: dict[str, str], coloured: bool) -> None:
    printed = "\n".join(in_terminal(100, "upstream", "shop.mart.top", **environment))

    assert bool(COLOUR.search(printed)) is coloured
    if environment.get("TERM") == "dumb":
        assert "\x1b" not in printed


@pytest.mark.usefixtures("warehouse")
@pytest.mark.parametrize(
    ("environment", "coloured"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, False),
    ],
    ids=str,
)
def test_colours_in_a_pipe(
    lineage: Lineage, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], coloured: bool
) -> None:
    """Nothing is folded or cut there, coloured or not."""
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    plain = lineage("upstream", "shop.mart.top").out
    for name, value in {"TERM": "xterm", **environment}.items():
        monkeypatch.setenv(name, value)

    out = lineage("upstream", "shop.mart.top").out

    assert bool(COLOUR.search(out)) is coloured
    rows = [without_styles(line).split() for line in out.splitlines() if "──" not in line]
    assert rows == [line.split() for line in plain.splitlines()]
    if not coloured:
        assert out == plain


def cells(line: str) -> list[str]:
    """Read a row of a Markdown table as GitHub does: split at bars that are not escaped, then unescape."""
    inner = line.removeprefix("| ").removesuffix(" |")
    return [re.sub(r"\\(.)", r"\1", cell) for cell in re.split(r"(?<!\\)(?:\\\\)* \| ", inner)]


@pytest.fixture
def nasty(lineage: Lineage) -> str:
    """Put a name into the store that has all that Markdown and Mermaid read as markup."""
    source = dataset(NASTY, schema=schema('x"y'))
    event = run_event("r", "COMPLETE", 1, job="j|k", inputs=[source], outputs=["b"])
    assert lineage("ingest", "-", input=json.dumps(event)).code == 0
    return NASTY.replace("\n", "\\n")


def test_markdown_is_a_table_and_a_drawing(lineage: Lineage, nasty: str) -> None:
    lines = lineage("upstream", "b", "--format", "markdown").out.splitlines()

    assert lines[:2] == ["| distance | type | name | via |", "| --- | --- | --- | --- |"]
    assert cells(lines[3]) == ["1", "dataset", nasty, "b"]
    end = lines.index("")
    assert lines[end + 1 : end + 3] == ["```mermaid", "flowchart LR"]
    assert lines[-1] == "```"
    assert not any("`" in line for line in lines[end + 2 : -1])


def test_what_markdown_reads_as_markup_is_escaped(lineage: Lineage, nasty: str) -> None:
    row = lineage("upstream", "b", "--format", "markdown").out.splitlines()[3]

    for markup in ("`c`", "*d*", "_e_", "<f>", "[g]", "&lt;", "$i$", "~~k~~"):
        assert markup in nasty
        assert re.search(rf"(?<!\\){re.escape(markup)}", row) is None, markup


@pytest.mark.usefixtures("warehouse")
def test_names_that_need_no_escape_have_none_in_markdown(lineage: Lineage) -> None:
    out = lineage("upstream", "shop.mart.top", "--format", "markdown").out

    assert "| shop.mart.customer_orders | shop.mart.top |" in out


@pytest.mark.usefixtures("warehouse")
def test_columns_and_path_have_formats_too(lineage: Lineage) -> None:
    lineage("runs")
    columns = lineage("columns", "shop.mart.top", "--format", "markdown").out.splitlines()
    path = lineage("path", "shop.raw.orders", "shop.mart.top", "--format", "markdown").out.splitlines()

    assert columns[0] == "| field | made from | how | by |"
    assert len(columns) > 3
    assert lineage("columns", "shop.mart.top", "--format", "mermaid").out.startswith("flowchart LR\n")
    assert path[0].startswith("| distance | type | name |")
    assert [cells(line)[2] for line in path[2:5]] == [
        "shop.raw.orders",
        "shop.mart.customer_orders",
        "shop.mart.top",
    ]


def test_a_large_answer_is_not_drawn_in_markdown(lineage: Lineage) -> None:
    many = [f"t{number}" for number in range(100)]
    event = run_event("r", "COMPLETE", 1, inputs=many, outputs=["b"])
    lineage("ingest", "-", input=json.dumps(event))

    out = lineage("upstream", "b", "--format", "markdown").out
    short = lineage("upstream", "b", "--format", "markdown", "--limit", "5")

    assert "mermaid" not in out
    assert len(out.splitlines()) == 2 + 102
    assert len(short.out.splitlines()) == 2 + 5
    assert "--cursor" in short.err
