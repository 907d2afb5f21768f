"""Values planted wherever provenance looks: none of them is in the outbox, the store or the log."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from repositories import git, made_repository

from graph import open_store
from graph.ingest import drain
from lineage.outbox import outbox_files

ROOT = Path(__file__).resolve().parents[3]

PROGRAM = """
import logging, os, sys
from pathlib import Path
logging.basicConfig(level=logging.DEBUG)
import pandas as pd
from lineage import current_run, track_lineage, track_run

HERE = Path(__file__).parent

@track_lineage(
    inputs=[str(HERE / "in.csv"), "s3://lake/raw/orders?X-Amz-Signature=PLANTED01"],
    outputs=[str(HERE / "out.csv"), "https://PLANTED02:PLANTED03@files.example/out.csv"],
    provenance=os.environ["TIER"],
    parameters=["day", "password", "url", "token"],
)
def load(day, customer, password, url, nested, *rest, token="PLANTED04", **more):
    run = current_run()
    frame = pd.DataFrame({"name": ["PLANTED05", "PLANTED06"]})
    run.input("raw.customers", content=frame)
    run.output("mart.customers", content=frame)
    run.parameter("api_key", "PLANTED07")
    run.parameter("customer", "PLANTED08")
    run.seed("random", "PLANTED09")
    (HERE / "out.csv").write_text("PLANTED10")

load(
    "2026-01-01",
    "PLANTED11",
    password="PLANTED12",
    url="postgresql://alice:PLANTED13@db/shop",
    nested={"PLANTED14": ["PLANTED15", ("PLANTED16", b"PLANTED17")]},
    extra="PLANTED18",
)
with track_run("after", provenance=os.environ["TIER"], inputs=["/data/x?token=PLANTED19&x=1"]):
    pass
"""

ARGUMENTS = (
    *("--password", "PLANTED20", "--token=PLANTED21", "-pPLANTED22", "PLANTED23", "db.key=PLANTED24"),
    *("--customer", "PLANTED25", "--url", "https://bob:PLANTED26@host/", "--day", "2026-01-01"),
)
ENVIRONMENT = {
    "SOME_SECRET": "PLANTED30",
    "DATABASE_URL": "postgresql://alice:PLANTED31@db/shop",
    "GIT_COMMIT": "PLANTED32",
    "GIT_BRANCH": "PLANTED33 with blanks",
    "SOURCE_BRANCH": "https://PLANTED34@host",
    "TZ": "PLANTED35 somewhere",
    "IMAGE": "registry.example/PLANTED36:latest",
    "CI_REPOSITORY_URL": "https://token:PLANTED37@host/x",
    "OPENLINEAGE__FACETS__ENVIRONMENT_VARIABLES": '["SOME_SECRET", "DATABASE_URL", "STAGE"]',
    "STAGE": "test",
}
SLOW = pytest.mark.slow
PLANTED = b"PLANTED"


@pytest.mark.parametrize(
    "tier", [pytest.param("off", marks=SLOW), pytest.param("essential", marks=SLOW), "full"]
)
def test_no_planted_value_comes_out_in_any_tier(tmp_path: Path, tier: str) -> None:
    """PV-23: payloads, arguments, variables, remotes, differences, names with a query: none in the store."""
    shop = tmp_path / "shop"
    made_repository(shop, load_py=PROGRAM, uv_lock="PLANTED40")
    git(shop, "remote", "add", "origin", "https://PLANTED41:PLANTED42@git.example/shop.git?t=PLANTED43")
    (shop / "load.py").write_text(PROGRAM + "# PLANTED44\n", encoding="utf-8")
    (shop / "untracked.env").write_text("KEY=PLANTED45", encoding="utf-8")
    (shop / "in.csv").write_text("PLANTED46", encoding="utf-8")
    outbox, store = tmp_path / "outbox", tmp_path / "store" / "lineage.db"
    done = subprocess.run(
        [sys.executable, str(shop / "load.py"), *ARGUMENTS],
        capture_output=True,
        check=False,
        cwd=shop,
        env={
            **os.environ,
            **ENVIRONMENT,
            **{"TIER": tier, "PYTHONPATH": str(ROOT), "LINEAGE_PARAMETERS_ALLOWED": "day"},
            **{"LINEAGE_OUTBOX": str(outbox), "LINEAGE_STORE": str(store)},
        },
    )
    assert done.returncode == 0, done.stderr.decode()
    assert PLANTED not in done.stderr
    waiting = [path for path in outbox.iterdir() if path.is_file()]
    assert not set(re.findall(rb"PLANTED\d\d", b"".join(path.read_bytes() for path in waiting)))

    store.parent.mkdir()
    with closing(open_store(str(store))) as opened:
        assert drain(opened, outbox_files(outbox)).counts.accepted == 4
        kept = [body for _, body in opened.bodies()]
    told = b"".join([*kept, *(path.read_bytes() for path in store.parent.iterdir())])
    assert not set(re.findall(rb"PLANTED\d\d", told))
    assert b"STAGE" in told
    for full_alone in (b"2026-01-01", b"contentHash", b"diffHash"):
        assert (full_alone in told) == (tier == "full"), full_alone
