"""Which tables and columns a node's table is made from, by its compiled SQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from graph.importers.dbt.artifacts import Node
from graph.importers.dbt.project import Project
from lineage.sql.facets import InputField, Made, made_by
from lineage.sql.named import NamedStatement, SqlText, named_statements
from lineage.sql.naming import Name

_SNAPSHOT_COLUMNS = ("dbt_scd_id", "dbt_updated_at", "dbt_valid_from", "dbt_valid_to")


@dataclass(frozen=True, slots=True)
class Origins:
    """What a node's table is made from: datasets, and source fields by column.

    `columns` are all of its columns, empty where they are not known. `certain` says that the datasets are all
    that the SQL reads. `problems` say what was not understood.
    """

    inputs: tuple[Name, ...] = ()
    made: Made = field(default_factory=Made)
    columns: tuple[str, ...] = ()
    certain: bool = False
    problems: tuple[str, ...] = ()


def origins_of(project: Project, nodes: Iterable[Node], compiled: dict[str, str]) -> dict[str, Origins]:
    """Return by unique id what these nodes, and those before them of unknown columns, are made from.

    `compiled` is the SQL that ran, by unique id, where it is another than the manifest's.
    """
    found: dict[str, Origins] = {}
    for node in project.before(nodes):
        if node.language == "python" or node.resource_type not in ("model", "snapshot"):
            continue
        sql = compiled.get(node.unique_id) or node.compiled_code
        if sql is None:
            found[node.unique_id] = Origins(problems=("its compiled SQL is not there",))
        else:
            listed = [
                (project.dataset(one), list(project.catalogued(one)) or _known(found, one))
                for one in project.read_by(node)
            ]
            found[node.unique_id] = _origins(project, node, sql, listed)
    return found


def _known(found: dict[str, Origins], node: Node) -> Sequence[str]:
    return found[node.unique_id].columns if node.unique_id in found else ()


def _origins(project: Project, node: Node, sql: str, listed: list[tuple[Name, Sequence[str]]]) -> Origins:
    own = project.dataset(node)
    text = SqlText(_creation(node, sql), project.dialect, project.namespace, node.database, node.schema)
    statements = named_statements([text], [*listed, (own, ())], apart=True)
    made = made_by(statements).get(own)
    problems = tuple(problem for one in statements for problem in one.problems)
    if made is None:
        return Origins(problems=problems)
    spelling = _Spelling([*listed, (own, list(project.catalogued(node)))])
    certain = all(one.certain for one in statements)
    return Origins(tuple(made.inputs), _told(made, own, spelling), _columns(statements), certain, problems)


class _Spelling:
    """Columns as their tables spell them: Snowflake's catalog says ORDER_ID where SQL says order_id."""

    def __init__(self, known: Iterable[tuple[Name, Sequence[str]]]) -> None:
        self._known = {name: {column: column for column in columns} for name, columns in known}
        self._folded = {
            name: {column.casefold(): column for column in columns} for name, columns in self._known.items()
        }

    def of(self, dataset: Name, column: str) -> str:
        """Return the table's own spelling of a column; where it has none, the column as it stands."""
        if column in self._known.get(dataset, ()):
            return column
        return self._folded.get(dataset, {}).get(column.casefold(), column)


def _told(made: Made, own: Name, spelling: _Spelling) -> Made:
    """Return what a table is made from but for itself, which an incremental model asks what is new."""

    def others(sources: Iterable[InputField]) -> list[InputField]:
        return [
            {**one, "field": spelling.of(name, one["field"])}
            for one in sources
            if (name := (one["namespace"], one["name"])) != own
        ]

    told = Made(made.inputs, {}, others(made.rows), made.complete)
    for column, sources in made.fields.items():
        if found := others(sources):
            told.fields.setdefault(spelling.of(own, column), []).extend(found)
    return told


def _columns(statements: list[NamedStatement]) -> tuple[str, ...]:
    if not all(one.columns_certain for one in statements):
        return ()
    return tuple(dict.fromkeys(edges.output.column for one in statements for edges in one.lineage.columns))


def _creation(node: Node, sql: str) -> str:
    """Return the statement that makes a node's table what its SELECT gives."""
    table = node.relation_name or ".".join(
        f'"{part}"' for part in (node.database, node.schema, node.alias or node.name) if part
    )
    select = sql.strip().rstrip(";")
    if node.resource_type == "snapshot":
        select = _versioned(node, select)
    return f"create table {table} as\n{select}"


def _versioned(node: Node, select: str) -> str:
    """Return the SELECT of a snapshot with the columns that dbt adds to each version of a row.

    https://docs.getdbt.com/docs/build/snapshots#snapshot-meta-fields; a row that changed by its own column
    `updated_at` is valid from then on, else from when dbt looked.
    """
    config = node.settings
    time = config.updated_at if config.strategy == "timestamp" and config.updated_at else "current_timestamp"
    keys = [config.unique_key] if isinstance(config.unique_key, str) else config.unique_key or []
    values = [f"md5(concat({', '.join([*keys, time])}))", time, time, f"nullif({time}, {time})"]
    names = config.snapshot_meta_column_names or {}
    added = [
        f"{value} as {names.get(column) or column}"
        for column, value in zip(_SNAPSHOT_COLUMNS, values, strict=True)
    ]
    return f"select *, {', '.join(added)} from (\n{select}\n) as snapshotted"
