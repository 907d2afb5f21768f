"""The tables and files that a table expression names."""

from __future__ import annotations

import re

from sqlglot import exp

from lineage.sql.results import Table
from lineage.sql.tree import Node, all_nodes, column_parts

# fmt: off
# Table functions whose first argument is a file, a list of files or a pattern.
_FILE_FUNCTIONS = frozenset({
    "delta_scan", "iceberg_scan", "parquet_scan", "read_avro", "read_blob", "read_csv", "read_csv_auto",
    "read_files", "read_json", "read_json_auto", "read_json_objects", "read_ndjson", "read_ndjson_auto",
    "read_ndjson_objects", "read_parquet", "read_text", "read_xlsx", "sniff_csv", "st_read",
})
# fmt: on
# fmt: off
# Table functions the parser does not know by name that make rows of their arguments alone.
_GENERATORS = frozenset({
    "explode", "explode_outer", "flatten", "generate_series", "generate_subscripts", "generator",
    "inline", "inline_outer", "json_array_elements", "json_array_elements_text", "json_each",
    "json_each_text", "json_object_keys", "json_populate_record", "json_populate_recordset", "json_table",
    "json_to_record", "json_to_recordset", "json_tree", "json_tuple", "jsonb_array_elements",
    "jsonb_array_elements_text", "jsonb_each", "jsonb_each_text", "jsonb_object_keys", "jsonb_path_query",
    "jsonb_populate_record", "jsonb_populate_recordset", "jsonb_to_record", "jsonb_to_recordset", "numbers",
    "openjson", "parse_url_tuple", "posexplode", "posexplode_outer", "range", "regexp_matches",
    "regexp_split_to_table", "repeat_row", "sequence", "split_to_table", "stack",
    "string_split", "string_to_table", "strtok_split_to_table", "table", "unnest", "variant_explode",
    "variant_explode_outer", "xmltable", "zeros",
})
# fmt: on
# Spark reads parquet.`s3://bucket/key` as a file of that format.
_FILE_FORMATS = frozenset({"parquet", "csv", "json", "orc", "delta", "avro", "text", "binaryfile", "iceberg"})
_DYNAMIC = "dynamicidentifier"  # Snowflake's IDENTIFIER(...), of newer parsers alone
_PATH = re.compile(
    r"[/\\]|\.(?:parquet|csv|tsv|json|jsonl|ndjson|orc|avro|xlsx|arrow|txt)(?:\.(?:gz|zst|bz2))?$", re.I
)


def table_of(node: Node | None) -> Table | None:
    """Return the one table that a node names as the target of a statement, or None."""
    if isinstance(node, exp.Schema):
        node = node.this
    if isinstance(node, exp.Table):
        tables = tables_of(node)
        return tables[0] if tables else None
    if isinstance(node, exp.Directory):
        return file_table(node.this.name)
    if isinstance(node, exp.Literal) and node.is_string:
        return file_table(node.name)
    return None


def tables_of(node: exp.Table) -> list[Table]:
    """Return the tables or files behind a table expression; a function that reads no file has none."""
    if isinstance(node.this, exp.Func) or node.this.key == _DYNAMIC:
        return _files(node.this) or _named_tables(node.this)
    parts = tuple(_part(part) for part in node.parts)
    if not any(parts):
        return []
    last = parts[-1]
    if len(parts) == 2 and parts[0].lower() in _FILE_FORMATS and _PATH.search(last):
        return [file_table(last)]
    identifier = node.parts[-1]
    quoted = isinstance(identifier, exp.Identifier) and identifier.quoted
    if len(parts) == 1 and quoted and _PATH.search(last):
        return [file_table(last)]
    return [Table(tuple(part for part in parts if part))]


def _part(node: Node) -> str:
    """Return a part of a name; T-SQL's marks of temporary tables and table variables belong to it."""
    if isinstance(node, exp.Parameter):
        return f"@{node.name}"
    args = node.args
    mark = "#" if args.get("temporary") else "##" if args.get("global_") or args.get("global") else ""
    return mark + (node.name or node.sql())


def unseen_reads(root: Node) -> list[str]:
    """Return the names of table functions in FROM that may read something the statement does not name."""
    sources = (exp.Table, exp.Lateral, exp.TableFromRows)
    called = [n.this for n in all_nodes(root) if isinstance(n, sources) and isinstance(n.this, exp.Func)]
    return [
        name
        for function in called
        if not _files(function)
        and not _named_tables(function)
        and (name := _called(function)) not in _GENERATORS
        and (isinstance(function, exp.Anonymous) or name in _FILE_FUNCTIONS)
    ]


def file_table(path: str) -> Table:
    """Return the table that a file's path or pattern stands for."""
    return Table((path,), is_path=True)


def _called(function: Node) -> str:
    return (function.name if isinstance(function, exp.Anonymous) else _sql_name(function)).lower()


def _sql_name(function: Node) -> str:
    return str(function.sql_name()) if isinstance(function, exp.Func) else function.key


def _named_tables(function: Node) -> list[Table]:
    """Return the table a function takes by its name: IDENTIFIER('s.t'), table_changes('s.t', 2)."""
    first = function.this
    if isinstance(function, exp.Anonymous):
        if _called(function) not in ("identifier", "stream", "table_changes"):
            return []
        first = next(iter(function.expressions), None)
        if isinstance(first, exp.Column):  # STREAM(shop.orders)
            return [Table(tuple(column_parts(first)))]
    elif function.key != _DYNAMIC:
        return []
    if not (isinstance(first, exp.Literal) and first.is_string):
        return []
    return [Table(tuple(part.strip('"`') for part in first.name.split(".")))]


def _files(function: Node) -> list[Table]:
    if _called(function) not in _FILE_FUNCTIONS:
        return []
    first = function.this if isinstance(function.this, Node) else next(iter(function.expressions), None)
    listed = first.expressions if isinstance(first, exp.Array) else [first]
    return [file_table(item.name) for item in listed if isinstance(item, exp.Literal) and item.is_string]
