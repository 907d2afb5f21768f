"""The repository speaks of the project alone, and its distribution holds what it should."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

from lineage.version import VERSION

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("lineage", "producers", "graph")

# One letter of each word stands in brackets, so that this file does not contain what it looks for.
STRANGERS = re.compile(
    r"""
      (?<![\w.~-])/(?:wor[k]|roo[t]|User[s]|hom[e]/runner)/     # a path of one machine
    | /tm[p]/brief | HOUS[E]\.md
    | \bsub-?agen[t] | \bcod(?:e|ing)\ assistan[t] | \bas\ an\ a[i]\b
    | \bcla[u]de\b | \banthropi[c]\b | \bchatgp[t]\b | \bopena[i]\ codex\b | \bgithub\ copilo[t]\b
    | --(?:extra-)?index-ur[l] | \bfind-link[s]\b | \bartifactor[y]\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
UNFINISHED = re.compile(r"\b(?:TO[D]O|FIXM[E]|XX[X]|HAC[K])\b")


def tracked() -> list[Path]:
    if not (ROOT / ".git").exists():
        pytest.skip("needs the git checkout: which files belong to the project is asked of git")
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True)
    paths = [ROOT / name for name in listing.stdout.split("\0") if name]
    assert paths, "git lists no files"
    return [path for path in paths if path.is_file()]


def findings(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    found = []
    for path in paths:
        for number, line in enumerate(path.read_bytes().decode("utf-8", "replace").splitlines(), 1):
            if match := pattern.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {match.group()!r}")
    return found


@pytest.mark.parametrize(
    "line",
    [
        "see /wor" + "k/main/x.py",
        "open('/roo" + "t/.cache')",
        "told to a sub" + "agent",
        "pip --index-" + "url",
    ],
)
def test_the_search_for_strangers_finds_them(line: str) -> None:
    assert STRANGERS.search(line)


@pytest.mark.parametrize("line", ["file:///data/wor" + "k/orders", "s3://lake/roo" + "t/orders", "homework/"])
def test_the_search_for_strangers_leaves_ordinary_words(line: str) -> None:
    assert not STRANGERS.search(line)


def test_no_tracked_file_speaks_of_a_machine_or_of_who_wrote_it() -> None:
    assert findings(STRANGERS, tracked()) == []


def test_no_tracked_file_leaves_work_for_later() -> None:
    paths = [path for path in tracked() if "fixtures" not in path.parts]

    assert findings(UNFINISHED, paths) == []


def test_no_tracked_text_file_ends_in_the_middle_of_a_line() -> None:
    texts = {".py", ".md", ".toml", ".yml", ".yaml", ".sql", ".json"}
    paths = [path for path in tracked() if path.suffix in texts and path.stat().st_size]

    assert [str(path.relative_to(ROOT)) for path in paths if not path.read_bytes().endswith(b"\n")] == []


def test_version_and_changelog_agree() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    latest = re.search(r"^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)

    assert declared == VERSION
    assert latest is not None
    assert latest[1] in {VERSION, "Unreleased"}


def test_the_licence_is_the_one_that_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert project["license"] == "Apache-2.0"
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").lstrip().startswith("Apache License\n")


def test_what_people_and_machines_start_is_executable() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_the_wheel_holds_the_three_packages_whole_and_nothing_else() -> None:
    builder = WheelBuilder(str(ROOT))
    packed = {file.distribution_path.replace(os.sep, "/") for file in builder.recurse_included_files()}
    sources = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert packed == sources
    assert {f"{package}/py.typed" for package in PACKAGES} <= packed
