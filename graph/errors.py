"""Errors of the backend; each is also the built-in a caller would already catch.

GraphError
  UnknownNameError (LookupError)     nothing in the store has this name: .name .suggestions
  AmbiguousNameError (LookupError)   several nodes have this name: .name .candidates
  InvalidEventError (ValueError)     not an OpenLineage event: .problems
  InvalidQueryError (ValueError)     a question that cannot be asked so
  StoreError (OSError)               the store cannot be opened, read or written: .location
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


class StoreError(GraphError, OSError):
    """The store cannot be opened, read or written."""

    def __init__(self, location: str, reason: str) -> None:
        self.location = location
        super().__init__(f"store {location}: {reason}")
