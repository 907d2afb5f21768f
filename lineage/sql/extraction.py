"""The work behind `lineage.sql.extract`: fence, parse, plan, resolve, unite."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from sqlglot import Dialect, ErrorLevel

from lineage._guard import guard
from lineage.sql.catalog import Catalog
from lineage.sql.dialects import dialect_of
from lineage.sql.fence import refusal
from lineage.sql.names import unseen_reads
from lineage.sql.overlooked import lacks_rows
from lineage.sql.parsing import ENGINE, Parsed, parse
from lineage.sql.plans import Plan, Written
from lineage.sql.queries import Queries
from lineage.sql.relations import Flow, Output
from lineage.sql.relations import united as merged
from lineage.sql.results import Column, ColumnEdges, Source, SqlLineage, StatementLineage, Table
from lineage.sql.scripts import unique, united
from lineage.sql.session import Session
from lineage.sql.statements import plan

CACHED_CHARACTERS = 64_000
"""Texts up to this length are remembered with their answer."""

Schema = Mapping[str, Mapping[str, str] | Sequence[str]]
_FrozenSchema = tuple[tuple[str, tuple[str, ...]], ...]


def extract_cached(
    sql: str,
    dialect: str | None,
    schema: Schema | None,
    default_namespace: str | None,
    default_schema: str | None,
) -> SqlLineage:
    """Return the lineage of a text, remembered when it is short."""
    frozen = tuple((name, tuple(columns)) for name, columns in (schema or {}).items())
    remembered = _remembered if len(sql) <= CACHED_CHARACTERS else _extract
    return remembered(sql, dialect, frozen, default_namespace, default_schema)


def _extract(
    sql: str,
    dialect: str | None,
    schema: _FrozenSchema,
    default_namespace: str | None,
    default_schema: str | None,
) -> SqlLineage:
    known = dialect_of(dialect) if dialect else None
    if known is not None and Dialect.get(known) is None:  # newer than the parser installed
        known = None
    problems = [_unknown(dialect)] if dialect and known is None and dialect.lower() not in _GENERIC else []
    refused = refusal(sql)
    if refused is not None:
        return united((), (*problems, refused), ENGINE, known)
    catalog = Catalog(dict(schema), default_schema)
    session = Session(known)
    statements = [_statement(parsed, known, catalog, session) for parsed in _parsed(sql, known)]
    return united(statements, problems, ENGINE, known, default_namespace)


_remembered = lru_cache(maxsize=512)(_extract)


# What a query reads from that reads nothing.
_NO_TABLES = frozenset({"dual", "sys.dual", "sysibm.sysdummy1"})
_GENERIC = ("ansi", "generic", "sql")


def _unknown(dialect: str) -> str:
    # Of a URL only the scheme is told: the rest may hold a password.
    return f"the dialect {dialect.partition(':')[0]} is not known, generic SQL is assumed"


def _statement(parsed: Parsed, dialect: str | None, catalog: Catalog, session: Session) -> StatementLineage:
    if session.take(parsed.text):
        catalog.use(session.schema)
        return StatementLineage("USE", (), (), (), True, (), ENGINE, dialect, text=parsed.text)
    planned = _planned(parsed, dialect)
    if planned is None:
        unread = (parsed.problem,) if parsed.problem else ()
        kind = parsed.kind or "UNKNOWN"
        return StatementLineage(kind, (), (), (), not unread, unread, ENGINE, dialect, text=parsed.text)
    statement = session.completed(_read(parsed, planned, dialect, catalog))
    if planned.creates:
        for table in statement.outputs[-1:]:
            names = [edges.output.column for edges in statement.columns if edges.output.table == table.name]
            catalog.learn(table, names or planned.defines)
    return statement


def _parsed(sql: str, dialect: str | None) -> list[Parsed]:
    with guard("telling the statements of a SQL text apart"):
        return parse(sql, dialect)
    return [Parsed(None, sql, "its statements could not be told apart")]


def _planned(parsed: Parsed, dialect: str | None) -> Plan | None:
    """Return a statement's plan, None where it could not be parsed or is a definition."""
    if parsed.tree is None:
        return parsed.plan
    with guard("reading the tables of a SQL statement"):
        try:
            return plan(parsed.tree, dialect)
        except RecursionError:
            return Plan(parsed.tree.key.upper(), opaque="it is nested too deep")
    return Plan(parsed.tree.key.upper(), opaque="its tables could not be read")


def _read(parsed: Parsed, planned: Plan, dialect: str | None, catalog: Catalog) -> StatementLineage:
    """Return the lineage of one statement that was parsed."""
    written, problems = _columns(planned, Queries(catalog, dialect, parsed.variables))
    if parsed.assigning:  # what a variable holds is no column that anybody could ask for
        written = []
    if parsed.doubt is not None:
        problems.append(parsed.doubt)
    for function in unseen_reads(parsed.tree) if parsed.tree is not None else ():
        problems.append(f"what the table function {function} reads is not known")
    problems += _passed_over(parsed, planned)
    if planned.opaque:
        problems.append(f"{planned.kind} was not understood: {planned.opaque}")
    certain = not problems
    columns, doubts, all_named = _edges(written, dialect)
    problems += doubts
    for each in written:
        problems += [doubt for doubt in each.rows.doubts if doubt not in problems]
    outputs = unique(planned.outputs)
    return StatementLineage(
        planned.kind,
        unique(table for table in planned.inputs if table.name.casefold() not in _NO_TABLES),
        outputs,
        columns,
        certain and all_named and not doubts,
        tuple(problems),
        ENGINE,
        dialect,
        _temporary(planned, outputs, dialect),
        parsed.text,
    )


def _passed_over(parsed: Parsed, planned: Plan) -> Iterator[str]:
    """Yield what the parser left out of a statement; where nothing is left, that is no understanding."""
    understood = "was understood in part" if planned.inputs else "was not understood"
    if parsed.overlooked:
        names = ", ".join(parsed.overlooked[:_LISTED])
        yield f"{planned.kind} {understood}: the parser passes over the tables {names}"
    if lacks_rows(parsed.tree):
        yield f"{planned.kind} {understood}: where its rows come from is not in the parser's answer"


_LISTED = 8
"""Tables that a problem names."""


def _temporary(planned: Plan, outputs: Sequence[Table], dialect: str | None) -> tuple[Table, ...]:
    """Return the tables a statement writes that do not outlive their session."""
    marks = ("#", "@") if dialect in ("tsql", "fabric") else ("#",)
    named = [table for table in outputs if table.parts[-1].startswith(marks) and not table.is_path]
    return unique([*named, *(outputs[-1:] if planned.temporary else ())])


def _columns(planned: Plan, queries: Queries) -> tuple[list[Written], list[str]]:
    """Return what a statement writes by column; whatever goes wrong here leaves its tables standing."""
    with guard("reading the columns of a SQL statement"):
        try:
            return list(planned.columns(queries)), []
        except RecursionError:
            return [], ["its columns are nested too deep to be followed"]
    return [], ["its columns could not be read"]


def _edges(
    written: Sequence[Written], dialect: str | None
) -> tuple[tuple[ColumnEdges, ...], list[str], bool]:
    """Return the edges by written column, the doubts about them, and whether each column has a known name."""
    flows: dict[Column, Flow] = {}
    rows: dict[Column, Flow] = {}
    all_named = True
    for each in written:
        table = each.table.name if each.table else ""
        for position, column in enumerate(each.columns):
            name = (column.name or f"_col_{position}") if isinstance(column, Output) else "*"
            all_named = all_named and isinstance(column, Output) and bool(column.name)
            key, flow = Column(table, name), column.flow if isinstance(column, Output) else column.star()
            if key in flows:
                flow = merged([flows[key], flow])
            flows[key] = flow
            rows[key] = _united_rows(rows.get(key), each.rows)
    of_rows = {id(each): _deciding(each) for each in rows.values()}  # most columns have no others
    columns = tuple(
        _column_edges(
            output,
            flow,
            _deciding(_united_rows(flow, rows[output])) if flow.indirect else of_rows[id(rows[output])],
            dialect,
        )
        for output, flow in flows.items()
    )
    doubts = dict.fromkeys(each.doubt for each in written if each.doubt)
    doubts.update({doubt: None for flow in flows.values() for doubt in flow.doubts})
    return columns, list(doubts), all_named


def _united_rows(one: Flow | None, other: Flow) -> Flow:
    if one is None or one is other:
        return other
    rows = Flow()
    rows.add_rows(one)
    rows.add_rows(other)
    return rows


def _deciding(flow: Flow) -> tuple[Source, ...]:
    return tuple(Source(*key, masking=key in flow.masked) for key in flow.indirect)


def _column_edges(
    output: Column, flow: Flow, indirect: tuple[Source, ...], dialect: str | None
) -> ColumnEdges:
    return ColumnEdges(
        output,
        tuple(Source(*key, subtype, masking=key in flow.masked) for key, subtype in flow.direct.items()),
        indirect,
        None if flow.is_copy else _text(flow, dialect),
    )


@lru_cache(maxsize=64)
def _instance(dialect: str | None) -> Dialect:
    return Dialect.get_or_raise(dialect)


def _text(flow: Flow, dialect: str | None) -> str | None:
    if flow.defined_by is None:
        return None
    try:
        return flow.defined_by.sql(
            dialect=_instance(dialect), comments=False, unsupported_level=ErrorLevel.IGNORE
        )
    except RecursionError:  # thousands of operators deep: the edges stand without their text
        return None
