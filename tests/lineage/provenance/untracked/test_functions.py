"""Which functions read or write data, and which of them are tracked."""

from __future__ import annotations

from collections.abc import Collection
from textwrap import dedent

import pytest

from lineage.provenance.untracked.module import read_module


def untracked(source: str, instruments: Collection[str] = ()) -> dict[str, list[str]]:
    """Return the untracked calls of each function that has some."""
    found = read_module(dedent(source).encode(), instruments)
    return {
        each.name: [f"{c.kind.value} {c.name}" for c in each.untracked]
        for each in found.functions
        if each.untracked
    }


def calls(source: str) -> list[str]:
    return [each for all_of_one in untracked(source).values() for each in all_of_one]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import pandas as pd\npd.read_csv('x')", ["reads pandas.read_csv"]),
        ("from pandas import read_sql as ask\nask(q, c)", ["reads pandas.read_sql"]),
        ("import pandas\nread = 3\npandas.DataFrame().to_parquet('x')", ["writes .to_parquet"]),
        (
            "frame.to_csv('x')\nframe.to_csv()\nframe.to_json(path_or_buf='x')",
            ["writes .to_csv", "writes .to_json"],
        ),
        (
            "import polars as pl\npl.scan_parquet('x').sink_csv('y')",
            ["writes .sink_csv", "reads polars.scan_parquet"],
        ),
        ("import pyarrow.parquet as pq\npq.write_table(t, 'x')", ["writes pyarrow.parquet.write_table"]),
        ("import pyarrow.dataset\npyarrow.dataset.dataset('x')", ["reads pyarrow.dataset.dataset"]),
        ("from pyarrow import csv\ncsv.read_csv('x')", ["reads pyarrow.csv.read_csv"]),
        ("import duckdb\nduckdb.sql('SELECT 1 FROM t')", ["reads duckdb.sql"]),
        ("import duckdb\nduckdb.connect().execute('CREATE TABLE t (a int)')", ["writes .execute"]),
        ("import psycopg\ndef f(c, q): c.execute(q)", ["runs .execute"]),
        ("def f(c): c.execute('insert into t values (1)')", ["writes .execute"]),
        ("def f(c): c.execute(command)", []),
        ("from sqlalchemy import text\ndef f(c): c.execute(text(f'SELECT a FROM {t}'))", ["reads .execute"]),
        ("import boto3\ns3 = boto3.client('s3')\ns3.put_object(Key='k')", ["writes .put_object"]),
        ("import storage\nstorage.client().put_object(Key='k')", []),
        ("open('x', 'w')\nopen('y')\nopen(p, mode='ab')", ["writes open", "reads open", "writes open"]),
        ("import gzip\ngzip.open('x', mode)", ["runs gzip.open"]),
        ("from pathlib import Path\nPath('x').write_text('')", ["writes .write_text"]),
        ("from pathlib import Path\nwith Path('x').open('w') as f: pass", ["writes .open"]),
        ("def f(spark): return spark.read.option('a', 1).parquet('x')", []),
        ("import pyspark\ndef f(spark): spark.read.option('a', 1).parquet('x')", ["reads .parquet"]),
        ("import pyspark\nframe.write.mode('append').saveAsTable('t')", ["writes .saveAsTable"]),
        ("from confluent_kafka import Producer\nProducer({}).produce('topic')", ["writes .produce"]),
        ("def f():\n    import pandas as pd\n    return pd.read_csv('x')", ["reads pandas.read_csv"]),
    ],
)
def test_a_call_that_reads_or_writes_data_is_known_by_its_import(source: str, found: list[str]) -> None:
    """PV-40: whatever the name it was imported by."""
    assert calls(source) == found


@pytest.mark.parametrize(
    "source",
    [
        "import pandas as pd\ndef f(pd): pd.read_csv('x')",
        "import pandas as pd\ndef f():\n    pd = other\n    pd.load_csv('x')",
        "def open(path): ...\nopen('x')",
        "from mine import open\nopen('x', 'w')",
        "from .pandas import read_excels\nread_excels('x')",
    ],
)
def test_a_name_that_something_else_binds_is_not_what_was_imported(source: str) -> None:
    """PV-40: parameters, assignments, functions and imports of one's own."""
    assert [call for call in calls(source) if "pandas." in call or "open" in call] == []


def test_what_a_decorator_or_a_block_tracks_is_tracked() -> None:
    """PV-40: by our names, however they were imported, sync and async, functions and methods."""
    assert untracked(
        """
        import lineage
        import lineage as li
        import pandas as pd
        from lineage import track_lineage as tracked, track_run
        from mine import track_run as not_ours

        @tracked
        def a(): pd.read_csv("x")
        @lineage.track_lineage(outputs=["y"])
        async def b(): pd.read_csv("x")
        class C:
            @li.track_lineage()
            def d(self): pd.read_csv("x")
        def e():
            with open_something() as other, track_run("e") as run:
                pd.read_csv("x")
        async def f():
            async with lineage.track_run("f"):
                return [pd.read_csv(x) for x in names]
        def g():
            with track_run("g"):
                pd.read_csv("x")
            pd.read_json("x")
        def h():
            with not_ours("h"):
                pd.read_csv("x")
        def i(stack):
            stack.enter_context(track_run("i"))
            pd.read_csv("x")
        def j(): pd.read_csv("x")
        j = tracked(j)
        """
    ) == {"g": ["reads pandas.read_json"], "h": ["reads pandas.read_csv"]}


def test_what_only_tracked_code_uses_is_tracked() -> None:
    """PV-40: over any number of functions, methods and callbacks; one untracked use is enough."""
    assert untracked(
        """
        import pandas as pd
        from lineage import track_lineage, track_run

        @track_lineage
        def main():
            load()
            pool.submit(later)
            both()
            Job().run()
        def load(): return deeper()
        def deeper(): return pd.read_csv("x") if deeper else None
        def later(): pd.read_csv("x")
        def both(): pd.read_csv("x")
        def other(): both()
        def nobody(): pd.read_csv("x")
        class Base:
            def read(self): pd.read_csv("x")
        class Job(Base):
            def run(self):
                with track_run("job"):
                    self.read()
                    def inner(): pd.read_csv("x")
                    inner()
        if __name__ == "__main__":
            main()
        """
    ) == {"both": ["reads pandas.read_csv"], "nobody": ["reads pandas.read_csv"]}


def test_what_an_integration_tracks_is_tracked_where_it_is_installed() -> None:
    """PV-40: tasks of orchestrators are runs where their integration is there, else they are not."""
    source = """
        import pandas as pd
        from celery import Celery
        from dagster import asset
        from prefect import flow
        app = Celery()
        @flow(name="f")
        def a(): pd.read_csv("x")
        @asset
        def b(): pd.read_csv("x")
        @app.task
        def c(): pd.read_csv("x")
        """
    assert set(untracked(source)) == {"a", "b", "c"}
    assert set(untracked(source, ["prefect"])) == {"b", "c"}
    assert set(untracked(source, ["dagster", "celery"])) == {"a"}


def test_what_is_installed_is_told() -> None:
    """PV-40: libraries whose calls runs see by themselves."""
    source = """
        import producers
        from lineage import configure
        configure(instruments=["pandas", "duckdb"], namespace="x")
        def f(engine): producers.install("sqlalchemy", engine)
        """
    assert read_module(dedent(source).encode()).instruments == {"pandas", "duckdb", "sqlalchemy"}


def test_code_outside_of_all_functions_counts_as_well() -> None:
    assert untracked("import pandas\npandas.read_csv('x')\nclass A:\n    open('y')") == {
        "<module>": ["reads pandas.read_csv", "reads open"]
    }
