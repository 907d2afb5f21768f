"""The group of commands: which there are, and what an error of ours becomes on the way out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import entry_points
from keyword import iskeyword
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from lineage.errors import DeliveryError, LineageError, OutboxError

COMMANDS = {
    "demo": "Build a small warehouse with lineage, and ask questions of it.",
    "ingest": "Take OpenLineage events from files into the store.",
    "import": "Bring the history of another system over, such as that of a Marquez.",
    "status": "Show what the store holds and what waits in the outbox.",
    "upstream": "Show what a dataset, field or job is made from.",
    "downstream": "Show what is made from a dataset, field or job.",
    "impact": "Show what a change of a dataset, field or job affects, and how surely.",
    "diagnose": "Show why a number may be wrong, back to its sources.",
    "columns": "Show which fields the fields of a dataset are made from.",
    "path": "Show a shortest path from one name to another.",
    "compare": "Show what differs between two times, two runs or two versions of a job.",
    "queries": "List the queries that programs ran: which code, for whom, how often, how long.",
    "runs": "List the runs of jobs, the latest first.",
    "whence": "Tell where a file or a dataset came from: runs, code, parameters, versions read.",
    "drill": "Audit artifacts: name what their stories leave open.",
    "history": "List the versions of a dataset or job, and what changed from one to the next.",
    "replay": "Run a recorded run again, and say what differs.",
    "search": "Find datasets, jobs and fields by words: names, columns, descriptions, tags, owners, SQL.",
    "coverage": "Check that lineage is complete: runs, layers, critical columns, stale records.",
    "tail": "Show events as they come in.",
    "check": "Check that all is as declared and as usual: edges, schemas, amounts, readers, runs.",
    "sql": "Show the tables and columns that a SQL text reads and writes.",
    "serve": "Answer over HTTP, as Marquez does and beyond it, and take events in.",
    "token": "Create, list and revoke the tokens by which a server is used.",
    "run": "Run a program with its libraries instrumented, as one run of a job.",
    "ship": "Deliver the events in the outbox to the configured backend.",
    "deadletters": "Show, retry or drop events that were rejected or refused.",
    "export": "Write the graph, or the events, as text for other programs.",
    "export datahub": "Have a DataHub hold the current graph, once or from now on.",
    "tag": "Tag a dataset, field or job.",
    "owner": "Say who owns a dataset, field or job.",
    "describe": "Describe a dataset, field or job.",
    "delete": "Leave a dataset or job out of answers.",
    "undelete": "Bring a deleted dataset or job back, or list what is deleted.",
    "prune": "Remove old or retired runs from the log and the graph.",
    "rebuild": "Make the graph anew from the log.",
    "verify": "Check that nobody altered the log, and sign what it is.",
    "key": "Make, show, trust and change the keys that sign a log.",
}
"""Each command and its line in the help; its module and the function or group in it have its name.

A name that is a word of Python's has an underscore behind it there; of two words, it stands between them.
"""

_ELSEWHERE = {"run"}
"""Commands that are no part of the graph: entry points of the group `lineage.commands`."""

_UNREACHABLE = 3
_WRONG = 2
_INTERRUPTED = 130


class SuggestingGroup(TyperGroup):
    """Commands of which a mistyped name is answered with the nearest ones."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that the first argument names."""
        known = self.list_commands(ctx)
        if args[0] not in known and not args[0].startswith("-") and not ctx.resilient_parsing:
            ctx.fail(f"No such command {args[0]!r}.{_suggestion(args[0], known)}")
        return super().resolve_command(ctx, args)


def _suggestion(typed: str, known: list[str]) -> str:
    from difflib import get_close_matches

    word = typed.lower()
    near = get_close_matches(word, known) or [name for name in known if word[:3] == name[:3]]
    return f" Did you mean {', '.join(near)}?" if near else ""


class LazyGroup(SuggestingGroup):
    """Commands that are imported when they are invoked, so that help and every other command start fast."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the commands in the order of the help."""
        return list(COMMANDS)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that the first argument, or the first two of them, name."""
        if (name := " ".join(args[:2])) in COMMANDS:
            args = [name, *args[2:]]
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import and return a command; None when there is none of this name."""
        if cmd_name not in COMMANDS:
            return None
        found = _command(cmd_name)
        if isinstance(found, typer.Typer):
            return typer.main.get_command(found)
        single = typer.Typer(
            add_completion=False,
            rich_markup_mode=None,
            pretty_exceptions_enable=False,
            context_settings={"help_option_names": ["-h", "--help"]},
        )
        single.command(cmd_name)(found)
        return typer.main.get_command(single)

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """Complete the names of commands from their list, without importing them."""
        listed: dict[str, Any] = {
            name: TyperCommand(name, short_help=line) for name, line in COMMANDS.items() if " " not in name
        }
        ctx.command = TyperGroup(name=self.name, commands=listed, params=self.params)
        return ctx.command.shell_complete(ctx, incomplete)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: Any) -> Any:
        """Run the command; an error of ours becomes a message and an exit code."""
        with _told_errors():
            return super().invoke(ctx)


def _command(name: str) -> Any:
    if name in _ELSEWHERE:
        (found,) = entry_points(group="lineage.commands", name=name)
        return found.load()
    word = f"{name}_" if iskeyword(name) else name.replace(" ", "_")
    return getattr(import_module(f"graph.cli.{word}"), word)


@contextmanager
def _told_errors() -> Iterator[None]:
    try:
        yield
    except LineageError as error:
        from graph.exports.labels import one_line

        typer.echo("\n".join(map(one_line, f"lineage: {error}".split("\n"))), err=True)
        raise typer.Exit(_exit_code(error)) from error
    except KeyboardInterrupt as error:
        raise typer.Exit(_INTERRUPTED) from error


def _exit_code(error: LineageError) -> int:
    from graph.errors import ImportSourceError, StoreError

    unreachable = (StoreError, OutboxError, DeliveryError, ImportSourceError)
    return _UNREACHABLE if isinstance(error, unreachable) else _WRONG
