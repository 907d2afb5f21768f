"""Nodes of the lineage graph: their text ids and integer keys.

The text id is what people, files and the API use: `dataset:NAMESPACE:NAME`, `job:NAMESPACE:NAME`,
`datasetField:NAMESPACE:NAME:FIELD`. Namespaces and names contain colons, so an id is never parsed
by guessing: `splits` lists the possible readings and the store says which one exists.
The integer key is derived from the identity by a hash, so several writers agree on it without
asking each other; the store checks for a key that stands for two identities.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple


class NodeType(StrEnum):
    """What a node is; the values are those of the JSON answers."""

    DATASET = "DATASET"
    FIELD = "FIELD"
    JOB = "JOB"

    # Nodes are the keys of many tables; the hash of enums is a Python function.
    __hash__ = str.__hash__


_PREFIX = {NodeType.DATASET: "dataset", NodeType.FIELD: "datasetField", NodeType.JOB: "job"}


def hash63(data: bytes) -> int:
    """Return the first 63 bits of the BLAKE2b hash of the bytes, as a positive integer."""
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big") >> 1


class Node(NamedTuple):
    """The identity of a dataset, a field of a dataset, or a job; `field` is None unless it is a field."""

    type: NodeType
    namespace: str
    name: str
    field: str | None = None

    @property
    def id(self) -> str:
        """The text id, as in `dataset:postgres://db:5432:shop.public.orders`."""
        type_, namespace, name, column = self
        whole = f"{_PREFIX[type_]}:{namespace}:{name}"
        return whole if column is None else f"{whole}:{column}"

    @property
    def key(self) -> int:
        """The integer key: 63 bits of a hash over type, namespace, name and field."""
        namespace, name, column = self.namespace, self.name, self.field or ""
        # With its length before each part no two identities give one text.
        text = f"{self.type.value}:{len(namespace)}:{namespace}{len(name)}:{name}{column}"
        return hash63(text.encode("utf-8", "surrogatepass"))

    @property
    def label(self) -> str:
        """The short form for people: the name, with the field after a dot."""
        return self.name if self.field is None else f"{self.name}.{self.field}"


def dataset(namespace: str, name: str) -> Node:
    """Return the node of a dataset."""
    return Node(NodeType.DATASET, namespace, name)


def field(namespace: str, name: str, column: str) -> Node:
    """Return the node of one field of a dataset."""
    return Node(NodeType.FIELD, namespace, name, column)


def job(namespace: str, name: str) -> Node:
    """Return the node of a job."""
    return Node(NodeType.JOB, namespace, name)


def splits(text: str) -> Iterator[Node]:
    """Yield every node that the text id could stand for; nothing when it is not a text id."""
    prefix, _, rest = text.partition(":")
    types = [type_ for type_, word in _PREFIX.items() if word == prefix]
    colons = [place for place, char in enumerate(rest) if char == ":"]
    for type_ in types:
        for first in colons:
            if type_ is not NodeType.FIELD:
                yield Node(type_, rest[:first], rest[first + 1 :])
                continue
            for second in (place for place in colons if place > first):
                yield Node(type_, rest[:first], rest[first + 1 : second], rest[second + 1 :])
