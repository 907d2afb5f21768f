"""What each tier of provenance adds to a tracked run: off, essential and full, in turns in one process.

A run is measured from before its START to after its end, both into a real outbox: by CPU time, which other
programs disturb less, and by wall time. Its files are of 1 KB: hashing large ones takes what `hashes` says.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

TIERS = ("off", "essential", "full")


def main(quick: bool) -> None:
    """Print the median of a run by tier, without datasets, with tables, and with local files."""
    rounds, runs = (3, 20) if quick else (40, 50)
    with tempfile.TemporaryDirectory() as folder:
        # In a repository of its own: the size of the one around is no part of the cost.
        subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
        program = Path(folder, "job.py")
        program.write_text(f"from benchmarks.tiers import compare\ncompare(__file__, {rounds}, {runs})\n")
        variables = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "LINEAGE_OUTBOX": f"{folder}/outbox",
            "LINEAGE_STORE": f"{folder}/lineage.db",
        }
        subprocess.run([sys.executable, str(program)], env=variables, cwd=folder, check=True)


def compare(program: str, rounds: int, runs: int) -> None:
    """Measure and print; called by a program in a repository."""
    folder = Path(program).parent
    files = [folder / f"{number}.csv" for number in range(4)]
    for file in files:
        file.write_bytes(b"x" * 1024)
    datasets: dict[str, tuple[list[str], list[str]]] = {
        "no datasets": ([], []),
        "2 tables in, 2 out": (["s3://lake/a", "s3://lake/b"], ["s3://lake/c", "s3://lake/d"]),
        "2 files in, 2 out": ([str(one) for one in files[:2]], [str(one) for one in files[2:]]),
    }
    datasets["1 file in, 1 out"] = ([str(files[0])], [str(files[2])])
    print(f"the first full run of a process: {first(program) * 1e3:.0f} ms of CPU time")
    print(f"{'a run with':<22}{'tier':<12}{'CPU us':>9}{'added':>9}{'wall us':>10}{'ratio':>8}")
    for name, (inputs, outputs) in datasets.items():
        taken = measured(tracked(program, inputs, outputs), rounds, runs)
        base = statistics.median(cpu for cpu, _ in taken["off"])
        for tier, seconds in taken.items():
            cpu, wall = (statistics.median(one[part] for one in seconds) for part in (0, 1))
            figures = f"{cpu * 1e6:>9.0f}{(cpu - base) * 1e6:>+9.0f}{wall * 1e6:>10.0f}{cpu / base:>8.2f}"
            print(f"{name:<22}{tier:<12}{figures}", flush=True)


def first(program: str) -> float:
    """Return the CPU seconds that the first full run takes where an essential one went before it."""
    jobs = tracked(program, [], [])
    jobs["essential"]()
    began = time.process_time()
    jobs["full"]()
    return time.process_time() - began


def tracked(program: str, inputs: list[str], outputs: list[str]) -> dict[str, Callable[[], None]]:
    """Return what runs a job in the program's file once, by tier."""
    from lineage import track_lineage

    space: dict[str, Callable[[], None]] = {}
    exec(compile("def job(): pass", program, "exec"), space)
    return {
        tier: track_lineage(inputs=inputs, outputs=outputs, name="job", provenance=tier)(space["job"])
        for tier in TIERS
    }


def measured(
    jobs: dict[str, Callable[[], None]], rounds: int, runs: int
) -> dict[str, list[tuple[float, float]]]:
    """Return CPU and wall seconds of a run, a pair for each round after the first; the tiers take turns."""
    taken: dict[str, list[tuple[float, float]]] = {tier: [] for tier in jobs}
    for number in range(rounds + 1):
        for tier, job in jobs.items():
            cpu, wall = time.process_time(), time.perf_counter()
            for _ in range(runs):
                job()
            one = (time.process_time() - cpu) / runs, (time.perf_counter() - wall) / runs
            if number:
                taken[tier].append(one)
    return taken
