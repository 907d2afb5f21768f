"""`lineage coverage --code`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Lineage = Callable[..., Any]

LOAD = """import pandas as pd
from lineage import track_lineage


@track_lineage
def tracked():
    return pd.read_csv("x.csv")


def load():
    frame = pd.read_csv("orders.csv")
    frame = pd.read_csv("more.csv")
    frame.to_parquet("orders.parquet")
"""


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of code, in the working directory, beside one that is installed and one that is hidden."""
    monkeypatch.chdir(tmp_path)
    source = tmp_path / "src"
    for folder in ("shop", "shop/venv/lib", ".hidden", "tests"):
        (source / folder).mkdir(parents=True)
    (source / "shop" / "venv" / "pyvenv.cfg").touch()
    (source / "shop" / "load.py").write_text(LOAD, encoding="utf-8")
    for left_out in ("shop/venv/lib/x.py", ".hidden/x.py", "tests/test_load.py"):
        (source / left_out).write_text("open('x', 'w')\n", encoding="utf-8")
    (source / "broken.py").write_text("def f(:\n", encoding="utf-8")
    (source / "raises.py").write_text("raise SystemExit('imported')\n", encoding="utf-8")
    return source


@pytest.mark.usefixtures("code")
def test_untracked_functions_are_listed_with_their_calls_and_lines(lineage: Lineage) -> None:
    """PV-40: nothing is imported, and a file that does not parse is named and no more."""
    said = lineage("coverage", "--code", "src", "--exclude", "tests")

    assert said.code == 1
    assert "src/shop/load.py:10" in said.out
    assert "reads pandas.read_csv (11, 12); writes .to_parquet (13)" in said.out
    assert "1 of 2 functions that read or write data are tracked, in 3 files." in said.out
    assert said.err.startswith("src/broken.py could not be read: ")
    summary, function, broken = lineage(
        "coverage", "--code", "src", "--exclude", "src/tests", "--json"
    ).items["items"]
    assert (summary["functions"], summary["tracked"], summary["untracked"]) == (2, 1, 1)
    assert (function["path"], function["function"], function["line"]) == ("src/shop/load.py", "load", 10)
    assert broken["path"] == "src/broken.py"


def test_what_is_accepted_is_no_finding_and_what_is_new_is(code: Path, lineage: Lineage) -> None:
    """PV-40: a line that moves is not new, another call is; what is gone is told."""
    baseline = ("--code", "src", "--exclude", "tests", "--baseline", "accepted.txt")

    assert lineage("coverage", *baseline).code == 2
    assert lineage("coverage", *baseline, "--write-baseline").code == 0
    text = Path("accepted.txt").read_text(encoding="utf-8")
    assert text.splitlines()[1:] == [
        "src/shop/load.py::load .to_parquet",
        "src/shop/load.py::load pandas.read_csv",
    ]
    (code / "shop" / "load.py").write_text(f"# moved\n\n{LOAD}", encoding="utf-8")
    assert lineage("coverage", *baseline).code == 0
    (code / "shop" / "load.py").write_text(f"{LOAD}    frame.to_sql('t', c)\n", encoding="utf-8")
    again = lineage("coverage", *baseline, "--json")
    assert (again.code, again.items["items"][0]["accepted"]) == (1, 0)
    (code / "shop" / "load.py").write_text("", encoding="utf-8")
    gone = lineage("coverage", *baseline)
    assert (gone.code, "accepts what is no longer there" in gone.err) == (0, True)


@pytest.mark.usefixtures("code")
def test_no_store_is_needed_or_made(
    lineage: Lineage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINEAGE_STORE", str(tmp_path / "none" / "store.db"))
    assert lineage("coverage", "--code", "src/shop", "--limit", "0").code == 1
    assert not (tmp_path / "none").exists()


@pytest.mark.usefixtures("code")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--code", "nowhere"], "there is no nowhere"),
        (["--code", "src", "--write-baseline"], "say which file: --baseline FILE"),
        (["--code", "src", "--layer", "gold"], "code is checked without a store"),
        (["--baseline", "x"], "say which code: --code PATH"),
        (["--code", "src", "--baseline", "src"], "src cannot be read"),
        (["--code", "src", "--baseline", "src/raises.py"], "is no PATH::FUNCTION CALL"),
        (["--code", "src", "--baseline", "no/file", "--write-baseline"], "no/file cannot be written"),
    ],
)
def test_wrong_usage_says_what_to_do(lineage: Lineage, arguments: list[str], said: str) -> None:
    found = lineage("coverage", *arguments)
    assert (found.code, said in " ".join(found.err.split())) == (2, True), found.err


def test_deep_and_strange_files_are_named_and_not_fatal(code: Path, lineage: Lineage) -> None:
    """PV-40: the check goes on with the rest."""
    (code / "deep.py").write_text("x = " + "(" * 5000 + ")" * 5000, encoding="utf-8")
    (code / "sum.py").write_text("x = " + "+".join(["1"] * 20_000), encoding="utf-8")
    (code / "null.py").write_bytes(b"x = 1\0")
    (code / "latin.py").write_bytes("# -*- coding: latin-1 -*-\nopen('\xe9', 'w')\n".encode("latin-1"))
    (code / "bytes.py").write_bytes(b"x = '\xff'")
    (code / "warned.py").write_text("x = '\\d'\nopen('y')\n", encoding="utf-8")
    said = lineage("coverage", "--code", "src", "--exclude", "tests", "--json")
    told = {item["path"]: item["what"] for item in said.items["items"] if "path" in item}
    assert told["src/latin.py"] == told["src/warned.py"] == told["src/shop/load.py"] == "untrackedFunction"
    for name in ("deep", "null", "bytes", "broken"):
        assert told[f"src/{name}.py"] == "unreadableFile"
