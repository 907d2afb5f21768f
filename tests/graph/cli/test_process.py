"""The command as a process of its own: start, terminal, pipes."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from receiver import Receiver
from yardstick import command_costs_less_than

from graph.cli._group import COMMANDS
from lineage.config import current_config, reset_config
from lineage.outbox import close_all, open_outbox

Lineage = Callable[..., Any]

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "events"
COMMAND = [sys.executable, "-c", "from graph.cli import main; main()"]
LOADED = """
import sys
from graph.cli import app
try:
    app({args!r})
finally:
    print(*sys.modules, file=sys.stderr)
"""


def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=60, **options)


def loaded(*arguments: str) -> set[str]:
    code = LOADED.format(args=list(arguments))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split())


def test_help_loads_no_command_and_nothing_heavy() -> None:
    modules = loaded("--help")

    assert not modules & {"networkx", "rich", "openlineage", "sqlglot", "sqllineage", "msgspec", "sqlite3"}
    assert not {
        name for name in modules if name.startswith("graph.cli.") and not name.startswith("graph.cli._")
    }


@pytest.mark.usefixtures("warehouse")
def test_a_question_loads_networkx_and_neither_parsers_nor_openlineage(lineage: Lineage) -> None:
    lineage("upstream", "raw.customers")  # reads the SQL that waits
    modules = loaded("upstream", "raw.customers")

    assert "networkx" in modules
    assert not modules & {"rich", "openlineage", "sqlglot", "sqllineage"}
    assert "networkx" not in loaded("runs")


def test_the_version_is_told() -> None:
    done = run("--version")

    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"lineage \d+\.\d+\.\d+\S*\n", done.stdout)


def test_every_command_has_help(lineage: Lineage) -> None:
    listed = lineage("--help").out.partition("Commands:")[2]
    commands = re.findall(r"^  ([a-z]+(?: [a-z]+)?)  ", listed, re.MULTILINE)
    assert commands == list(COMMANDS)
    for command in set(commands) - {"demo"}:
        said = lineage(*command.split(), "--help")
        assert (said.code, said.err) == (0, "")
        assert f"lineage {command}" in said.out


def in_terminal(arguments: list[str], width: int, **environment: str) -> str:
    """Run the command in a pseudo-terminal of this width and return what it printed."""
    import fcntl
    import pty
    import struct
    import termios

    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    clean = {
        key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "COLUMNS", "FORCE_COLOR")
    }
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
    return printed.decode()


@pytest.mark.usefixtures("warehouse")
@pytest.mark.parametrize("width", [50, 100])
def test_a_table_fits_the_terminal_and_loses_nothing(width: int) -> None:
    printed = in_terminal(["upstream", "shop.mart.top"], width, NO_COLOR="1")

    assert not re.search(r"\x1b\[[34]\d", printed)
    lines = re.sub(r"\x1b\[\d*m", "", printed).splitlines()
    assert max(map(len, lines)) <= width
    assert not any("…" in line for line in lines)
    assert sum(line.split()[1:2] == ["dataset"] for line in lines) == 5


@pytest.mark.usefixtures("warehouse")
def test_colours_are_for_terminals_only(lineage: Lineage) -> None:
    assert "\x1b[" in in_terminal(["upstream", "shop.mart.top"], 100)
    assert "\x1b[" not in lineage("upstream", "shop.mart.top").out


def test_ingest_shows_its_progress_in_a_terminal(lineage: Lineage) -> None:
    printed = in_terminal(["ingest", str(FIXTURES / "airflow.jsonl")], 100)

    assert "ingesting" in printed
    assert re.search(r"\d+ accepted, 0 duplicate, 0 rejected", printed)


@pytest.mark.usefixtures("warehouse")
def test_a_reader_that_stops_early_is_no_error() -> None:
    exporting = subprocess.Popen([*COMMAND, "export"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert exporting.stdout is not None
    assert exporting.stderr is not None
    exporting.stdout.read(10)
    exporting.stdout.close()

    assert b"Traceback" not in exporting.stderr.read()
    exporting.stderr.close()
    exporting.wait(60)


def test_names_that_the_terminal_cannot_show_are_escaped() -> None:
    event = {
        "eventTime": "2026-01-01T00:00:00Z",
        "producer": "https://example.com",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/DatasetEvent",
        "dataset": {"namespace": "ns", "name": "表\x1b[31m\nred"},
    }
    latin_only = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    assert run("ingest", "-", input=json.dumps(event)).returncode == 0

    done = run("upstream", "ns", event["dataset"]["name"], env=latin_only)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1].split()[2] == r"\u8868\x1b[31m\nred"
    told = run("upstream", "ns", event["dataset"]["name"], "--json", env=latin_only)
    assert json.loads(told.stdout)["nodes"][0]["name"] == event["dataset"]["name"]


@pytest.mark.usefixtures("warehouse")
def test_a_store_that_cannot_be_written_is_asked_all_the_same(lineage: Lineage) -> None:
    command = COMMAND
    if os.geteuid() == 0:
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            pytest.skip("root may write everything, and setpriv is not here to change that")
        command = [setpriv, "--bounding-set=-dac_override,-dac_read_search", *COMMAND]
    config = current_config()
    store = Path(config.store)
    lineage("status")
    open_outbox(config.outbox, config.destination).append(b"{}")
    close_all()
    store.chmod(0o400)
    store.parent.chmod(0o500)
    try:
        done = subprocess.run(
            [*command, "upstream", "shop.mart.top", "--json"], capture_output=True, text=True, timeout=60
        )
    finally:
        store.parent.chmod(0o700)
        store.chmod(0o600)

    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert len(answer["nodes"]) > 5
    assert answer["incomplete"] is True


def is_waiting(pid: int) -> bool:
    """Tell whether a process does nothing for a moment."""
    process = psutil.Process(pid)
    before = process.cpu_times()
    time.sleep(0.3)
    return process.status() == psutil.STATUS_SLEEPING and process.cpu_times() == before


def wait_for(happened: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ship_follows_until_it_is_stopped(monkeypatch: pytest.MonkeyPatch, number: signal.Signals) -> None:
    with Receiver() as backend:
        monkeypatch.setenv("OPENLINEAGE_URL", backend.url)
        reset_config()
        config = current_config()
        outbox = open_outbox(config.outbox, config.destination)
        outbox.append(b'{"eventType": "START"}')
        following = subprocess.Popen([*COMMAND, "ship", "--follow"], stderr=subprocess.PIPE, text=True)
        assert following.stderr is not None
        wait_for(lambda: len(backend.distinct) == 1)
        outbox.append(b'{"eventType": "COMPLETE"}')
        wait_for(lambda: len(backend.distinct) == 2)

        following.send_signal(number)

        assert following.wait(30) == 0
        told = following.stderr.read()
        following.stderr.close()
        assert f"Delivering to {backend.url}" in told
        assert "Traceback" not in told


def test_an_interrupted_command_ends_without_a_traceback() -> None:
    store = Path(current_config().store)
    ingesting = subprocess.Popen(
        [*COMMAND, "ingest", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    wait_for(store.exists)
    wait_for(lambda: is_waiting(ingesting.pid))  # what is imported may swallow an interruption

    ingesting.send_signal(signal.SIGINT)

    _, told = ingesting.communicate(timeout=30)
    assert ingesting.returncode == 130
    assert b"Traceback" not in told


@pytest.mark.slow
@pytest.mark.usefixtures("warehouse")
@pytest.mark.parametrize(
    ("arguments", "millions"), [(["--help"], 15), (["upstream", "shop.mart.top"], 40)], ids=str
)
def test_the_command_starts_fast(lineage: Lineage, arguments: list[str], millions: float) -> None:
    lineage("upstream", "shop.mart.top")

    def once() -> None:
        assert run(*arguments).returncode == 0

    assert command_costs_less_than(millions, once)
