"""`lineage run`: a program as one run, without a change of its code.

The program runs with the folder of `_started/sitecustomize.py` on its PYTHONPATH: each Python process of it
joins the run and has its libraries instrumented once they are imported.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from lineage.context import inject
from lineage.imported import ALL, VARIABLE
from lineage.tracking import joining
from lineage.tracking.lifecycle import JobSpec, begin

_STARTED = str(Path(__file__).with_name("_started"))
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126
_PASSED_ON = ("SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")

COMMAND = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "allow_interspersed_args": False},
)
"""What the entry point `run` of the group `lineage.commands` names."""


class ProgramError(Exception):
    """A program failed: how it ended."""


@COMMAND.command("run")
def run(
    command: Annotated[
        list[str], typer.Argument(metavar="COMMAND...", help="The program and its arguments, behind a `--`.")
    ],
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="JOB", help="The job's name.  [default: that of the script]"),
    ] = None,
) -> None:
    """Run a program with its libraries instrumented, as one run of a job; its exit code is the program's.

    LINEAGE_INSTRUMENT names the libraries, joined by commas; without it all that there are integrations for.
    """
    program = shutil.which(command[0])
    if program is None:
        typer.echo(f"lineage: cannot run {command[0]!r}: there is no such program", err=True)
        raise typer.Exit(_NOT_FOUND)
    script, _ = _code_in(command)
    job = JobSpec(name or job_name_of(command), location=lambda: (script, 1) if script else None)
    tracked = begin(job, tuple, tuple)
    with tracked:
        environment = inject(dict(os.environ), environment=True)
        if tracked.recording:
            environment[joining.VARIABLE] = tracked.run_id
            environment.setdefault(VARIABLE, ALL)
            folders = [_STARTED, environment.get("PYTHONPATH", "")]
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, folders))
        try:
            code = _run(command, program, environment)
        except OSError as error:
            tracked.end(error)
            typer.echo(f"lineage: cannot run {command[0]!r}: {error.strerror}", err=True)
            raise typer.Exit(_NOT_EXECUTABLE) from error
        tracked.end(_ending(code))
    _leave(code)


def job_name_of(command: Sequence[str]) -> str:
    """Return the name of the job that a command is: its module, its script without `.py`, or the program."""
    script, module = _code_in(command)
    return module or Path(script or command[0]).stem


def _code_in(command: Sequence[str]) -> tuple[str | None, str | None]:
    """Return the script and the module that a command has Python run, as far as it does."""
    program, *rest = command
    if not Path(program).name.startswith(("python", "pypy")):
        return program if program.endswith(".py") else None, None
    arguments = iter(rest)
    for argument in arguments:
        if argument == "-m":
            return None, next(arguments, None)
        if argument in {"-W", "-X"}:
            next(arguments, None)
        elif argument in {"-c", "-"}:
            break
        elif not argument.startswith("-"):
            return argument, None
    return None, None


def _run(command: Sequence[str], program: str, environment: Mapping[str, str]) -> int:
    """Return how a program ended, with the signals that come for us passed on to it.

    An interrupt from the terminal reaches the program by itself.
    """
    came: list[int] = []
    started: subprocess.Popen[bytes] | None = None

    def pass_on(number: int, _: object) -> None:
        if started is None:
            came.append(number)
        else:
            started.send_signal(number)

    numbers = [getattr(signal, name) for name in _PASSED_ON]
    before = {number: signal.signal(number, pass_on) for number in numbers}
    before[signal.SIGINT] = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        started = subprocess.Popen(command, executable=program, env=environment)
        for number in came:
            started.send_signal(number)
        return started.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ending(code: int) -> BaseException | None:
    """Return the exception that ends the run as the program ended."""
    if code == 0:
        return None
    if code in (-signal.SIGINT, -signal.SIGTERM):
        return KeyboardInterrupt()
    how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
    return ProgramError(f"the program ended {how}")


def _leave(code: int) -> None:
    """End as the program ended."""
    if code < 0:
        sys.stdout.flush()
        with suppress(OSError):  # SIGKILL has no handler
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    raise typer.Exit(code)
