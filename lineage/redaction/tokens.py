"""SQL text cut into tokens, in linear time and failing closed.

Where the readings of a text differ, whatever one of them takes for quoted or commented is hidden before
anything is rendered.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from lineage.redaction.density import END, TOKENS, UNITS, head
from lineage.redaction.patterns import pattern_of
from lineage.redaction.readings import FLAT, TRIGGERS, Reading, readings_of

Token = tuple[str, str, str]
"""Kind, lexeme, and the lexeme with the whitespace before it; these last, joined, are the text.

Kinds: end (nothing but whitespace), word, number, string, name (quoted identifier), comment, mark
(placeholder), stage (`@stage/path`), variable (`@name`), op (operator of two or more characters), list
(a comma and many literals with commas between), rows (the same of parentheses that hold only literals),
other (one character).
"""

_QUOTED = {"string", "name", "comment", "list", "rows"}


def tokens(text: str, dialect: str | None) -> list[Token]:
    """Cut a statement into tokens, hiding first whatever the dialect's readings disagree on.

    `dialect` is a name sqlglot knows, or None; an unknown name is treated as None, which takes every
    reading into account, except that double quotes enclose identifiers.
    """
    text, is_part = head(text)
    readings = readings_of(dialect)
    if len(readings) > 1:
        text, is_settled = _settle(text, readings)
        is_part = is_part or not is_settled
    pattern, kinds = pattern_of(readings[0])
    cut = [
        (kinds[match.lastindex or 0], spaced.lstrip(), spaced)
        for match in islice(pattern.finditer(text), TOKENS)
        for spaced in (match[0],)
    ]
    if is_part or len(cut) == TOKENS:
        while cut and cut[-1][1] in ("", END):
            cut.pop()
        cut.append(("other", END, f" {END}"))
    return cut


def elements(run: str) -> list[Token]:
    """Cut what stands in a token of kind `list` or `rows`; these are read alike in every dialect."""
    pattern, kinds = pattern_of(FLAT, runs=False)
    return [
        (kinds[match.lastindex or 0], match[0].lstrip(), match[0])
        for match in pattern.finditer(run)
        if match[0]
    ]


def _settle(text: str, readings: tuple[Reading, ...]) -> tuple[str, bool]:
    """Hide what the readings disagree on; return the text and whether it is all of it."""
    live = {rule for rule, trigger in TRIGGERS.items() if trigger.search(text)}
    distinct = {reading & live: reading for reading in reversed(readings)}
    if len(distinct) == 1:
        return text, True
    found = [_quoted_spans(text, reading) for reading in distinct.values()]
    spans = [one for one, _ in found]
    stop = min(read for _, read in found)
    agreed = set.intersection(*spans)
    doubtful = sorted(set.union(*spans) - agreed)
    pieces, at = [], 0
    for start, end, is_comment in _merged(doubtful):
        if start >= stop:
            break
        pieces += [text[at:start], " " if is_comment else " '?' "]
        at = end
    return "".join([*pieces, text[at:stop]]), stop == len(text)


def _quoted_spans(text: str, reading: Reading) -> tuple[set[tuple[int, int, bool]], int]:
    """Return what a reading takes for quoted or commented, and how far the text was read."""
    pattern, kinds = pattern_of(reading, skipping=True)
    spans = set()
    read = 0
    for match in islice(pattern.finditer(text), UNITS):
        read = match.end()
        kind = kinds[match.lastindex or 0]
        if kind in _QUOTED:
            spans.add((match.start("lexeme"), match.end(), kind == "comment"))
    return spans, read


def _merged(spans: list[tuple[int, int, bool]]) -> Iterator[tuple[int, int, bool]]:
    """Spans joined where they overlap or touch; a joined span is a comment when all its parts are."""
    current: tuple[int, int, bool] | None = None
    for start, end, is_comment in spans:
        if current and start <= current[1]:
            current = (current[0], max(current[1], end), current[2] and is_comment)
            continue
        if current:
            yield current
        current = (start, end, is_comment)
    if current:
        yield current
