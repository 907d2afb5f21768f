"""Every error this package raises on purpose.

    LineageError
      ConfigError (ValueError)              a setting is wrong: .setting .value .source
      InvalidNameError (ValueError)         a dataset name or address cannot be read: .value
      MissingDependencyError (ImportError)  .package .extra
      KeyFileError (OSError)                a file of keys cannot be used: .path
      ContentError (ValueError)             data that has no content hash, or is none itself
      ReplayError (ValueError)              a run that cannot be run again as it was recorded
      EmbedError (OSError)                  an id cannot be put into a file: .path
      SqlError (ValueError)                 SQL that cannot be understood: .sql .dialect
      InstrumentError                       something cannot be instrumented: .target
      OutboxError (OSError)                 the outbox cannot be written or read: .path
      DeliveryError                         a backend refused or did not answer: .retriable

They are raised at configuration, on explicit calls and in the command. In the flow of a
watched function nothing is raised: see `lineage._guard`.
"""

from __future__ import annotations

from pathlib import Path


class LineageError(Exception):
    """The base of everything this package raises on purpose."""


class ConfigError(LineageError, ValueError):
    """A setting has a value that cannot be used."""

    def __init__(self, setting: str, value: object, source: str, allowed: str) -> None:
        self.setting = setting
        self.value = value
        self.source = source
        super().__init__(f"{setting} = {value!r} (from {source}) cannot be used: {allowed}")


class InvalidNameError(LineageError, ValueError):
    """A dataset name, URI, DSN or path cannot be read as a dataset."""

    def __init__(self, value: object, reason: str) -> None:
        self.value = value
        super().__init__(f"{value!r} does not name a dataset: {reason}")


class MissingDependencyError(LineageError, ImportError):
    """A library that an optional part needs is not installed."""

    def __init__(self, package: str, *, extra: str) -> None:
        self.package = package
        self.extra = extra
        super().__init__(f"{package} is needed for this: pip install 'lineage-graph[{extra}]'")


class KeyFileError(LineageError, OSError):
    """A file of keys cannot be used; the message never holds a private key."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        super().__init__(f"{path}: {reason}")


class ContentError(LineageError, ValueError):
    """Data that has no content hash, or text that is none; the message never holds the data itself."""


class ReplayError(LineageError, ValueError):
    """A recorded run that cannot be run again as asked: what is missing for it, and where to get it."""


class EmbedError(LineageError, OSError):
    """The id of a run cannot be put into a file or beside it; the file is what it was."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        super().__init__(f"{path} got no id, and is what it was: {reason}")


class SqlError(LineageError, ValueError):
    """SQL text that cannot be understood; the message never holds the text itself."""

    def __init__(self, reason: str, *, sql: str, dialect: str | None = None) -> None:
        self.sql = sql
        self.dialect = dialect
        super().__init__(reason)


class InstrumentError(LineageError):
    """A function or library cannot be instrumented as asked."""

    def __init__(self, target: str, reason: str) -> None:
        self.target = target
        super().__init__(f"{target} cannot be instrumented: {reason}")


class OutboxError(LineageError, OSError):
    """The outbox file cannot be written or read."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        super().__init__(f"outbox {path}: {reason}")


class DeliveryError(LineageError):
    """A backend refused an event or could not be reached."""

    def __init__(self, reason: str, *, retriable: bool) -> None:
        self.retriable = retriable
        super().__init__(reason)
