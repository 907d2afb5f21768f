"""What importing the package loads, in a fresh interpreter."""

from __future__ import annotations

import json
import subprocess
import sys

from yardstick import million_additions

HEAVY = (
    "openlineage",
    "sqlglot",
    "sqllineage",
    "networkx",
    "fastapi",
    "starlette",
    "pydantic",
    "typer",
    "rich",
)


def loaded_after(code: str) -> set[str]:
    script = f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    return {name for name in json.loads(output.splitlines()[-1]) if name.split(".")[0] in HEAVY}


def test_import_lineage_loads_no_heavy_library() -> None:
    assert loaded_after("import lineage") == set()


def test_every_public_name_can_be_had_without_openlineage_until_a_run_begins() -> None:
    names = "Config, Dataset, Field, LineageError, configure, track_lineage, track_run, current_run"
    code = f"from lineage import {names}"
    assert loaded_after(code) == set()
    decorated = "import lineage\n@lineage.track_lineage(inputs='s3://a/b')\ndef f(): ...\n"
    assert loaded_after(decorated) == set()


def test_a_run_loads_openlineage_and_no_parser_graph_or_web_framework() -> None:
    loaded = loaded_after(
        "import lineage\nwith lineage.track_run('x') as run:\n    run.sql('select 1')\n    pass"
    )
    # Old versions of openlineage-python bring rich along.
    assert {name.split(".")[0] for name in loaded} - {"rich"} == {"openlineage"}


def test_importing_lineage_adds_little_to_importing_the_official_client() -> None:
    def seconds(code: str) -> float:
        script = f"import time; start = time.process_time(); {code}; print(time.process_time() - start)"
        runs = [
            float(
                subprocess.run(
                    [sys.executable, "-c", script], capture_output=True, text=True, check=True
                ).stdout
            )
            for _ in range(3)
        ]
        return min(runs)

    client = "import openlineage.client"
    names = "from lineage import track_lineage, track_run, configure, Dataset"
    added = seconds(f"{client}; import lineage; {names}") - seconds(client)
    assert added < 5 * million_additions()


def test_all_names_exactly_what_can_be_had() -> None:
    import lineage

    assert sorted(lineage.__all__) == lineage.__all__
    assert all(getattr(lineage, name) is not None for name in lineage.__all__)
    assert set(dir(lineage)) == set(lineage.__all__)
