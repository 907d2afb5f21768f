"""What the commands that annotate share: to say something of what a name means, and show what is said."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Annotated

import typer

from graph import actions, questions
from graph.cli._options import Name as Name
from graph.cli._output import print_json, print_table
from graph.cli._store import act, ask
from graph.errors import AmbiguousNameError, InvalidQueryError, UnknownNameError
from graph.exports.labels import one_line
from graph.questions.annotating import Said
from graph.store.commands import CommandKind, Label

Remove = Annotated[list[str] | None, typer.Option("--remove", metavar="NAME", help="Take it back.")]

Given = tuple[CommandKind, str, str]
"""A command, its name and its value."""

_NOT_FOUND = (UnknownNameError, AmbiguousNameError, InvalidQueryError)


def annotate(name: list[str], given: Iterable[Given], option: str, *, json: bool, store: str | None) -> None:
    """Give commands about what `name` names, and print what is said about it then.

    `option` is how a user would say something: it stands in the error about what was said without it.
    """
    commands = [{"command": kind.value, "name": about, "value": value} for kind, about, value in given]
    try:
        if commands:
            said = act(store, actions.annotate, name, commands)
        else:
            said = ask(store, None, questions.about, name)
    except _NOT_FOUND:
        _tell_option(name, option, store)
        raise
    if json:
        print_json(said.as_json())
    else:
        print_table([said.node.id, "", ""], _rows(said))


def _tell_option(name: list[str], option: str, store: str | None) -> None:
    """Raise a better error where the second of two words looks like what was to be said of the first."""
    if len(name) == 2:
        with suppress(*_NOT_FOUND):
            alone = ask(store, None, questions.about, name[:1]).node
            raise typer.BadParameter(f"to say it of {one_line(alone.label)}, write {option} {name[1]!r}")


def _rows(said: Said) -> list[list[str]]:
    labels = said.annotations
    rows = [["tag", *_columns(one)] for one in labels.tags]
    rows += [["owner", *_columns(one)] for one in labels.owners]
    if labels.description is not None:
        rows.append(["description", labels.description, ""])
    return rows


def pair(text: str, hint: str) -> tuple[str, str]:
    """Return the two parts of NAME=VALUE, or NAME and nothing."""
    name, _, value = text.partition("=")
    if not name.strip():
        raise typer.BadParameter(f"{text!r} names nothing", param_hint=hint)
    return name, value


def _columns(one: Label) -> tuple[str, str]:
    return one.name, one.value
