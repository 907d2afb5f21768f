"""What operations are called, whatever a caller calls them."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache

from lineage.attribution.systems import system_name, vendor_of
from lineage.operations.values import text_of


class DBOperation(StrEnum):
    """What is done to a database."""

    SELECT = "SELECT"
    INSERT = "INSERT"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    UPSERT = "UPSERT"
    MERGE = "MERGE"
    CREATE = "CREATE"
    DROP = "DROP"
    ALTER = "ALTER"
    INDEX = "INDEX"
    TRANSACTION = "TRANSACTION"
    BATCH = "BATCH"


class StorageOperation(StrEnum):
    """What is done to an object store."""

    GET = "GET"
    PUT = "PUT"
    DELETE = "DELETE"
    LIST = "LIST"
    HEAD = "HEAD"
    COPY = "COPY"
    MULTIPART_UPLOAD = "MULTIPART_UPLOAD"


class MessagingOperation(StrEnum):
    """What is done with messages; `send` is another word for `publish`."""

    PUBLISH = "publish"
    CONSUME = "consume"
    RECEIVE = "receive"
    SEND = "send"
    SUBSCRIBE = "subscribe"


def operation_name(kind: str, name: object) -> str:
    """Return an operation's one name: capitals for databases and storage, small letters for the rest."""
    word = str(name).strip() if name is not None else ""
    if kind in ("database", "storage"):
        return word.upper() or "unknown"
    word = word.lower() or "unknown"
    return "publish" if kind == "messaging" and word == "send" else word


def system_and_vendor(kind: str, told: object) -> tuple[str, str]:
    """Return the one name of what a caller calls a system, whatever that is, and who charges for it."""
    told = str.__str__(told) if isinstance(told, str) else told
    return _known_system(kind, told) if _is_short(told) else _read_system(kind, told)


def told_name(kind: str, told: object) -> str:
    """Return the one name of what a caller calls an operation, whatever that is."""
    told = str.__str__(told) if isinstance(told, str) else told
    return _known_operation(kind, told) if _is_short(told) else _read_operation(kind, told)


def _is_short(told: object) -> bool:
    return type(told) is str and len(told) < 100


def _read_system(kind: str, told: object) -> tuple[str, str]:
    name = system_name(kind, text_of("system", told))
    return name, vendor_of(name)


def _read_operation(kind: str, told: object) -> str:
    return operation_name(kind, text_of("operation", told))


# Programs name the same few all the time.
_known_system = lru_cache(maxsize=1024)(_read_system)
_known_operation = lru_cache(maxsize=1024)(_read_operation)


_READING = {
    "database": frozenset({"SELECT"}),
    "storage": frozenset({"GET", "LIST", "HEAD"}),
    "messaging": frozenset({"consume", "receive"}),
}
_WRITING = {
    "database": frozenset({"INSERT", "UPDATE", "DELETE", "UPSERT", "MERGE", "CREATE", "DROP", "ALTER"}),
    "storage": frozenset({"PUT", "COPY", "MULTIPART_UPLOAD"}),
    "messaging": frozenset({"publish"}),
}


def reads(kind: str, operation: str) -> bool:
    """Whether an operation, by its one name, makes its dataset an input of the run."""
    return operation in _READING.get(kind, ())


def writes(kind: str, operation: str) -> bool:
    """Whether an operation, by its one name, makes its dataset an output of the run."""
    return operation in _WRITING.get(kind, ())
