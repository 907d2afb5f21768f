"""SQL text cut into tokens, in linear time and failing closed.

One regular expression per *reading* of SQL. Every repetition in it is possessive and every alternative
consumes what it has matched, so no character is looked at more than a fixed number of times. A literal
or a comment without an end reaches to the end of the text.

Dialects disagree on what a quote, a backslash or a `#` means. A reading is the set of those rules that
hold; a dialect has one reading or, where servers or settings differ, several. Where the readings of a
text differ, whatever one of them takes for quoted or commented is hidden before anything is rendered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

Token = tuple[str, str, str]
"""Kind, lexeme, and the lexeme with the whitespace before it; these last, joined, are the text.

Kinds: end (nothing but whitespace), word, number, string, name (quoted identifier), comment, mark
(placeholder), stage (`@stage/path`), variable (`@name`), op (operator of two or more characters), other
(one character).
"""

_STANDARD: frozenset[str] = frozenset({"nested"})
_ORACLE = frozenset({"q_quotes"})
_TSQL = frozenset({"nested", "brackets"})
_MYSQL = frozenset({"backslash", "hash", "spaced_dashes", "double"})
_BIGQUERY = frozenset({"backslash", "hash", "double", "triple", "dashed"})
_SPARK = frozenset({"backslash", "double", "nested"})
_HIVE = frozenset({"backslash", "double"})
_SNOWFLAKE = frozenset({"backslash", "slashes", "stage"})
_CLICKHOUSE = frozenset({"backslash", "nested", "hash"})
_FLAT: frozenset[str] = frozenset()

_ODD = frozenset({"nested", "odd_brackets"})  # T-SQL where brackets cannot be taken for arrays
_ANY = tuple(
    reading - {"double", "stage"} | {"loose", "dashed", "q_quotes"}
    for reading in (_STANDARD, _FLAT, _MYSQL, _BIGQUERY, _SPARK, _SNOWFLAKE, _CLICKHOUSE, _ODD)
)

_READINGS: dict[str, tuple[frozenset[str], ...]] = {
    "athena": (_FLAT, _HIVE - {"double"}),
    "bigquery": (_BIGQUERY,),
    "clickhouse": (_CLICKHOUSE, _CLICKHOUSE - {"hash"}),
    "databricks": (_SPARK | {"stage"}, _HIVE | {"stage"}),
    "doris": (_MYSQL,),
    "duckdb": (_STANDARD, _FLAT),
    "fabric": (_TSQL,),
    "hive": (_HIVE, _SPARK),
    "materialize": (_STANDARD,),
    "mysql": (_MYSQL,),
    "oracle": (_ORACLE,),
    "postgres": (_STANDARD,),
    "presto": (_FLAT,),
    "redshift": (_STANDARD | {"backslash"}, _STANDARD),
    "risingwave": (_STANDARD,),
    "singlestore": (_MYSQL,),
    "snowflake": (_SNOWFLAKE,),
    "spark": (_SPARK, _HIVE),
    "spark2": (_HIVE, _SPARK),
    "sqlite": (frozenset({"brackets"}),),
    "starrocks": (_MYSQL,),
    "teradata": (_STANDARD, _FLAT),
    "trino": (_FLAT,),
    "tsql": (_TSQL,),
}
_SAME = {"mariadb": "mysql", "postgresql": "postgres", "mssql": "tsql", "sqlserver": "tsql"}

# A rule can change the tokens of a text only where the text holds this.
_TRIGGERS = {
    "backslash": re.compile(r"\\['\"`]"),
    "hash": re.compile(r"#"),
    "slashes": re.compile(r"//"),
    "spaced_dashes": re.compile(r"--(?=\S)"),
    "nested": re.compile(r"/\*[^*/]*+(?:(?:\*(?!/)|/(?!\*))[^*/]*+)*+/\*"),
    "odd_brackets": re.compile(r"\[[^\[\]']*+'"),
    "triple": re.compile(r"'''|\"\"\""),
}
_PLAIN = ("comment", "end", "mark", "name", "number", "op", "other", "stage", "string", "variable", "word")
_KINDS: dict[str | None, str] = {
    "easy_other": "other",
    "easy_string": "string",
    "easy_number": "number",
    "name_word": "word",
    "digit_word": "word",
    "open_string": "string",
    "other_word": "word",
    **dict(zip(_PLAIN, _PLAIN, strict=True)),
}
_QUOTED = {"string", "name", "comment"}


def tokens(text: str, dialect: str | None) -> list[Token]:
    """Cut a statement into tokens, hiding first whatever the dialect's readings disagree on.

    `dialect` is a name sqlglot knows, or None; an unknown name is treated as None, which takes every
    reading into account, except that double quotes enclose identifiers.
    """
    name = dialect.lower() if dialect else ""
    readings = _READINGS.get(_SAME.get(name, name), _ANY)
    if len(readings) > 1:
        text = _settle(text, readings)
    kinds = _KINDS
    return [
        (kinds[match.lastgroup], match[match.lastindex or 0], match[0])
        for match in _pattern(readings[0]).finditer(text)
    ]


def _settle(text: str, readings: tuple[frozenset[str], ...]) -> str:
    live = {rule for rule, trigger in _TRIGGERS.items() if trigger.search(text)}
    distinct = {reading & live: reading for reading in reversed(readings)}
    if len(distinct) == 1:
        return text
    spans = [_quoted_spans(text, reading) for reading in distinct.values()]
    agreed = set.intersection(*spans)
    doubtful = sorted(set.union(*spans) - agreed)
    pieces, at = [], 0
    for start, end, is_comment in _merged(doubtful):
        pieces += [text[at:start], " " if is_comment else " '?' "]
        at = end
    return "".join([*pieces, text[at:]])


def _quoted_spans(text: str, reading: frozenset[str]) -> set[tuple[int, int, bool]]:
    spans = set()
    for match in _pattern(reading).finditer(text):
        kind = _KINDS[match.lastgroup]
        if kind in _QUOTED:
            spans.add((*match.span(match.lastindex or 0), kind == "comment"))
    return spans


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


def _body(quote: str, *, escapes: bool) -> str:
    """Everything after an opening quote, to its end or the end of the text."""
    if escapes:
        return rf"[^{quote}\\]*+(?:(?:{quote}{quote}|\\[\s\S])[^{quote}\\]*+)*+(?:{quote}|\\?\Z)"
    return rf"[^{quote}]*+(?:{quote}{quote}[^{quote}]*+)*+(?:{quote}|\Z)"


def _strings(reading: frozenset[str]) -> str:
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
    return "|".join(kinds)


def _names(reading: frozenset[str]) -> str:
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
    return "|".join(kinds)


def _comments(reading: frozenset[str]) -> str:
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
    return "|".join(kinds)


def _after(*table_words: str) -> str:
    """A place behind one of these words; the end of a longer token is none."""
    return "(?i:" + "|".join(rf"(?<=(?<![\w@$#:]){word}\s)" for word in table_words) + ")"


@cache
def _pattern(reading: frozenset[str]) -> re.Pattern[str]:
    after_table_word = _after("from", "join", "into", "table", "update")
    exponent = r"(?:(?<=[eE])[+-][0-9]\w*+)?+"
    fraction = rf"\.(?![.A-DF-Za-df-z_])\w*+{exponent}"
    hashes = "" if reading & {"hash", "loose"} else "#"
    digit_name = r"[0-9]++(?![eE][0-9_]*+(?!\w))[^\W\d]\w*+"
    inner_hash = "" if "hash" in reading or hashes else r"(?:#[\w$]++)*+"
    sign = "" if "hash" in reading else "#"
    stage = rf"@(?:~|%?[^\W\d][\w$.{sign}]*+|%?\"[^\"\n]*+\"[\w$.\"]*+)(?:/[^\s'\"(),;]*+)?+"
    if "stage" not in reading:
        stage = _after("from", "into", "list") + stage
    groups = {
        "easy_other": r"[,();]|\.(?![0-9.])|=(?![>=])",
        "name_word": rf"{after_table_word}[^\W\d]\w*+(?:-\w++)++(?=\.[^\W\d])(?!\.[eE][0-9])"
        if "dashed" in reading
        else r"(?!)",
        "easy_string": r"'[^'\\]*+'(?!')",
        "digit_word": rf"(?<=[\w\"`\]?]\.){digit_name}|{after_table_word}[0-9]++_[^\W\d]\w*+",
        "easy_number": r"[0-9]++(?![\w.])",
        "word": rf"[^\W\d][\w${hashes}]*+{inner_hash}(?!['\"&])",
        "comment": _comments(reading),
        "string": _strings(reading),
        "name": _names(reading),
        "number": (
            rf"[0-9]\w*+{exponent}(?:(?<=[0-9_]){fraction})?+"
            rf"|(?<![\w\"`\]).?])\.[0-9]\w*+{exponent}"
        ),
        "mark": (
            r"\?[0-9]*+|%\(\w++\)s|%s(?!\w)|\$[0-9]++|\$\{[^{}$\n]*+\}"
            r"|(?<![\w\])\"'`:?\[]):(?:[^\W\d]\w*+|[0-9]++)"
            r"|\{(?:[^\W\d]\w*+(?::\s*+[A-Z]\w*+)?+)?+\}"
        ),
        "stage": stage,
        "variable": rf"@{{1,2}}[^\W\d][\w${sign}]*+",
        "op": (
            r"->>|->|#>>|#>|#-(?!-)|::|:=|=>|<=>|<=|>=|<>|!=|=="
            r"|\|\||&&|@>|<@|<<|>>|!~~?\*?|~~?\*|~~|\*\*|//"
        ),
        "other_word": r"[^\W\d][\w$]*+" if "hash" in reading else r"\#{0,2}[^\W\d][\w$]*+",
        "open_string": r"[\"`][\s\S]*+" + (r"|\[[\s\S]*+" if "brackets" in reading else ""),
        "other": r"\S",
        "end": r"\Z",
    }
    every = "|".join(f"(?P<{kind}>{rule})" for kind, rule in groups.items())
    return re.compile(rf"\s*+(?:{every})")
