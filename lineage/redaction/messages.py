"""Error messages, log lines and span statuses without the data they quote."""

from __future__ import annotations

import re

from lineage.redaction.masking import mask
from lineage.redaction.personal import without_personal_numbers
from lineage.redaction.urls import HIDDEN, redact_headers, redact_url

_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z0-9 ]{0,40}-----|\Z)"
)
_PARAMETERS = re.compile(
    r"(?i)(\[(?:cached )?parameters: |\bparameters: )[\s\S]*?(?:\](?=\s{0,4}(?:\(Background|\Z))|\Z)"
)
_SQL = re.compile(
    r"(\[SQL: )([\s\S]*?)(?=\]\s{0,4}(?:\[(?:cached )?parameters|\(Background|\Z)|\Z)"
    r"|(\bLINE \d{1,9}: )([^\n]*+)"
    r"|(\b(?:STATEMENT|QUERY):\s{1,8}+)([\s\S]*+)"
)
# Of SQLAlchemy, whose statement may be of a dialect that writes strings in double quotes.
_IN_DOUBLE = re.compile(
    r"(?i)(?P<name>(?:\b(?:as|from|into|join|table|update)\s{1,8}+|\.))?+"
    r"\"(?:[^\"\\]|\\[\s\S]|\"\")*+(?:\"|\\?\Z)(?P<more>\.)?"
)
_DETAIL_END = re.compile(
    r"\)(?= (?:already exists|is not present|is still referenced|is referenced|is duplicated|conflicts with))"
)
_ROW = re.compile(r"(Failing row contains \()[\s\S]*?(?:\)\.?(?=\s{0,4}(?:\n|\Z))|\Z)")
_VALUE_IS = re.compile(r"(value is \()[^\n]*?(?:\)\.?(?=\s|\Z)|\n|\Z)")
_AUTHORIZATION = re.compile(
    r"(?i)\b((?:proxy-)?authorization\W{1,8}|bearer\s{1,4})(?:(basic|bearer|token|digest)\s{1,4})?[^\s,;'\"]++"
)
_SHAPES = re.compile(
    r"""(?<![A-Za-z0-9_])(?:
        (?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,}+
      | AIza[\w-]{30,}+ | ya29\.[\w.-]{10,}+ | GOCSPX-[\w-]{10,}+
      | gh[pousr]_[A-Za-z0-9]{16,}+ | github_pat_\w{16,}+ | glpat-[\w-]{16,}+
      | xox[a-z]-[\w-]{8,}+ | xapp-[\w-]{8,}+
      | (?:sk|rk|pk)_(?:live|test)_\w{8,}+ | whsec_\w{8,}+ | sk-[\w-]{16,}+
      | SG\.[\w-]{10,}+\.[\w-]{10,}+ | npm_\w{20,}+ | hf_\w{20,}+ | dapi[0-9a-f]{20,}+
      | eyJ[\w-]{6,}+\.[\w-]{4,}+(?:\.[\w-]*+)?
    )""",
    re.VERBOSE,
)
_EMAIL = re.compile(r"(?<![\w.+%-])[\w.+%-]++@(?=[\w-])[\w.-]++")
_QUOTE = re.compile(
    r"(?<!\w)'(?:[^'\\]|\\[\s\S]|'(?=\w))*+(?:'|\\?\Z)"
    r"|\"(?:[^\"\\]|\\[\s\S]|\"\")*+(?:\"|\\?\Z)"
    r"|[\u201c\u201e][^\u201c\u201d]*+[\u201c\u201d]?|[\u00ab\u00bb][^\u00ab\u00bb]*+[\u00ab\u00bb]?"
)
_NOUN = re.compile(
    r"(?i)(?:\b(?:alias|argument|attribute|class|column|constraint|cursor|database|dataset|encoding|extension|field"
    r"|file|function|host|index|job|key|language|method|module|name|named|object|operator|option|package|parameter"
    r"|path|policy|procedure|property|publication|relation|role|savepoint|schema|sequence|server|setting|subscription"
    r"|table|tablespace|task|trigger|type|user|variable|view|warehouse)s?:? ?)\Z"
)
_ERROR_NUMBER = re.compile(r"\((?:\d{1,6}|'[0-9A-Z*]{3,5}'), \Z")
_NAME = re.compile(r"[^\W\d][\w.$#/ <>-]{0,199}|/[\w.$#/ -]{1,255}")


def redact(text: str, limit: int) -> str:
    """Render a message as `redact_text` promises."""
    room = max(8 * limit, 16_384)
    cut = len(text) > room
    text = _PRIVATE_KEY.sub(f"[private key {HIDDEN}]", text[:room])
    text = _PARAMETERS.sub(rf"\1{HIDDEN}]", text)
    pieces, at = [], 0
    for found in _SQL.finditer(text):
        index = found.lastindex or 2
        statement = mask(found[index], None)
        if index == 2:
            statement = _IN_DOUBLE.sub(_name_in_double, statement)
        pieces += [_prose(text[at : found.start()]), found[index - 1], statement]
        at = found.end()
    text = "".join([*pieces, _prose(text[at:])])
    text = _SHAPES.sub(HIDDEN, text)
    if cut and len(text) <= limit:
        text = text[: max(text.rfind(" "), 0)] + "\u2026"
    return text if len(text) <= limit else text[: max(limit - 1, 0)] + "\u2026"[:limit]


def _prose(text: str) -> str:
    text = _details(text)
    text = _ROW.sub(rf"\1{HIDDEN})", text)
    text = _VALUE_IS.sub(rf"\1{HIDDEN})", text)
    text = redact_url(text)
    text = _AUTHORIZATION.sub(rf"\1{HIDDEN}", text)
    text = redact_headers(text)
    text = _QUOTE.sub(_quoted, text)
    return without_personal_numbers(_EMAIL.sub(HIDDEN, text))


def _quoted(found: re.Match[str]) -> str:
    """A quoted text stays where the words around it say that it is the name of something."""
    quote, inner = found[0][0], found[0][1:-1]
    lead = found.string[max(found.start() - 24, 0) : found.start()]
    if _ERROR_NUMBER.search(lead) and len(found[0]) > 2:
        return quote + _QUOTE.sub(_quoted, inner) + quote
    is_name = _NOUN.search(lead) or found.string.startswith(" object", found.end())
    if is_name and found[0][-1] != found[0][:0] and len(found[0]) > 2 and _NAME.fullmatch(inner):
        return found[0]
    return f"{quote}{HIDDEN}{found[0][-1] if len(found[0]) > 1 and not found[0][-1].isalnum() else quote}"


def _name_in_double(found: re.Match[str]) -> str:
    """Keep what stands where only a name can; in some dialects all else in double quotes is a string."""
    return found[0] if found["name"] or found["more"] else f'"{HIDDEN}"'


def _details(text: str) -> str:
    """PostgreSQL's `Key (email)=(bob@corp.com) already exists`, in any language: the values go."""
    if ")=(" not in text:
        return text
    pieces, at = [], 0
    while (start := text.find(")=(", at)) >= 0:
        start += 3
        end = _DETAIL_END.search(text, start)
        if end:
            stop = end.start()
        else:
            line_end = text.find("\n", start)
            line_end = len(text) if line_end < 0 else line_end
            stop = text.rfind(")", start, line_end)
            stop = len(text) if stop < 0 else stop
        pieces += [text[at:start], HIDDEN]
        at = stop
    return "".join([*pieces, text[at:]])
