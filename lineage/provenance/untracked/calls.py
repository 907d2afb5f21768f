"""Which calls read or write data: functions by their whole name, methods by theirs and the libraries around.

What a method is called on is not known from the syntax alone. Names that say it by themselves (`to_parquet`)
count everywhere, names that do not (`execute`) where a library is imported that has them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache


class Kind(StrEnum):
    """What a call does with data; SQL that is not a literal may do both."""

    READS = "reads"
    WRITES = "writes"
    RUNS = "runs"


@dataclass(frozen=True, slots=True)
class DataCall:
    """A call that reads or writes data: `pandas.read_csv`, `.to_parquet`."""

    name: str
    kind: Kind
    line: int


_FUNCTIONS = {
    Kind.READS: {
        "pandas": r"read_\w+|ExcelFile|HDFStore",
        "polars": r"(read|scan)_\w+",
        "geopandas": r"read_\w+",
        "dask.dataframe": r"read_\w+",
        "pyarrow.parquet": "read_table|read_pandas|ParquetFile|ParquetDataset",
        "pyarrow.csv": "read_csv|open_csv",
        "pyarrow.json": "read_json",
        "pyarrow.feather": "read_table|read_feather",
        "pyarrow.orc": "read_table|ORCFile",
        "pyarrow.dataset": "dataset|parquet_dataset",
        "pyarrow.ipc": "open_file|open_stream",
        "duckdb": "read_csv|read_parquet|read_json|from_csv_auto|from_parquet|table|view",
        "numpy": "load|loadtxt|genfromtxt|fromfile|memmap",
        "joblib": "load",
        "torch": "load",
        "deltalake": "DeltaTable",
        "xarray": r"open_\w+|load_dataset",
    },
    Kind.WRITES: {
        "pyarrow.parquet": "write_table|write_to_dataset|ParquetWriter",
        "pyarrow.csv": "write_csv|CSVWriter",
        "pyarrow.feather": "write_feather",
        "pyarrow.orc": "write_table|ORCWriter",
        "pyarrow.dataset": "write_dataset",
        "pyarrow.ipc": "new_file|new_stream",
        "duckdb": "write_csv",
        "pandas": "ExcelWriter",
        "numpy": "save|savez|savez_compressed|savetxt",
        "joblib": "dump",
        "torch": "save",
        "deltalake": "write_deltalake",
    },
    Kind.RUNS: {"duckdb": "sql|query|execute|executemany", "pandas.io.sql": "execute"},
}

_OPENING = {
    "open",
    "io.open",
    "gzip.open",
    "bz2.open",
    "lzma.open",
    "codecs.open",
    "fsspec.open",
    "smart_open.open",
}
"""Functions that open a file, with the mode behind its name."""

_ALWAYS = {
    Kind.READS: "read_database(_uri)?|scan_parquet|read_parquet|read_csv|read_excel|read_sql(_query|_table)?",
    Kind.WRITES: r"to_(parquet|sql|excel|pickle|feather|orc|hdf|gbq|stata|netcdf|zarr)"
    r"|write_(parquet|csv|ipc|ipc_stream|database|delta|ndjson|excel|avro|iceberg)"
    r"|sink_(parquet|csv|ipc|ndjson|delta|iceberg)|saveAsTable|insertInto|writeTo",
}
"""Methods whose name says it by itself."""

_TO_TEXT = re.compile("to_csv|to_json|to_xml|to_string")
"""Methods that write where they are told a place, and return a text where they are not."""

_PLACES = {"path_or_buf", "path_or_buffer", "path", "buf", "file"}

_SQL = "execute|executemany|executescript|exec_driver_sql|execute_string|execute_async|run_query|raw_sql"
_DATABASES = (
    "sqlite3|psycopg|psycopg2|asyncpg|aiosqlite|sqlalchemy|sqlmodel|duckdb|snowflake|pymysql|MySQLdb|mysql"
    "|oracledb|cx_Oracle|pyodbc|clickhouse_driver|clickhouse_connect|trino|databricks|redshift_connector|django"
)
_WHERE = [
    (Kind.RUNS, _SQL, _DATABASES),
    (Kind.RUNS, "sql|query", "duckdb|pyspark|clickhouse_connect"),
    (Kind.READS, "scalars|scalar|query|stream_scalars", "sqlalchemy|sqlmodel"),
    (
        Kind.WRITES,
        r"bulk_save_objects|bulk_insert_mappings|bulk_update_mappings|add_all",
        "sqlalchemy|sqlmodel",
    ),
    (Kind.READS, "fetch|fetchrow|fetchval|copy_from_query|copy_from_table", "asyncpg"),
    (Kind.WRITES, "copy_to_table|copy_records_to_table", "asyncpg"),
    (Kind.RUNS, "copy|copy_expert", "psycopg|psycopg2"),
    (Kind.RUNS, "query|query_and_wait", "google.cloud.bigquery"),
    (Kind.READS, "list_rows|extract_table", "google.cloud.bigquery"),
    (Kind.WRITES, r"load_table_from_\w+|insert_rows\w*|copy_table", "google.cloud.bigquery"),
    (
        Kind.READS,
        "get_object|download_file|download_fileobj|select_object_content",
        "boto3|botocore|aioboto3",
    ),
    (Kind.READS, "receive_message|get_records", "boto3|botocore|aioboto3"),
    (Kind.WRITES, "put_object|upload_file|upload_fileobj|copy_object", "boto3|botocore|aioboto3"),
    (Kind.WRITES, "put_records?|send_message(_batch)?", "boto3|botocore|aioboto3"),
    (Kind.READS, r"download_(as_\w+|to_\w+)", "google.cloud.storage"),
    (Kind.WRITES, r"upload_from_\w+", "google.cloud.storage"),
    (Kind.READS, "download_blob", "azure.storage.blob"),
    (Kind.WRITES, "upload_blob", "azure.storage.blob"),
    (Kind.READS, "poll|consume", "confluent_kafka|kafka|aiokafka"),
    (Kind.WRITES, "produce|send|send_and_wait", "confluent_kafka|kafka|aiokafka"),
    (Kind.READS, "basic_get|basic_consume", "pika"),
    (Kind.WRITES, "basic_publish", "pika"),
    (Kind.READS, "read_text|read_bytes", "pathlib|upath"),
    (Kind.WRITES, "write_text|write_bytes", "pathlib|upath"),
    (Kind.WRITES, "tofile", "numpy"),
    (Kind.READS, "read_table|toPandas", "pyspark"),
]
"""Methods that count where one of these libraries is imported in the module."""

_SPARK = {"read": Kind.READS, "readStream": Kind.READS, "write": Kind.WRITES, "writeStream": Kind.WRITES}
_SPARK_ENDS = {"parquet", "csv", "json", "orc", "text", "table", "load", "jdbc", "save", "toTable", "start"}

_STATEMENT = re.compile(r"\s*(\w+)\s")
_STATEMENTS = {"select": Kind.READS, "with": Kind.RUNS, "copy": Kind.RUNS, "call": Kind.RUNS} | dict.fromkeys(
    ("insert", "update", "delete", "merge", "create", "drop", "truncate", "alter", "replace"), Kind.WRITES
)


def data_call(call: ast.Call, name: str | None, imported: Collection[str]) -> DataCall | None:
    """Return what a call does with data, None where it does nothing with it.

    `name` is the whole name of the function where imports tell it. `imported` are the modules that are
    imported where the call stands.
    """
    if name is not None:
        return _of_function(call, name)
    if not isinstance(call.func, ast.Attribute):
        return None
    kind = _of_method(call, call.func, imported)
    return None if kind is None else DataCall(f".{call.func.attr}", kind, call.lineno)


def _of_function(call: ast.Call, name: str) -> DataCall | None:
    if name in _OPENING:
        return DataCall(name, _of_mode(call, 1), call.lineno)
    module, _, function = name.rpartition(".")
    for kind, functions in _FUNCTIONS.items():
        if (pattern := functions.get(module)) and re.fullmatch(pattern, function):
            return DataCall(name, _of_sql(call) or kind, call.lineno)
    return None


def _of_method(call: ast.Call, func: ast.Attribute, imported: Collection[str]) -> Kind | None:
    method = func.attr
    for always, pattern in _ALWAYS.items():
        if re.fullmatch(pattern, method):
            return always
    if _TO_TEXT.fullmatch(method):
        told = bool(call.args) or any(keyword.arg in _PLACES for keyword in call.keywords)
        return Kind.WRITES if told else None
    if method in _SPARK_ENDS and (kind := _of_spark(func.value)) is not None and _has("pyspark", imported):
        return kind
    if method == "open" and _has("pathlib|upath", imported):
        return _of_mode(call, 0)
    if re.fullmatch(_SQL, method) and (kind := _of_sql(call)) is not None:
        return kind
    first = next((kind for kind, where in _libraries(method) if _has(where, imported)), None)
    return (_of_sql(call) or first) if first is Kind.RUNS else first


@lru_cache(maxsize=4096)
def _libraries(method: str) -> list[tuple[Kind, str]]:
    """Return what a method of this name does, and in which libraries."""
    return [(kind, where) for kind, names, where in _WHERE if re.fullmatch(names, method)]


def _of_spark(value: ast.expr) -> Kind | None:
    """Return what `spark.read.option(...)` and `frame.write.mode(...)` are about."""
    while isinstance(value, ast.Attribute | ast.Call):
        if isinstance(value, ast.Attribute) and value.attr in _SPARK:
            return _SPARK[value.attr]
        value = value.value if isinstance(value, ast.Attribute) else value.func
    return None


def _has(libraries: str, imported: Collection[str]) -> bool:
    return any(
        module == library or module.startswith(f"{library}.")
        for library in libraries.split("|")
        for module in imported
    )


def _of_mode(call: ast.Call, place: int) -> Kind:
    """Return what a file is opened for; a mode that is no literal may be any."""
    mode = call.args[place] if len(call.args) > place else None
    mode = next((keyword.value for keyword in call.keywords if keyword.arg == "mode"), mode)
    if mode is None:
        return Kind.READS
    if not isinstance(mode, ast.Constant) or not isinstance(mode.value, str):
        return Kind.RUNS
    return Kind.WRITES if set(mode.value) & set("wax+") else Kind.READS


def _of_sql(call: ast.Call) -> Kind | None:
    """Return what a statement does that is written out in the call; None where it is not written out."""
    text = call.args[0] if call.args else None
    if isinstance(text, ast.Call) and text.args:  # text("SELECT ...")
        text = text.args[0]
    if isinstance(text, ast.JoinedStr) and text.values:
        text = text.values[0]
    if not isinstance(text, ast.Constant) or not isinstance(text.value, str):
        return None
    word = _STATEMENT.match(text.value)
    return _STATEMENTS.get(word[1].lower()) if word is not None else None
