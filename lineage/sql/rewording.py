"""Words of a statement that the parser stumbles over, left out or written as it reads them."""

from __future__ import annotations

from sqlglot import Token, TokenType

from lineage.sql.splitting import Piece, is_string, word
from lineage.sql.wording import Wording, token_at

_OPERATORS = frozenset({"+", "-", "*", "/", "%", "&", "|", "^", "||"})
_NAMES = frozenset({TokenType.VAR, TokenType.IDENTIFIER})


def plainer(wording: Wording) -> Piece | None:
    """Return the statement in words that the parser may read, None where there is nothing to change."""
    tokens = _assignments(wording.tokens)
    if wording.dialect in ("redshift", None):
        tokens = _bracketed(tokens)
    if wording.dialect == "oracle":
        tokens = _of_partitions(_unlogged(tokens))
    if wording.dialect in ("tsql", "fabric"):
        tokens = _files(_output_at_end(wording) if tokens == wording.tokens else tokens)
    return wording.made(tokens)


def insert_by_name(wording: Wording) -> Piece | None:
    """Write MySQL's `INSERT INTO t SET a = x, b = y` as `INSERT INTO t (a, b) SELECT x, y`."""
    set_ = wording.find("SET", start=1)
    if set_ is None:
        return None
    end = wording.find("AS", "ON", start=set_) or len(wording.tokens)
    pairs = wording.listed(set_ + 1, end)
    if not all(len(pair) > 2 and pair[1].token_type == TokenType.EQ for pair in pairs):
        return None
    at = wording.tokens[set_]
    comma = token_at(at, TokenType.COMMA, ",")
    names = [token for pair in pairs for token in (comma, pair[0])][1:]
    values = [token for pair in pairs for token in (comma, *pair[2:])][1:]
    opening, closing = token_at(at, TokenType.L_PAREN, "("), token_at(at, TokenType.R_PAREN, ")")
    select = token_at(at, TokenType.SELECT, "SELECT")
    start = wording.tokens[:set_]
    return wording.made([*start, opening, *names, closing, select, *values, *wording.tokens[end:]])


def _unlogged(tokens: list[Token]) -> list[Token]:
    """Leave out Oracle's LOG ERRORS at the end of a statement."""
    for at in range(len(tokens) - 1):
        if word(tokens[at]) == "LOG" and word(tokens[at + 1]) == "ERRORS":
            return tokens[:at]
    return tokens


def _of_partitions(tokens: list[Token]) -> list[Token]:
    """Leave out Oracle's `PARTITION (p)` behind a table, and SEARCH and CYCLE behind a recursive query."""
    made: list[Token] = []
    at = 0
    while at < len(tokens):
        this = word(tokens[at])
        after = [word(token) for token in tokens[at + 1 : at + 4]]
        if this in ("PARTITION", "SUBPARTITION") and after[:1] + after[2:3] == ["(", ")"]:
            at += 4
        elif (
            made
            and made[-1].text == ")"
            and (
                (this == "SEARCH" and after[:1] in (["DEPTH"], ["BREADTH"]))
                or (this == "CYCLE" and after[1:2] in (["SET"], [","]))
            )
        ):
            while at < len(tokens) and word(tokens[at]) not in ("SELECT", "INSERT"):
                at += 1
        else:
            made.append(tokens[at])
            at += 1
    return made


def _files(tokens: list[Token]) -> list[Token]:
    """Write `OPENROWSET(BULK 'path', ...)` as the path for a name."""
    for at in range(len(tokens) - 3):
        if [word(token) for token in tokens[at : at + 3]] == ["OPENROWSET", "(", "BULK"]:
            brackets, end = 0, at + 1
            while end < len(tokens):
                brackets += (tokens[end].text == "(") - (tokens[end].text == ")")
                end += 1
                if not brackets:
                    break
            path = token_at(tokens[at + 3], TokenType.IDENTIFIER, tokens[at + 3].text)
            return _files([*tokens[:at], path, *tokens[end:]])
    return tokens


def _output_at_end(wording: Wording) -> list[Token]:
    """Write T-SQL's `OUTPUT a, b INTO s.t (x, y)` as `OUTPUT a AS x, b AS y INTO [s.t]`, behind a DELETE."""
    start = wording.find("OUTPUT")
    into = wording.find("INTO", start=start) if start is not None else None
    if start is None or into is None:
        return wording.tokens
    wording.at = into + 1
    mark = "@" if wording.accept("@") else "#" if wording.accept("#") else ""
    table = wording.name()
    if table is None:
        return wording.tokens
    items, names, end = wording.listed(start + 1, into), [], wording.at
    if wording.words[end : end + 1] == ["("]:
        closing = wording.closing(end)
        names = [item[-1] for item in wording.listed(end + 1, closing)]
        end = closing + 1
    output = [wording.tokens[start]]
    for number, item in enumerate(items):
        words = [word(token) for token in item]
        if len(names) == len(items):
            item = item[: words.index("AS")] if "AS" in words else item
            item = [*item, token_at(item[-1], TokenType.ALIAS, "AS"), names[number]]
        comma = [token_at(item[-1], TokenType.COMMA, ",")] if number else []
        output += [*comma, *item]
    target = token_at(wording.tokens[into + 1], TokenType.IDENTIFIER, mark + table.name)
    output += [wording.tokens[into], target]
    if wording.words[0] == "DELETE":
        return [*wording.tokens[:start], *wording.tokens[end:], *output]
    return [*wording.tokens[:start], *output, *wording.tokens[end:]]


def _assignments(tokens: list[Token]) -> list[Token]:
    """Write `x += y` as `x = x + y`."""
    made: list[Token] = []
    at = 0
    while at < len(tokens):
        token = tokens[at]
        if at + 1 < len(tokens) and token.text in _OPERATORS and tokens[at + 1].token_type == TokenType.EQ:
            start = len(made)
            while start and (made[start - 1].text in (".", "@") or made[start - 1].token_type in _NAMES):
                if (
                    start < len(made)
                    and made[start].text not in (".",)
                    and made[start - 1].text not in (".", "@")
                ):
                    break
                start -= 1
            target = made[start:]
            made += [tokens[at + 1], *target, token]
            at += 2
            continue
        made.append(token)
        at += 1
    return made


def _bracketed(tokens: list[Token]) -> list[Token]:
    """Write `[name]` as a quoted name where it is no index."""
    made: list[Token] = []
    at = 0
    while at < len(tokens):
        token = tokens[at]
        if token.text == "[" and at + 2 < len(tokens) and tokens[at + 2].text == "]":
            indexed = made and made[-1].end + 1 == token.start and made[-1].text not in (".", "(", ",")
            if not indexed and not tokens[at + 1].text.isdigit() and not is_string(tokens[at + 1]):
                made.append(token_at(tokens[at + 1], TokenType.IDENTIFIER, tokens[at + 1].text))
                at += 3
                continue
        made.append(token)
        at += 1
    return made


def titled(tokens: list[Token]) -> list[Token]:
    """Leave out Teradata's `(TITLE 'x')` and `(FORMAT 'x')` behind a column; write `(NAMED x)` as AS x."""
    made: list[Token] = []
    at = 0
    while at < len(tokens):
        following = [word(token) for token in tokens[at : at + 4]]
        phrase = following[1] if len(following) == 4 and following[0] == "(" and following[3] == ")" else ""
        if phrase == "NAMED":
            made += [token_at(tokens[at], TokenType.ALIAS, "AS"), tokens[at + 2]]
        elif phrase not in ("TITLE", "FORMAT"):
            made.append(tokens[at])
            at += 1
            continue
        at += 4
    return made
