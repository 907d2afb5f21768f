"""Changes of a dataset's schema: what there is to change, and which changes do not go together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from graph.errors import InvalidQueryError, UnknownNameError
from graph.nodes import Node


@dataclass(frozen=True, slots=True)
class Drop:
    """A field goes, with the fields nested in it."""

    field: str

    def __str__(self) -> str:
        return f"drop {self.field}"


@dataclass(frozen=True, slots=True)
class Rename:
    """A field keeps its values and is called `to`."""

    field: str
    to: str

    def __str__(self) -> str:
        return f"rename {self.field} to {self.to}"


@dataclass(frozen=True, slots=True)
class Retype:
    """A field gets the type `to`."""

    field: str
    to: str

    def __str__(self) -> str:
        return f"type of {self.field} to {self.to}"


@dataclass(frozen=True, slots=True)
class Add:
    """A field that was not there comes, with a type where it is told."""

    field: str
    type: str | None = None

    def __str__(self) -> str:
        return f"add {self.field}"


Change = Drop | Rename | Retype | Add


def nested_in(name: str, known: Iterable[str]) -> list[str]:
    """Return the field of this name and those nested in it."""
    return [each for each in known if each == name or each.startswith(f"{name}.")]


def check_changes(
    dataset: Node, known: Sequence[str], there: Collection[str], changes: Iterable[Change]
) -> list[Change]:
    """Return the changes, each once, when the dataset has the fields they name and they go together.

    `known` are the names of the dataset's fields, `there` those that a new one cannot have: lineage may
    already name a field that is still to come. A field may be renamed and get another type at once.

    Raises:
        UnknownNameError: the dataset has no such field; `.suggestions` are up to three near names.
        InvalidQueryError: two changes that contradict each other, or a new name that is taken.
    """
    each_once = list(dict.fromkeys(changes))
    of_field: dict[str, list[Change]] = defaultdict(list)
    for change in each_once:
        if not isinstance(change, Add) and change.field not in known:
            near = get_close_matches(change.field, known, 3)
            raise UnknownNameError(f"{dataset.label}.{change.field}", [f"{dataset.label}.{n}" for n in near])
        of_field[change.field].append(change)
    for name, together in of_field.items():
        kinds = {type(change) for change in together}
        if len(together) > len(kinds) or (len(kinds) > 1 and kinds != {Rename, Retype}):
            said = " and ".join(map(str, together))
            raise InvalidQueryError(f"{name} cannot change in two ways at once: {said}")
    _check_new_names(there, each_once)
    return each_once


def _check_new_names(there: Collection[str], changes: Iterable[Change]) -> None:
    taken = set(there) - {each.field for each in changes if isinstance(each, Drop | Rename)}
    for change in changes:
        new = change.to if isinstance(change, Rename) else change.field
        if isinstance(change, Rename | Add):
            if not new:
                raise InvalidQueryError(f"{change}: the new name is empty")
            if new in taken:
                raise InvalidQueryError(f"{change}: there is a field called {new} already")
            taken.add(new)
