"""What breaks SQL parsers is read right or refused clearly, soon, in little memory, and ends no process."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from sql_probes import PROBES
from yardstick import million_additions

TESTS = Path(__file__).resolve().parents[2]

ASK = """
import json, sys
sys.path.insert(0, sys.argv[1])
from sql_probes import PROBES
from lineage.sql import extract
probe, how = PROBES[sys.argv[2]], {sys.argv[3]: True} if sys.argv[3] != "plain" else {}
found = extract(probe.sql, dialect=probe.dialect, **how)
alive = extract("INSERT INTO alive SELECT a FROM t", **how)
print(json.dumps({
    "inputs": [table.name for table in found.inputs],
    "outputs": [table.name for table in found.outputs],
    "edges": [
        (f"{edges.output.table}.{edges.output.column}", f"{source.table}.{source.column}")
        for edges in found.columns
        for source in edges.inputs
    ],
    "problems": found.problems,
    "alive": [table.name for table in alive.outputs],
}))
"""


def asked(name: str, how: str) -> tuple[dict[str, Any], float, int]:
    """Return what a process of its own answers, and what it and its worker took: CPU seconds, most memory."""
    command = [sys.executable, "-c", ASK, str(TESTS), name, how]
    with tempfile.TemporaryFile() as output:  # a pipe does not take the longest answers before it is read
        process = subprocess.Popen(command, stdout=output)
        most, spent = 0, dict[int, float]()
        while process.poll() is None:
            used = used_by(process.pid)
            most = max(most, sum(memory for _, memory in used.values()))
            spent |= {pid: seconds for pid, (seconds, _) in used.items()}
            time.sleep(0.01)
        output.seek(0)
        assert process.returncode == 0
        answer: dict[str, Any] = json.loads(output.read())
    return answer, sum(spent.values()), most


def used_by(pid: int) -> dict[int, tuple[float, int]]:
    """Return the CPU seconds and the memory of a process and of those that it started."""
    used = {}
    try:
        process = psutil.Process(pid)
        for each in (process, *process.children(recursive=True)):
            times = each.cpu_times()
            used[each.pid] = times.user + times.system, each.memory_info().rss
    except psutil.Error:  # it has just ended
        pass
    return used


@pytest.mark.slow
@pytest.mark.parametrize("how", ["plain", "apart", pytest.param("confirm", marks=pytest.mark.long)])
@pytest.mark.parametrize("name", PROBES)
def test_a_probe_is_answered_or_refused_clearly(name: str, how: str) -> None:
    probe = PROBES[name]
    answer, seconds, most = asked(name, how)
    told = probe.plain if how == "plain" else probe.apart
    edges = [tuple(edge) for edge in answer["edges"]]
    found = (answer["inputs"], answer["outputs"], edges)
    is_right = all(sorted(what) == sorted(right) for what, right in zip(found, probe.answer, strict=True))
    if told is None:
        assert is_right, answer
    else:  # a compiled parser reads some of what is too deep for the other
        assert is_right or any(told in problem for problem in answer["problems"]), answer
    assert seconds < 10 or seconds < 200 * million_additions()
    assert answer["alive"] == ["alive"]
    assert 0 < most < 1 << 30
    print(f"{name:22}{how:9}{seconds:7.2f} s {most >> 20:5} MiB")
