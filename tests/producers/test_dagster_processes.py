"""Real Dagster with a process for each step: what they tell is one run with its steps."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import pytest
from emitted_runs import ends, names, parent, root
from made_events import edges

from graph import open_store
from graph.ingest import derive
from graph.ingest.drain import drain
from graph.records import EdgeKind
from lineage.config import current_config

dagster = pytest.importorskip("dagster")

pytestmark = pytest.mark.orchestrators

DEFINITIONS = """
    import os
    import sqlite3

    import dagster as dg

    from lineage import configure

    configure(instruments=["dagster", "sqlite3"])

    @dg.op(retry_policy=dg.RetryPolicy(max_retries=1))
    def load(context):
        if context.retry_number == 0:
            raise ValueError("the first time")
        connection = sqlite3.connect(os.environ["SHOP"])
        connection.execute("CREATE TABLE totals AS SELECT day, amount FROM sales")
        connection.commit()
        connection.close()

    @dg.asset
    def orders():
        return os.getpid()

    @dg.asset
    def revenue(orders):
        assert orders != os.getpid(), "each step has a process of its own"

    nightly = dg.define_asset_job("nightly", executor_def=dg.multiprocess_executor)

    @dg.job(executor_def=dg.multiprocess_executor)
    def loading():
        load()

    definitions = dg.Definitions([orders, revenue], jobs=[nightly, loading])

    def get_nightly():
        return definitions.get_repository_def().get_job("nightly")

    if __name__ == "__main__":
        for job in (dg.reconstructable(get_nightly), dg.reconstructable(loading)):
            with dg.DagsterInstance.get() as instance, dg.execute_job(job, instance) as done:
                assert done.success
                print(done.run_id)
"""


def test_steps_in_processes_of_their_own_belong_to_their_run(tmp_path: Path) -> None:
    """The ids follow from Dagster's own, so that no process needs to know what another one did."""
    script = tmp_path / "definitions.py"
    script.write_text(textwrap.dedent(DEFINITIONS))
    shop = tmp_path / "shop.db"
    subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sqlite3; sqlite3.connect({str(shop)!r}).execute('CREATE TABLE sales (day, amount)')",
        ],
        check=True,
    )
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(tmp_path),
        "SHOP": str(shop),
        "PYTHONPATH": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, str(script)], env=environment, capture_output=True, text=True, timeout=110
    )
    assert done.returncode == 0, done.stderr

    nightly, loading = done.stdout.split()
    with closing(open_store(current_config().store)) as store:
        assert drain(store).complete
        derive(store)
        events = [json.loads(body) for _, body in store.bodies(after=0)]
        fed = edges(store, EdgeKind.FEEDS)

    known = ends(events)
    assert (known["nightly"]["run"]["runId"], known["loading"]["run"]["runId"]) == (nightly, loading)
    assert names(known["assets.revenue"]["inputs"]) == ["orders"]
    for name in ("assets.orders", "assets.revenue"):
        assert known[name]["run"]["facets"]["parent"]["run"]["runId"] == nightly
        assert root(known[name]) == "nightly"
    tried = [
        event for event in events if event["job"]["name"] == "loading.load" and event["eventType"] != "START"
    ]
    assert [event["eventType"] for event in tried] == ["FAIL", "COMPLETE"]
    assert tried[1]["run"]["facets"]["lineageGraph_attempt"]["retryOf"] == tried[0]["run"]["runId"]
    assert {parent(event) for event in tried} == {"loading"}
    assert "orders -> revenue" in fed
    assert any("sales" in edge and edge.endswith("totals") for edge in fed)
