"""What is installed: a core that works alone, extras by name, and a distribution that says what it is."""

from __future__ import annotations

import email
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder
from packaging.metadata import Metadata

ROOT = Path(__file__).resolve().parents[3]

WITHOUT = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {absent!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
"""
OPTIONAL = ("opentelemetry", "sqlalchemy", "psycopg", "greenlet", "duckdb", "pyarrow", "marquez_client")


def run(code: str, absent: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT.format(absent=absent) + code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_core_captures_queries_with_nothing_optional_installed() -> None:
    """DC-01: import, capture, and a sink that needs OpenTelemetry only where it is in use."""
    code = """
from lineage import configure, trace_query, capture_query, instrument_function
from lineage.attribution import flush_queries
events = []
configure(sink=["otel", events.append])
with trace_query("select 1"): pass
assert flush_queries(10)
assert [event["query_text"] for event in events] == ["select ?"]
"""
    done = run(code, OPTIONAL)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("extra", ["sqlalchemy", "psycopg"])
def test_a_missing_library_is_named_with_the_line_that_brings_it(extra: str) -> None:
    """DC-01: an ImportError on use; the import of everything else works, and `configure` goes on."""
    code = f"""
import lineage, producers
from lineage import configure
try:
    producers.install({extra!r})
except ImportError as error:
    print(error)
print(configure(service_name="shop").service_name)
"""
    done = run(code, (extra,))
    assert (done.returncode, done.stderr) == (0, "")
    message, name = done.stdout.splitlines()
    assert f"pip install 'lineage-graph[{extra}]'" in message
    assert name == "shop"


@pytest.mark.parametrize("library", ["duckdb", "pyarrow"])
def test_the_demo_without_its_extra_names_it(library: str, tmp_path: Path) -> None:
    """DC-01: a command of the program that needs an extra says which, and writes nothing."""
    code = f"""
import sys
from graph.cli import main
sys.modules[{library!r}] = None
sys.argv = ["lineage", "demo", "--folder", {str(tmp_path / "demo")!r}]
main()
"""
    done = run(code, ())
    assert done.returncode != 0
    assert f"{library} is needed for this: pip install 'lineage-graph[demo]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def metadata(tmp_path_factory: pytest.TempPathFactory) -> tuple[zipfile.ZipFile, email.message.Message]:
    folder = tmp_path_factory.mktemp("dist")
    (built,) = WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    assert Path(built).name.endswith("-py3-none-any.whl")
    wheel = zipfile.ZipFile(built)
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    return wheel, email.message_from_bytes(wheel.read(name))


def test_the_wheel_is_typed_licensed_and_described(
    metadata: tuple[zipfile.ZipFile, email.message.Message],
) -> None:
    """DC-60: for any platform, with types, schemas, licence, the README as its page, and the extras."""
    wheel, described = metadata
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    Metadata.from_email(wheel.read(name), validate=True)  # raises for what an index refuses
    names = set(wheel.namelist())
    assert {"lineage/py.typed", "producers/py.typed", "graph/py.typed"} <= names
    assert "lineage/schemas/QueryEvent.json" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert described["License-Expression"] == "Apache-2.0"
    assert described["Description-Content-Type"] == "text/markdown"
    assert (ROOT / "README.md").read_text(encoding="utf-8").strip() in described.get_payload().strip()
    assert {"otel", "sqlalchemy", "psycopg", "all"} <= set(described.get_all("Provides-Extra") or [])
    required = [line for line in described.get_all("Requires-Dist") or [] if "extra ==" not in line]
    assert not any(line.startswith(("opentelemetry", "sqlalchemy", "psycopg")) for line in required)


def test_the_source_distribution_holds_what_the_tests_need(tmp_path: Path) -> None:
    """DC-60: packages, tests, documentation and licence; nothing of a checkout's own."""
    (built,) = SdistBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with tarfile.open(built) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"lineage/__init__.py", "docs/queries.md", "tests/conftest.py", "LICENSE", "README.md"} <= names
    assert not any(name.startswith((".git/", ".venv")) for name in names)


def test_the_page_on_queries_says_what_is_not_instrumented() -> None:
    """DC-60: other drivers are named as such, with what to do instead."""
    page = (ROOT / "docs" / "queries.md").read_text(encoding="utf-8")
    section = page.partition("## What is not captured by itself")[2].partition("\n## ")[0]
    assert "psycopg2" in section
    assert "trace_query" in section
