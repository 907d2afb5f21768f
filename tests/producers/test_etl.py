"""`lineage run` on a script that nobody has changed: from a file over a frame to a table and a queue."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("moto")

import polars as pl
import psycopg
import sqlalchemy as sa
from moto.server import ThreadedMotoServer
from postgres_server import PostgresServer
from typer.testing import CliRunner

from graph import open_store
from graph.cli import app
from graph.ingest import drain

ROOT = Path(__file__).resolve().parents[2]
ETL = """
import os

import boto3
import polars as pl
import sqlalchemy as sa

orders = pl.scan_parquet("orders.parquet")
revenue = orders.group_by("day").agg(pl.col("amount").sum().alias("total")).collect()

engine = sa.create_engine(os.environ["WAREHOUSE"])
revenue.write_database("revenue", engine, if_table_exists="append")

queue = boto3.client("sqs").get_queue_url(QueueName="built")["QueueUrl"]
boto3.client("sqs").send_message(QueueUrl=queue, MessageBody="planted-secret")
"""


def asked(*arguments: str) -> Any:
    done = CliRunner().invoke(app, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.mark.cloud
def test_an_unchanged_script_tells_its_file_its_table_and_its_queue(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    pl.DataFrame({"day": ["mon", "mon"], "amount": [3, 4]}).write_parquet(tmp_path / "orders.parquet")
    (tmp_path / "etl.py").write_text(ETL, encoding="utf-8")
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        connection.execute("CREATE TABLE revenue (day text, total int)")
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "WAREHOUSE": postgres.dsn().replace("postgresql:", "postgresql+psycopg:"),
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }
    made = "import boto3; boto3.client('sqs').create_queue(QueueName='built')"
    command = "from graph.cli import main; main()"
    try:
        subprocess.run([sys.executable, "-c", made], env=environment, check=True)
        done = subprocess.run(
            [sys.executable, "-c", command, "run", "--", sys.executable, "etl.py"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
    finally:
        server.stop()

    assert (done.returncode, done.stderr) == (0, "")
    engine = sa.create_engine(environment["WAREHOUSE"])
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT * FROM revenue")).all() == [("mon", 7)]
    engine.dispose()
    with closing(open_store(os.environ["LINEAGE_STORE"])) as store:
        drain(store)
    below = asked("downstream", str(tmp_path / "orders.parquet"))
    found = {(node["namespace"], node["name"]) for node in below["nodes"] if node["type"] == "DATASET"}
    assert found == {
        ("file", str(tmp_path / "orders.parquet")),
        (f"postgres://{postgres.host}:{postgres.port}", "postgres.public.revenue"),
        ("arn:aws:sqs:eu-central-1:123456789012", "built"),
    }
    assert {job for edge in below["edges"] for job in edge["jobs"]} == {"job:default:etl"}
    assert "planted" not in json.dumps(below)
    made = asked("columns", "postgres.public.revenue")
    found = {(edge["source"].rpartition(":")[2], edge["target"].rpartition(":")[2]) for edge in made["edges"]}
    assert found == {("amount", "total"), ("day", "day"), ("day", "total")}
