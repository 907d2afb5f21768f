"""Completion as a shell asks for it, and suggestions for what was mistyped."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from made_events import dataset_event, schema
from yardstick import command_costs_less_than

from lineage.config import current_config

Lineage = Callable[..., Any]


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a program called `lineage`, installed or not."""
    program = tmp_path_factory.mktemp("bin") / "lineage"
    program.write_text(f"#!{sys.executable}\nfrom graph.cli import main\nmain()\n", encoding="utf-8")
    program.chmod(0o755)
    return program


def environment(command: Path, **variables: str) -> dict[str, str]:
    path = f"{command.parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": os.getcwd(), **variables}


def offered(command: Path, *words: str) -> list[str]:
    """Return what bash is given for the last of these words."""
    variables = {
        "_LINEAGE_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(["lineage", *words]),
        "COMP_CWORD": str(len(words)),
    }
    done = subprocess.run(
        [str(command)], env=environment(command, **variables), capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def in_shell(command: Path, shell: str, script: str) -> Sequence[str]:
    """Run a script in a shell that knows the completion."""
    setup = subprocess.run(
        [str(command)],
        env=environment(command, _LINEAGE_COMPLETE=f"source_{shell}"),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert setup.returncode == 0, setup.stderr
    done = subprocess.run(
        [shell, "-c", f"{setup.stdout}\n{script}"],
        env=environment(command),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_commands_and_options_are_completed(command: Path) -> None:
    assert offered(command, "up") == ["upstream"]
    assert {"demo", "downstream", "deadletters"} <= set(offered(command, "d"))
    assert offered(command, "deadletters", "re") == ["retry"]
    assert offered(command, "upstream", "--d") == ["--depth"]
    assert "--version" in offered(command, "--")
    assert offered(command, "upstream", "x", "--format", "mer") == ["mermaid"]
    assert offered(command, "no-such-command", "x") == []


def test_commands_are_completed_without_loading_them(command: Path) -> None:
    told = "print(*sys.modules, file=sys.stderr)"
    code = f"import sys\nfrom graph.cli import main\ntry:\n    main()\nfinally:\n    {told}"
    variables = {"_LINEAGE_COMPLETE": "complete_bash", "COMP_WORDS": "lineage up", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(command, **variables),
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.stdout.split() == ["upstream"]
    assert not set(done.stderr.split()) & {"graph.cli.upstream", "networkx", "sqlite3", "openlineage"}


@pytest.mark.usefixtures("warehouse")
def test_names_are_completed_from_the_store(command: Path, lineage: Lineage) -> None:
    facet = {"schema": schema("country", "customer_id")}
    lineage("ingest", "-", input=json.dumps(dataset_event(1, "lake/people.csv", **facet)))

    assert "main.customers" in offered(command, "upstream", "main.cust")
    assert "shop.main.customers" in offered(command, "path", "x", "shop.main.cust")
    assert offered(command, "columns", "people.csv.c") == ["people.csv.country", "people.csv.customer_id"]
    assert offered(command, "impact", "nothing-like-this") == []


@pytest.mark.usefixtures("warehouse")
def test_the_store_that_is_named_is_looked_at(command: Path, tmp_path: Path) -> None:
    elsewhere = str(tmp_path / "none.db")

    assert offered(command, "upstream", "--store", elsewhere, "main.cust") == []
    assert offered(command, "upstream", "--store", current_config().store, "main.cust")
    assert not Path(elsewhere).exists()


def test_a_broken_store_offers_nothing_and_says_nothing(command: Path) -> None:
    Path(current_config().store).write_bytes(b"no database at all" * 100)

    assert offered(command, "upstream", "a") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_each_shell_is_made(command: Path, shell: str) -> None:
    done = subprocess.run(
        [str(command)],
        env=environment(command, _LINEAGE_COMPLETE=f"source_{shell}"),
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 0
    assert f"complete_{shell}" in done.stdout


@pytest.mark.usefixtures("warehouse")
def test_bash_completes_with_the_script(command: Path) -> None:
    if shutil.which("bash") is None:
        pytest.skip("bash is not here")
    script = 'COMP_WORDS=({words}); COMP_CWORD={last}; _lineage_completion lineage; echo "${{COMPREPLY[@]}}"'

    assert in_shell(command, "bash", script.format(words="lineage ex", last=1)) == ["export"]
    names = in_shell(command, "bash", script.format(words="lineage upstream main.stg_", last=2))
    assert "main.stg_customers" in names


def test_a_mistyped_command_is_answered_with_the_nearest(lineage: Lineage) -> None:
    for words, nearest in [
        (["upstraem"], "upstream"),
        (["Status"], "status"),
        (["dead"], "deadletters"),
        (["deadletters", "lst"], "list"),
    ]:
        said = lineage(*words)
        assert said.code == 2
        assert f"Did you mean {nearest}" in said.err
    nothing = lineage("zzz")
    assert (nothing.code, "Did you mean" in nothing.err) == (2, False)
    assert "'zzz'" in nothing.err


def test_a_mistyped_option_or_value_is_answered_with_what_there_is(lineage: Lineage) -> None:
    option = lineage("upstream", "x", "--dept", "3")
    value = lineage("upstream", "x", "--format", "mermaidd")

    assert (option.code, value.code) == (2, 2)
    assert "--depth" in option.err
    assert "mermaid" in value.err.replace("mermaidd", "")


def test_the_command_alone_prints_help(lineage: Lineage) -> None:
    alone = lineage()

    assert (alone.code, alone.err) == (0, "")
    assert alone.out == lineage("--help").out != ""


@pytest.mark.slow
def test_a_large_store_does_not_hold_up_the_keys(command: Path, lineage: Lineage) -> None:
    line = (
        '{{"eventTime": "2026-01-01T00:00:00Z", "producer": "https://example.com/tests", "schemaURL":'
        ' "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/DatasetEvent",'
        ' "dataset": {{"namespace": "ns", "name": "shop.layer.table_{}"}}}}'
    )
    assert lineage("ingest", "-", input="\n".join(map(line.format, range(20_000)))).code == 0

    found: list[int] = []

    assert command_costs_less_than(
        40, lambda: found.append(len(offered(command, "upstream", "layer.table_1")))
    )
    assert set(found) == {100}
