"""`lineage coverage --code`: functions that read or write data untracked, and what of it is accepted."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from graph.cli._output import print_items, print_note, print_table
from lineage.provenance.untracked import (
    CodeCoverage,
    Function,
    check_code,
    lines_of,
    read_accepted,
    written_accepted,
)

CodeOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--code",
        metavar="PATH",
        help="Instead of a store check Python code in this folder or file: which functions read or write data"
        " untracked. May be given more than once.",
    ),
]
BaselineOption = Annotated[
    Path | None,
    typer.Option("--baseline", metavar="FILE", help="Of --code: the file of what is accepted."),
]
WriteOption = Annotated[
    bool, typer.Option("--write-baseline", help="Of --code: write that file, accepting all there is now.")
]
InstrumentOption = Annotated[
    list[str] | None,
    typer.Option(
        "--instrument",
        metavar="NAME",
        help="Of --code: an integration that the code is run with, such as prefect. May be given more often.",
    ),
]
ExcludeOption = Annotated[
    list[str] | None,
    typer.Option("--exclude", metavar="PATTERN", help="Of --code: leave out files and folders named so."),
]


@dataclass(frozen=True, slots=True)
class CodeAsked:
    """What is asked of code, as the options say it."""

    code: Sequence[Path]
    baseline: Path | None
    write: bool
    instruments: Sequence[str]
    exclude: Sequence[str]


def cover_code(asked: CodeAsked, *, json: bool, limit: int) -> None:
    """Print what is not tracked and not accepted; exit with 1 when there is something."""
    missing = next((path for path in asked.code if not path.exists()), None)
    if missing is not None:
        raise typer.BadParameter(f"there is no {missing}", param_hint="--code")
    if asked.write and asked.baseline is None:
        raise typer.BadParameter("say which file: --baseline FILE", param_hint="--write-baseline")
    found = check_code(asked.code, instruments=asked.instruments, exclude=asked.exclude)
    accepted: frozenset[str] = frozenset()
    if asked.write and asked.baseline is not None:
        _write(asked.baseline, found)
        accepted = frozenset(line for each in found.untracked for line in lines_of(*each))
    elif asked.baseline is not None:
        accepted = read_accepted(asked.baseline)
    new = [each for each in found.untracked if not accepted.issuperset(lines_of(*each))]
    if json:
        _print_json(asked, found, new, limit)
    else:
        _print(found, new, limit)
    _note(asked, found, accepted)
    if new:
        raise typer.Exit(1)


def _write(file: Path, found: CodeCoverage) -> None:
    try:
        file.write_text(written_accepted(found.untracked), encoding="utf-8")
    except OSError as error:
        raise typer.BadParameter(
            f"{file} cannot be written: {error.strerror or error}", param_hint="--baseline"
        ) from error


def _print_json(
    asked: CodeAsked, found: CodeCoverage, new: Sequence[tuple[str, Function]], limit: int
) -> None:
    summary: dict[str, Any] = {
        "what": "codeCoverage",
        "files": found.files,
        "functions": found.total,
        "tracked": found.total - len(found.untracked),
        "accepted": len(found.untracked) - len(new),
        "untracked": len(new),
        "instruments": list(found.instruments),
    }
    items = [summary]
    for path, function in new[:limit]:
        calls = [
            {"name": call.name, "kind": call.kind.value, "line": call.line} for call in function.untracked
        ]
        place = {"path": path, "line": function.line, "function": function.name}
        items.append({"what": "untrackedFunction", **place, "calls": calls})
    items += [
        {"what": "unreadableFile", "path": each.path, "problem": each.problem} for each in found.unreadable
    ]
    query = {
        "question": "coverage",
        "code": [path.as_posix() for path in asked.code],
        "baseline": None if asked.baseline is None else asked.baseline.as_posix(),
        "exclude": list(asked.exclude),
    }
    print_items(query, items)


def _print(found: CodeCoverage, new: Sequence[tuple[str, Function]], limit: int) -> None:
    if new[:limit]:
        rows = [[f"{path}:{function.line}", function.name, _said(function)] for path, function in new[:limit]]
        print_table(["where", "function", "untracked"], rows)
    if len(new) > limit:
        print_note(f"There is more: --limit {len(new)}")
    tracked = found.total - len(found.untracked)
    typer.echo(
        f"{tracked} of {found.total} functions that read or write data are tracked, in {found.files} files."
    )
    if found.instruments:
        typer.echo(f"Instrumented: {', '.join(found.instruments)}.")


def _said(function: Function) -> str:
    """Say what a function does, each call once with the lines of all."""
    lines: dict[tuple[str, str], list[int]] = {}
    for call in function.untracked:
        lines.setdefault((call.kind.value, call.name), []).append(call.line)
    said = (f"{kind} {name} ({', '.join(map(str, dict.fromkeys(at)))})" for (kind, name), at in lines.items())
    return "; ".join(said)


def _note(asked: CodeAsked, found: CodeCoverage, accepted: Collection[str]) -> None:
    for each in found.unreadable:
        print_note(f"{each.path} could not be read: {each.problem}")
    if asked.write:
        print_note(f"{asked.baseline} accepts {len(found.untracked)} functions.")
        return
    there = {line for each in found.untracked for line in lines_of(*each)}
    if gone := sorted(set(accepted) - there):
        print_note(f"{asked.baseline} accepts what is no longer there, such as {gone[0]}: --write-baseline")
