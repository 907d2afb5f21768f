"""The `lineage` command. A command's module is imported when that command is invoked, not before."""

from __future__ import annotations

import io
import sys
from typing import Annotated

import typer

from graph.cli._group import LazyGroup
from lineage.version import VERSION

app = typer.Typer(
    name="lineage",
    cls=LazyGroup,
    help="Ask where data comes from, where it goes, and what a change affects.",
    epilog="Exit codes: 0 answered, 1 a check failed, 2 wrong usage or unknown name, 3 store unreachable.",
    context_settings={"help_option_names": ["-h", "--help"]},
    add_completion=True,
    invoke_without_command=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"lineage {VERSION}")
        raise typer.Exit


@app.callback()
def lineage(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """Stand before every command; alone, show the help."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main() -> None:
    """Run the command line; names that the terminal cannot show are written with escapes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    app(prog_name="lineage")
