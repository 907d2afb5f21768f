"""`lineage replay RUN`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graph.cli._options import Json, Store
from graph.cli._output import print_items, print_note, print_table
from graph.cli._store import opened

if TYPE_CHECKING:
    from graph.cli._replaying import Replay, Replayed
    from lineage.provenance.replay import Plan

Run = Annotated[str, typer.Argument(metavar="RUN", help="The id of the run, as `lineage runs` shows it.")]
Inputs = Annotated[
    list[str] | None,
    typer.Option("--input", metavar="DATASET=PATH", help="Where an input is that is not where it was."),
]
Parameters = Annotated[
    list[str] | None,
    typer.Option("--parameter", metavar="NAME=VALUE", help="A value that was recorded as a digest."),
]
Repository = Annotated[
    Path | None,
    typer.Option(
        "--repository",
        metavar="FOLDER",
        exists=True,
        file_okay=False,
        help="A clone that has the commit.  [default: the one around the working directory]",
    ),
]
Python = Annotated[
    str | None,
    typer.Option("--python", metavar="PROGRAM", help="The Python to run.  [default: that of this command]"),
]
Strict = Annotated[
    bool,
    typer.Option("--strict", help="Run nothing where environment, inputs or values are not as recorded."),
]
WriteAgain = Annotated[
    bool,
    typer.Option(
        "--write-again", help="Run it although it writes to places outside of the checked out tree."
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before the recorded command is run.")]


def replay(
    run: Run,
    input_: Inputs = None,
    parameter: Parameters = None,
    repository: Repository = None,
    python: Python = None,
    strict: Strict = False,
    write_again: WriteAgain = False,
    yes: Yes = False,
    json: Json = False,
    store: Store = None,
) -> None:
    """Run a recorded run again, at its commit and on its inputs, and compare what both made.

    It runs a program that the store names: look at what is shown before you say yes. Exits with 0 when the
    run was reproduced, and with 1 when something differs, or when --strict refuses.
    """
    from graph.cli._replaying import Replay, given, recorded

    own = given(_pairs(parameter, "--parameter"), _pairs(input_, "--input"))
    with opened(store) as now:
        of_store = recorded(now.reader, run)
    with Replay(of_store, own, repository, python) as prepared:
        _show(prepared.plan, prepared.warnings, prepared.python)
        if strict and prepared.warnings:
            print_note("Nothing was run: --strict takes a run only as it was recorded.")
            raise typer.Exit(1)
        _allow_writing(prepared.elsewhere, write_again)
        if not yes:
            typer.confirm("Run it?", abort=True, err=True)
        found = prepared.run()
    if json:
        print_items(_query(prepared, found), found.items())
    else:
        _print(found)
    if found.differences:
        raise typer.Exit(1)


def _pairs(options: list[str] | None, name: str) -> dict[str, str]:
    pairs = [option.partition("=") for option in options or ()]
    for key, equals, _ in pairs:
        if not key or not equals:
            raise typer.BadParameter("write it as NAME=VALUE", param_hint=name)
    return {key: value for key, _, value in pairs}


def _show(plan: Plan, warnings: list[str], python: str) -> None:
    """Say what would be run: the command with what was hidden left out, for terminals are recorded."""
    folder = plan.trail.command.get("folder", ".")
    where = "its root" if folder == "." else folder
    print_note(f"Run {plan.trail.run_id} of {plan.trail.job[1]}, which ended with {plan.trail.state}.")
    print_note(f"This runs a command that the store names, as you, at commit {plan.commit} in {where}:")
    print_note(f"  {python} {shlex.join(plan.shown[1:])}")
    for warning in warnings:
        print_note(f"Not as recorded: {warning}.")


def _allow_writing(elsewhere: list[str], write_again: bool) -> None:
    if elsewhere and not write_again:
        raise typer.BadParameter(
            f"the run wrote {', '.join(elsewhere)}, outside of its repository, and a replay would write"
            " that again: give --write-again where that is meant",
            param_hint="RUN",
        )


def _query(prepared: Replay, found: Replayed) -> dict[str, object]:
    return {
        "run": prepared.plan.trail.run_id,
        "commit": prepared.plan.commit,
        "command": list(prepared.plan.shown),
        "reproduced": not found.differences,
        "exitCode": found.exit_code,
    }


def _print(found: Replayed) -> None:
    if found.differences:
        rows = [[one.kind, one.name, one.before or "-", one.after or "-"] for one in found.differences]
        print_table(["differs", "name", "recorded", "replayed"], rows)
    else:
        typer.echo("Reproduced.")
    for kind, name, why in found.unknown:
        print_note(f"Not compared: {kind} {name}, as {why}.")
