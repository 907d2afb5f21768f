"""How much of a statement is read: what keeps the time bounded whatever is executed.

Reading costs time per token, not per character, so a long literal or list of literals is cheap and a long
text of brackets and signs is not. Nobody writes the latter; a fault or an attacker does.
"""

from __future__ import annotations

import re
from functools import cache

from lineage.redaction.patterns import RUNS

CHARACTERS = 1 << 20
"""So many characters of a statement are read."""
UNITS = 32_768
"""So many units of a statement are read: up to three plain words, numbers and commas are one, as is a list
of plain literals or anything else."""
TOKENS = 3 * UNITS
"""So many tokens are read where a dialect's quotes make more of a text than its units tell."""
END = "\u2026"
"""What stands at the end of a rendering for the rest that was not read."""

_UNIT = (
    "|".join(rule for _, rule in RUNS)
    + r"|(?:[^\W\d]\w*+(?![$#'\"&-])|[,.=)?\\]|[0-9]++)"
    + r"(?:\s*+(?:[^\W\d]\w*+(?![$#'\"&-])|,(?!\s*+[-+0-9'?%$:(])|[.=)?\\]|[0-9]++)){0,2}+"
    r"|'[^'\\]*+(?:\\[\s\S][^'\\]*+)*+'?|\"[^\"\\]*+(?:\\[\s\S][^\"\\]*+)*+\"?|`[^`]*+`?"
    r"|--[^\n]*+|/\*[^*]*+(?:\*(?!/)[^*]*+)*+(?:\*/)?|\S"
)


@cache
def _pattern(units: int) -> re.Pattern[str]:
    return re.compile(rf"(?:\s*+(?:{_UNIT})){{0,{units}}}+\s*+")


def head(text: str, units: int = UNITS) -> tuple[str, bool]:
    """Return what of a statement is read, and whether that is less than all of it."""
    size = len(text)
    if size <= units:
        return text, False
    if text.endswith(END):
        # What was cut once may take a little more room for how it is set; it is not cut a second time.
        units += units // 4
    found = _pattern(units).match(text, 0, CHARACTERS)
    end = found.end() if found else 0
    return (text, False) if end == size else (text[:end], True)
