"""From what a person types to the one node it names.

A name is a text id, a URI, an unambiguous suffix of a name, or a namespace and a name as two words. What
stands behind a dot is read as a field only where the dataset before it has that field.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from difflib import get_close_matches

from graph.errors import AmbiguousNameError, InvalidQueryError, UnknownNameError
from graph.nodes import Node, NodeType, dataset, field, job, splits
from graph.store.base import LineageReader
from lineage.errors import InvalidNameError

ANY = frozenset(NodeType)
"""All types of node."""

_SUGGESTIONS = 3
_NAMES_COMPARED = 20_000
_PAGE = 2_000


def resolve(
    reader: LineageReader, name: Node | str | Sequence[str], types: Collection[NodeType] = ANY
) -> Node:
    """Return the node that a name stands for, among nodes of these types.

    `name` is one word, or a namespace and a name as two; a Node is looked up as it is.

    Raises:
        UnknownNameError: nothing in the store is called so; `.suggestions` are up to three near names.
        AmbiguousNameError: two readings or two nodes; `.candidates` are their ids.
        InvalidQueryError: more than two words.
    """
    if isinstance(name, Node):
        found = [known] if (known := reader.lookup(name)) is not None else []
        words: list[str] = [name.id]
    else:
        words = [name] if isinstance(name, str) else list(name)
        if not 1 <= len(words) <= 2:
            raise InvalidQueryError(f"a name is one word, or NAMESPACE NAME as two; got {words!r}")
        readings = _of_one_word(reader, words[0]) if len(words) == 1 else _of_two_words(reader, *words)
        found = sorted({node for node in readings if node.type in types})
    if not found:
        raise UnknownNameError(" ".join(words), _near(reader, words[-1], types))
    if len(found) > 1:
        raise AmbiguousNameError(" ".join(words), [node.id for node in found])
    return found[0]


def _of_one_word(reader: LineageReader, name: str) -> Iterator[Node]:
    by_id = [node for node in (reader.lookup(split) for split in splits(name)) if node is not None]
    if by_id:
        # Whoever writes an id means it: a name that happens to end like one is no second reading.
        yield from by_id
        return
    yield from _of_uri(reader, name)
    yield from reader.named(name, (NodeType.DATASET, NodeType.JOB))
    for head, column in _dotted(name):
        for parent in reader.named(head, (NodeType.DATASET,)):
            yield from _field_of(reader, parent, column)


def _of_uri(reader: LineageReader, name: str) -> Iterator[Node]:
    yield from _known_uri(reader, name)
    for head, column in _dotted(name):
        for parent in _known_uri(reader, head):
            yield from _field_of(reader, parent, column)


def _known_uri(reader: LineageReader, uri: str) -> Iterator[Node]:
    if not set(uri) & set("/:"):
        return  # a bare name: the store finds it in whatever namespace it is
    from lineage.datasets import parse_dataset

    try:
        named = parse_dataset(uri)
    except InvalidNameError:
        return
    known = reader.lookup(dataset(named.namespace, named.name))
    if known is not None:
        yield known


def _of_two_words(reader: LineageReader, namespace: str, name: str) -> Iterator[Node]:
    for node in (dataset(namespace, name), job(namespace, name)):
        known = reader.lookup(node)
        if known is not None:
            yield known
    for head, column in _dotted(name):
        parent = reader.lookup(dataset(namespace, head))
        if parent is not None:
            yield from _field_of(reader, parent, column)


def _dotted(name: str) -> Iterator[tuple[str, str]]:
    """Yield what stands before and behind each dot, the last dot first: names of nested fields hold dots."""
    place = name.rfind(".")
    while place > 0:
        if place < len(name) - 1:
            yield name[:place], name[place + 1 :]
        place = name.rfind(".", 0, place)


def _field_of(reader: LineageReader, parent: Node, column: str) -> Iterator[Node]:
    wanted = field(parent.namespace, parent.name, column)
    if wanted in reader.fields(parent):
        yield wanted


def _near(reader: LineageReader, name: str, types: Collection[NodeType]) -> list[str]:
    """Return up to three labels that are written nearly like the name, of a bounded part of the store."""
    if NodeType.FIELD in types:
        for head, column in _dotted(name):
            parents = reader.named(head, (NodeType.DATASET,))
            if parents:
                known = {node.field or "": node.label for parent in parents for node in reader.fields(parent)}
                return [known[near] for near in get_close_matches(column, known, _SUGGESTIONS)]
    whole = {NodeType.DATASET, NodeType.JOB} & set(types) or {NodeType.DATASET}
    labels: dict[str, set[str]] = defaultdict(set)
    after = -1
    while len(labels) < _NAMES_COMPARED and (page := reader.all_nodes(whole, after=after, limit=_PAGE)):
        after = page[-1][0]
        for _, node in page:
            labels[node.name.lower()].add(node.label)
            labels[node.name.rpartition(".")[2].rpartition("/")[2].lower()].add(node.label)
    near = get_close_matches(name.lower(), labels, _SUGGESTIONS)
    return list(dict.fromkeys(label for each in near for label in sorted(labels[each])))[:_SUGGESTIONS]
