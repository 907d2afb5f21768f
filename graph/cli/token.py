"""`lineage token create|list|revoke`."""

from __future__ import annotations

import os
import time
from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from graph.cli._group import SuggestingGroup
from graph.cli._options import Json, Store
from graph.cli._output import print_items, print_note, print_table, time_text
from graph.cli._store import own_location
from graph.errors import UnknownNameError
from graph.ingest.commands import user
from graph.store import may_exist, open_store
from graph.store.access import AuditRecord, Role, Token, new_token
from graph.store.base import LineageStore

token = typer.Typer(
    cls=SuggestingGroup,
    help="Create, list and revoke the tokens by which a server of a store is used.",
    context_settings={"help_option_names": ["-h", "--help"]},
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

_DAY = 24 * 60 * 60 * 10**9

Called = Annotated[str, typer.Argument(metavar="NAME", help="Whom it is for; the record names it so.")]
RoleOption = Annotated[
    Role,
    typer.Option(
        "--role",
        case_sensitive=False,
        help="reader asks; writer brings events, tags and the like, too; admin deletes and reads the record.",
    ),
]
Namespaces = Annotated[
    list[str] | None,
    typer.Option("--namespace", metavar="NAMESPACE", help="Only for this one; may be given more than once."),
]
Days = Annotated[
    int | None, typer.Option("--days", min=1, metavar="N", help="Valid for so long.  [default: for good]")
]
Ids = Annotated[list[str], typer.Argument(metavar="ID", help="Ids of tokens.")]


@token.command()
def create(
    name: Called,
    role: RoleOption = Role.READER,
    namespace: Namespaces = None,
    days: Days = None,
    json: Json = False,
    store: Store = None,
) -> None:
    """Make a token and print it. It is shown this once: the store keeps a hash of it."""
    expires_at = None if days is None else time.time_ns() + days * _DAY
    made, text = new_token(name, role, namespace or (), expires_at=expires_at)
    with closing(open_store(own_location(store))) as kept:
        kept.access.add(made)
        _record(kept, f"token create {made.id}", f"{role} for {name}")
    if json:
        print_items({}, [{**_as_json(made), "token": text}])
    else:
        typer.echo(text)
        print_note(f"{role} for {name}; revoke it by: lineage token revoke {made.id}")


@token.command("list")
def list_(json: Json = False, store: Store = None) -> None:
    """List tokens, without their secrets."""
    location = own_location(store)
    tokens: list[Token] = []
    if may_exist(location):
        with closing(open_store(location, read_only=True)) as kept:
            tokens = kept.access.tokens()
    if json:
        print_items({}, [_as_json(each) for each in tokens])
    elif tokens:
        columns = ["id", "name", "role", "namespaces", "created", "expires", "valid"]
        print_table(columns, [_row(each) for each in tokens])
    else:
        print_note("There are no tokens.")


@token.command()
def revoke(ids: Ids, json: Json = False, store: Store = None) -> None:
    """Have tokens be valid no longer; running servers know within seconds."""
    with closing(open_store(own_location(store))) as kept:
        known = {each.id: each for each in kept.access.tokens()}
        for id_ in ids:
            if id_ not in known:
                raise UnknownNameError(id_, sorted(other for other in known if other[:3] == id_[:3]))
        kept.access.revoke(ids, time.time_ns())
        _record(kept, f"token revoke {' '.join(ids)}", ", ".join(known[id_].name for id_ in ids))
        now = {each.id: each for each in kept.access.tokens()}
    if json:
        print_items({}, [_as_json(now[id_]) for id_ in ids])
    else:
        for id_ in ids:
            typer.echo(f"{id_} ({now[id_].name}) is revoked")


def _record(store: LineageStore, what: str, reason: str) -> None:
    """Have the record tell of a call that needs no server; the address is the process."""
    store.access.record(
        [AuditRecord(time.time_ns(), "", user(), f"process {os.getpid()}", "COMMAND", what, 0, reason)]
    )


def _time(at: int | None) -> str | None:
    return None if at is None else time_text(datetime.fromtimestamp(at / 10**9, UTC))


def _as_json(each: Token) -> dict[str, Any]:
    return {
        "id": each.id,
        "name": each.name,
        "role": each.role.value,
        "namespaces": list(each.namespaces),
        "createdAt": _time(each.created_at),
        "expiresAt": _time(each.expires_at),
        "revokedAt": _time(each.revoked_at),
        "valid": each.is_valid(time.time_ns()),
    }


def _row(each: Token) -> list[str]:
    valid = "yes" if each.is_valid(time.time_ns()) else "revoked" if each.revoked_at else "expired"
    namespaces = ", ".join(each.namespaces) or "all"
    return [
        *(each.id, each.name, each.role.value, namespaces),
        *(_time(each.created_at) or "", _time(each.expires_at) or "never", valid),
    ]
