"""A script that nobody changed: from a file by polars to a table by SQLAlchemy, under `lineage run`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
from typer.testing import CliRunner

from graph.cli import app

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-c", "from graph.cli import main; main()"]
ETL = """
import polars as pl
import sqlalchemy as sa

daily = pl.read_parquet("orders.parquet").group_by("day").agg(total=pl.col("amount").sum())
daily.write_database("daily", sa.create_engine("sqlite:///shop.db"))
"""


def test_the_columns_of_a_table_are_known_back_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "etl.py").write_text(ETL)
    pl.DataFrame({"day": ["a", "b"], "amount": [3, 4]}).write_parquet(tmp_path / "orders.parquet")

    done = subprocess.run(
        [*COMMAND, "run", "--", sys.executable, "etl.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    told = CliRunner().invoke(app, ["columns", "daily.total"], env={"COLUMNS": "200"}).output
    assert "orders.parquet.amount" in told
    assert "DIRECT AGGREGATION" in told
    assert "etl" in told
