"""`lineage deadletters list|show|retry|drop`."""

from __future__ import annotations

import sys
from itertools import dropwhile, islice
from typing import Annotated, Any

import typer

from graph.cli._group import SuggestingGroup
from graph.cli._json_text import pretty
from graph.cli._letters import DeadLetters, Letter, dead_letters, forget, ingest_again, put_back
from graph.cli._options import Cursor, Json, Limit, Store
from graph.cli._output import print_items, print_note, print_table, time_text
from graph.errors import InvalidQueryError
from graph.exports.labels import one_line
from graph.store.changes import Status

deadletters = typer.Typer(
    cls=SuggestingGroup,
    help="Show, retry or drop events that the store rejected or a backend refused.",
    context_settings={"help_option_names": ["-h", "--help"]},
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

_REASONS_SHOWN = 5
_ID_SHOWN = 12
_UNREACHABLE = 3

Id = Annotated[str, typer.Argument(metavar="ID", help="The id of a dead letter, or its beginning.")]
Ids = Annotated[
    list[str] | None,
    typer.Argument(metavar="ID", help="Ids of dead letters, or their beginnings.", show_default=False),
]
All = Annotated[bool, typer.Option("--all", help="All there are, of the store and of every outbox.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@deadletters.command("list")
def list_(limit: Limit = 20, cursor: Cursor = None, json: Json = False, store: Store = None) -> None:
    """List dead letters, the latest first, with the reasons."""
    with dead_letters(store, read_only=True) as letters:
        page = list(islice(_behind(letters, cursor), limit + 1))
    more = page[limit - 1].id if len(page) > limit else None
    if json:
        print_items({}, [_as_json(letter) for letter in page[:limit]], more)
    elif page:
        print_table(["id", "time", "from", "job", "reason"], [_row(letter) for letter in page[:limit]])
        if more is not None:
            print_note(f"There is more: --cursor {more}")
    else:
        print_note("There are no dead letters.")
    _tell_unreadable(letters)


@deadletters.command()
def show(id_: Id, json: Json = False, store: Store = None) -> None:
    """Show an event as it came, and why it was not taken."""
    with dead_letters(store, read_only=True) as letters:
        (letter,) = letters.find([id_])
    if json:
        print_items({"id": letter.id}, [{**_as_json(letter), "body": letter.body.decode("utf-8", "replace")}])
        return
    for line in pretty(letter.body).splitlines():
        typer.echo(one_line(line))
    print_note(f"{letter.id} of {time_text(letter.time)}, from {letter.source}")
    for reason in letter.reasons:
        print_note(reason)


@deadletters.command()
def retry(ids: Ids = None, all_: All = False, json: Json = False, store: Store = None) -> None:
    """Ingest rejected events again, deliver refused ones again.

    What a backend refused waits in its outbox again, in its place, and goes out with the next delivery. Exits
    with 1 when the store rejects an event again; it stays where it is.
    """
    with dead_letters(store) as letters:
        chosen = _chosen(letters, ids, all_)
        rejected = [letter for letter in chosen if letter.outbox is None]
        refused = [letter for letter in chosen if letter.outbox is not None]
        waiting = put_back(refused)
        outcomes = list(ingest_again(letters.store, rejected)) if letters.store is not None else []
    again = [(letter, outcome) for letter, outcome in outcomes if outcome.status is Status.REJECTED]
    if json:
        items = [_retried(letter, outcome.status.value, outcome.reasons) for letter, outcome in outcomes]
        items += [_retried(letter, "waiting", ()) for letter in refused]
        print_items({"ids": ids or [], "all": all_}, items)
    else:
        taken = len(outcomes) - len(again)
        typer.echo(f"{taken} ingested, {len(again)} rejected again, {waiting} waiting for delivery again")
    for letter, outcome in again[:_REASONS_SHOWN]:
        print_note(f"{letter.id[:_ID_SHOWN]}: rejected: {'; '.join(outcome.reasons)}")
    if waiting:
        print_note("What waits goes out with the next delivery: lineage ship")
    _tell_unreadable(letters)
    if again:
        raise typer.Exit(1)


@deadletters.command()
def drop(
    ids: Ids = None, all_: All = False, yes: Yes = False, json: Json = False, store: Store = None
) -> None:
    """Forget dead letters for good, after a question on the terminal."""
    with dead_letters(store) as letters:
        chosen = _chosen(letters, ids, all_)
        if chosen and not yes:
            _ask(len(chosen))
        dropped = forget(letters.store, chosen)
    if json:
        print_items({"ids": ids or [], "all": all_}, [{"dropped": dropped}])
    else:
        typer.echo(f"{dropped} dropped")
    _tell_unreadable(letters)


def _behind(letters: DeadLetters, cursor: str | None) -> Any:
    if cursor is None:
        return iter(letters)
    rest = dropwhile(lambda letter: letter.id != cursor, letters)
    if next(rest, None) is None:
        raise InvalidQueryError(f"there is no dead letter {cursor!r} to go on from: start at the first page")
    return rest


def _chosen(letters: DeadLetters, ids: list[str] | None, all_: bool) -> list[Letter]:
    if bool(ids) is all_:
        raise typer.BadParameter("give ids of dead letters, or --all", param_hint="ID")
    return letters.without_bodies() if all_ else letters.find(ids or [])


def _ask(number: int) -> None:
    if not sys.stdin.isatty():
        raise typer.BadParameter(
            "nobody can be asked here whether to drop them: give --yes", param_hint="--yes"
        )
    what = "this dead letter" if number == 1 else f"these {number} dead letters"
    typer.confirm(f"Forget {what} for good?", abort=True, err=True)


def _tell_unreadable(letters: DeadLetters) -> None:
    for each in letters.unreadable:
        print_note(f"lineage: outbox {each.file}: {each.reason}")
    if letters.unreadable:
        raise typer.Exit(_UNREACHABLE)


def _row(letter: Letter) -> list[str]:
    source = "the store" if letter.origin == "store" else letter.source
    time = time_text(letter.time) or ""
    return [
        letter.id[:_ID_SHOWN],
        time,
        source,
        letter.job.name if letter.job else "",
        "; ".join(letter.reasons),
    ]


def _as_json(letter: Letter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "from": letter.origin,
        "source": letter.source,
        "time": time_text(letter.time),
        "job": letter.job.id if letter.job else None,
        "reasons": list(letter.reasons),
        "bytes": len(letter.body),
    }


def _retried(letter: Letter, result: str, reasons: tuple[str, ...]) -> dict[str, Any]:
    return {
        "id": letter.id,
        "from": letter.origin,
        "source": letter.source,
        "result": result,
        "reasons": list(reasons),
    }
