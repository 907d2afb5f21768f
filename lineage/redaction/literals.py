"""What a literal, number or bare word is, by the place where it stands and never by its looks alone."""

from __future__ import annotations

from lineage.redaction import words
from lineage.redaction.place import Place
from lineage.redaction.tokens import Token
from lineage.redaction.urls import is_secret_key


def is_alias(place: Place) -> bool:
    """Whether a string at this place names a column of the result."""
    return place.before == "AS" and place.frames[-1].querying


def is_path(place: Place) -> bool:
    """Whether a string at this place names a file or folder that is read or written."""
    before, frame = place.before, place.frames[-1]
    if frame.function == "[":
        return frame.paths and before in ("[", ",")
    if before in ("FROM", "JOIN"):
        return place.before2 != "DISTINCT" and frame.verb in words.READERS
    if before == "(" and frame.argument == 0:
        return frame.function in words.TABLE_FUNCTIONS or (
            frame.function in words.SHORT_TABLE_FUNCTIONS and frame.in_table_place
        )
    if before == "BULK":
        return frame.function == "OPENROWSET"
    if before == "DIRECTORY" and place.before2 in ("OVERWRITE", "LOCAL"):
        return True
    if before == "OUTFILE":
        return place.before2 == "INTO"
    return _is_path_of_definition(place)


def _is_path_of_definition(place: Place) -> bool:
    before, frame = place.before, place.frames[-1]
    if before == "=>" and place.before2 in words.PATH_KEYS:
        return frame.function in words.TABLE_FUNCTIONS
    if (place.querying and before != "TO") or place.verb not in words.DEFINING:
        return False
    at_top = len(place.frames) == 1
    if at_top and before in ("LOCATION", "INPATH", "INFILE", "URL"):
        return True
    if at_top and before in ("INTO", "TO"):
        return place.verb in ("COPY", "UNLOAD", "EXPORT", "BACKUP")
    key = place.before2 if before == "=" else before
    return key in words.PATH_KEYS and ((before == "=" and at_top) or frame.function in words.SETTING_LISTS)


def is_table(place: Place) -> bool:
    """Whether a string at this place names a table for a function that takes it so."""
    frame = place.frames[-1]
    return place.before in ("(", ",") and frame.argument in words.NAMING_FUNCTIONS.get(frame.function, ())


def is_json_path(place: Place) -> bool:
    """Whether a string at this place leads to a value in a JSON document."""
    before, frame = place.before, place.frames[-1]
    if before in ("->", "->>", "#>", "#>>"):
        lambdas = frame.function in words.LAMBDA_FUNCTIONS or frame.function.startswith(("LIST_", "ARRAY_"))
        return not lambdas and place.dialect not in words.LAMBDA_DIALECTS
    if before == ",":
        return frame.function in words.JSON_READERS or (
            frame.function in words.JSON_WRITERS and frame.argument == 1
        )
    if before == "=>":
        return place.before2 == "PATH" and frame.function == "FLATTEN"
    return before == "PATH" and frame.function == "COLUMNS"


def is_credential(place: Place, token: str) -> bool:
    """Whether a bare word, number or quoted name at this place is a password or a key."""
    before = place.before
    if before == "BY" and place.before2 == "IDENTIFIED":
        return token not in ("VALUES", "PASSWORD", "RANDOM")
    if before in ("VALUES", "PASSWORD") and (place.before2, place.before3) == ("BY", "IDENTIFIED"):
        return True
    if before in ("=", "=>", ":="):
        plain = not place.querying and place.verb not in ("SELECT", "WITH", "INSERT", "FROM", "")
        if not plain and token[0] != '"':
            return False
        return bool(is_secret_key(place.before2)) or place.frames[-1].function in (
            "CREDENTIALS",
            "CREDENTIAL",
        )
    if before == "PASSWORD" and place.verb in ("CREATE", "ALTER"):
        return not {"USER", "ROLE", "LOGIN"}.isdisjoint(place.head) and token not in ("NULL", "EXPIRE")
    return False


def is_ordinal(place: Place, lexeme: str, cut: list[Token], index: int) -> bool:
    """Whether a number stands for a column of the select list: GROUP BY 1, ORDER BY 2 DESC."""
    if not place.frames[-1].ordinals or place.before not in ("BY", ",", "(") or not lexeme.isdecimal():
        return False
    kind, after, _ = _following(cut, index)
    return len(lexeme) <= 3 and (kind in ("word", "end") or after[:1] in (",", ")", ";"))


def _following(cut: list[Token], index: int) -> Token:
    for token in cut[index + 1 : index + 9]:
        if token[0] != "comment":
            return token
    return ("end", "", "") if index + 9 >= len(cut) else ("other", "", "")


def precision(place: Place, cut: list[Token], index: int, word: str) -> list[int]:
    """Indices of the numbers of a type: DECIMAL(10, 2), VARCHAR(20 CHAR), TIMESTAMP(3)."""
    before = place.before
    if word not in words.TYPES and before not in words.BEFORE_TYPES:
        named = before == '"' or (before[:1].isalpha() and before not in words.KEYWORDS)
        if not named:
            return []
    numbers: list[int] = []
    opened = False
    for at in range(index + 1, min(index + 12, len(cut))):
        kind, lexeme, _ = cut[at]
        if kind == "number" and lexeme.isdecimal() and len(lexeme) <= 8 and opened:
            numbers.append(at)
        elif lexeme == "(" and not opened:
            opened = True
        elif lexeme == ")":
            return numbers if len(numbers) <= 2 else []
        elif not (opened and (lexeme == "," or lexeme.upper() in ("BYTE", "CHAR"))):
            return []
    return []
