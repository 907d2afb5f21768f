"""The command that a process was started by, as it may be told: options by name, values as parameters."""

from __future__ import annotations

import itertools
import os
import re
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lineage.provenance.parameters import shown_text
from lineage.redaction.urls import is_secret_key

PREFIX = "argv."
"""What the name of a parameter begins with that is a value on the command line."""

_OPTION = re.compile(r"--[A-Za-z][\w.-]{0,63}")
_OPTION_WITH_VALUE = re.compile(r"(--?[A-Za-z][\w.-]{0,63})=(.*)", re.DOTALL)
_SHORT = re.compile(r"-[A-Za-z]")
_GLUED = re.compile(r"(-([A-Za-z]))(.+)", re.DOTALL)
_ASSIGNED = re.compile(r"([A-Za-z_][\w./-]{0,63})=(.*)", re.DOTALL)
_MODULE = re.compile(r"\w+(?:\.\w+)*")
_RUNNER = "lineage"
_INTERPRETER_TAKES = {"-W", "-X", "--check-hash-based-pycs"}
_PLACEHOLDER = re.compile(r"{[^{}]*}")


@dataclass(slots=True)
class Command:
    """A command line with `{name}` in the place of each value that is told as a parameter.

    `argv` begins with the name of the interpreter. `entry` is the script, relative to the root of the
    repository, or the module; None for what was typed or piped in. `values` are the values by their names.
    """

    argv: list[str]
    entry: str | None = None
    values: dict[str, str] = field(default_factory=dict)

    def hide(self, name: str, value: str) -> str:
        """Keep a value as a parameter, and return what stands for it."""
        number, unique = 1, name
        while unique in self.values:
            number += 1
            unique = f"{name}.{number}"
        self.values[unique] = value
        return f"{{{unique}}}"


def command_of(argv: list[str], root: Path | None, allowed: Collection[str] = ()) -> Command:
    """Return a Python process's command line without the values that may not be told.

    Names of options stay, and values whose names are `allowed`; an argument without a name is called by its
    place, from 1.
    """
    if not argv:
        return Command([])
    command = Command([os.path.basename(argv[0])])
    rest = iter(argv[1:])
    _take_code(command, rest, root)
    if command.entry is not None and os.path.basename(command.entry) == _RUNNER:
        _take_run(command, rest, root, allowed)
    _take_arguments(command, rest, allowed)
    return command


def _take_run(command: Command, rest: Iterator[str], root: Path | None, allowed: Collection[str]) -> None:
    """Take what `lineage run` runs: that is the code, and its values are the parameters."""
    before = list(itertools.takewhile("--".__ne__, rest))
    program = _next(rest)
    if before[:1] != ["run"] or not program:
        _take_arguments(command, iter([*before, *program]), allowed)
        return
    command.argv += [*before, "--", *program]
    command.entry = None
    if os.path.basename(command.argv[-1]).startswith(("python", "pypy")):
        _take_code(command, rest, root)


def _take_code(command: Command, rest: Iterator[str], root: Path | None) -> None:
    """Take the interpreter's own options, and what it is to run."""
    for one in rest:
        if one in _INTERPRETER_TAKES:
            command.argv += [one, *_next(rest)]
        elif one == "-m":
            module = next(rest, "")
            command.entry = module if _MODULE.fullmatch(module) else None
            command.argv += [one, module if command.entry else command.hide("m", module)]
            break
        elif one == "-c":
            command.argv += [one, *(command.hide("c", code) for code in _next(rest))]
            break
        elif one.startswith("-") and one != "-":
            command.argv.append(one)
        else:
            command.entry = _relative(one, root) if one != "-" else None
            command.argv.append(command.entry or one)
            break


def filled(argv: list[str], values: dict[str, str]) -> list[str]:
    """Return a command line with its values in their places; KeyError names one that is not given."""
    return [_PLACEHOLDER.sub(lambda found: values[found[0][1:-1]], one) for one in argv]


def placeholders(argv: list[str]) -> list[str]:
    """Return the names of the values that are missing in a command line, in their order."""
    return [found[1:-1] for one in argv for found in _PLACEHOLDER.findall(one)]


def started_by() -> list[str]:
    """Return the command line of this process, with the interpreter's own options; empty where embedded."""
    return list(getattr(sys, "orig_argv", []))


def _next(rest: Iterator[str]) -> list[str]:
    one = next(rest, None)
    return [] if one is None else [one]


def _relative(script: str, root: Path | None) -> str:
    if root is None:
        return script
    try:
        return Path(os.path.realpath(script)).relative_to(os.path.realpath(root)).as_posix()
    except ValueError:
        return script


def _take_arguments(command: Command, rest: Iterator[str], allowed: Collection[str]) -> None:
    option, place = "", 0
    for one in rest:
        if _OPTION.fullmatch(one) or _SHORT.fullmatch(one):
            command.argv.append(one)
            option = one.lstrip("-")
            continue
        if (found := _OPTION_WITH_VALUE.fullmatch(one) or _ASSIGNED.fullmatch(one)) is not None:
            command.argv.append(f"{found[1]}={_shown(command, found[1].lstrip('-'), found[2], allowed)}")
        elif (found := _GLUED.fullmatch(one)) is not None:
            command.argv.append(found[1] + _shown(command, found[2], found[3], allowed))
        elif one == "--":
            command.argv.append(one)
        else:
            place += not option
            command.argv.append(_shown(command, option or str(place), one, allowed))
        option = ""


def _shown(command: Command, name: str, value: str, allowed: Collection[str]) -> str:
    told = name in allowed or f"{PREFIX}{name}" in allowed
    if told and not is_secret_key(name) and shown_text(value) is not None and not _PLACEHOLDER.search(value):
        return value
    return command.hide(name, value)
