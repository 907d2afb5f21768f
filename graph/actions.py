"""What people have a store do, as the command, the server and its clients all have it done.

Each takes a store and plain parameters, and returns a record as questions do. Commands are given in the name
of `graph.ingest.commands.author`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from graph.errors import AmbiguousNameError, InvalidQueryError, UnknownNameError
from graph.ingest import give
from graph.ingest.commands import commanded
from graph.nodes import Node, NodeType
from graph.queries.names import resolve
from graph.questions.annotating import Deletions, Said
from graph.questions.verifying import Statements
from graph.store.base import LineageStore
from graph.store.commands import CommandKind, InvalidCommandError, command_of, line_of

SAYING = (
    CommandKind.TAG,
    CommandKind.UNTAG,
    CommandKind.OWN,
    CommandKind.DISOWN,
    CommandKind.DESCRIBE,
)
"""What `annotate` takes."""

Check = Callable[[Node], None]
"""Is called with what an action is about before anything is done, and raises where that may not be."""


def _anything(node: Node) -> None:
    """Allow an action about whatever there is."""


def annotate(
    store: LineageStore,
    name: Sequence[str],
    commands: Sequence[Mapping[str, str]],
    *,
    check: Check = _anything,
) -> Said:
    """Say something of a dataset, field or job, all of it or nothing; return what is said of it then.

    `commands` are `{"command", "name", "value"}` as in the log: `tag`, `untag`, `own` and `disown` with the
    name of a tag or owner, `describe` with the text as value, "" to take the description back.
    """
    node = resolve(store, name)
    check(node)
    given = []
    for told in commands:
        if told["command"] not in SAYING:
            raise InvalidQueryError(f"{told['command']!r} is none of {', '.join(SAYING)}")
        kind = CommandKind(told["command"])
        given.append(commanded(store, kind, node, told.get("name", ""), told.get("value", "")))
    # Of two about one thing the later one counts, however coarse the clock is.
    given = [replace(one, time=given[0].time + place) for place, one in enumerate(given)]
    try:
        store.apply([command_of(line_of(one)) for one in given])
    except InvalidCommandError as error:
        raise InvalidQueryError(str(error)) from error
    return Said(node, store.annotations([node.key])[node.key])


def delete(store: LineageStore, name: Sequence[str], *, check: Check = _anything) -> Deletions:
    """Leave a dataset or job out of all answers until it is heard of again, or brought back."""
    node = resolve(store, name, {NodeType.DATASET, NodeType.JOB})
    check(node)
    give(store, CommandKind.DELETE, node)
    return Deletions((node,), deleted=True, named=node)


def undelete(store: LineageStore, name: Sequence[str], *, check: Check = _anything) -> Deletions:
    """Bring a deleted dataset or job back, by its id, its name or the end of it, or its two parts."""
    node = _chosen(store.deleted(), list(name))
    check(node)
    give(store, CommandKind.UNDELETE, node)
    return Deletions((node,), deleted=False, named=node)


def _chosen(deleted: Sequence[Node], words: list[str]) -> Node:
    found = [node for node in deleted if words in ([node.id], [node.name], [node.namespace, node.name])]
    if not found and len(words) == 1:
        found = [node for node in deleted if node.name.endswith((f".{words[0]}", f"/{words[0]}"))]
    if not found:
        raise UnknownNameError(" ".join(words), [node.id for node in deleted[:3]])
    if len(found) > 1:
        raise AmbiguousNameError(" ".join(words), [node.id for node in found])
    return found[0]


def sign(store: LineageStore, *, check: Check = _anything) -> Statements:
    """Sign a checkpoint of the log with the key of the settings, and return it to be kept elsewhere."""
    from graph.questions.signing import checkpoint_of
    from graph.questions.signing import sign as sign_with
    from lineage.config import current_config
    from lineage.provenance.signing import read_key

    path = current_config().signing_key
    if path is None:
        raise InvalidQueryError(
            "there is no key to sign with: make one by `lineage key create FILE` and name it by"
            " LINEAGE_SIGNING_KEY, where the store is written"
        )
    body = sign_with(store, read_key(path))
    return Statements(((checkpoint_of(body).place.link + 1, body),), None)


_ALL: tuple[Callable[..., Any], ...] = (annotate, delete, undelete, sign)

ACTIONS = {action.__name__: action for action in _ALL}
"""All of them by name."""
