"""What a command costs from a cold start, beside a bare interpreter: whole processes, in turns."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EVENTS = Path(__file__).resolve().parent.parent / "tests/fixtures/events"


def seconds(command: list[str], environment: dict[str, str]) -> float:
    """Return the wall time of one process."""
    start = time.perf_counter()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return time.perf_counter() - start


def main(quick: bool) -> None:
    """Print the median, the lowest and the highest of each command."""
    lineage = str(Path(sys.executable).with_name("lineage"))
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "LINEAGE_STORE": f"{folder}/lineage.db",
            "LINEAGE_OUTBOX": f"{folder}/outbox",
        }
        seconds([lineage, "ingest", *map(str, sorted(EVENTS.glob("*.jsonl")))], environment)
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "import openlineage.client": [sys.executable, "-c", "import openlineage.client"],
            "import lineage": [sys.executable, "-c", "from lineage import track_lineage, track_run"],
            "lineage --help": [lineage, "--help"],
            "lineage upstream": [lineage, "upstream", "shop.main.orders"],
            "lineage impact": [lineage, "impact", "shop.main.stg_orders.status"],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(3 if quick else 11):
            for name, command in commands.items():
                times[name].append(seconds(command, environment))
    print(f"  {'':<28}{'median s':>10}{'lowest':>10}{'highest':>10}")
    for name, found in times.items():
        print(f"  {name:<28}{statistics.median(found):>10.3f}{min(found):>10.3f}{max(found):>10.3f}")
