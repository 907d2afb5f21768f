"""One regular expression per reading of SQL, that matches a token and the whitespace before it.

Every repetition is possessive and every alternative consumes what it has matched, so no character is
looked at more than a fixed number of times. A literal or a comment without an end reaches to the end of
the text. Each alternative ends in an empty group that tells the token's kind: so the engine sees the
first character of every alternative, and passes over those that cannot begin here.
"""

from __future__ import annotations

import re
from functools import cache

from lineage.redaction.readings import Reading

Kinds = tuple[str, ...]
"""The kind of a token by the index of the last group of its match."""


def _body(quote: str, *, escapes: bool) -> str:
    """Everything after an opening quote, to its end or the end of the text."""
    if escapes:
        return rf"[^{quote}\\]*+(?:(?:{quote}{quote}|\\[\s\S])[^{quote}\\]*+)*+(?:{quote}|\\?\Z)"
    return rf"[^{quote}]*+(?:{quote}{quote}[^{quote}]*+)*+(?:{quote}|\Z)"


def _strings(reading: Reading) -> list[str]:
    escapes = "backslash" in reading
    kinds = []
    if "triple" in reading:
        kinds += [
            rf"[rRbB]{{0,2}}{q * 3}[^{q}\\]*+(?:(?:\\[\s\S]|{q}(?!{q}{q}))[^{q}\\]*+)*+(?:{q * 3}|\\?\Z)"
            for q in "'\""
        ]
    if "q_quotes" in reading:
        kinds += [
            rf"[nN]?[qQ]'{re.escape(start)}[^']*+(?:(?<!{re.escape(end)})'[^']*+)*+(?:'|\Z)"
            for start, end in ("[]", "{}", "()", "<>")
        ]
        kinds.append(r"[nN]?[qQ]'(?P<fence>[^\s\[{(<])'?+[^']*+(?:(?<!(?P=fence))'[^']*+)*+(?:'|\Z)")
    if "double" in reading:
        kinds.append(rf'[rRbB]{{0,2}}"{_body(chr(34), escapes=escapes)}')
    plain = _body("'", escapes=escapes)
    kinds += [
        rf"[eE]'{_body(chr(39), escapes=True)}",
        rf"[uU]&'{plain}(?:\s*+(?i:uescape)\s*+'[^']?'?)?+",
        rf"(?:[nNbBxXrR]|[rR][bB]|[bB][rR])?'{plain}",
        r"\$(?P<tag>(?:[^\W\d]\w*+)?+)\$[^$]*+(?:\$(?!(?P=tag)\$)[^$]*+)*+(?:\$(?P=tag)\$|\Z)",
    ]
    return kinds


def _names(reading: Reading) -> list[str]:
    kinds = [r"`[^`]*+(?:``[^`]*+)*+`"]
    if "double" not in reading:
        if "backslash" in reading:
            kinds.append(r'(?:[uU]&)?"[^"\\]*+(?:(?:""|\\[\s\S])[^"\\]*+)*+"')
        else:
            kinds.append(r'(?:[uU]&)?"[^"]*+(?:""[^"]*+)*+"')
    if "brackets" in reading:
        kinds.append(r"\[[^\]]*+(?:\]\][^\]]*+)*+\]")
    elif "loose" in reading:
        if "odd_brackets" in reading:
            kinds.append(r"\[[^\[\]']*+(?:'[^\[\]']*+'[^\[\]']*+)*+'[^\[\]']*+\]")
        kinds.append(r"(?<![\w\])\"`?])\[[^\W\d][\w $#@]*+\]")
    return kinds


def _comments(reading: Reading) -> list[str]:
    inner = r"/\*[\s\S]*+"  # nested deeper than anyone nests: hidden to the end
    plain = r"/\*[^*]*+(?:\*(?!/)[^*]*+)*+(?:\*/|\Z)"
    if "nested" in reading:
        for _ in range(6):
            inner = rf"/\*(?:[^*/]++|\*(?!/)|/(?!\*)|{inner})*+(?:\*/|\Z)"
        plain = inner
    kinds = [plain, r"--(?=\s|\Z)[^\n]*+" if "spaced_dashes" in reading else r"--[^\n]*+"]
    if "hash" in reading:
        not_after_table_word = rf"(?!{_after('from', 'into', 'join', 'table')})"
        kinds.append(rf"{not_after_table_word}#(?!>|-(?!-))[^\n]*+" if "loose" in reading else r"#[^\n]*+")
    if "slashes" in reading:
        kinds.append(r"//[^\n]*+")
    return kinds


def _after(*table_words: str) -> str:
    """A place behind one of these words; the end of a longer token is none."""
    return "(?i:" + "|".join(rf"(?<=(?<![\w@$#:]){word}\s)" for word in table_words) + ")"


_LITERAL = r"[-+]?+[0-9]++(?:\.[0-9]++)?+|'[^'\\]*+'|\?|%s|%\(\w++\)s|\$[0-9]++|:[^\W\d]\w*+"
_ELEMENT = rf"(?:{_LITERAL})(?=\s*+[,)\]])"
_CELL = rf"(?:{_LITERAL}|(?i:null|true|false|default))(?=\s*+[,)])"
_ROW = rf"\(\s*+{_CELL}(?:\s*+,\s*+{_CELL})*+\s*+\)"
# Long lists as one token each: a repetition inside the engine costs a tenth of a token for each literal.
RUNS = (
    ("list", rf",\s*+{_ELEMENT}(?:\s*+,\s*+{_ELEMENT}){{4,}}+"),
    ("rows", rf",\s*+{_ROW}(?:\s*+,\s*+{_ROW}){{3,}}+"),
)
_EASY_WORD = r"[^\W\d]\w*+(?![$#'\"&-])"
_EASY_NUMBER = r"[0-9]++(?![\w.])"
# Tokens that no reading takes for a quote, in one match. Before a literal a comma may begin a list.
_SKIPPED = rf"(?:\s++|{_EASY_WORD}|[();]|,(?!\s*+[-+0-9'?%$:(])|=(?![>=])|\.(?![0-9.])|{_EASY_NUMBER})*+"


@cache
def pattern_of(
    reading: Reading, *, runs: bool = True, skipping: bool = False
) -> tuple[re.Pattern[str], Kinds]:
    """Return the pattern of a reading and the kinds of its tokens.

    With `runs`, long lists of plain literals are one token. With `skipping`, tokens that cannot be quoted are
    matched with the one behind them, which begins where the empty group `lexeme` stands.
    """
    rules = [*(RUNS if runs else ()), *_rules(reading)]
    every = "|".join(f"{rule}(?P<{kind}_{number}>)" for number, (kind, rule) in enumerate(rules))
    before = rf"{_SKIPPED}(?P<lexeme>)" if skipping else r"\s*+"
    pattern = re.compile(f"{before}(?:{every})")
    kinds = [""] * (pattern.groups + 1)
    for name, index in pattern.groupindex.items():
        kinds[index] = name.rpartition("_")[0]
    return pattern, tuple(kinds)


def _rules(reading: Reading) -> list[tuple[str, str]]:
    """The alternatives in the order in which they are tried, with the kinds of what they match."""
    return [
        ("word", _EASY_WORD),
        ("other", r"[,();]"),
        ("other", r"\.(?![0-9.])"),
        ("other", r"=(?![>=])"),
        *_dashed(reading),
        ("string", r"'[^'\\]*+'(?!')"),
        ("word", rf"(?=[0-9])(?<=[\w\"`\]?]\.){_DIGIT_NAME}"),
        ("word", rf"(?=[0-9]++_){_AFTER_TABLE_WORD}[0-9]++_[^\W\d]\w*+"),
        ("number", _EASY_NUMBER),
        ("word", _word(reading)),
        *(("comment", rule) for rule in _comments(reading)),
        *(("string", rule) for rule in _strings(reading)),
        *(("name", rule) for rule in _names(reading)),
        ("number", rf"[0-9]\w*+{_EXPONENT}(?:(?<=[0-9_]){_FRACTION})?+"),
        ("number", rf"\.(?<![\w\"`\]).?]\.)[0-9]\w*+{_EXPONENT}"),
        *(("mark", rule) for rule in _MARKS),
        *_variables(reading),
        *(("op", rule) for rule in _OPERATORS),
        ("word", r"[^\W\d][\w$]*+"),
        *([] if "hash" in reading else [("word", r"\#{1,2}[^\W\d][\w$]*+")]),
        ("string", r"[\"`][\s\S]*+"),
        *([("string", r"\[[\s\S]*+")] if "brackets" in reading else []),
        ("other", r"\S"),
        ("end", r"\Z"),
    ]


_AFTER_TABLE_WORD = _after("from", "join", "into", "table", "update")
_EXPONENT = r"(?:(?<=[eE])[+-][0-9]\w*+)?+"
_FRACTION = rf"\.(?![.A-DF-Za-df-z_])\w*+{_EXPONENT}"
_DIGIT_NAME = r"[0-9]++(?![eE][0-9_]*+(?!\w))[^\W\d]\w*+"
_MARKS = (
    r"\?[0-9]*+",
    r"%\(\w++\)s",
    r"%s(?!\w)",
    r"\$[0-9]++",
    r"\$\{[^{}$\n]*+\}",
    r":(?<![\w\])\"'`:?\[]:)(?:[^\W\d]\w*+|[0-9]++)",
    r":(?i:(?<=array\[:)|(?<=array \[:))[^\W\d]\w*+",
    r"\{(?:[^\W\d]\w*+(?::\s*+[A-Z]\w*+)?+)?+\}",
)
_OPERATORS = (
    r"->>?+",
    r"#>>?+",
    r"#-(?!-)",
    r":[:=]",
    r"=[>=]",
    r"<(?:=>|[=>@<])",
    r">[=>]",
    r"!=",
    r"\|\|",
    r"&&",
    r"@>",
    r"!~~?\*?",
    r"~~?\*",
    r"~~",
    r"\*\*",
    r"//",
)


def _dashed(reading: Reading) -> list[tuple[str, str]]:
    if "dashed" not in reading:
        return []
    rule = rf"(?=[^\W\d]\w*+-){_AFTER_TABLE_WORD}[^\W\d]\w*+(?:-\w++)++(?=\.[^\W\d])(?!\.[eE][0-9])"
    return [("word", rule)]


def _word(reading: Reading) -> str:
    hashes = "" if reading & {"hash", "loose"} else "#"
    inner_hash = "" if "hash" in reading or hashes else r"(?:#[\w$]++)*+"
    return rf"[^\W\d][\w${hashes}]*+{inner_hash}(?!['\"&])"


def _variables(reading: Reading) -> list[tuple[str, str]]:
    sign = "" if "hash" in reading else "#"
    stage = rf"@(?:~|%?[^\W\d][\w$.{sign}]*+|%?\"[^\"\n]*+\"[\w$.\"]*+)(?:/[^\s'\"(),;]*+)?+"
    if "stage" not in reading:
        stage = f"(?=@){_after('from', 'into', 'list')}{stage}"
    return [("stage", stage), ("variable", rf"@{{1,2}}[^\W\d][\w${sign}]*+")]
