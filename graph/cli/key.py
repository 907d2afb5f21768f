"""`lineage key create|show|trust|rotate`."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from graph.cli._group import SuggestingGroup
from graph.cli._options import Json, Store
from graph.cli._output import print_items, print_note
from graph.cli._store import own_location
from graph.questions.signing import sign
from graph.store import open_store
from lineage.config import current_config
from lineage.provenance.signing import (
    SigningKey,
    create_key,
    is_public_key,
    key_id,
    read_key,
    read_public_keys,
)

key = typer.Typer(
    cls=SuggestingGroup,
    help="Make, show, trust and change the keys that sign the checkpoints of a log.",
    context_settings={"help_option_names": ["-h", "--help"]},
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

NewFile = Annotated[Path, typer.Argument(metavar="FILE", help="Where the private key will lie.")]
Public = Annotated[str, typer.Argument(metavar="KEY", help="A public key: ed25519:...")]


@key.command()
def create(file: NewFile, json: Json = False) -> None:
    """Make a private key in a new file that only you can read, and print the public one."""
    made = create_key(file.expanduser().absolute())
    _print(made.public, json=json)
    if not json:
        print_note(f"Sign with it by LINEAGE_SIGNING_KEY={file}")


@key.command()
def show(json: Json = False) -> None:
    """Print the public part of the key of the settings, and the keys that are trusted."""
    config = current_config()
    own = [] if config.signing_key is None else [read_key(config.signing_key).public]
    trusted = () if config.trusted_keys is None else read_public_keys(config.trusted_keys)
    listed = list(dict.fromkeys([*own, *trusted]))
    if json:
        print_items(
            {}, [{**_as_item(each), "signs": each in own, "trusted": each in trusted} for each in listed]
        )
        return
    for each in listed:
        words = [*(["signs"] if each in own else []), *(["trusted"] if each in trusted else [])]
        typer.echo(f"{each}  {key_id(each)}  {', '.join(words)}")
    if not listed:
        print_note("No key is set: LINEAGE_SIGNING_KEY, LINEAGE_TRUSTED_KEYS")


@key.command()
def trust(public: Public, json: Json = False) -> None:
    """Add a public key to the file of those that are trusted."""
    path = current_config().trusted_keys
    if path is None:
        raise typer.BadParameter("name the file of trusted keys first: LINEAGE_TRUSTED_KEYS")
    if not is_public_key(public):
        raise typer.BadParameter(f"{public[:80]!r} is no public key such as ed25519:...", param_hint="KEY")
    path.parent.mkdir(parents=True, exist_ok=True)
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if public not in {line.split()[0] for line in text.splitlines() if line.strip()}:
        path.write_text(
            text + ("\n" if text and not text.endswith("\n") else "") + public + "\n", encoding="utf-8"
        )
    _print(public, json=json)


@key.command()
def rotate(file: NewFile, json: Json = False, store: Store = None) -> None:
    """Make another private key, and have the log say, signed by the old one, that it follows.

    Who trusts the old key trusts the new one from there on, and the old one no more.
    """
    path = current_config().signing_key
    if path is None:
        raise typer.BadParameter("there is no key to follow: LINEAGE_SIGNING_KEY")
    old: SigningKey = read_key(path)
    with closing(open_store(own_location(store))) as kept:
        made = create_key(file.expanduser().absolute())
        sign(kept, old, next_key=made.public)
        sign(kept, made)
    _print(made.public, json=json)
    if not json:
        print_note(f"Sign with it by LINEAGE_SIGNING_KEY={file}, and destroy {path}")


def _print(public: str, *, json: bool) -> None:
    if json:
        print_items({}, [_as_item(public)])
    else:
        typer.echo(public)
        print_note(f"Its id is {key_id(public)}.")


def _as_item(public: str) -> dict[str, str]:
    return {"key": public, "id": key_id(public)}
