"""Statements that the parser does not know in the form they have, read by their tokens.

Some become a statement the parser knows, by leaving out or reordering words that say nothing of lineage;
others name their tables in places that are plain to see.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sqlglot import Token, TokenType

from lineage.sql.names import file_table
from lineage.sql.plans import Plan, copied
from lineage.sql.results import Table
from lineage.sql.splitting import Piece, is_string, word

_QUERY = frozenset({"SELECT", "WITH", "FROM", "VALUES", "TABLE", "PIVOT", "UNPIVOT"})
_OPERATORS = frozenset({"+", "-", "*", "/", "%", "&", "|", "^", "||"})
# Upkeep of a table that neither reads nor writes its rows, and talk with the server.
# fmt: off
_WITHOUT_LINEAGE = frozenset({
    "ANALYSE", "ANALYZE", "CHECKPOINT", "CLUSTER", "FLUSH", "GET", "HELP", "LIST", "LOCK", "LS", "MSCK",
    "OPTIMIZE", "PUT", "REINDEX", "REMOVE", "REPAIR", "RM", "SHOW", "UNLISTEN", "UNLOCK", "VACUUM",
})
# fmt: on


@dataclass(frozen=True, slots=True)
class Export:
    """A query whose result goes to a file."""

    query: Piece
    path: str


Form = Piece | list[Piece] | Plan | Export


def form_of(piece: Piece, dialect: str | None) -> Form | None:
    """Return what a statement means in another form, or None where it is not known here either.

    A Piece differs from the one given and is to be parsed instead; several are statements of their own.
    """
    if not piece.tokens:
        return None
    form = _Form(piece, dialect)
    head = form.words[0]
    if head in _WITHOUT_LINEAGE:
        return Plan(head)
    found = _FORMS[head](form) if head in _FORMS else None
    return found if found is not None else form.plainer()


class _Form:
    def __init__(self, piece: Piece, dialect: str | None) -> None:
        self.piece = piece
        self.dialect = dialect
        self.tokens = list(piece.tokens)
        self.words = [word(token) for token in self.tokens]
        self.at = 1

    def accept(self, *words: str) -> bool:
        """Pass these words if they come next."""
        end = self.at + len(words)
        if tuple(self.words[self.at : end]) != words:
            return False
        self.at = end
        return True

    def skip(self, words: frozenset[str]) -> None:
        """Pass any of these words."""
        while self.at < len(self.words) and self.words[self.at] in words:
            self.at += 1

    def name(self) -> Table | None:
        """Pass a dotted name and return its table."""
        start = self.at
        parts: list[str] = []
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            if is_string(token) and not parts:
                self.at += 1
                return file_table(token.text)
            if not (
                token.text[:1].isalnum()
                or token.text[:1] in "_@$"
                or token.token_type == TokenType.IDENTIFIER
            ):
                break
            parts += token.text.split(".") if token.token_type == TokenType.IDENTIFIER else [token.text]
            self.at += 1
            if self.words[self.at : self.at + 1] != ["."]:
                break
            self.at += 1
        if not parts:
            self.at = start
            return None
        return Table(tuple(parts))

    def find(self, *wanted: str, start: int | None = None) -> int | None:
        """Return where one of these words comes next outside brackets."""
        brackets = 0
        for at in range(self.at if start is None else start, len(self.words)):
            brackets += (self.words[at] in "([" if self.words[at] else 0) - (self.words[at] in (")", "]"))
            if brackets <= 0 and self.words[at] in wanted:
                return at
        return None

    def closing(self, opening: int) -> int:
        """Return where a bracket is closed."""
        brackets = 0
        for at in range(opening, len(self.words)):
            brackets += (self.words[at] == "(") - (self.words[at] == ")")
            if not brackets:
                return at
        return len(self.words) - 1

    def string(self, start: int = 0) -> int | None:
        """Return where the next string is."""
        return next((at for at in range(start, len(self.tokens)) if is_string(self.tokens[at])), None)

    def made(self, tokens: Sequence[Token]) -> Piece | None:
        """Return the statement with these tokens in place of its own, None if they are the same."""
        tokens = list(tokens)
        return (
            None
            if len(tokens) == len(self.tokens) and tokens == self.tokens
            else replace(self.piece, tokens=tokens)
        )

    def plainer(self) -> Piece | None:
        """Return the statement with its words in a form that every dialect of the parser reads."""
        tokens = _assignments(self.tokens)
        if self.dialect in ("redshift", None):
            tokens = _bracketed(tokens)
        if self.dialect == "teradata":
            tokens = _untitled(tokens)
        return self.made(tokens)


def _token(token: Token, kind: TokenType, text: str) -> Token:
    return Token(kind, text, token.line, token.col, token.start, token.end)


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


_NAMES = frozenset({TokenType.VAR, TokenType.IDENTIFIER})


def _bracketed(tokens: list[Token]) -> list[Token]:
    """Write `[name]` as a quoted name where it is no index."""
    made: list[Token] = []
    at = 0
    while at < len(tokens):
        token = tokens[at]
        if token.text == "[" and at + 2 < len(tokens) and tokens[at + 2].text == "]":
            indexed = made and made[-1].end + 1 == token.start and made[-1].text not in (".", "(", ",")
            if not indexed and not tokens[at + 1].text.isdigit() and not is_string(tokens[at + 1]):
                made.append(_token(tokens[at + 1], TokenType.IDENTIFIER, tokens[at + 1].text))
                at += 3
                continue
        made.append(token)
        at += 1
    return made


def _untitled(tokens: list[Token]) -> list[Token]:
    """Leave out Teradata's `(TITLE 'x')` and `(FORMAT 'x')`."""
    made: list[Token] = []
    at = 0
    while at < len(tokens):
        following = [word(token) for token in tokens[at : at + 4]]
        if (
            len(following) == 4
            and following[0] == "("
            and following[1] in ("TITLE", "FORMAT")
            and following[3] == ")"
        ):
            at += 4
            continue
        made.append(tokens[at])
        at += 1
    return made


# Statements by their first word


def _unload(form: _Form) -> Form | None:
    if not form.accept("("):
        return None
    closing = form.closing(form.at - 1)
    path = form.string(closing)
    if path is None:
        return None
    inner = form.tokens[form.at : closing]
    if len(inner) == 1 and is_string(inner[0]):
        return Export(Piece((), inner[0].text, form.piece.variables), form.tokens[path].text)
    return Export(replace(form.piece, tokens=inner), form.tokens[path].text)


def _export(form: _Form) -> Form | None:
    """BigQuery's EXPORT DATA."""
    options, query = form.find("OPTIONS"), form.find("AS")
    if options is None or query is None:
        return None
    uri = next((at for at in range(options, query) if form.words[at] == "URI"), options)
    path = form.string(uri)
    return (
        Export(replace(form.piece, tokens=form.tokens[query + 1 :]), form.tokens[path].text) if path else None
    )


def _load(form: _Form) -> Form | None:
    """LOAD DATA of BigQuery and MySQL."""
    into = form.find("INTO", "OVERWRITE")
    if into is None:
        return None
    if (files := form.find("FILES")) is not None:
        opening = next((at for at in range(files, len(form.words)) if form.words[at] == "URIS"), files)
        paths = [token.text for token in form.tokens[opening:] if is_string(token)]
        paths = [path for path in paths if "/" in path]
    else:
        path = form.string()
        paths = [form.tokens[path].text] if path is not None else []
    form.at = into + 1
    form.skip(frozenset({"INTO", "TEMP", "TABLE"}))
    target, read = form.name(), [file_table(path) for path in paths]
    if target is None or not read:
        return None
    return Plan("LOAD DATA", read, [target], copied(read[0], target))


def _explain(form: _Form) -> Form | None:
    """EXPLAIN runs nothing, but with ANALYZE."""
    if form.words[1:2] == ["("]:
        runs = "ANALYZE" in form.words[: form.closing(1)]
        form.at = form.closing(1) + 1
    else:
        runs = form.accept("ANALYZE")
        form.accept("VERBOSE")
    return form.made(form.tokens[form.at :]) if runs else Plan("EXPLAIN")


def _rename(form: _Form) -> Form | None:
    """RENAME TABLE a TO b, c TO d: one ALTER each."""
    if not (form.accept("TABLE") or form.accept("TABLES")):
        return None
    alter = [
        _token(form.tokens[0], TokenType.ALTER, "ALTER"),
        _token(form.tokens[0], TokenType.TABLE, "TABLE"),
    ]
    rename = [_token(form.tokens[0], TokenType.VAR, "RENAME"), _token(form.tokens[0], TokenType.VAR, "TO")]
    made = []
    while form.at < len(form.tokens):
        start = form.at
        if form.name() is None or form.words[form.at : form.at + 1] not in (["TO"], ["AS"]):
            return None
        old, start = form.tokens[start : form.at], form.at + 1
        form.at += 1
        if form.name() is None:
            return None
        made.append(replace(form.piece, tokens=[*alter, *old, *rename, *form.tokens[start : form.at]]))
        if not form.accept(","):
            break
    return made


def _exchange(form: _Form) -> Form | None:
    """ClickHouse: EXCHANGE TABLES a AND b."""
    if not form.accept("TABLES"):
        return None
    one = form.name()
    form.accept("AND")
    other = form.name()
    return Plan("ALTER TABLE SWAP", [one, other], [one, other]) if one and other else None


def _refresh(form: _Form) -> Form | None:
    if not form.accept("MATERIALIZED", "VIEW"):
        return Plan("REFRESH")
    form.accept("CONCURRENTLY")
    table = form.name()
    return Plan("REFRESH MATERIALIZED VIEW", [], [table]) if table else None


def _bulk(form: _Form) -> Form | None:
    """T-SQL: BULK INSERT t FROM 'file'."""
    form.accept("INSERT")
    target = form.name()
    form.accept("FROM")
    source = form.name()
    if source is None or target is None:
        return None
    return Plan("BULK INSERT", [source], [target], copied(source, target))


def _replace(form: _Form) -> Form | None:
    """MySQL's REPLACE is an INSERT that deletes first."""
    return form.made([_token(form.tokens[0], TokenType.INSERT, "INSERT"), *form.tokens[1:]])


def _alter(form: _Form) -> Form | None:
    view = form.accept("VIEW")
    if not (view or form.accept("TABLE") or form.accept("MATERIALIZED", "VIEW")):
        return Plan(f"ALTER {form.words[1]}") if len(form.words) > 1 else None
    form.accept("IF", "EXISTS")
    form.accept("ONLY")
    table = form.name()
    if table is None:
        return None
    for words, kind in _MOVES:
        at = form.at
        if form.accept(words[0]):
            found = form.find(words[-1], start=at)
            if found is not None:
                form.at = found + 1
                form.accept("TABLE")
                other = form.name()
                if other is not None:
                    ends = (table, other) if words[0] == "SWITCH" else (other, table)
                    return Plan(kind, [ends[0]], [ends[1]])
            form.at = at
    if form.accept("SET", "SCHEMA"):
        schema = form.name()
        if schema is not None:
            return Plan("ALTER TABLE RENAME", [table], [Table((*schema.parts, table.parts[-1]))])
    return Plan("ALTER VIEW" if view else "ALTER TABLE", [], [table])


_MOVES = (
    (("EXCHANGE", "WITH"), "ALTER TABLE EXCHANGE"),
    (("SWITCH", "TO"), "ALTER TABLE SWITCH"),
    (("APPEND", "FROM"), "ALTER TABLE APPEND"),
    (("ATTACH", "PARTITION"), "ALTER TABLE ATTACH"),
)


def _create(form: _Form) -> Form | None:
    while form.at < len(form.words) and form.words[form.at] not in _CREATED:
        form.at += 1
    kind_at = form.at
    if kind_at >= len(form.words):
        return None
    kind = form.words[kind_at]
    form.at += 1
    form.accept("IF", "NOT", "EXISTS")
    name_at = form.at
    table = form.name()
    if table is None:
        return None
    name_end = form.at
    if kind == "STAGE":
        path = next((at for at in range(form.at, len(form.words)) if form.words[at] == "URL"), None)
        string = form.string(path) if path is not None else None
        inputs = [file_table(form.tokens[string].text)] if string is not None else []
        return Plan("CREATE STAGE", inputs, [table])
    if kind in ("STREAM", "SYNONYM"):
        source_at = form.find("ON" if kind == "STREAM" else "FOR")
        form.at = source_at + 1 if source_at is not None else len(form.tokens)
        form.skip(_STREAMED)
        source = form.name()
        return Plan(f"CREATE {kind}", [source] if source else [], [table])
    create = [form.tokens[0], *_kept(form, kind_at), *form.tokens[name_at:name_end]]
    clone = form.find("CLONE")
    if clone is not None:
        form.at = clone + 1
        form.accept("OF")
        start = form.at
        if form.name() is not None:
            return form.made([*create, form.tokens[clone], *form.tokens[start : form.at]])
    return _create_as(form, create, name_end) or Plan(f"CREATE {kind}", [], [table], creates=True)


_CREATED = frozenset({"TABLE", "VIEW", "STAGE", "STREAM", "SYNONYM"})
_STREAMED = frozenset({"TABLE", "VIEW", "EXTERNAL", "STAGE", "EVENT"})
_KEPT = frozenset({"TEMP", "TEMPORARY", "MATERIALIZED", "VOLATILE"})


def _kept(form: _Form, kind_at: int) -> list[Token]:
    """Return the words before a created thing's name that say something of its lineage, and its kind."""
    return [form.tokens[at] for at in range(1, kind_at + 1) if form.words[at] in _KEPT or at == kind_at]


def _create_as(form: _Form, create: list[Token], name_end: int) -> Piece | None:
    """Return a CREATE ... AS without what stands between its name, its columns and its query."""
    columns: list[Token] = []
    if form.words[name_end : name_end + 1] == ["("]:
        closing = form.closing(name_end)
        columns = form.tokens[name_end : closing + 1]
        form.at = closing + 1
    else:
        form.at = name_end
    as_ = form.find("AS")
    while (
        as_ is not None
        and form.words[as_ + 1 : as_ + 2] != ["("]
        and not _QUERY & set(form.words[as_ + 1 : as_ + 2])
    ):
        as_ = form.find("AS", start=as_ + 1)
    if as_ is None:
        return None
    end = len(form.tokens)
    if form.words[-2:] == ["WITH", "DATA"] or form.words[-3:] == ["WITH", "NO", "DATA"]:
        end = len(form.words) - 1 - form.words[::-1].index("WITH")
    return form.made([*create, *columns, *form.tokens[as_:end]])


def _insert(form: _Form) -> Form | None:
    """INSERT OVERWRITE DIRECTORY 'path' with options before its query."""
    if "DIRECTORY" not in form.words[:4]:
        return None
    path = form.string()
    form.at = path + 1 if path is not None else form.at
    query = form.find("SELECT", "WITH", "FROM")
    if path is None or query is None:
        return None
    return Export(replace(form.piece, tokens=form.tokens[query:]), form.tokens[path].text)


def _select(form: _Form) -> Form | None:
    """MySQL: SELECT ... INTO OUTFILE 'path'."""
    into = form.find("INTO")
    if into is None or form.words[into + 1 : into + 2] not in (["OUTFILE"], ["DUMPFILE"]):
        return None
    path = form.string(into)
    if path is None:
        return None
    rest = form.find("FROM", start=path)
    tokens = [*form.tokens[:into], *(form.tokens[rest:] if rest is not None else ())]
    return Export(replace(form.piece, tokens=tokens), form.tokens[path].text)


def _merge(form: _Form) -> Form | None:
    """Databricks' WITH SCHEMA EVOLUTION, Oracle's DELETE WHERE behind an UPDATE."""
    tokens = list(form.tokens)
    if form.accept("WITH", "SCHEMA", "EVOLUTION"):
        tokens = [tokens[0], *tokens[4:]]
        return form.made(tokens)
    delete = form.find("DELETE")
    if delete is None or form.words[delete + 1 : delete + 2] != ["WHERE"] or form.words[delete - 1] == "THEN":
        return None
    end = form.find("WHEN", start=delete)
    return form.made([*tokens[:delete], *(tokens[end:] if end is not None else ())])


_FORMS: dict[str, Callable[[_Form], Form | None]] = {
    "ALTER": _alter,
    "BULK": _bulk,
    "CREATE": _create,
    "EXCHANGE": _exchange,
    "EXPLAIN": _explain,
    "EXPORT": _export,
    "INSERT": _insert,
    "LOAD": _load,
    "MERGE": _merge,
    "REFRESH": _refresh,
    "RENAME": _rename,
    "REPLACE": _replace,
    "SELECT": _select,
    "UNLOAD": _unload,
}
