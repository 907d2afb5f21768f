"""Scripts and bodies of procedures told apart into the statements in them, by tokens alone.

The languages meant are the SQL/PSM family (BigQuery, MySQL, Databricks, Snowflake), PL/SQL, PL/pgSQL and T-SQL.
What only steers them is passed over; queries in their conditions and assignments are statements of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from sqlglot import Token, TokenType

from lineage.sql.boundaries import Boundary
from lineage.sql.splitting import UNPUNCTUATED, Piece, is_string, redelimited, tokenized, untokenized, word

# fmt: off
_STEERING = frozenset({  # statements that move no rows, but for the queries in them
    "ASSERT", "BREAK", "CLOSE", "CONTINUE", "DEALLOCATE", "EXIT", "FETCH", "GET", "GOTO", "ITERATE", "LEAVE",
    "LET", "NULL", "PRINT", "RAISE", "RAISERROR", "RESIGNAL", "RETURN", "SIGNAL", "THROW", "WAITFOR",
})
_VERBS = frozenset({
    "ALTER", "CALL", "COPY", "CREATE", "DELETE", "DROP", "EXECUTE", "GRANT", "INSERT", "MERGE", "REPLACE",
    "SELECT", "TRUNCATE", "UPDATE", "VALUES", "WITH",
})
# fmt: on
_QUERY = frozenset({"SELECT", "WITH"})
_DYNAMIC = "the statement it runs is made while it runs"
_VARIABLES_IN_INTO = frozenset({"bigquery", "databricks", "mysql", "oracle", "singlestore", "snowflake"})
_CODE_IN_STRINGS = 4
"""How deep strings of code in strings of code are followed."""


def pieces(sql: str, dialect: str | None) -> list[Piece]:
    """Return the statements of a text in order, those in the bodies of its procedures among them."""
    if dialect in ("mysql", "singlestore", None):
        sql = redelimited(sql)
    tokens = tokenized(sql, dialect)
    if tokens is not None:
        return list(Script(tokens, sql, dialect).pieces())
    found: list[Piece] = []
    for part, cut in untokenized(sql, dialect):
        if cut is None:
            found.append(Piece((), part, problem="the parser cannot read it (TokenError)"))
        else:
            found += Script(cut, part, dialect).pieces()
    return found


def unpunctuated(piece: Piece, dialect: str | None) -> list[Piece]:
    """Return a statement cut where words in it begin others, for one that is not understood as a whole."""
    return list(Script(piece.tokens, piece.sql, dialect, piece.variables, punctuated=False).pieces())


class Script:
    """Walks the tokens of a text once."""

    def __init__(
        self,
        tokens: Sequence[Token],
        sql: str,
        dialect: str | None,
        variables: frozenset[str] = frozenset(),
        *,
        punctuated: bool | None = None,
        in_body: bool = False,
        depth: int = 0,
    ) -> None:
        self._tokens = tokens
        self._words = [word(token) for token in tokens]
        self._sql = sql
        self._dialect = dialect
        self._variables = variables
        self._punctuated = dialect not in UNPUNCTUATED if punctuated is None else punctuated
        self._in_body = in_body
        self._depth = depth
        self._at = 0

    def pieces(self) -> Iterator[Piece]:
        """Yield the statements in order."""
        while self._at < len(self._tokens):
            before = self._at
            yield from self._statement()
            if self._at == before:  # nothing was recognised: never stand still
                self._at += 1

    def _word(self, offset: int = 0) -> str:
        at = self._at + offset
        return self._words[at] if at < len(self._words) else ""

    def _statement(self) -> Iterator[Piece]:
        first, second = self._word(), self._word(1)
        if first in (";", "GO", "/", "$$", "<<", ")") or (first == "<" and second == "<"):
            self._at += 4 + (self._word(4) == ">") if first == "<" else 1
        elif second == ":" and self._word(2) in ("BEGIN", "LOOP", "WHILE", "REPEAT", "FOR"):
            self._at += 2
        elif first in self._HANDLERS:
            yield from self._HANDLERS[first](self)
        elif first in _STEERING or self._is_assignment():
            yield from self._queries(self._at, self._pass())
        else:
            yield from self._simple()

    def _simple(self, start: int | None = None) -> Iterator[Piece]:
        start = self._at if start is None else start
        end = self._pass()
        if end > start:
            yield self._piece(start, end)

    def _piece(self, start: int, end: int) -> Piece:
        tokens: Sequence[Token] = self._tokens[start:end]
        if self._words[start] in _QUERY and (self._in_body or self._dialect in _VARIABLES_IN_INTO):
            tokens = self._without_into(start, end)
        return Piece(tokens, self._sql, self._variables)

    # Where things end

    def _pass(self) -> int:
        """Move behind the statement that begins here and return where it ends."""
        tokens, words = self._tokens, self._words
        boundary = Boundary(self._word())
        brackets = cases = 0
        at = self._at
        while at < len(tokens):
            this = words[at]
            if this == ";" or (this == "GO" and self._alone(at)) or (this == "/" and self._alone(at)):
                break
            if this == "(":
                brackets += 1
            elif this == ")":
                brackets -= 1
            elif this == "CASE":
                cases += 1
            elif this == "END" and cases:
                cases -= 1
            elif at > self._at and brackets <= 0 and not cases:
                if this == "END" and words[at - 1] not in (".", "AS"):
                    break
                if not self._punctuated and boundary.before(tokens, at):
                    break
            at += 1
        self._at = at
        return at

    def _alone(self, at: int) -> bool:
        """Whether a token stands on a line of its own."""
        tokens = self._tokens
        before = at == 0 or tokens[at - 1].line < tokens[at].line
        return before and (at + 1 >= len(tokens) or tokens[at + 1].line > tokens[at].line)

    def _find(self, *wanted: str) -> int | None:
        """Return where one of these words comes next outside brackets and CASE, before a semicolon."""
        brackets = cases = 0
        for at in range(self._at, len(self._words)):
            this = self._words[at]
            if this == ";":
                return None
            if this == "(":
                brackets += 1
            elif this == ")":
                brackets -= 1
            elif this == "CASE" and at > self._at:
                cases += 1
            elif this == "END" and cases:
                cases -= 1
            elif not brackets and not cases and this in wanted:
                return at
        return None

    def _closing(self, opening: int) -> int:
        brackets = 0
        for at in range(opening, len(self._words)):
            brackets += (self._words[at] == "(") - (self._words[at] == ")")
            if not brackets:
                return at
        return len(self._words)

    def _queries(self, start: int, end: int) -> Iterator[Piece]:
        """Yield the queries in brackets among these tokens."""
        at = start
        while at < end:
            if self._words[at] == "(" and at + 1 < end and self._words[at + 1] in _QUERY:
                closing = min(self._closing(at), end)
                yield self._piece(at + 1, closing)
                at = closing
            at += 1

    def _query_from(self, start: int, end: int) -> Iterator[Piece]:
        """Yield a query that stands here with or without brackets around it, else those inside."""
        if start < end and self._words[start] in _QUERY:
            yield self._piece(start, end)
        else:
            yield from self._queries(start, end)

    # Steering

    def _condition(self) -> Iterator[Piece]:
        """IF, ELSIF, WHILE, WHEN, CASE: pass the condition; what follows it is a statement."""
        start = self._at
        then = self._find("LOOP", "DO") if self._word() == "WHILE" else self._find("THEN")
        if then is None and not self._punctuated:
            self._at += 1
            end = self._pass()
        else:
            end = self._pass() if then is None else then
            self._at = end + 1 if then is not None else end
        yield from self._queries(start + 1, end)

    def _else(self) -> Iterator[Piece]:
        self._at += 1
        yield from ()

    def _until(self) -> Iterator[Piece]:
        start = self._at
        yield from self._queries(start, self._pass())

    def _repeat(self) -> Iterator[Piece]:
        if self._word(1) == "(":
            yield from self._simple()
        else:
            self._at += 1

    def _begin(self) -> Iterator[Piece]:
        following = self._word(1)
        if self._word() == "BEGIN" and following not in (
            "",
            ";",
            "TRAN",
            "TRANSACTION",
            "WORK",
            "DISTRIBUTED",
        ):
            self._at += 1
            if following in ("TRY", "CATCH", "ATOMIC"):
                self._at += 1
            elif following == "NOT" and self._word(1) == "ATOMIC":
                self._at += 2
        else:
            yield from self._simple()

    def _end(self) -> Iterator[Piece]:
        self._at += 1
        if self._word() in ("IF", "LOOP", "WHILE", "REPEAT", "CASE", "FOR", "TRY", "CATCH"):
            self._at += 1
        elif self._word(1) in (";", "/") or (self._at + 1 == len(self._tokens) and self._word() != ";"):
            self._at += self._word() != ";"  # the name of what ends
        yield from ()

    def _exception(self) -> Iterator[Piece]:
        self._at += 1
        yield from ()

    def _for(self) -> Iterator[Piece]:
        loop = self._find("LOOP", "DO")
        if loop is None:
            yield from self._simple()
            return
        within = self._find("IN")
        start = within + 1 if within is not None and within < loop else loop
        if within is not None:
            self._declare_names(self._at + 1, within)
        self._at = loop + 1
        yield from self._query_from(start, loop)

    def _forall(self) -> Iterator[Piece]:
        verb = self._find("INSERT", "UPDATE", "DELETE", "MERGE", "EXECUTE")
        if verb is None:
            self._pass()
        else:
            self._declare_names(self._at + 1, self._at + 2)
            self._at = verb
        yield from ()

    def _open(self) -> Iterator[Piece]:
        query = self._find(*_QUERY)
        start, end = self._at, self._pass()
        yield from self._query_from(query, end) if query is not None else self._queries(start, end)

    def _perform(self) -> Iterator[Piece]:
        start, end = self._at, self._pass()
        first = self._tokens[start]
        select = Token(TokenType.SELECT, "SELECT", first.line, first.col, first.start, first.end)
        yield Piece([select, *self._tokens[start + 1 : end]], self._sql, self._variables)

    def _return(self) -> Iterator[Piece]:
        query = self._at + (2 if self._word(1) == "QUERY" else 1)
        if self._words[query : query + 1] == ["EXECUTE"]:
            self._at = query
            return
        end = self._pass_return()
        yield from self._query_from(query, end)

    def _pass_return(self) -> int:
        start = self._at
        if self._punctuated or self._word(1) not in _QUERY:
            return self._pass()
        self._at += 1
        end = self._pass()
        return max(end, start + 1)

    def _set(self) -> Iterator[Piece]:
        start, end = self._at, self._pass()
        queries = list(self._queries(start, end))
        if queries:
            yield from queries
        elif not self._in_body and self._word_at(start + 1) != "@":
            yield self._piece(start, end)

    def _word_at(self, at: int) -> str:
        return self._words[at] if at < len(self._words) else ""

    def _is_assignment(self) -> bool:
        """Whether a statement is `x := ...`, `x.y := ...`, `x(i) := ...` or, in a body, `x = ...`."""
        end = min(self._at + 12, len(self._words))
        for at in range(self._at + 1, end):
            if self._words[at] == ":=" or (self._in_body and at == self._at + 1 and self._words[at] == "="):
                return True
            if self._words[at] in _VERBS or self._words[at] == ";":
                return False
        return False

    # Declarations

    def _declare(self) -> Iterator[Piece]:
        self._at += 1
        if self._word() == "@":
            yield from self._declared_variable()
            return
        while self._at < len(self._tokens) and not self._begins_statement():
            yield from self._declaration()
            self._at += self._word() == ";"
            if self._dialect in ("bigquery", "mysql", "databricks", "spark", "singlestore", *UNPUNCTUATED):
                return

    def _begins_statement(self) -> bool:
        first, second = self._word(), self._word(1)
        if first in ("BEGIN", "END", "DECLARE", "GO", ";", "/"):
            return True
        return (first in _VERBS or first in self._HANDLERS) and first not in (
            "EXCEPTION",
            "PROCEDURE",
            "FUNCTION",
        )

    def _declaration(self) -> Iterator[Piece]:
        """Pass one declaration: a variable, cursor, type, handler or local procedure."""
        start = self._at
        if self._word() in ("PROCEDURE", "FUNCTION"):
            yield from self._local()
            return
        handler = self._find("HANDLER")
        if handler is not None:
            self._at = (
                self._find("BEGIN", "SET", "INSERT", "UPDATE", "DELETE", "CALL", "SELECT", "ROLLBACK")
                or handler
            )
            self._at += self._at == handler
            return
        cursor = self._find("CURSOR")
        query = self._find(*_QUERY) if cursor is not None else None
        named = start + (self._word() == "CURSOR")
        end = self._pass()
        names = named + 1
        while self._word_at(names) == "," and names + 1 < end:
            names += 2
        self._declare_names(named, min(names, end))
        if query is not None:
            yield self._piece(query, end)
        else:
            yield from self._queries(start, end)

    def _declared_variable(self) -> Iterator[Piece]:
        """T-SQL: a variable, one that holds a table, or a cursor."""
        start, end = self._at - 1, self._pass()
        if "TABLE" in self._words[start : start + 6]:
            yield self._piece(start, end)
        else:
            yield from self._queries(start, end)

    def _local(self) -> Iterator[Piece]:
        """A procedure declared in another or in a package: pass its head."""
        self._at += 2
        if self._word() == "(":
            closing = self._closing(self._at)
            self._declare_parameters(self._at, closing)
            self._at = closing + 1
        body = self._find("IS", "AS")
        if body is None:
            self._pass()
        else:
            self._at = body + 1
            yield from self._declarations()

    def _declarations(self) -> Iterator[Piece]:
        """Pass what an Oracle body declares before its BEGIN."""
        while self._at < len(self._tokens) and not self._begins_statement():
            yield from self._declaration()
            self._at += self._word() == ";"

    def _declare_names(self, start: int, end: int) -> None:
        names = {self._tokens[at].text.casefold() for at in range(start, min(end, len(self._tokens)))}
        self._variables |= names - {",", "(", ")"}

    def _declare_parameters(self, opening: int, closing: int) -> None:
        brackets, expected, names = 0, True, set()
        for at in range(opening, closing):
            this = self._words[at]
            brackets += (this == "(") - (this == ")")
            if brackets == 1 and this in ("(", ","):
                expected = True
            elif expected and this not in ("IN", "OUT", "INOUT", "VARIADIC"):
                names.add(self._tokens[at].text.casefold())
                expected = False
        self._variables |= names

    def _without_into(self, start: int, end: int) -> list[Token]:
        """Return a query's tokens without `INTO v1, v2`, which in a body are variables."""
        kept: list[Token] = []
        brackets, at = 0, start
        while at < end:
            this = self._words[at]
            brackets += (this == "(") - (this == ")")
            if this == "INTO" and not brackets and self._word_at(at + 1) not in ("OUTFILE", "DUMPFILE"):
                if self._words[at - 2 : at] == ["BULK", "COLLECT"]:
                    del kept[-2:]
                at = self._behind_targets(at + 1, end)
                continue
            kept.append(self._tokens[at])
            at += 1
        return kept

    def _behind_targets(self, at: int, end: int) -> int:
        """Return where a list of variables ends: names with dots, marks and indices, between commas."""
        at += self._word_at(at) == "STRICT"
        while at < end:
            while at < end and self._words[at] in (":", "@"):
                at += 1
            at += 1
            while at < end and self._words[at] in (".", "("):
                at = self._closing(at) + 1 if self._words[at] == "(" else at + 2
            if at >= end or self._words[at] != ",":
                return at
            at += 1
        return end

    # Code in strings, and definitions

    def _do(self) -> Iterator[Piece]:
        start = self._at
        if any(is_string(token) for token in self._tokens[start + 1 : start + 4]):
            end = self._pass()
            body = next(token for token in self._tokens[start:end] if is_string(token))
            yield from self._code(body.text)
        else:
            self._at += 1

    def _execute(self) -> Iterator[Piece]:
        """EXECUTE IMMEDIATE, EXEC (...), PREPARE: read a statement that is there as one string."""
        start = self._at
        code = start + 1
        while self._word_at(code) in ("IMMEDIATE", "(", "N"):
            code += 1
        if self._word_at(code) in ("SP_EXECUTESQL", "SYS"):
            code += 1
            while self._word_at(code) in (".", "SP_EXECUTESQL", "@", "STMT", "STATEMENT", "="):
                code += 1
        if self._word() == "PREPARE":
            code += 1 + (self._word_at(code + 1) in ("FROM", "AS"))
        end = self._pass()
        following = self._word_at(code + 1) if code + 1 < end else ""
        if code < end and is_string(self._tokens[code]) and following in ("", ")", ",", "USING", "INTO"):
            yield from self._code(self._tokens[code].text)
        elif self._word_at(start + 1) in _VERBS:  # PREPARE-like: EXECUTE of a statement itself
            yield self._piece(start + 1, end)
        else:
            yield self._opaque(start, end)

    def _opaque(self, start: int, end: int) -> Piece:
        head = self._words[start]
        dynamic = (head != "EXEC" and self._word_at(start + 1) in ("IMMEDIATE", "(")) or head == "PREPARE"
        problem = f"{head} was not understood: " + (
            _DYNAMIC if dynamic else "what it runs is not in the text"
        )
        return Piece(self._tokens[start:end], self._sql, kind=head, problem=problem)

    def _code(self, code: str, *, in_body: bool = True) -> Iterator[Piece]:
        tokens = tokenized(code, self._dialect) if self._depth < _CODE_IN_STRINGS else None
        if tokens is None:
            yield Piece(
                (), code, kind="BODY", problem="a body was not understood: it cannot be cut into tokens"
            )
            return
        yield from Script(
            tokens, code, self._dialect, self._variables, in_body=in_body, depth=self._depth + 1
        ).pieces()

    def _create(self) -> Iterator[Piece]:
        at = self._at + 1
        while self._word_at(at) in _BEFORE_KIND:
            at += 1
        kind = self._word_at(at)
        if kind == "TABLE" and self._word_at(at + 1) == "FUNCTION":
            at, kind = at + 1, "FUNCTION"
        if kind == "PACKAGE" and self._word_at(at + 1) == "BODY":
            at += 1
        if kind in _DEFINED:
            yield from self._definition(at, "PROCEDURE" if kind == "PROC" else kind)
        else:
            yield from self._simple()

    def _definition(self, at: int, kind: str) -> Iterator[Piece]:
        """A procedure, function, trigger or package: its head as one statement, then those of its body."""
        start = self._at
        self._at = at + 1
        name = self._at
        outer = self._variables
        body = self._body(kind)
        if body is None:
            end = self._pass()
            yield Piece(self._tokens[start:end], self._sql, kind=f"CREATE {kind}")
            return
        string = next(
            (n for n in (body, body + 1) if n < len(self._tokens) and is_string(self._tokens[n])), None
        )
        if string is not None:
            self._at = string
            end = self._pass()
            yield from self._string_body(start, string, end, kind)
        else:
            yield Piece(self._tokens[start:body], self._sql, kind=f"CREATE {kind}")
            self._at = body
            if self._word() == "(":
                yield from self._queries(body, self._pass())
            elif self._word() not in _QUERY and self._dialect not in UNPUNCTUATED:
                yield from self._declarations()
            return
        self._variables = outer
        del name

    def _string_body(self, start: int, string: int, end: int, kind: str) -> Iterator[Piece]:
        """Yield a definition whose body is a string, and the statements in it where it is SQL."""
        words = self._words
        languages = [
            self._tokens[n + 1].text.upper() for n in range(start, end - 1) if words[n] == "LANGUAGE"
        ]
        language = languages[0] if languages else "SQL"
        problem = None
        if language not in ("SQL", "PLPGSQL", "PLPGSQLU"):
            problem = f"CREATE {kind} was not understood: its body is {language.title()}"
        yield Piece(self._tokens[start:end], self._sql, kind=f"CREATE {kind}", problem=problem)
        if problem is None:
            procedural = language == "PLPGSQL" or self._dialect == "snowflake"
            yield from self._code(self._tokens[string].text, in_body=procedural)

    def _body(self, kind: str) -> int | None:
        """Return where the body of a definition begins, its parameters taken as variables on the way."""
        at, parameters = self._at, False
        while at < len(self._tokens):
            this = self._words[at]
            if this == ";" or (kind == "TRIGGER" and this == "EXECUTE" and self._dialect not in UNPUNCTUATED):
                return None
            if this == "(":
                closing = self._closing(at)
                if not parameters:
                    self._declare_parameters(at, closing)
                    parameters = True
                at = closing
            elif this in ("AS", "IS"):
                typed = at > 1 and self._words[at - 2] == "@"
                if not typed and self._words[at - 1] not in ("EXECUTE", "EXEC", "REFERENCING", "NEW", "OLD"):
                    return at + 1
            elif (
                this == "BEGIN"
                or (this == "RETURN" and self._word_at(at + 1) in (*_QUERY, "("))
                or (
                    kind == "PROCEDURE" and this in ("INSERT", "UPDATE", "DELETE", "SELECT") and at > self._at
                )
            ):
                return at
            at += 1
        return None

    _HANDLERS: dict[str, Callable[[Script], Iterator[Piece]]] = {
        "BEGIN": _begin,
        "BEGIN TRANSACTION": _begin,
        "CASE": _condition,
        "CREATE": _create,
        "DECLARE": _declare,
        "DO": _do,
        "ELSE": _else,
        "ELSEIF": _condition,
        "ELSIF": _condition,
        "END": _end,
        "EXCEPTION": _exception,
        "EXEC": _execute,
        "EXECUTE": _execute,
        "FOR": _for,
        "FORALL": _forall,
        "FUNCTION": _local,
        "IF": _condition,
        "LOOP": _else,
        "OPEN": _open,
        "PERFORM": _perform,
        "PREPARE": _execute,
        "PROCEDURE": _local,
        "REPEAT": _repeat,
        "RETURN": _return,
        "SET": _set,
        "UNTIL": _until,
        "WHEN": _condition,
        "WHILE": _condition,
    }


_BEFORE_KIND = frozenset(
    [
        "OR",
        "REPLACE",
        "ALTER",
        "EDITIONABLE",
        "NONEDITIONABLE",
        "TEMP",
        "TEMPORARY",
        "SECURE",
        "AGGREGATE",
        "CONSTRAINT",
        "DEFINER",
        "=",
        "@",
    ]
)
_DEFINED = frozenset({"FUNCTION", "PACKAGE", "PROC", "PROCEDURE", "TRIGGER"})
