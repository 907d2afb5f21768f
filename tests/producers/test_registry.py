"""The registry of integrations: by name, by `configure`, and where a library is not there."""

from __future__ import annotations

import logging
import subprocess
import sys
from importlib.metadata import entry_points

import pytest
from producer_cases import ELSEWHERE

import producers
from lineage import configure
from lineage.errors import InstrumentError

HERE = [name for name in producers.REGISTRY if name not in ELSEWHERE]
KAFKA_PYTHON = [f"-Wignore:{name}_text is deprecated:DeprecationWarning" for name in ("read", "open")]
"""What kafka-python 3.0 warns of while it is imported."""

PACKAGES = {
    "bigquery": "google-cloud-bigquery",
    "confluent_kafka": "confluent-kafka",
    "google.cloud.pubsub_v1": "google-cloud-pubsub",
    "kafka": "kafka-python",
    "snowflake": "snowflake-connector-python",
}
"""What pip calls a library that it does not call by its import name with `-` for `.`."""
IMPORTS = {"bigquery": "google.cloud.bigquery", "boto3": "botocore", "snowflake": "snowflake.connector"}
"""What an integration imports, where that is not what it is named after."""
EXTRAS = {"bigquery": "bigquery", "snowflake": "snowflake"}
"""The extras that are not called as pip calls the library."""


WITHOUT = """
import logging, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if any(f"{name}.".startswith(f"{one}.") for one in LIBRARIES.values()):
            raise ImportError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())

import lineage, lineage.attribution, producers
from lineage.errors import MissingDependencyError

logging.basicConfig(format="%(message)s", stream=sys.stdout)
for name in LIBRARIES:
    for _ in range(2):
        try:
            producers.install(name)
        except MissingDependencyError as error:
            assert isinstance(error, ImportError)
            print(error)
    producers.uninstall(name)
    for one in producers.status():
        if one.name == name:
            print(one.version, one.everywhere, one.targets, one.problem)
    lineage.configure(instruments=[name], service_name="shop")
    print(lineage.configure().service_name)
"""


def test_a_library_that_is_not_there_is_named_with_the_pip_line() -> None:
    """DC-01: importing works without it; asking for it says what to install, and leaves nothing behind."""
    names = sorted(producers.REGISTRY.keys() - {"sqlite3", "dbapi"})
    program = f"LIBRARIES = { {name: IMPORTS.get(name, name) for name in names}!r}\n{WITHOUT}"
    done = subprocess.run(
        [sys.executable, "-W", "error", *KAFKA_PYTHON, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    told = done.stdout.splitlines()
    for name in names:
        package = PACKAGES.get(name, name.replace(".", "-"))
        line = f"{package} is needed for this: pip install 'lineage-graph[{EXTRAS.get(name, package)}]'"
        assert told[:5] == [line, line, f"None False 0 {line}", f"Not instrumented: {line}", "shop"]
        del told[:5]
    assert told == []


@pytest.mark.parametrize("ask", [producers.install, producers.uninstall])
def test_an_unknown_name_is_refused_with_those_that_are_known(ask: object) -> None:
    assert callable(ask)
    known = ", ".join(sorted(producers.REGISTRY))
    with pytest.raises(
        InstrumentError,
        match=f"^sqlalchmy cannot be .*: known are: {known}$",
    ):
        ask("sqlalchmy")


def test_undoing_what_was_never_done_is_no_error() -> None:
    for name in producers.REGISTRY:
        producers.uninstall(name)
        producers.uninstall(name)


def test_status_lists_every_integration() -> None:
    found = producers.status()
    assert [one.name for one in found] == list(producers.REGISTRY)
    assert [(one.name, one.everywhere, one.targets, one.problem) for one in found if one.name in HERE] == [
        (name, False, 0, None) for name in HERE
    ]
    producers.install("sqlalchemy")

    assert [one.name for one in producers.status() if one.everywhere] == ["sqlalchemy"]
    assert all(one.version for one in producers.status() if one.name in HERE)


def test_every_integration_is_an_instrument_of_configure() -> None:
    """DC-02: `configure(instruments=[...])` installs them by name."""
    assert {entry.name for entry in entry_points(group="lineage.instruments")} >= set(producers.REGISTRY)

    configure(instruments=[*(name for name in HERE if name != "dbapi"), "dbapi:pymysql"])

    assert all(one.everywhere for one in producers.status() if one.name in HERE and one.name != "dbapi")
    assert [one.targets for one in producers.status() if one.name == "dbapi"] == [1]


def test_an_instrument_that_fails_stops_nothing_else(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DC-02: the settings hold and the other instruments are installed."""
    import psycopg

    monkeypatch.setattr(psycopg, "__version__", "3.0.1")
    with caplog.at_level(logging.WARNING, "lineage"):
        made = configure(instruments=["psycopg", "nosuch", "sqlalchemy"], service_name="shop")

    assert made.service_name == "shop"
    assert [one.name for one in producers.status() if one.everywhere] == ["sqlalchemy"]
    assert "psycopg cannot be instrumented: version 3.0.1 is too old" in caplog.text
    assert "nosuch cannot be instrumented: known are:" in caplog.text


def test_importing_the_registry_loads_no_library() -> None:
    """DC-01: an integration's library is loaded when it is asked for."""
    code = "import producers, sys; print([m for m in ('sqlalchemy', 'psycopg') if m in sys.modules])"

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
