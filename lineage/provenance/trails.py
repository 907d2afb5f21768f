"""The trail of a run, what it was made of and what it made, and what differs between two of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from lineage.provenance.parameters import DIGEST, digest, key_id

DatasetName: TypeAlias = tuple[str, str]
"""Namespace and name; of a file inside the repository the path from its root, whatever that was."""


@dataclass(frozen=True, slots=True)
class Trail:
    """What one run told of itself.

    `state` is COMPLETE, FAIL or ABORT. `code`, `environment` and `command` are the facets of these names, and
    empty where it told none. `parameters` are as told, `None` where only the name is. `inputs` and `outputs`
    are the artifact facets of its datasets.
    """

    run_id: str
    job: tuple[str, str]
    state: str
    error: str | None = None
    code: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)
    command: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, str | None] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[DatasetName, Mapping[str, Any]] = field(default_factory=dict)
    outputs: Mapping[DatasetName, Mapping[str, Any]] = field(default_factory=dict)

    def within(self, name: DatasetName) -> DatasetName:
        """Return the name of a dataset with its path from the root of the repository, if it is inside."""
        return name[0], path_within(self.command.get("root"), name)


def path_within(root: str | None, name: DatasetName) -> str:
    """Return the path of a file from a root; any other name, and that of a file elsewhere, as it is."""
    if root is None or name[0] != "file":
        return name[1]
    inside = root.rstrip("/") + "/"
    return name[1].removeprefix(inside) if name[1].startswith(inside) else name[1]


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs: its kind (code, input, package, ...), its name, and both sides; None is nothing."""

    kind: str
    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Compared:
    """What differs between two trails, and what could not be compared: as (kind, name, why)."""

    differences: tuple[Difference, ...]
    unknown: tuple[tuple[str, str, str], ...]


def compare(before: Trail, after: Trail, key: bytes | None = None) -> Compared:
    """Return what differs between two runs of a job but for what differs between any two: ids, times and
    places.

    `key` is that of the digests: with it, a value on one side is compared with a digest on the other.
    """
    found: list[Difference] = []
    unknown: list[tuple[str, str, str]] = []
    for one in (
        *_code(before, after),
        *_environment(before.environment, after.environment),
        *_parameters(before, after, key),
        *_datasets(before, after),
        *_ends(before, after),
    ):
        if isinstance(one, Difference):
            found.append(one)
        else:
            unknown.append(one)
    if before.code.get("commit") is None:
        unknown.append(("code", "commit", "it was not known"))
    return Compared(tuple(found), tuple(unknown))


_Found: TypeAlias = Difference | tuple[str, str, str]


def _code(before: Trail, after: Trail) -> Iterator[Difference]:
    commits = [each.code.get("commit") for each in (before, after)]
    if commits[0] is not None and commits[0] != commits[1]:
        yield Difference("code", "commit", *commits)
    trees = [_tree(each.code) for each in (before, after)]
    if trees[0] != trees[1] and None not in trees:
        yield Difference("code", "what differs from the commit", *trees)
    commands = [" ".join(each.command.get("argv", ())[1:]) for each in (before, after)]
    if before.command and after.command and commands[0] != commands[1]:
        yield Difference("code", "command", *commands)


def _tree(code: Mapping[str, Any]) -> str | None:
    """Return how the working tree differed from the commit; None where that is not known."""
    if code.get("dirty") is None:
        return None
    return str(code.get("diffHash", "unknown changes")) if code["dirty"] else "nothing"


_FIELDS = {
    "python": "Python",
    "implementation": "implementation of Python",
    "platform": "platform",
    "imageDigest": "image",
    "locale": "locale",
    "timezone": "time zone",
    "hashSeed": "PYTHONHASHSEED",
}


def _environment(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    """Compare what runs ran in; of a run that did not tell, nothing is known to differ."""
    if not before or not after:
        return
    for name, called in _FIELDS.items():
        if before.get(name) != after.get(name):
            yield Difference("environment", called, before.get(name), after.get(name))
    locks = [(each.get("lockFile") or {}).get("hash") for each in (before, after)]
    if locks[0] != locks[1]:
        yield Difference("environment", "lock file", *locks)
    yield from _differing("package", before.get("packages") or {}, after.get("packages") or {})
    yield from _differing("seed", before.get("seeds") or {}, after.get("seeds") or {})


def environment_differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """Return what differs between two environment facets, seeds aside: these a run sets by itself."""
    return [one for one in _environment(before, after) if one.kind != "seed"]


def _differing(kind: str, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Difference]:
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name):
            yield Difference(kind, name, before.get(name), after.get(name))


def _parameters(before: Trail, after: Trail, key: bytes | None) -> Iterator[_Found]:
    for name in sorted({*before.parameters, *after.parameters}):
        if name not in before.parameters or name not in after.parameters:
            sides = ["given" if name in each.parameters else None for each in (before, after)]
            yield Difference("parameter", name, *sides)
            continue
        first, second = before.parameters[name], after.parameters[name]
        if first == second:
            if first is None:
                yield "parameter", name, "its value is of a type that has no digest"
            continue
        digests = [_as_digest(each, name, key) for each in (before, after)]
        if None in digests or key_of(digests[0] or "") != key_of(digests[1] or ""):
            yield "parameter", name, "its digests were made with different keys"
        elif digests[0] != digests[1]:
            yield Difference("parameter", name, first, second)


def _as_digest(trail: Trail, name: str, key: bytes | None) -> str | None:
    value = trail.parameters[name]
    if value is None or value.startswith(DIGEST):
        return value
    return digest(typed(value, trail.types.get(name, "str")), key) if key is not None else None


def typed(text: str, kind: str) -> object:
    """Return a value that was told as text as what it was; text where that cannot be told."""
    if kind in ("bool", "NoneType"):
        return {"True": True, "False": False, "None": None}.get(text, text)
    try:
        return {"int": int, "float": float}.get(kind, str)(text)
    except ValueError:
        return text


def key_of(value: str) -> str | None:
    """Return the id of the key that a digest was made with; None of what is no digest."""
    return value.removeprefix(DIGEST).partition(":")[0] if value.startswith(DIGEST) else None


def is_digest_of(told: str, text: str, key: bytes) -> bool | None:
    """Return whether a digest is that of a value given as text, in any type; None if of another key."""
    if key_of(told) != key_id(key):
        return None
    return any(digest(typed(text, kind), key) == told for kind in ("str", "int", "float", "bool"))


def _datasets(before: Trail, after: Trail) -> Iterator[_Found]:
    for kind in ("input", "output"):
        sides: list[dict[DatasetName, Mapping[str, Any]]] = [
            {each.within(name): facet for name, facet in getattr(each, f"{kind}s").items()}
            for each in (before, after)
        ]
        for name in sorted({*sides[0], *sides[1]}):
            called = name[1] if name[0] == "file" else f"{name[0]} {name[1]}"
            if name not in sides[0] or name not in sides[1]:
                done = "read" if kind == "input" else "written"
                yield Difference(kind, called, *(done if name in side else None for side in sides))
                continue
            first, second = (side[name].get("contentHash") for side in sides)
            if first is None or second is None:
                yield kind, called, "its content has no hash"
            elif first != second:
                yield Difference(kind, called, first, second)


def _ends(before: Trail, after: Trail) -> Iterator[_Found]:
    if before.state != after.state:
        yield Difference("run", "state", before.state, after.state)
    elif before.error != after.error:
        yield Difference("run", "error", before.error, after.error)
