"""What the documentation shows is run, what it links to is there, and what exists is documented."""

from __future__ import annotations

import doctest
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from lineage.settings import SETTINGS

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {"docs/dbt.md": ROOT / "tests" / "fixtures" / "dbt" / "shop"}
"""Where the reader of a page stands; of the others, in an empty folder."""
ELSEWHERE = {
    "docs/cloud.md": "cloud",
    "docs/orchestrators.md": "orchestrators",
    "docs/warehouses.md": "cloud",
}
"""Pages whose examples need libraries of a venv of its own: the marker that its tests have."""
SURROUNDINGS = {
    "docs/cloud.md": "cloud_surroundings",
    "docs/orchestrators.md": "orchestrators_surroundings",
    "docs/warehouses.md": "warehouse_surroundings",
}
"""Modules of shared test code whose `surrounded` gives what the examples of a page take from their reader."""
TAUGHT = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
WRITTEN = [*TAUGHT, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", ROOT / "benchmarks" / "README.md"]

FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<body>.*?)^```\s*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
HEADING = re.compile(r"^#+ +(?P<title>.+?) *$", re.MULTILINE)


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the words after it, its text and the line its text starts at."""

    language: str
    words: str
    text: str
    line: int

    @property
    def runs(self) -> bool:
        """Whether it is run: Python, and consoles in which our command is called, unless `notest REASON`."""
        if self.words.split(" ")[0] == "notest":
            assert " " in self.words, f"line {self.line}: say why after `notest`"
            return False
        return self.language == "python" or (self.language == "console" and "$ lineage " in self.text)


def blocks(path: Path) -> Iterator[Block]:
    text = path.read_text(encoding="utf-8")
    for match in FENCE.finditer(text):
        language, _, words = match["info"].strip().partition(" ")
        yield Block(language, words.strip(), match["body"], text.count("\n", 0, match.start("body")) + 1)


@dataclass(frozen=True)
class Command:
    """A line after `$ `, the output shown below it, and the line it stands on."""

    words: list[str]
    output: str
    line: int


def commands(block: Block) -> Iterator[Command]:
    lines = block.text.splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        output = "\n".join(line.rstrip() for line in lines[start + 1 : end]).strip("\n")
        yield Command(shlex.split(lines[start][2:], comments=True), output, block.line + start)


def run_command(words: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    """Run `lineage ...` in this process through its entry point, and return its exit code."""
    from graph.cli import main

    monkeypatch.setattr(sys, "argv", words)
    try:
        main()
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
    return 0


def run_console(
    block: Block, where: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = 0
    for command in commands(block):
        place = f"{where}:{command.line}: {shlex.join(command.words)}"
        if command.words == ["echo", "$?"]:
            assert command.output == str(code), place
            code = 0
            continue
        assert code == 0, f"{place}: the command before ended with {code}, show it with `$ echo $?`"
        assert command.words[0] == "lineage", (
            f"{place}: only `lineage` can be run, put others in another block"
        )
        assert not {"|", ">", ">>", "<", "&&", ";"} & set(command.words), f"{place}: there is no shell here"
        capsys.readouterr()
        code = run_command(command.words, monkeypatch)
        captured = capsys.readouterr()
        got = "\n".join(line.rstrip() for line in (captured.out + captured.err).splitlines()).strip("\n")
        if command.output:
            matches = doctest.OutputChecker().check_output(
                command.output + "\n", got + "\n", doctest.ELLIPSIS | doctest.DONT_ACCEPT_BLANKLINE
            )
            assert matches, f"{place}\n--- documented\n{command.output}\n--- printed\n{got}"
    assert code == 0, f"{where}: the last command of the block at line {block.line} ended with {code}"


@pytest.fixture
def newcomer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in an empty folder and home, as someone does who follows a page from its top.

    Store, outbox and settings are fresh for every test (tests/conftest.py).
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("graph.cli._store.SECONDS", 60)  # a busy machine gives the same answers, later


def marked(path: Path) -> Any:
    marker = ELSEWHERE.get(named(path))
    return path if marker is None else pytest.param(path, marks=getattr(pytest.mark, marker))


@pytest.mark.parametrize(
    "path", [marked(path) for path in TAUGHT if any(block.runs for block in blocks(path))], ids=named
)
@pytest.mark.usefixtures("newcomer")
def test_every_example_runs_and_prints_what_it_shows(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if named(path) in FOLDERS:
        shutil.copytree(FOLDERS[named(path)], ".", dirs_exist_ok=True)
        monkeypatch.setenv("SHOP_HOME", str(Path.cwd()))
    name = path.stem.lower().replace("-", "_")
    module = ModuleType(name if find_spec(name) is None else f"{name}_page")  # opentelemetry is a library too
    monkeypatch.setitem(sys.modules, module.__name__, module)
    with ExitStack() as around:
        if named(path) in SURROUNDINGS:
            surrounded = import_module(SURROUNDINGS[named(path)]).surrounded
            module.__dict__.update(around.enter_context(surrounded(monkeypatch)))
        for block in blocks(path):
            if not block.runs:
                continue
            if block.language == "python":
                padding = "\n" * (block.line - 1)
                exec(compile(padding + block.text, str(path), "exec"), module.__dict__)
            else:
                run_console(block, named(path), monkeypatch, capsys)


def test_the_readme_has_an_example_that_is_run() -> None:
    assert {block.language for block in blocks(ROOT / "README.md") if block.runs} >= {"python", "console"}


def anchors(path: Path) -> set[str]:
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    titles = [match["title"].lower() for match in HEADING.finditer(text)]
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", WRITTEN, ids=named)
def test_every_link_leads_somewhere(path: Path) -> None:
    broken = []
    for match in LINK.finditer(FENCE.sub("", path.read_text(encoding="utf-8"))):
        file, _, anchor = match["target"].partition("#")
        if re.match(r"[a-z]+:", file):
            continue
        target = (path.parent / file).resolve() if file else path
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(match["target"])

    assert broken == []


def test_every_package_stands_in_the_picture_of_the_packages() -> None:
    picture = next(
        block.text for block in blocks(ROOT / "docs" / "how-it-works.md") if "the SDK, in" in block.text
    )
    drawn = set(re.findall(r"\w+", picture))
    modules = {
        path.stem
        for package in ("lineage", "graph")
        for path in (ROOT / package).iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }

    assert modules - {"__init__"} - drawn == set()


def test_every_command_has_its_heading() -> None:
    from typer import Context
    from typer.main import get_command

    from graph.cli import app

    group: Any = get_command(app)
    text = FENCE.sub("", (ROOT / "docs" / "command.md").read_text(encoding="utf-8"))
    headings = {word for match in HEADING.finditer(text) for word in re.findall(r"[\w-]+", match["title"])}
    headings |= set(re.findall(r"`lineage export (\w+)`", text))

    known = {word for name in group.list_commands(Context(group)) for word in name.split()}
    assert len(known) > 1
    assert known - headings == set()


def cells(path: Path) -> dict[str, list[str]]:
    """Return the rows of a page's tables by their first cell."""
    rows = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("| "):
            first, *rest = (cell.strip() for cell in line.strip().strip("|").split("|"))
            rows[first] = rest
    return rows


def test_every_setting_is_documented_as_it_is() -> None:
    documented = {
        name: row for name, row in cells(ROOT / "docs" / "configuration.md").items() if name.startswith("`")
    }
    settings = {
        f"`{setting.name}`": [
            ", ".join(f"`{variable}`" for variable in setting.variables),
            setting.allowed,
            setting.meaning,
        ]
        for setting in SETTINGS
    }

    assert {name: row for name, row in documented.items() if name in settings} == settings
    assert [name for name in documented if name not in settings] == []


@pytest.mark.parametrize(
    "text",
    [
        "$ lineage --help\nsomething else\n",
        "$ lineage no-such-command\n",
        "$ lineage --help\n...\n$ echo $?\n2\n",
    ],
)
@pytest.mark.usefixtures("newcomer")
def test_a_console_example_that_is_not_true_is_found(
    text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(AssertionError):
        run_console(Block("console", "", text, 1), "page", monkeypatch, capsys)
