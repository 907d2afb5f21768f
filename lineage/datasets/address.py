"""URIs taken apart without trusting them: what is a credential goes, and errors never show one."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

from lineage.datasets.platforms import Platform, platform_of
from lineage.errors import InvalidNameError

_URI = re.compile(r"([A-Za-z][A-Za-z0-9+._\-]+)://(.*)", re.DOTALL)
_SERVER = r"(?:\[[^\[\]]+\]|[^:,]*)(?::[0-9]+)?"
_SERVERS = re.compile(f"{_SERVER}(?:,{_SERVER})*")
_QUERY = re.compile(r"\?[\w.\-]+=.*", re.DOTALL)
_SECRET_QUERY = re.compile(
    r"[?;&][\w.\-]*(?:passw|pwd|secret|token|key|sig|credential)[\w.\-]*=.*", re.DOTALL | re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Address:
    """A URI without its credentials: `scheme://authority path`, the path as written, and the query."""

    scheme: str
    authority: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    fragment: str = ""


def split_uri(text: str) -> tuple[str, str] | None:
    """`scheme` and what follows `://`, or None for what is no such URI."""
    found = _URI.fullmatch(text)
    return (found[1], found[2]) if found else None


def split_connection(text: str, scheme: str, rest: str) -> Address:
    """The parts of a connection URL, where `?`, `#` and `;` end the path.

    A password with a bare `/`, `?`, `#` or `@` in it would leave half of itself in the host or
    the path, so what could be one is refused.
    """
    platform = platform_of(scheme)
    if platform and platform.kind == "embedded":
        return _split_file(scheme, rest)
    authority, tail = _authority(text, rest, "/?#;", keep_user=False, ported=True)
    path, _, fragment = tail.partition("#")
    path, query = _cut(path, "?;")
    if (
        "@" in path
        or "@" in fragment
        or any("@" in part and "=" not in part for part in re.split("[&;]", query))
    ):
        raise _unreadable_password(text)
    return Address(scheme, authority, unquote(path), _pairs(query), fragment)


def _split_file(scheme: str, rest: str) -> Address:
    """A database file has no host and no user, so an @ in its path is data."""
    path, _, fragment = rest.partition("#")
    query = _QUERY.search(path)
    return Address(scheme, "", _QUERY.sub("", path), _pairs(query[0][1:]) if query else {}, fragment)


def _pairs(query: str) -> dict[str, str]:
    pairs = parse_qsl(query.replace(";", "&"), keep_blank_values=True)
    return {key.lower(): value for key, value in pairs}


def split_location(text: str, scheme: str, rest: str) -> Address:
    """The parts of the URI of an object or a file, whose path is data: only `?name=value` ends it."""
    platform = platform_of(scheme)
    ported = platform is not None and platform.kind in ("filesystem", "documents")
    authority, path = _authority(text, rest, "/", keep_user=True, ported=ported)
    return Address(scheme, authority, _QUERY.sub("", path))


def _authority(text: str, rest: str, ends: str, *, keep_user: bool, ported: bool) -> tuple[str, str]:
    authority, tail = _cut(rest, ends, keep=True)
    user, at, place = authority.rpartition("@")
    doubtful = ":" in user if at else ":" in authority and not (ported and _SERVERS.fullmatch(authority))
    if "@" in tail and doubtful:
        raise _unreadable_password(text)
    if not at or (keep_user and _is_container(text, user)):
        return authority, tail
    return place, tail


def _is_container(uri: str, user: str) -> bool:
    """Whether what stands before the @ is no user but the container of an Azure storage account."""
    platform = platform_of(uri.partition(":")[0])
    return platform is not None and platform.scheme in ("abfss", "wasbs") and ":" not in user


def _cut(text: str, ends: str, *, keep: bool = False) -> tuple[str, str]:
    at = min((position for end in ends if (position := text.find(end)) >= 0), default=len(text))
    return text[:at], text[at if keep else at + 1 :]


def _unreadable_password(text: str) -> InvalidNameError:
    reason = "an @ follows the host: write %40 for it, in the password or behind the host"
    return InvalidNameError(masked(text), reason)


def masked(text: str) -> str:
    """A value as an error may show it: no user, no password, no query."""
    text = re.sub(r"(?s)://.*@", "://***@", text)
    text = re.sub(r"(?s)[?;].*", "", text)
    text = re.sub(r"(?s)(://[^/:@\[\]]*):(?![0-9]*(?:[/,#]|$)).*", r"\1:***", text)
    return re.sub(r"(?is)\b(pass\w*|pwd|secret|token)\s*=.*", r"\1=***", text)


def without_secret_query(path: str) -> str:
    """A path without what a signed URL left in the name of a downloaded file: `orders.csv?token=...`."""
    return _SECRET_QUERY.sub("", path) if "?" in path else path


def without_credentials(namespace: str) -> str:
    """A namespace without user, password and query; what is no URI, and all else, unchanged."""
    parts = split_uri(namespace)
    if parts is None or not ("@" in parts[1] or "=" in parts[1]):
        return namespace
    scheme, rest = parts
    platform = platform_of(scheme)
    rest = _SECRET_QUERY.sub("", rest)
    if _has_query(platform):
        rest = _QUERY.sub("", rest)
    return f"{scheme}://{_without_user(namespace, rest)}"


def _has_query(platform: Platform | None) -> bool:
    return platform is not None and platform.kind in ("database", "embedded", "topic")


def _without_user(namespace: str, rest: str) -> str:
    authority, _ = _cut(rest, "/", keep=True)
    user, at, _ = authority.rpartition("@")
    if at:
        secret = ":" in user
        if _is_container(namespace, user) or not (secret or _drops_any_user(namespace)):
            return rest
    else:
        secret = ":" in authority and not _SERVERS.fullmatch(authority)
    if secret:
        return rest.rpartition("@")[2] if "@" in rest else rest
    return rest[len(user) + 1 :] if at else rest


def _drops_any_user(namespace: str) -> bool:
    """A bare word before the @ is kept where the scheme is unknown, unless it is likely to be a token."""
    scheme = namespace.partition(":")[0].lower()
    return platform_of(scheme) is not None or scheme in ("http", "https")
