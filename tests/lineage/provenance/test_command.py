"""The command of a process as it is told: enough to run it again, and nothing that was passed to it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lineage.provenance.command import command_of, filled

ROOT = Path(__file__).resolve().parents[3]


def python(*arguments: str) -> list[str]:
    return ["/usr/bin/python3", *arguments]


@pytest.mark.parametrize(
    ("arguments", "argv", "entry"),
    [
        (["load.py"], ["load.py"], "load.py"),
        (["-u", "-X", "dev", "-Werror", "load.py"], ["-u", "-X", "dev", "-Werror", "load.py"], "load.py"),
        (["-m", "shop.load", "--dry-run"], ["-m", "shop.load", "--dry-run"], "shop.load"),
        (["-c", "print('hunter2')"], ["-c", "{c}"], None),
        (["-"], ["-"], None),
        ([], [], None),
        (["load.py", "--day", "2026-01-01"], ["load.py", "--day", "{day}"], "load.py"),
        (["load.py", "--day=2026-01-01", "-v"], ["load.py", "--day={day}", "-v"], "load.py"),
        (["load.py", "in.csv", "out.csv"], ["load.py", "{1}", "{2}"], "load.py"),
        (["load.py", "-phunter2"], ["load.py", "-p{p}"], "load.py"),
        (
            ["load.py", "--tag", "a", "--tag", "b"],
            ["load.py", "--tag", "{tag}", "--tag", "{tag.2}"],
            "load.py",
        ),
        (["load.py", "db.password=hunter2"], ["load.py", "db.password={db.password}"], "load.py"),
        (["load.py", "--", "--day"], ["load.py", "--", "--day"], "load.py"),
        (["load.py", "--"], ["load.py", "--"], "load.py"),
        (["load.py", "-5"], ["load.py", "{1}"], "load.py"),
        (["load.py", ""], ["load.py", "{1}"], "load.py"),
        (["load.py", "--no such option"], ["load.py", "{1}"], "load.py"),
        (["-m", "no module"], ["-m", "{m}"], None),
    ],
)
def test_options_stay_by_name_and_values_do_not(
    arguments: list[str], argv: list[str], entry: str | None
) -> None:
    """PV-15: the command, without what was passed to it; filled in, it is the command again."""
    command = command_of(python(*arguments), None)
    assert (command.argv, command.entry) == (["python3", *argv], entry)
    assert filled(command.argv, command.values) == ["python3", *arguments]
    assert "hunter2" not in str(command.argv)


def test_an_allowed_value_stays_unless_it_is_a_secret() -> None:
    """PV-15: the allow-list is that of the parameters, with or without `argv.` before the name."""
    given = python("load.py", "--day", "2026-01-01", "--region=eu", "--password", "hunter2", "--x", "{day}")
    command = command_of(given, None, ("day", "argv.region", "password", "x"))
    assert command.argv == [
        *(
            "python3",
            "load.py",
            "--day",
            "2026-01-01",
            "--region=eu",
            "--password",
            "{password}",
            "--x",
            "{x}",
        )
    ]
    assert filled(command.argv, command.values) == ["python3", *given[1:]]


def test_a_script_is_told_by_its_place_in_the_repository(tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs/load.py").touch()
    command = command_of(python(str(tmp_path / "jobs/load.py")), tmp_path)
    assert (command.argv, command.entry) == (["python3", "jobs/load.py"], "jobs/load.py")
    outside = command_of(python("/opt/bin/dbt", "run"), tmp_path)
    assert (outside.argv, outside.entry) == (["python3", "/opt/bin/dbt", "{1}"], "/opt/bin/dbt")


def test_a_value_that_is_missing_is_named() -> None:
    """PV-21: a command is not run with a hole in it."""
    with pytest.raises(KeyError, match="day"):
        filled(["python3", "load.py", "--day={day}"], {"region": "eu"})


def test_an_embedded_interpreter_has_no_command() -> None:
    assert command_of([], None).argv == []


def test_a_real_process_knows_its_own_command(tmp_path: Path) -> None:
    script = tmp_path / "load.py"
    script.write_text(
        "from lineage.provenance.command import command_of, started_by\n"
        "print(command_of(started_by(), None).argv)\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, "-X", "utf8", str(script), "--day", "1", "x"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    python_name = Path(sys.executable).name
    assert done.stdout.strip() == str([python_name, "-X", "utf8", str(script), "--day", "{day}", "{1}"])


def test_of_a_program_under_lineage_run_the_code_is_told(tmp_path: Path) -> None:
    """PV-15: what is run is the program, and its values are the parameters."""
    (tmp_path / "etl.py").touch()
    given = ["/v/bin/python", "/v/bin/lineage", "run", "--name", "nightly", "--", "python"]
    command = command_of([*given, "-u", str(tmp_path / "etl.py"), "--day", "1", "x"], tmp_path)
    assert command.argv == ["python", *given[1:], "-u", "etl.py", "--day", "{day}", "{1}"]
    assert command.entry == "etl.py"
    other = command_of([*given[:-1], "./load.sh", "secret"], tmp_path)
    assert (other.argv[-2:], other.entry) == (["./load.sh", "{1}"], None)
    question = command_of([*given[:2], "upstream", "orders"], tmp_path)
    assert question.argv[2:] == ["{1}", "{2}"]
