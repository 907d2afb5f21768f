"""Secrets inside URLs, DSNs and `key=value` settings."""

from __future__ import annotations

import re

HIDDEN = "***"

SECRET_KEY = (
    r"(?:[\w.-]*(?:password|passwd|passphrase|pwd|secret|token|signature|credential|private[_-]?key"
    r"|api[_-]?key|account[_-]?key|access[_-]?key|shared[_-]?access|access[_-]?id)[\w-]*"
    r"|pass|sig|aws_key_id|key_?id|x-amz-[\w-]+|x-goog-[\w-]+|sas|auth(?:orization)?)"
)
"""Names whose values are secrets, as one case-insensitive pattern of a whole name."""

is_secret_key = re.compile(SECRET_KEY, re.IGNORECASE).fullmatch

_USER_INFO = re.compile(r"(?<=://)([^\s:/?#@'\"<>]{0,256}+):([^\s/'\"<>]{0,1024}@|[^\s'\"<>@]{1,1024}@)")
_PARAMETER = re.compile(r"([?&;])([\w.%-]{1,64}+)=([^&;#\s'\"<>]*+)")
_EQUALS = re.compile(r"(?<![\w.-])([\w.-]{1,64}+)\s{0,8}+=\s{0,8}+")
_COLON = re.compile(r"(?<![\w.-])([\w.-]{1,64}+)\s{0,8}+:(?![/:])\s{0,8}+")
_VALUE = re.compile(r"'(?:[^'\\]|\\[\s\S]|'')*+'?|\"(?:[^\"\\]|\\[\s\S])*+\"?|[^\s;,&]++")


def redact_url(text: str) -> str:
    """Hide what is secret in a URL, DSN, SQLAlchemy URL, connection string or libpq keyword DSN.

    Passwords and the values of secret parameters become `***`; user names, hosts, databases and all
    other parameters stay, for they are needed to debug.
    """
    if "://" in text:
        text = _USER_INFO.sub(rf"\1:{HIDDEN}@", text)
    if "=" not in text:
        return text
    return _without_values(_PARAMETER.sub(_parameter, text), _EQUALS)


def redact_headers(text: str) -> str:
    """Hide what stands behind `token:` and other names of secrets."""
    return _without_values(text, _COLON) if ":" in text else text


def _parameter(found: re.Match[str]) -> str:
    return f"{found[1]}{found[2]}={HIDDEN}" if is_secret_key(found[2]) else found[0]


def _without_values(text: str, keys: re.Pattern[str]) -> str:
    pieces, at = [], 0
    for key in keys.finditer(text):
        value = _VALUE.match(text, key.end()) if key.start() >= at and is_secret_key(key[1]) else None
        if value and value[0] != HIDDEN:
            pieces += [text[at : key.end()], HIDDEN]
            at = value.end()
    return "".join([*pieces, text[at:]])
