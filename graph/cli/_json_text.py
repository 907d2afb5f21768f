"""JSON text made readable without being understood: keys that stand twice and numbers stay as they are."""

from __future__ import annotations

import json
import re

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
_INDENT = "  "
_OPENING, _CLOSING = {"{", "["}, {"}", "]"}


def pretty(body: bytes) -> str:
    """Return JSON with line ends and indentation, anything else as it is; what is not UTF-8 as U+FFFD."""
    text = body.decode("utf-8", "replace")
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text
    written, depth, before = [], 0, ""
    for token in _TOKEN.findall(text):
        if token in _CLOSING:
            depth -= 1
        if before == "," or (before in _OPENING) != (token in _CLOSING):
            written.append("\n" + _INDENT * depth)
        written.append(": " if token == ":" else token)
        if token in _OPENING:
            depth += 1
        before = token
    return "".join(written)
