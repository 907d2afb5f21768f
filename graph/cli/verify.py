"""`lineage verify`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from graph import actions, questions
from graph.cli._options import Json, Store
from graph.cli._output import print_items, print_note, print_table
from graph.cli._store import act, location_of, server_at
from graph.errors import DamagedStoreError, InvalidQueryError, StoreError
from graph.questions import Asked
from graph.questions.signing import Checkpoint, NoCheckpointError, checkpoint_of
from graph.questions.verification import Verification, verify_all
from graph.store import may_exist, open_store
from graph.store.chain import Verified
from lineage.config import current_config
from lineage.destination import is_server
from lineage.provenance.signing import key_id, read_public_keys

FileOption = Annotated[
    Path | None,
    typer.Option(
        "--checkpoint",
        metavar="FILE",
        help="Hold the log against a checkpoint that was kept elsewhere: also a cut-off end is found.",
    ),
]
From = Annotated[
    int | None,
    typer.Option(
        "--from",
        min=0,
        metavar="NUMBER",
        help="Begin behind the checkpoint with this last number; its key has to be trusted.",
    ),
]
Sign = Annotated[
    bool, typer.Option("--sign", help="Then sign a checkpoint, and print it to be kept elsewhere.")
]

_MOST_SHOWN = 20


def verify(
    checkpoint: FileOption = None,
    from_: From = None,
    sign: Sign = False,
    json: Json = False,
    store: Store = None,
) -> None:
    """Check that the log is what was written to it; exit with 1 where it is not, naming what is wrong.

    The first record that is not as it was is named with its number, event, job and run.
    """
    outside = None if checkpoint is None else _read(checkpoint)
    try:
        with _asking(store) as ask:
            found = _verified(ask, outside, from_, is_signed=not sign)
    except DamagedStoreError as error:
        # It was reached: what cannot even be read as a store is not what was written.
        print_note(f"lineage: {error}")
        raise typer.Exit(1) from error
    signed = None
    if sign and found.is_sound:
        ((_, signed),) = act(store, actions.sign).items
    if json:
        print_items(_query(checkpoint, from_), [{**found.as_json(), "signed": signed}])
    else:
        _print(found)
        if signed is not None:
            typer.echo(signed)
    if not found.is_sound:
        if sign:
            print_note("Nothing was signed.")
        raise typer.Exit(1)


def verified(store: str | None) -> Verification:
    """Return what is found of a whole log, as the command without options finds it."""
    with _asking(store) as ask:
        return _verified(ask, None, None, is_signed=True)


def _query(checkpoint: Path | None, from_: int | None) -> dict[str, Any]:
    return {"checkpoint": None if checkpoint is None else str(checkpoint), "from": from_}


def _read(path: Path) -> Checkpoint:
    try:
        return checkpoint_of(path.read_text(encoding="utf-8").strip())
    except OSError as error:
        reason = error.strerror or str(error)
    except (NoCheckpointError, UnicodeDecodeError) as error:
        reason = str(error)
    raise typer.BadParameter(f"{path}: {reason}", param_hint="--checkpoint")


@contextmanager
def _asking(store: str | None) -> Iterator[Callable[..., Any]]:
    """Give what asks a question of a store, which stays open, or of a server of one."""
    location = location_of(store)
    if is_server(location):
        server = server_at(location)
        yield lambda question, **told: server.ask(question.__name__, None, told)
        return
    if not may_exist(location):
        raise StoreError(location, "there is no such file: give another --store")
    with closing(open_store(location, read_only=True)) as opened:
        yield lambda question, **told: question(Asked(opened, opened, False), **told)


def _verified(
    ask: Callable[..., Any], outside: Checkpoint | None, from_: int | None, *, is_signed: bool
) -> Verification:
    path = current_config().trusted_keys
    trusted = () if path is None else read_public_keys(path)
    start, earlier = None, list[str]()
    if from_ is not None:
        if not trusted:
            raise InvalidQueryError(
                "to begin at a checkpoint, say by LINEAGE_TRUSTED_KEYS whom to believe it"
            )
        start, earlier = _start(ask, from_, outside)

    def part(cursor: str | None, links: Sequence[int]) -> Verified:
        told: Verified = ask(questions.verify, links=list(links), cursor=cursor).found
        return told

    with _progress() as progress:
        return verify_all(
            part,
            trusted=trusted,
            outside=outside,
            start=start,
            earlier=earlier,
            is_signed=is_signed,
            progress=progress,
        )


def _start(ask: Callable[..., Any], number: int, outside: Checkpoint | None) -> tuple[Checkpoint, list[str]]:
    """Return the checkpoint with a last number, and what was signed before it."""
    earlier: list[str] = []
    cursor = None
    while True:
        page = ask(questions.checkpoints, limit=1000, cursor=cursor)
        for _, body in page.items:
            found = _told(body)
            if found is not None and found.number == number:
                return found, earlier
            earlier.append(body)
        cursor = page.next
        if cursor is None:
            break
    if outside is not None and outside.number == number:
        return outside, earlier
    raise InvalidQueryError(f"there is no checkpoint with the last number {number}")


def _told(body: str) -> Checkpoint | None:
    try:
        return checkpoint_of(body)
    except NoCheckpointError:
        return None


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None] | None]:
    """Give what shows people how far it is, on a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    show = partial(typer.echo, err=True, nl=False)
    yield lambda done, last: show(f"\r{done:,} records looked at, the last one is {last:,} ")
    show("\r\033[K")


def _print(found: Verification) -> None:
    if found.findings:
        columns = ["what", "number", "event", "job", "run", "text"]
        rows = [
            [
                each.kind.value,
                _shown(each.number),
                _shown(each.id),
                _shown(each.job),
                _shown(each.run_id),
                each.text,
            ]
            for each in found.findings[:_MOST_SHOWN]
        ]
        print_table(columns, rows)
        if (more := found.counts.total() - len(rows)) > 0:
            print_note(f"... and {more} more")
    removed = f", {found.removed:,} of them removed since" if found.removed else ""
    how = "are as they were written" if found.is_sound else "were looked at"
    typer.echo(
        f"{found.checked:,} records{removed}: they {how}" if found.checked else "The log has no record"
    )
    if found.uncovered:
        until = found.covered_from - 1
        typer.echo(f"Not covered: {found.uncovered:,} events up to number {until:,} are older than the chain")
    if found.latest is None:
        typer.echo("No checkpoint in it was signed: who can write the store can also write another chain")
    else:
        by = key_id(found.latest.key)
        typer.echo(f"Signed up to number {found.latest.number:,} at {found.latest.time} by key {by}")


def _shown(value: object) -> str:
    return "" if value is None else str(value)
