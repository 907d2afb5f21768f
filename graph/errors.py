"""Errors of the backend; each is also the built-in a caller would already catch.

GraphError
  UnknownNameError (LookupError)     nothing in the store has this name: .name .suggestions
  AmbiguousNameError (LookupError)   several nodes have this name: .name .candidates
  InvalidEventError (ValueError)     not an OpenLineage event: .problems
  InvalidQueryError (ValueError)     a question that cannot be asked so
  InvalidSourceError (ValueError)    nothing that can be imported: an unknown importer, a wrong address
  ImportSourceError (OSError)        what is imported cannot be reached or read: .source
  StoreError (OSError)               the store cannot be opened, read or written: .location
    DamagedStoreError                what it holds is damaged
"""

from __future__ import annotations

from collections.abc import Sequence

from lineage.errors import LineageError


class GraphError(LineageError):
    """The base of the backend's errors."""


class UnknownNameError(GraphError, LookupError):
    """Nothing in the store has this name."""

    def __init__(self, name: str, suggestions: Sequence[str] = ()) -> None:
        self.name = name
        self.suggestions = list(suggestions)
        near = f" Did you mean {', '.join(self.suggestions)}?" if self.suggestions else ""
        super().__init__(f"nothing in the store is called {name!r}.{near}")


class AmbiguousNameError(GraphError, LookupError):
    """Several nodes have this name; `candidates` are their text ids."""

    def __init__(self, name: str, candidates: Sequence[str]) -> None:
        self.name = name
        self.candidates = list(candidates)
        super().__init__(f"{name!r} may mean any of: {', '.join(self.candidates)}. Give one of these ids.")


class InvalidEventError(GraphError, ValueError):
    """The bytes are not an OpenLineage event; `problems` says why, a sentence each."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = list(problems)
        super().__init__("; ".join(self.problems))


class InvalidQueryError(GraphError, ValueError):
    """A question that cannot be asked in this way; the message says what to change."""


class InvalidSourceError(GraphError, ValueError):
    """Something that cannot be imported; the message says what to give instead."""


class ImportSourceError(GraphError, OSError):
    """What is imported cannot be reached, or stopped answering. What came before is kept."""

    def __init__(self, source: str, reason: str) -> None:
        self.source = source
        super().__init__(f"{source}: {reason}")

    def go_on_from(self, time: str | None) -> ImportSourceError:
        """Return the error with the time from which the import can go on; None: from the beginning."""
        how = "run it again" if time is None else f"run it again, with --since {time} to go on from there"
        return ImportSourceError(self.source, f"{str(self).removeprefix(f'{self.source}: ')}; {how}")


class StoreError(GraphError, OSError):
    """The store cannot be opened, read or written."""

    def __init__(self, location: str, reason: str) -> None:
        self.location = location
        super().__init__(f"store {location}: {reason}")


class DamagedStoreError(StoreError):
    """What the store holds is damaged: it is there, and is not what was written."""
