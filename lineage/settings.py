"""The table of settings: their names, the variables they are read from, and what they may be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the settings table: its name, the variables it is read from, and what it means."""

    name: str
    variables: tuple[str, ...]
    parse: Callable[[Any], Any]
    allowed: str
    meaning: str
    takes_objects: bool = False


def _flag(text: str) -> bool:
    word = text.strip().lower()
    if word in {"1", "true", "yes", "on"}:
        return True
    if word in {"", "0", "false", "no", "off"}:
        return False
    raise ValueError(text)


def _size(text: str) -> int:
    units = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
    word = text.strip().lower().removesuffix("b").removesuffix("i")
    factor = units.get(word[-1:], 1)
    size = int(float(word[:-1] if factor > 1 else word) * factor)
    if size < 1 << 20:
        raise ValueError(text)
    return size


def _durability(text: str) -> str:
    word = text.strip().upper()
    if word not in {"NORMAL", "FULL"}:
        raise ValueError(text)
    return word


def _words(text: str) -> str:
    if not text.strip():
        raise ValueError(text)
    return text.strip()


def _folder(text: str) -> Path:
    return Path(_words(text)).expanduser().absolute()


def _file(text: str) -> str:
    return str(_folder(text))


TIERS = ("off", "essential", "full")


def tier(text: str) -> str:
    """Return the name of a tier of provenance; ValueError for another word."""
    word = text.strip().lower()
    if word not in TIERS:
        raise ValueError(text)
    return word


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


SINKS = ("lineage", "stderr", "stdout", "otel", "none")


def _sinks(value: Any) -> tuple[Any, ...]:
    """Return the sinks: names, and objects given in code (functions of an event, or with a `write`)."""
    given = (
        value.split(",") if isinstance(value, str) else value if isinstance(value, list | tuple) else [value]
    )
    sinks = tuple(one.strip() if isinstance(one, str) else one for one in given)
    if not sinks or not all(_is_sink(one) for one in sinks):
        raise ValueError(value)
    return sinks


def _is_sink(one: Any) -> bool:
    if isinstance(one, str):
        return one in SINKS or (one.startswith("file:") and len(one) > len("file:"))
    return callable(one) or callable(getattr(one, "write", None))


def _paths(text: str) -> tuple[str, ...]:
    return tuple(str(Path(part.strip()).expanduser().absolute()) for part in text.split(",") if part.strip())


def _frames(text: str) -> int:
    """Return the number of frames, 0 for all of them."""
    if text.strip().lower() == "all":
        return 0
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "namespace",
        ("LINEAGE_NAMESPACE", "OPENLINEAGE_NAMESPACE"),
        _words,
        "any words",
        "The namespace of jobs that name none. Default: default.",
    ),
    Setting(
        "disabled",
        ("LINEAGE_DISABLED",),
        _flag,
        "true or false",
        "Record nothing at all. Default: false, and true when OPENLINEAGE_DISABLED is true.",
    ),
    Setting(
        "store",
        ("LINEAGE_STORE",),
        _words,
        "a file path, a PostgreSQL URL, or the URL of a server",
        "The store that questions are asked of. Default: lineage.db in the user's data folder.",
    ),
    Setting(
        "token",
        ("LINEAGE_TOKEN",),
        _words,
        "a token of the server",
        "What a server is asked with, where the store is one. Default: none.",
    ),
    Setting(
        "ca",
        ("LINEAGE_CA",),
        _file,
        "a file of certificates (PEM)",
        "Who may vouch for a server that is asked by https. Default: the authorities of requests.",
    ),
    Setting(
        "signing_key",
        ("LINEAGE_SIGNING_KEY",),
        _folder,
        "a file with a private Ed25519 key (PEM), made by `lineage key create`",
        "What checkpoints of the log are signed with. Default: nothing is signed.",
    ),
    Setting(
        "trusted_keys",
        ("LINEAGE_TRUSTED_KEYS",),
        _folder,
        "a file of public keys, one in a line",
        "Whose checkpoints count when a log is verified. Default: anybody's, and whose is told.",
    ),
    Setting(
        "outbox",
        ("LINEAGE_OUTBOX",),
        _folder,
        "a folder on a local disk",
        "Where events wait until they are delivered. Default: the user's state folder.",
    ),
    Setting(
        "outbox_limit",
        ("LINEAGE_OUTBOX_LIMIT",),
        _size,
        "a size of at least 1M, such as 500M or 2G",
        "The size of one outbox file above which the oldest unsent events are dropped. Default: 1G.",
    ),
    Setting(
        "outbox_durability",
        ("LINEAGE_OUTBOX_DURABILITY",),
        _durability,
        "NORMAL or FULL",
        "NORMAL survives a killed process, FULL a power failure as well. Default: NORMAL.",
    ),
    Setting(
        "ship",
        ("LINEAGE_SHIP",),
        _flag,
        "true or false",
        "Deliver to another backend from a thread of this process. Default: true.",
    ),
    Setting(
        "service_name",
        ("LINEAGE_SERVICE_NAME", "OTEL_SERVICE_NAME"),
        _words,
        "any words",
        "The service that captured queries belong to. Default: the name of the program.",
    ),
    Setting(
        "environment",
        ("LINEAGE_ENVIRONMENT",),
        _words,
        "any words, such as production",
        "Where the service runs, as captured queries tell it. Default: unknown.",
    ),
    Setting(
        "queries",
        ("LINEAGE_QUERIES",),
        _flag,
        "true or false",
        "Capture queries. Default: true.",
    ),
    Setting(
        "sink",
        ("LINEAGE_SINK",),
        _sinks,
        f"{', '.join(SINKS)}, file:PATH, or several of them joined by commas",
        "Where captured queries go. Default: lineage, which counts them to their runs.",
        takes_objects=True,
    ),
    Setting(
        "include_query_text",
        ("LINEAGE_INCLUDE_QUERY_TEXT",),
        _flag,
        "true or false",
        "Tell a query's text without its values beside its fingerprint. Default: true.",
    ),
    Setting(
        "include_raw_query_text",
        ("LINEAGE_INCLUDE_RAW_QUERY_TEXT",),
        _flag,
        "true or false",
        "Tell the text with its values to the sinks named, never to lineage events. Default: false.",
    ),
    Setting(
        "callsite_skip",
        ("LINEAGE_CALLSITE_SKIP",),
        _paths,
        "folders or files joined by commas",
        "Code that is not the application's, besides the installed packages.",
    ),
    Setting(
        "callsite_keep",
        ("LINEAGE_CALLSITE_KEEP",),
        _paths,
        "folders or files joined by commas",
        "Code that is the application's although it is an installed package.",
    ),
    Setting(
        "callsite_frames",
        ("LINEAGE_CALLSITE_FRAMES",),
        _frames,
        "a number of at least 1, or all",
        "How many lines of the application are told for a query. Default: 10.",
    ),
    Setting(
        "prices",
        ("LINEAGE_PRICES",),
        _folder,
        "a TOML file",
        "What requests, bytes, tokens, messages and time cost at each vendor. Default: costs are not known.",
    ),
    Setting(
        "otel_old_names",
        ("LINEAGE_OTEL_OLD_NAMES",),
        _flag,
        "true or false",
        "Tell spans of operations under older attribute names, too: db.system, botanu.*. Default: false.",
    ),
    Setting(
        "provenance",
        ("LINEAGE_PROVENANCE",),
        tier,
        ", ".join(TIERS[:-1]) + f" or {TIERS[-1]}",
        "What runs record of the versions of data, code and environment. Default: essential.",
    ),
    Setting(
        "parameters_allowed",
        ("LINEAGE_PARAMETERS_ALLOWED",),
        _names,
        "names of parameters joined by commas",
        "Parameters that are told by their values rather than as digests, but for secrets. Default: none.",
    ),
    Setting(
        "parameters_key",
        ("LINEAGE_PARAMETERS_KEY",),
        _folder,
        "a file",
        "The key that digests of parameters are made with. Default: parameters.key in the outbox's folder.",
    ),
)
