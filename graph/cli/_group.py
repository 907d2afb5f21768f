"""The group of commands: which there are, and what an error of ours becomes on the way out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from lineage.errors import DeliveryError, LineageError, OutboxError

COMMANDS = {
    "demo": "Build a small warehouse with lineage, and ask questions of it.",
    "ingest": "Take OpenLineage events from files into the store.",
    "status": "Show what the store holds and what waits in the outbox.",
    "upstream": "Show what a dataset, field or job is made from.",
    "downstream": "Show what is made from a dataset, field or job.",
    "impact": "Show what a change of a dataset, field or job affects, and how surely.",
    "columns": "Show which fields the fields of a dataset are made from.",
    "path": "Show a shortest path from one name to another.",
    "runs": "List the runs of jobs, the latest first.",
    "sql": "Show the tables and columns that a SQL text reads and writes.",
    "ship": "Deliver the events in the outbox to the configured backend.",
    "export": "Write the graph, or the events, as text for other programs.",
}
"""Each command and its line in the help; the module and the function in it have the command's name."""

_UNREACHABLE = 3
_WRONG = 2
_INTERRUPTED = 130


class LazyGroup(TyperGroup):
    """Commands that are imported when they are invoked, so that help and every other command start fast."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the commands in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import and return a command; None when there is none of this name."""
        if cmd_name not in COMMANDS:
            return None
        function = getattr(import_module(f"graph.cli.{cmd_name}"), cmd_name)
        single = typer.Typer(
            add_completion=False,
            rich_markup_mode=None,
            pretty_exceptions_enable=False,
            context_settings={"help_option_names": ["-h", "--help"]},
        )
        single.command(cmd_name)(function)
        return typer.main.get_command(single)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: Any) -> Any:
        """Run the command; an error of ours becomes a message and an exit code."""
        with _told_errors():
            return super().invoke(ctx)


@contextmanager
def _told_errors() -> Iterator[None]:
    try:
        yield
    except LineageError as error:
        typer.echo(f"lineage: {error}", err=True)
        raise typer.Exit(_exit_code(error)) from error
    except KeyboardInterrupt as error:
        raise typer.Exit(_INTERRUPTED) from error


def _exit_code(error: LineageError) -> int:
    from graph.errors import StoreError

    return _UNREACHABLE if isinstance(error, StoreError | OutboxError | DeliveryError) else _WRONG
